"""Every family of the catalogue loads by the same door and answers about images, clips and text."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from backend.engine.engine import LocalSpec
from backend.engine.local.generator import Generator
from backend.engine.local.load import Loaded, load
from backend.errors import UnsupportedMedia
from backend.models.catalog import CATALOG
from tests.support import tiny, tiny_families
from tests.support.engine import EventSink, Store, clip, end, image, request, text
from tests.support.messages import assistant, user

FAMILIES: dict[str, Callable[[Path], Path]] = {
    "mllama": tiny.mllama,
    "llama": tiny.llama,
    "llava": tiny.llava,
    "gemma3": tiny_families.gemma3,
    "qwen2_5_vl": partial(tiny.qwen, version="qwen2_5_vl"),
    "qwen3_vl": partial(tiny.qwen, version="qwen3_vl"),
    "smolvlm": tiny_families.smolvlm,
    "llava_onevision": tiny_families.llava_onevision,
}


def built(family: str, folder: Path) -> Loaded:
    try:
        return load(LocalSpec(str(FAMILIES[family](folder))), lambda done, total: None)
    except (ImportError, RuntimeError) as error:
        missing = [name for name in ("torchvision", "num2words") if name in str(error).lower()]
        if not missing:
            raise
        pytest.skip(f"the processor of {family} needs {missing[0]}, and none fits here")


def ask(generator: Generator, *messages: Any) -> EventSink:
    sink = EventSink()
    sink.emit(generator.answer(request(*messages), sink))
    return sink


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "llama"])
def test_it_answers_about_an_image_a_clip_and_again(family: str, tmp_path: Path) -> None:
    loaded = built(family, tmp_path)
    assert loaded.info.family == family
    generator = Generator(loaded, Store())
    talk: list[Any] = [user(image("red"), "What is it?")]
    first = ask(generator, *talk)
    assert end(first.events).usage.images == 1
    talk += [assistant(text(first.events)), user(clip(8), "And now?")]
    second = ask(generator, *talk)
    usage = end(second.events).usage
    assert (usage.images, usage.frames, usage.completion_tokens) == (1, 8, 12)
    third = ask(generator, *talk, assistant(text(second.events)), user("Why?"))
    assert end(third.events).usage.completion_tokens == 12


def test_a_model_that_reads_text_alone_says_so_and_goes_on(tmp_path: Path) -> None:
    generator = Generator(built("llama", tmp_path), Store())
    with pytest.raises(
        UnsupportedMedia, match=r"^This model reads text only and cannot see an image; choose a vision"
    ):
        ask(generator, user(image("red"), "What is it?"))
    assert text(ask(generator, user("Hi")).events)


def test_what_the_catalogue_lists_is_built_here() -> None:
    assert {entry.family for entry in CATALOG} <= FAMILIES.keys()
