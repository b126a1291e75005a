"""The panel of many files, without a browser: pytest tests/ui/test_batch_panel.py"""

from pathlib import Path

import pytest

from backend.batch.rows import FileRow
from backend.errors import InputError
from tests.support.page import picture
from ui.batch_panel import MOST, _cells, read_sources


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "a.png" for folder in ("x", "y")]
    for path in paths:
        path.parent.mkdir()
        picture(path)
    (tmp_path / "note.txt").write_text("Dear")
    (tmp_path / "scan.pdf").write_bytes(b"%PDF-1.7")
    sources = read_sources([str(path) for path in (*paths, tmp_path / "note.txt", tmp_path / "scan.pdf")])
    assert [(source.name, source.kind) for source in sources] == [
        ("a.png", "image"),
        ("a.png (2)", "image"),
        ("note.txt", "image"),
        ("scan.pdf", "pdf"),
    ]


@pytest.mark.parametrize("posted", [None, [], "x.png", [{}], [None]])
def test_nothing_to_ask_about_is_one_sentence(posted: object) -> None:
    with pytest.raises(InputError, match="Drop some pictures, clips or PDFs first"):
        read_sources(posted)


def test_more_than_a_hundred_files_are_one_sentence() -> None:
    with pytest.raises(
        InputError, match="Drop at most 100 files at once, not 101; glimpse batch takes a whole folder"
    ):
        read_sources(["a.png"] * (MOST + 1))


def test_what_a_model_wrote_is_shown_as_text_in_one_table() -> None:
    answer = '{"shop": "<img src=x>**A**\\n\\nB", "total": 2.5}'
    rows = [
        FileRow("a|b.png", "receipt", answer=answer, seconds=1.5),
        FileRow("c.pdf", "receipt", page=2, error="<b>No."),
    ]
    assert _cells(rows).value == (
        "<table><thead><tr><th>file</th><th>page</th><th>shop</th><th>total</th><th>seconds</th></tr></thead><tbody>"
        "<tr><td><div>a&#124;b.png</div></td><td><div></div></td>"
        "<td><div>&#60;img src=x&#62;&#42;&#42;A&#42;&#42;<br><br>B</div></td>"
        "<td><div>2.5</div></td><td><div>1.5</div></td></tr>"
        "<tr><td><div>c.pdf</div></td><td><div>2</div></td>"
        '<td class="failure" colspan="3">&#60;b&#62;No.</td></tr></tbody></table>'
    )
