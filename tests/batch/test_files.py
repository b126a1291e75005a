"""Which files of a folder a preset is asked of: pytest tests/batch/test_files.py"""

import os
from pathlib import Path

import pytest

from backend.batch.files import find
from backend.errors import InputError
from tests.support.chat import content
from tests.support.pdfs import write_pdf


def put(path: Path, data: bytes | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content(path.name) if data is None else data)
    return path


def names(root: Path, needs: str) -> list[tuple[str, str]]:
    return [(source.name, source.kind) for source in find(root, needs).sources]


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    for name in ("page 10.png", "page 2.png", "A.PNG", "deep/er/b c.png", "clip.mp4", ".hidden.png", ".git/x.png"):
        put(tmp_path / name)
    put(tmp_path / "no suffix", content("x.png"))
    put(tmp_path / "fake.jpg", b"no picture")
    put(tmp_path / "code.ts", b"let a = 1")
    put(tmp_path / "results.jsonl", b"{}")
    write_pdf(tmp_path / "scan.pdf", [""])
    return tmp_path


def test_pictures_and_pdfs_are_found_in_the_order_of_a_person(mixed: Path) -> None:
    assert names(mixed, "image") == [
        ("A.PNG", "image"),
        ("fake.jpg", "image"),
        ("no suffix", "image"),
        ("page 2.png", "image"),
        ("page 10.png", "image"),
        ("scan.pdf", "pdf"),
        ("deep/er/b c.png", "image"),
    ]
    assert find(mixed, "image").others == 3


def test_a_preset_for_clips_finds_clips_and_chat_finds_all(mixed: Path) -> None:
    assert names(mixed, "video") == [("clip.mp4", "video")]
    assert len(names(mixed, "nothing")) == 8


def test_a_single_file_is_a_folder_of_one(tmp_path: Path) -> None:
    assert names(put(tmp_path / "a b.png"), "image") == [("a b.png", "image")]


def test_a_folder_without_anything_to_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        find(tmp_path, "image")
    assert str(error.value) == f"There are no pictures and PDFs in {tmp_path}; choose another folder or preset."
    put(tmp_path / "letter.txt", b"Dear")
    with pytest.raises(InputError, match=r"There are no clips in .* \(1 other file\)"):
        find(tmp_path, "video")
    with pytest.raises(InputError, match=r"There is no folder .*; check its name"):
        find(tmp_path / "nowhere", "image")


def test_links_are_followed_to_files_and_not_to_folders(tmp_path: Path) -> None:
    real = put(tmp_path / "elsewhere" / "a.png")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.png").symlink_to(real)
    (folder / "broken.png").symlink_to(tmp_path / "nowhere")
    (folder / "round").symlink_to(folder)
    os.mkfifo(folder / "pipe.png")
    assert names(folder, "image") == [("link.png", "image")]


def test_a_name_that_is_no_text_can_still_be_written_down(tmp_path: Path) -> None:
    put(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")), content("x.png"))
    assert names(tmp_path, "image") == [("caf\ufffd.png", "image")]
