"""Whichever way tokens are drawn, they are those of the plain way, and so is what is kept between turns."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from backend.engine.engine import LocalSpec, Quantization
from backend.engine.families.mllama import unmasked
from backend.engine.local import compiled, decode
from backend.engine.local.compiled import Size, StaticCacheDecoder, can_compile
from backend.engine.local.decode import Decoding
from backend.engine.local.load import Loaded, load
from backend.engine.local.step import CompiledSteps, PlainSteps, Steps
from backend.types import Message
from tests.support.engine import PARITY, Recorded, Store, answered, image, request
from tests.support.messages import assistant, user


@pytest.fixture
def lengths(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(compiled, "LENGTHS", (128, 256))
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def compiled_eagerly(model: Any) -> Steps:
    return CompiledSteps(model, "eager")


@pytest.mark.slow
@pytest.mark.parametrize("steps", [PlainSteps, compiled_eagerly])
@pytest.mark.parametrize("quantization", ["none", "4bit"])
def test_a_conversation_is_the_same_on_caches_of_fixed_size(
    checkpoints: dict[str, Path], lengths: None, quantization: Quantization, steps: Callable[[Any], Steps]
) -> None:
    if quantization == "4bit":
        pytest.importorskip("bitsandbytes")
    loaded = load(LocalSpec(str(checkpoints["mllama"]), quantization=quantization), lambda done, total: None)
    if not can_compile(loaded.model):
        pytest.skip("Mllama decodes on a cache of fixed size from transformers 5.18 on")
    ours = Recorded(loaded, Store())
    decoder = ours._decoding._decoder = StaticCacheDecoder(loaded.model, steps(loaded.model))
    plain = replace(loaded, prefix=None)
    talk: list[Message] = []
    for turn in (user(image("red"), "What is it?"), user("Sure?"), user(image("blue"), "And this?"), user("Why?")):
        talk.append(turn)
        asked = request(*talk, sampling=PARITY)
        tokens, usage = answered(ours, asked)
        while ours.warm_up():
            pass
        again, retried = answered(ours, asked)  # now by the step of its size
        assert tokens == again == answered(Recorded(plain, Store()), asked)[0]
        assert retried.reused_tokens == usage.prompt_tokens - 1
        talk.append(assistant(loaded.tokenizer.decode(tokens, skip_special_tokens=True)))
    assert decoder.warm


def test_only_what_can_be_compiled_is_and_on_a_cpu_only_if_asked(
    models: dict[str, Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(decode.STEPS, "on", compiled_eagerly)
    model = models["mllama"].model
    assert Decoding(model, True, "auto")._decoder is None
    assert Decoding(model, True, "off")._decoder is None
    assert Decoding(model, False, "on")._decoder is None
    asked = Decoding(model, True, "on")._decoder
    assert (asked is not None) == can_compile(model)
    if asked:
        assert list(asked.wanted) == [Size(1024, 4), Size(1024, 0)]
    assert not Decoding(model, True, "auto").warm_up()


@pytest.mark.parametrize(("size", "dropped"), [((56, 56), True), ((60, 20), False)])
def test_a_mask_that_hides_nothing_is_left_out_and_changes_nothing(
    models: dict[str, Loaded], size: tuple[int, int], dropped: bool
) -> None:
    loaded, seen = models["mllama"], []
    asked = loaded.processor(
        images=[Image.new("RGB", size, "red")], text=["<|image|>What is it?"], return_tensors="pt"
    )

    def look(_: Any, args: Any, given: dict[str, Any]) -> None:
        seen.append(given.get("cross_attention_mask") is None)

    def drawn() -> list[list[float]]:
        found = loaded.model.generate(
            **asked, max_new_tokens=12, do_sample=False, output_logits=True, return_dict_in_generate=True
        )
        return torch.stack(found.logits).squeeze(1)

    expected = drawn()
    handle = loaded.model.model.language_model.register_forward_pre_hook(look, with_kwargs=True)
    try:
        with unmasked(loaded.model):
            scores = drawn()
        with unmasked(SimpleNamespace(get_base_model=lambda: loaded.model)):  # as an adapter's wrapper has it
            assert torch.equal(drawn(), scores)
    finally:
        handle.remove()
    assert seen == ([False] + [dropped] * 11) * 2
    assert torch.equal(scores.argmax(-1), expected.argmax(-1))
    assert torch.allclose(scores, expected, atol=1e-4)
