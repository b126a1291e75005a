"""How each family is shown a clip, and how native video gets its times."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.engine.engine import LocalSpec
from backend.engine.families.base import NOTE, Reach
from backend.engine.families.mllama import SheetFamily
from backend.engine.families.native_video import VideoFamily, metadata
from backend.engine.families.text_only import TextFamily
from backend.engine.families.token_images import FrameFamily
from backend.engine.local.generator import Generator
from backend.engine.local.load import load
from backend.errors import UnsupportedMedia
from backend.media.clip import Frame
from tests.support import tiny
from tests.support.engine import EventSink, Store, clip, image, request, text
from tests.support.messages import assistant, user


def frames(count: int, spacing: float = 0.5) -> list[Frame]:
    return [Frame(0.25 + spacing * number, Image.new("RGB", (64, 48))) for number in range(count)]


def test_sheets_hold_sixteen_frames_and_explain_themselves() -> None:
    shown = SheetFamily("mllama").show_clip(frames(33))
    assert shown is not None
    assert (len(shown.images), shown.frames) == (3, 33)
    assert shown.content == ({"type": "image"},) * 3 + ({"type": "text", "text": NOTE},)


def test_a_checkpoint_can_do_without_the_explanation() -> None:
    shown = SheetFamily("mllama", note="").show_clip(frames(4))
    assert shown is not None
    assert shown.content == ({"type": "image"},)


def test_frames_come_with_their_times_and_then_as_sheets() -> None:
    family = FrameFamily("llava")
    shown = family.show_clip(frames(2, spacing=61))
    assert shown is not None
    assert shown.content == (
        {"type": "text", "text": "0:00\n"}, {"type": "image"}, {"type": "text", "text": "1:01\n"}, {"type": "image"},
    )  # fmt: skip
    smaller = family.show_clip(frames(20), step=1)
    assert smaller is not None
    assert (len(smaller.images), smaller.frames) == (2, 20)
    assert family.show_clip(frames(20), step=2) is None


def test_native_video_halves_its_frames_step_by_step() -> None:
    shown = [VideoFamily("qwen2_5_vl").show_clip(frames(64), step) for step in range(6)]
    assert [one and one.frames for one in shown] == [64, 32, 16, 8, 4, None]
    single = VideoFamily("qwen2_5_vl").show_clip(frames(1))
    assert single is not None
    assert single.frames == 1


def test_native_video_keeps_the_times_of_its_frames() -> None:
    found = metadata(frames(8))
    assert found.timestamps == [frame.time for frame in frames(8)]
    assert found.sampled_fps == pytest.approx(2.0)
    assert metadata(frames(1)).sampled_fps > 0


def test_native_video_hands_over_pixels_and_metadata() -> None:
    family = VideoFamily("qwen2_5_vl")
    still = family.show_image(Image.new("RGB", (8, 8)))
    film = family.show_clip(frames(3))
    assert film is not None
    assert set(family.call([still])) == {"images"}
    given = family.call([still, film])
    assert given["videos"][0].shape == (3, 48, 64, 3)
    assert given["videos"][0].dtype == np.uint8
    assert given["do_sample_frames"] is False
    assert family.call([]) == {}


def test_text_families_show_nothing() -> None:
    family = TextFamily("llama")
    assert (family.images, family.video, family.reach, family.call([])) == (False, False, Reach(), {})
    with pytest.raises(UnsupportedMedia):
        family.show_image(Image.new("RGB", (8, 8)))
    with pytest.raises(UnsupportedMedia):
        family.show_clip(frames(1))


@pytest.mark.parametrize("version", ["qwen2_5_vl", "qwen3_vl"])
def test_qwen_reads_a_clip_as_video(tmp_path: Path, version: str) -> None:
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("without torchvision Qwen-VL sees a clip as images; make test-models has it")
    loaded = load(LocalSpec(str(tiny.qwen(tmp_path, version))), lambda done, total: None)
    assert loaded.info.family == version
    assert {"images", "video"} <= loaded.info.capabilities
    talk: list[Any] = [user(image("red"), "What is it?")]
    generator = Generator(loaded, Store())
    first = EventSink()
    generator.answer(request(*talk), first)
    last = generator.answer(request(*talk, assistant(text(first.events)), user(clip(12), "And now?")), EventSink())
    usage = last.usage
    assert (usage.images, usage.frames, usage.completion_tokens) == (1, 12, 12)
