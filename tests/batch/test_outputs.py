"""Where rows go and how they come back: pytest tests/batch/test_outputs.py"""

import csv
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from openpyxl import load_workbook

from backend.batch.files import Source
from backend.batch.outputs import Captions, Results, open_results
from backend.batch.rows import FileRow
from backend.errors import InputError, StorageError

A = FileRow("a.png", "caption", "0a", answer="A cat.", finish_reason="stop", model="m")
B = FileRow("b.png", "caption", "0b", error="Broken.")

Open = Callable[..., Results]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture
def opened(folder: Path) -> Iterator[Open]:
    made: list[Results] = []

    def opened(out: str, *names: str, preset: str = "caption", text: str = "") -> Results:
        sources = [Source(folder / name, name, "image") for name in names or ("a.png", "b.png")]
        made.append(open_results(out.replace("IN", str(folder)), folder, sources, preset, io.StringIO(), text))
        return made[-1]

    yield opened
    for results in made:
        results.close()


def everything(row: FileRow) -> FileRow | None:
    return row


def test_rows_are_there_again(opened: Open, folder: Path) -> None:
    results = opened("IN/r.jsonl")
    results.add(A)
    results.add(B)
    results.close()
    assert (folder / "r.jsonl").read_text() == f"{A.dump()}\n{B.dump()}\n"
    again = opened("IN/r.jsonl")
    assert again.rows == [A, B]
    again.keep(lambda row: None if row.error else row)
    again.add(replace(B, error=None, answer="A dog."))
    again.close()
    assert [row.answer for row in opened("IN/r.jsonl").rows] == ["A cat.", "A dog."]


@pytest.mark.parametrize("cut", [1, 30, len(B.dump()), len(B.dump()) + 1])
def test_half_a_line_is_what_a_kill_left(opened: Open, folder: Path, cut: int) -> None:
    (folder / "r.jsonl").write_text(f"{A.dump()}\n{B.dump()}\n"[: len(A.dump()) + 1 + cut])
    results = opened("IN/r.jsonl")
    assert results.rows == ([A, B] if cut >= len(B.dump()) else [A])
    results.keep(everything)
    results.add(B)
    results.close()
    assert (folder / "r.jsonl").read_text().count("\n") == len(results.rows)


def test_half_of_the_first_line_is_no_stranger(opened: Open, folder: Path) -> None:
    (folder / "r.jsonl").write_text(A.dump()[:20])
    assert opened("IN/r.jsonl").rows == []


@pytest.mark.parametrize("text", ["hello", "hello\n", '{"a": 1}\n', "\x00\xff", f"{A.dump()}\nhello\n"])
def test_another_file_is_left_alone(opened: Open, folder: Path, text: str) -> None:
    (folder / "r.jsonl").write_text(text)
    with pytest.raises(InputError, match=r"r\.jsonl does not hold results of Glimpse; choose another --out"):
        opened("IN/r.jsonl")
    assert (folder / "r.jsonl").read_text() == text


def test_results_of_another_preset_are_left_alone(opened: Open, folder: Path) -> None:
    (folder / "r.jsonl").write_text(f"{A.dump()}\n")
    with pytest.raises(InputError, match="holds results of the preset caption"):
        opened("IN/r.jsonl", preset="receipt")
    with pytest.raises(InputError, match="holds results of the preset caption with other words; choose another --out"):
        opened("IN/r.jsonl", text="In Welsh.")


def test_two_runs_do_not_write_one_file(opened: Open, folder: Path) -> None:
    results = opened("IN/r.jsonl")
    for _ in range(2):
        with pytest.raises(InputError, match="Another run is writing"):
            opened("IN/r.jsonl")
        results.keep(everything)
    results.close()
    opened("IN/r.jsonl").close()


def test_a_place_that_cannot_be_written_is_one_sentence(opened: Open, folder: Path) -> None:
    (folder / "r.jsonl").mkdir()
    with pytest.raises(StorageError, match=r"r\.jsonl cannot be written \(Is a directory\)"):
        opened("IN/r.jsonl")
    with pytest.raises(StorageError, match="cannot be written"):
        opened("IN/no/where.csv")


