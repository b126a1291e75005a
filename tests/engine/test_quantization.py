"""Which layers are in few bits: the language model's, and of a checkpoint that is quantized already those it says."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from backend.engine.engine import LocalSpec, Quantization
from backend.engine.local import load as load_module
from backend.engine.local.generator import Generator
from backend.engine.local.load import Loaded, load
from backend.engine.local.weights import Placement, check_read
from tests.support.engine import EventSink, Store, image, request, text
from tests.support.messages import user

bitsandbytes = pytest.importorskip("bitsandbytes")


def loaded(folder: Path, quantization: Quantization = "auto") -> Loaded:
    return load(LocalSpec(str(folder), quantization=quantization, device="cpu"), lambda done, total: None)


def small(found: Loaded) -> dict[str, Any]:
    """The layers in 4 or 8 bits."""
    kinds = (bitsandbytes.nn.Linear4bit, bitsandbytes.nn.Linear8bitLt)
    return {name: module for name, module in found.model.named_modules() if isinstance(module, kinds)}


def answer(found: Loaded) -> str:
    sink = EventSink()
    Generator(found, Store()).answer(request(user(image("red"), "What is it?")), sink)
    return text(sink.events)


def test_four_bits_leave_the_eyes_and_the_mouth_alone(checkpoints: dict[str, Path]) -> None:
    found = loaded(checkpoints["mllama"], "4bit")
    assert {name.split(".layers")[0] for name in small(found)} == {"model.language_model"}
    assert found.info.precision == "NF4"
    assert answer(found)


@pytest.mark.parametrize(("bits", "precision"), [("4bit", "bitsandbytes NF4"), ("8bit", "bitsandbytes 8-bit")])
@pytest.mark.parametrize("skipped", [["lm_head", "multi_modal_projector", "vision_model"], None])
def test_a_checkpoint_is_loaded_as_its_files_are_whatever_its_config_calls_the_layers(
    checkpoints: dict[str, Path], tmp_path: Path, bits: Quantization, precision: str, skipped: list[str] | None
) -> None:
    made = loaded(checkpoints["mllama"], bits)
    folder = shutil.copytree(checkpoints["mllama"], tmp_path / "made", ignore=lambda *_: ["model.safetensors"])
    made.model.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    # As checkpoints of 2024 have it: modules by the names of then, and a precision that a CPU has not.
    config["quantization_config"] |= {"llm_int8_skip_modules": skipped, "bnb_4bit_compute_dtype": "bfloat16"}
    (folder / "config.json").write_text(json.dumps(config))
    found = loaded(folder)
    assert found.info.precision == precision
    assert small(found).keys() == small(made).keys()
    assert {getattr(layer, "compute_dtype", torch.float32) for layer in small(found).values()} == {torch.float32}
    assert answer(found) == answer(made)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_checkpoint_stored_in_bfloat16_answers_about_an_image_where_there_is_no_bfloat16(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    made = loaded(checkpoints["mllama"], "4bit")
    for weight in made.model.parameters():
        weight.data = weight.data.to(torch.bfloat16) if weight.is_floating_point() else weight.data
    folder = shutil.copytree(checkpoints["mllama"], tmp_path / "made", ignore=lambda *_: ["model.safetensors"])
    made.model.save_pretrained(folder)
    placement = Placement("transformers", "cpu", dtype, None, "NF4", "a card such as a T4")
    monkeypatch.setattr(load_module, "place", lambda *_: placement)
    found = loaded(folder)
    assert {each.dtype for each in found.model.parameters()} == {dtype, torch.uint8}
    assert answer(found)


def test_the_log_counts_the_layers_in_few_bits(checkpoints: dict[str, Path], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "backend.engine.local.load"):
        loaded(checkpoints["mllama"], "4bit")
    assert caplog.messages[-1] == (
        "linear layers in few bits: vision_model 0 of 18, language_model 28 of 28, multi_modal_projector 0 of 1, "
        "lm_head 0 of 1"
    )


def test_a_checkpoint_that_sets_a_length_of_its_own_has_one_limit_alone(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(checkpoints["llama"], tmp_path / "made")
    file = folder / "generation_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"max_length": 131072}))
    assert loaded(folder).model.generation_config.max_length is None


def test_a_layer_that_was_read_for_what_it_is_not_is_found_before_the_first_token(
    checkpoints: dict[str, Path],
) -> None:
    found = loaded(checkpoints["mllama"], "4bit").model
    check_read(found)
    found.model.language_model.layers[0].mlp.up_proj = bitsandbytes.nn.Linear4bit(64, 64)
    with pytest.raises(ValueError, match=r"^model\.language_model\.layers\.0\.mlp\.up_proj is not in 4 bits$"):
        check_read(found)
