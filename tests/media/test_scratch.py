"""The folder of a command that keeps nothing: python -m pytest tests/media/test_scratch.py"""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from backend.media.scratch import remove_abandoned, scratch_folder

HOLD = "import sys\nfrom backend.media.scratch import scratch_folder\nwith scratch_folder() as folder:\n"
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def held() -> tuple["subprocess.Popen[str]", Path]:
    """Another process that holds such a folder, with a picture in it."""
    code = HOLD + "    (folder / 'private.png').write_bytes(b'x')\n    print(folder, flush=True)\n    sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout is not None
    return other, Path(other.stdout.readline().strip())


def test_the_folder_is_one_s_own_and_goes_with_the_context(temporary: Path) -> None:
    with scratch_folder() as folder:
        assert (folder.parent, folder.stat().st_mode & 0o777) == (temporary, 0o700)
        (folder / "media").mkdir()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_command_left_is_removed_by_the_next_and_what_is_in_use_stays(temporary: Path) -> None:
    killed, _ = held()
    running, used = held()
    killed.kill()
    killed.communicate()
    with scratch_folder() as folder:
        remove_abandoned()
        assert sorted(temporary.iterdir()) == sorted((used, folder))
        assert (used / "private.png").read_bytes() == b"x"
    running.communicate("")
    assert list(temporary.iterdir()) == []


def test_what_is_not_such_a_folder_stays(temporary: Path) -> None:
    (temporary / "glimpse-notes").mkdir()
    (temporary / "glimpse-list").write_text("bread")
    (temporary / "elsewhere").mkdir()
    (temporary / "elsewhere" / "in-use").write_text("")
    (temporary / "glimpse-link").symlink_to(temporary / "elsewhere")
    remove_abandoned()
    assert sorted(path.name for path in temporary.iterdir()) == [
        "elsewhere", "glimpse-link", "glimpse-list", "glimpse-notes",
    ]  # fmt: skip
    assert (temporary / "elsewhere" / "in-use").exists()
