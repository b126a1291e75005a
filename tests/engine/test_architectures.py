"""Every family of the catalogue loads in the same way and answers about images, clips and text.

With torchvision (`make test-models`) some read clips as video; without it the same models see them as images.
"""

import importlib.util
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import transformers

from backend.engine.engine import LocalSpec
from backend.engine.local import failures
from backend.engine.local.generator import Generator
from backend.engine.local.load import Loaded, load
from backend.errors import UnsupportedMedia
from backend.models.catalog import CATALOG
from backend.types import Message, Usage
from tests.support import tiny, tiny_families
from tests.support.any_model import Row, build
from tests.support.any_model_rows import ROWS
from tests.support.engine import EventSink, Store, clip, end, image, request, text
from tests.support.messages import assistant, user


def any_model(kind: str, folder: Path) -> Path:
    return build(kind, ROWS.get(kind, Row()), folder)


# What transformers' own processors of some types still do with NumPy and torch.
pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")

FAMILIES: dict[str, Callable[[Path], Path]] = {
    "mllama": tiny.mllama,
    "llama": tiny.llama,
    "llava": tiny.llava,
    "gemma3": tiny_families.gemma3,
    "qwen2_5_vl": partial(tiny.qwen, version="qwen2_5_vl"),
    "qwen3_vl": partial(tiny.qwen, version="qwen3_vl"),
    "smolvlm": tiny_families.smolvlm,
    "llava_onevision": tiny_families.llava_onevision,
    **{kind: partial(any_model, kind) for kind in ("gemma4", "glm_ocr", "minicpmv4_6", "paddleocr_vl", "qwen3_5")},
}
SEEING = [name for name in FAMILIES if name != "llama"]
VIDEO = {"gemma4", "llava_onevision", "minicpmv4_6", "qwen2_5_vl", "qwen3_5", "qwen3_vl", "smolvlm"}
TORCHVISION = importlib.util.find_spec("torchvision") is not None


# Of these transformers 5.17 builds no processor without torchvision.
NEEDING = {"gemma4", "paddleocr_vl", "smolvlm"} if transformers.__version__.startswith("5.17") else set()


def built(family: str, folder: Path) -> Loaded:
    return load(LocalSpec(str(FAMILIES[family](folder))), lambda done, total: None)


class Talk:
    """A conversation with a model, one question after the other."""

    def __init__(self, family: str, folder: Path) -> None:
        self._generator = Generator(built(family, folder), Store())
        self._messages: list[Message] = []

    def ask(self, *parts: Any) -> Usage:
        self._messages.append(user(*parts))
        sink = EventSink()
        sink.emit(self._generator.answer(request(*self._messages), sink))
        self._messages.append(assistant(text(sink.events)))
        return end(sink.events).usage


@pytest.fixture(params=SEEING)
def family(request: pytest.FixtureRequest) -> str:
    if not TORCHVISION and request.param in NEEDING:
        pytest.skip("with this version of transformers it needs torchvision, as a test below says")
    return str(request.param)


@pytest.fixture
def talk(family: str, tmp_path: Path) -> Talk:
    return Talk(family, tmp_path)


def seen(usage: Usage) -> tuple[int, int]:
    assert usage.completion_tokens
    return usage.images, usage.frames


def test_it_answers_about_an_image_then_a_clip_then_both(talk: Talk) -> None:
    assert seen(talk.ask(image("red"), "What is it?")) == (1, 0)
    assert seen(talk.ask(clip(8), "And now?")) == (1, 8)
    assert seen(talk.ask("Why?")) == (1, 8)


def test_it_answers_about_a_clip_then_an_image(talk: Talk) -> None:
    assert seen(talk.ask(clip(8), "What happens?")) == (0, 8)
    assert seen(talk.ask(image("red"), "And here?")) == (1, 8)


def test_it_answers_about_two_images_and_then_a_third(talk: Talk) -> None:
    assert seen(talk.ask(image("red"), image("blue"), "Which is darker?")) == (2, 0)
    assert seen(talk.ask(image("green"), "And of these?")) == (3, 0)


def test_it_answers_about_two_clips_of_different_lengths_and_an_image(talk: Talk) -> None:
    assert seen(talk.ask(clip(8), image("red"), "What is it?")) == (1, 8)
    assert seen(talk.ask(clip(4), "And this?")) == (1, 12)


def test_it_answers_text_alone_and_an_image_after_it(talk: Talk) -> None:
    assert seen(talk.ask("Hi")) == (0, 0)
    assert seen(talk.ask(image("red"), "What is it?")) == (1, 0)


@pytest.mark.parametrize("family", ["mllama", "llava"])
def test_a_follow_up_goes_on_from_what_was_read_where_that_is_exact(talk: Talk) -> None:
    first = talk.ask(image("red"), "What is it?")
    assert talk.ask("Sure?").reused_tokens >= first.prompt_tokens


def test_a_clip_is_read_as_video_with_torchvision_and_as_images_without(family: str, tmp_path: Path) -> None:
    loaded = built(family, tmp_path)
    assert loaded.info.family == family
    assert ("video" in loaded.info.capabilities) is (TORCHVISION and family in VIDEO)


@pytest.mark.skipif(TORCHVISION or not NEEDING, reason="here each is built without torchvision or has it")
@pytest.mark.parametrize("kind", sorted(NEEDING))
def test_a_model_that_needs_torchvision_says_so(kind: str, tmp_path: Path) -> None:
    with pytest.raises((ImportError, ValueError)) as failed:
        built(kind, tmp_path)
    assert str(failures.loading(failed.value, "some/model")) == (
        "some/model needs a package that is not installed (torchvision); install it and try again."
    )


@pytest.mark.skipif(TORCHVISION, reason="it is about what is said without torchvision")
def test_the_log_says_what_to_install_for_video(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "backend.engine.local.load"):
        built("qwen3_vl", tmp_path)
    assert caplog.messages[-1] == "clips are shown as images; to show them as video, install torchvision"


def test_a_model_that_reads_text_alone_says_so_and_goes_on(tmp_path: Path) -> None:
    talk = Talk("llama", tmp_path)
    with pytest.raises(
        UnsupportedMedia, match=r"^This model reads text only and cannot see an image; choose a vision"
    ):
        talk.ask(image("red"), "What is it?")
    assert Talk("llama", tmp_path).ask("Hi").completion_tokens


def test_what_the_catalogue_lists_is_built_here() -> None:
    assert {entry.family for entry in CATALOG} <= FAMILIES.keys()
