"""What every command works with, as it is opened."""

import logging
from pathlib import Path

import pytest

from backend import runtime
from backend.engine.scripted import SCRIPTED
from backend.errors import StorageError
from backend.settings import Settings


@pytest.mark.parametrize(("installed", "warned"), [("12.4.1", 1), ("13.0.0", 0), ("14.1.0.dev0", 0)])
async def test_a_pillow_with_known_faults_is_named_at_the_start(
    installed: str, warned: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(runtime, "version", lambda _: installed)
    opened = runtime.open_runtime(Settings(model=SCRIPTED.id, data_dir=tmp_path), tmp_path)
    await opened.aclose()
    found = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    sentence = f"Pillow {installed} has known faults in its JPEG decoder; run: pip install --no-deps 'pillow>=13'"
    assert found == [sentence] * warned


async def test_a_second_glimpse_on_one_folder_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    settings = Settings(model=SCRIPTED.id, data_dir=tmp_path)
    first = runtime.open_runtime(settings, tmp_path)
    with pytest.raises(StorageError) as refused:
        runtime.open_runtime(settings, tmp_path)
    assert str(refused.value) == (
        f"Another Glimpse uses {tmp_path}; end that one, or choose another folder with --data-dir."
    )
    await first.aclose()
    await runtime.open_runtime(settings, tmp_path).aclose()


async def test_nobody_else_on_the_machine_sees_what_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "media").mkdir(parents=True, mode=0o755)  # as an earlier version made it
    await runtime.open_runtime(Settings(model=SCRIPTED.id, data_dir=folder), folder).aclose()
    assert (folder / "media").stat().st_mode & 0o077 == 0
    assert [path.name for path in folder.iterdir() if path.is_file() and path.stat().st_mode & 0o077] == []
    new = tmp_path / "new"
    await runtime.open_runtime(Settings(model=SCRIPTED.id, data_dir=new), new).aclose()
    assert new.stat().st_mode & 0o077 == 0
