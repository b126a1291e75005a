"""What every command works with, as it is opened."""

import logging
from pathlib import Path

import pytest

from backend import runtime
from backend.engine.scripted import SCRIPTED
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
