"""The model that was chosen on the page, at the next start.

python -m pytest tests/models/test_choose.py
"""

from dataclasses import replace
from pathlib import Path

import pytest

from backend.engine.engine import LocalSpec
from backend.models.choose import chosen, keep
from backend.settings import Settings

QWEN = LocalSpec("Qwen/Qwen2.5-VL-3B-Instruct", quantization="4bit")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


def test_what_was_chosen_last_is_there_at_the_next_start(settings: Settings) -> None:
    assert chosen(settings) == settings
    keep(settings.data_dir, LocalSpec("ada/first"))
    keep(settings.data_dir, QWEN)
    assert chosen(settings) == replace(settings, model=QWEN.model, quantization="4bit")
    assert [path.name for path in settings.data_dir.iterdir()] == ["model.json"]


@pytest.mark.parametrize("said", [{"model": "ada/first"}, {"adapter": "ada/tuned"}, {"revision": "v1"}])
def test_the_command_line_comes_first(settings: Settings, said: dict[str, str]) -> None:
    keep(settings.data_dir, QWEN)
    assert chosen(replace(settings, **said)) == replace(settings, **said)


def test_a_form_that_was_asked_for_stays(settings: Settings) -> None:
    keep(settings.data_dir, QWEN)
    assert chosen(replace(settings, quantization="none")) == replace(settings, model=QWEN.model, quantization="none")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"model": "ada/first"}', '"ada"'])
def test_what_cannot_be_read_is_a_line_in_the_log_and_the_usual_model(
    settings: Settings, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    (settings.data_dir / "model.json").write_text(text)
    assert chosen(settings) == settings
    assert "cannot be read" in caplog.text


def test_a_form_that_nobody_knows_is_left_to_the_machine(settings: Settings) -> None:
    (settings.data_dir / "model.json").write_text('{"model": "ada/first", "quantization": "1bit"}')
    assert chosen(settings) == replace(settings, model="ada/first")


def test_a_folder_that_is_gone_is_a_line_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keep(tmp_path / "gone", QWEN)
    assert "The choice of Qwen/Qwen2.5-VL-3B-Instruct could not be kept" in caplog.text
