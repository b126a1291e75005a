"""Which layers are in few bits: the language model's, and of a checkpoint that is quantized already those it says."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from backend.engine.engine import LocalSpec, Quantization
from backend.engine.local.generator import Generator
from backend.engine.local.load import Loaded, load
from backend.engine.local.weights import check_read
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


def test_a_layer_that_was_read_for_what_it_is_not_is_found_before_the_first_token(
    checkpoints: dict[str, Path],
) -> None:
    found = loaded(checkpoints["mllama"], "4bit").model
    check_read(found)
    found.model.language_model.layers[0].mlp.up_proj = bitsandbytes.nn.Linear4bit(64, 64)
    with pytest.raises(ValueError, match=r"^model\.language_model\.layers\.0\.mlp\.up_proj is not in 4 bits$"):
        check_read(found)
