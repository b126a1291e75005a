"""The folder of uploads is private and does not grow for ever: pytest tests/ui/test_uploads.py"""

import os
import time
from pathlib import Path

import pytest

from backend.errors import StorageError
from ui.uploads import KEPT, open_uploads


def test_only_what_is_old_goes(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    for name, age in (("old/a.png", KEPT + 60), ("half", KEPT + 60), ("new/b.png", 0)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    os.utime(folder / "old", (time.time() - KEPT - 60,) * 2)
    assert open_uploads(folder) == folder
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) == ["new", "new/b.png", "old"]


def test_nobody_else_can_look_into_it(tmp_path: Path) -> None:
    assert open_uploads(tmp_path / "uploads").stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="choose another folder with --data-dir"):
        open_uploads(tmp_path / "file" / "uploads")