@pytest.mark.parametrize("out", ["IN/r.json", "IN/r", "IN/captions.txt", ".csv", "IN"])
def test_an_unknown_form_names_those_there_are(opened: Open, out: str) -> None:
    with pytest.raises(InputError, match=r"cannot be written to .*; use --out FILE\.jsonl, FILE\.csv"):
        opened(out)


def test_a_table_is_made_at_the_end_and_goes_on(opened: Open, folder: Path) -> None:
    results = opened("IN/r.csv")
    results.add(A)
    results.close()
    again = opened("IN/r.csv")
    assert again.rows == [A]
    again.add(B)
    again.close()
    with (folder / "r.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [(line["file"], line["answer"], line["error"]) for line in lines] == [
        ("a.png", "A cat.", ""),
        ("b.png", "", "Broken."),
    ]
    assert (folder / "r.csv.jsonl").exists()


def test_a_workbook_is_made_at_the_end(opened: Open, folder: Path) -> None:
    results = opened("IN/r.xlsx")
    results.add(A)
    results.close()
    (_, line) = load_workbook(folder / "r.xlsx").active.iter_rows(values_only=True)
    assert line[:2] == ("a.png", "A cat.")


def test_a_table_from_elsewhere_is_left_alone(opened: Open, folder: Path) -> None:
    (folder / "r.csv").write_text("mine")
    for _ in range(2):
        with pytest.raises(InputError, match=r"r\.csv already exists and is not from Glimpse"):
            opened("IN/r.csv")
    assert (folder / "r.csv").read_text() == "mine"


def test_captions_stand_beside_their_files_each_under_a_name_of_its_own(opened: Open, folder: Path) -> None:
    results = opened(".txt", "a.png", "b.png", "b.jpg", "c.pdf")
    for name, page in (("a.png", None), ("b.png", None), ("b.jpg", None), ("c.pdf", 1), ("c.pdf", 2)):
        results.add(replace(A, file=name, page=page, answer=f" {name} {page} "))
    results.add(replace(B, file="a.png"))
    results.close()
    texts = {path.name: path.read_text() for path in sorted(folder.glob("*.txt"))}
    assert texts == {
        "a.txt": "a.png None\n",
        "b.jpg.txt": "b.jpg None\n",
        "b.png.txt": "b.png None\n",
        "c page 1.txt": "c.pdf 1\n",
        "c page 2.txt": "c.pdf 2\n",
    }


def test_a_caption_from_elsewhere_is_never_written_over(opened: Open, folder: Path) -> None:
    (folder / "a.txt").write_text("mine")
    results = opened(".txt")
    assert isinstance(results, Captions)
    (a, b) = (Source(folder / name, name, "image") for name in ("a.png", "b.png"))
    assert results.refuses(a, None) == "a.txt already exists and is not from Glimpse; move it away and run this again."
    assert results.refuses(b, None) is None


def test_a_caption_goes_with_its_row_unless_somebody_changed_it(opened: Open, folder: Path) -> None:
    results = opened(".txt")
    results.add(A)
    results.add(replace(A, file="b.png"))
    (folder / "b.txt").write_text("better words")
    results.keep(lambda _row: None)
    assert [path.name for path in folder.glob("*.txt")] == ["b.txt"]


def test_a_caption_that_a_kill_left_out_is_written(opened: Open, folder: Path) -> None:
    results = opened(".txt")
    results.add(A)
    (folder / "a.txt").unlink()
    results.keep(everything)
    assert (folder / "a.txt").read_text() == "A cat.\n"


def test_a_row_is_on_the_disk_before_the_next_one(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from backend.batch.rows import Ledger
from backend.batch.rows import FileRow
ledger = Ledger(Path({str(tmp_path / "r.jsonl")!r}), "caption")
ledger.add(FileRow("a.png", "caption"))
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    assert (tmp_path / "r.jsonl").read_text() == FileRow("a.png", "caption").dump() + "\n"


def test_a_ledger_that_an_editor_saved_with_a_mark_is_read(folder: Path, opened: Callable[..., Results]) -> None:
    (folder / "r.jsonl").write_bytes(b"\xef\xbb\xbf" + f"{A.dump()}\r\n".encode())
    assert opened("IN/r.jsonl").rows == [A]
