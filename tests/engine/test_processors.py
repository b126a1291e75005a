"""What processors are asked for, and what is said when a model is loaded of those that cannot be shown images."""

from pathlib import Path

import pytest
import torch
import transformers
from PIL import Image
from transformers import Gemma4Config

from backend.engine.engine import LocalSpec
from backend.engine.families.internals import NoVideo
from backend.engine.families.native_video import VideoFamily
from backend.engine.families.one_image import OneImageFamily
from backend.engine.families.processors import inputs_left_out, options
from backend.engine.local import failures
from backend.engine.local.generator import Generator
from backend.engine.local.load import Loaded, load
from backend.engine.local.memory import footprint
from backend.engine.local.vision_cache import placed
from backend.errors import ModelFailed, UnsupportedMedia
from backend.media.clip import Frame
from backend.types import Part, Usage
from tests.support.any_model import Row, build
from tests.support.any_model_rows import ROWS
from tests.support.engine import EventSink, Store, clip, image, request
from tests.support.messages import user


def loaded(kind: str, folder: Path, row: Row | None = None) -> Loaded:
    return load(LocalSpec(str(build(kind, row or ROWS[kind], folder))), lambda done, total: None)


def asked(model: Loaded, *parts: str | Part) -> Usage:
    return Generator(model, Store()).answer(request(user(*parts)), EventSink()).usage


def frames(count: int) -> list[Frame]:
    return [Frame(float(number), Image.new("RGB", (64, 48), (number, 0, 0))) for number in range(count)]


def test_a_model_of_one_image_answers_about_one_and_refuses_two_and_none(tmp_path: Path) -> None:
    blip = loaded("blip", tmp_path)
    assert asked(blip, image("red"), "What is it?").images == 1
    assert asked(blip, clip(40), "What happens?").frames == 16
    with pytest.raises(UnsupportedMedia, match=r"^This model sees one image in a conversation; start a new one for "):
        asked(blip, image("red"), image("blue"), "Which?")
    with pytest.raises(UnsupportedMedia, match=r"^This model answers about images alone; add one to your message\.$"):
        asked(blip, "Hi")


def test_a_clip_is_one_sheet_of_frames_from_all_of_it_for_a_model_of_one_image() -> None:
    shown = OneImageFamily("blip").show_clip(frames(32))
    assert shown is not None
    assert (len(shown.images), shown.frames) == (1, 16)
    few = OneImageFamily("blip").show_clip(frames(3))
    assert few is not None
    assert (len(few.images), few.frames) == (1, 3)


def test_a_model_that_takes_several_images_may_need_one_all_the_same(tmp_path: Path) -> None:
    reader = loaded("pp_chart2table", tmp_path)
    assert asked(reader, image("red"), image("blue"), "Which?").images == 2
    with pytest.raises(UnsupportedMedia, match=r"^This model answers about images alone; add one"):
        asked(reader, "Hi")


def test_a_chat_template_that_leaves_images_out_is_refused_when_the_model_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(ModelFailed) as refused:
        loaded("llava_next", tmp_path, Row(shown=""))
    assert str(refused.value) == (
        "This checkpoint (llava_next) cannot be shown an image: its chat template leaves images out; "
        "choose another model."
    )


@pytest.mark.skipif(transformers.__version__.startswith("5.17"), reason="5.17 builds no processor for such a model")
def test_a_model_that_classifies_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(ModelFailed, match=r"makes 3 prompts of one question, to classify and not to chat; choose"):
        loaded("shieldgemma2", tmp_path)


def test_the_package_that_an_image_processor_needs_is_named() -> None:
    error = ValueError("None of these could be imported. Missing optional dependencies: torchvision. Please install")
    assert str(failures.loading(error, "some/model")) == (
        "some/model needs a package that is not installed (torchvision); install it and try again."
    )


def test_inputs_that_a_processor_leaves_out_are_asked_for(tmp_path: Path, models: dict[str, Loaded]) -> None:
    cosmos = loaded("cosmos3_edge", tmp_path)
    assert inputs_left_out(cosmos.processor, cosmos.model) == {"return_mm_token_type_ids": True}
    assert inputs_left_out(models["llava"].processor, models["llava"].model) == {}


def test_special_tokens_are_not_added_to_a_text_that_begins_with_one(models: dict[str, Loaded]) -> None:
    processor = models["llava"].processor
    assert options(processor, f"{processor.tokenizer.bos_token}Hi") == {"add_special_tokens": False}
    assert options(processor.tokenizer, "Hi") == {}


def test_a_model_gets_the_lists_that_it_takes_and_no_others(models: dict[str, Loaded]) -> None:
    given = placed(models["llava"].model, {"image_sizes": [[40, 60]], "rows": [2]})
    assert given == {"image_sizes": [[40, 60]]}


def test_a_part_for_video_is_asked_for_times_and_sizes() -> None:
    film = VideoFamily("qwen2_5_vl").show_clip(frames(2))
    assert film is not None
    assert VideoFamily("qwen2_5_vl").call([film])["videos_kwargs"] == {"return_metadata": True}
    resizing = VideoFamily("minimax_m3_vl", resizes=True).call([film])["videos_kwargs"]
    assert resizing == {"return_metadata": True, "do_resize": True}


def test_what_stands_for_a_part_for_video_has_no_setting() -> None:
    assert NoVideo().slice_mode is None
    assert NoVideo().model_input_names == []
    assert not hasattr(NoVideo(), "_private")


def test_where_layers_keep_different_amounts_the_largest_counts() -> None:
    text = {"num_hidden_layers": 6, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16}
    wide = Gemma4Config(text_config={**text, "per_layer_config": {5: {"head_dim": 32}}}).get_text_config()
    alike = Gemma4Config(text_config={**text, "per_layer_config": {5: {"head_dim": 16}}}).get_text_config()
    assert footprint(wide, torch.float32).token == 2 * footprint(alike, torch.float32).token > 0
