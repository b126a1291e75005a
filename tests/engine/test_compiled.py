"""The compiled step draws the tokens of the plain one, and leaves behind the cache that the plain one leaves."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import DynamicCache

from backend.engine.local import compiled
from backend.engine.local.compiled import CompiledDecoder, Size, can_compile
from backend.engine.local.load import Loaded

pytestmark = pytest.mark.slow

TOKENS = 24
SIZES = [Size(64), Size(128), Size(64, 4), Size(64, 4, True), Size(64, 8, True)]


@pytest.fixture
def loaded(models: dict[str, Loaded]) -> Loaded:
    if not can_compile(models["mllama"].model):
        pytest.skip("Mllama decodes on a cache of fixed size from transformers 5.18 on")
    return models["mllama"]


@pytest.fixture(autouse=True)
def small_sizes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(compiled, "LENGTHS", (64, 128))
    monkeypatch.setattr(compiled, "TILES", (0, 4, 8))
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def inputs(loaded: Loaded, text: str, *images: Image.Image) -> dict[str, Any]:
    marks = "<|image|>" * len(images)
    given = {"images": list(images)} if images else {}
    return dict(loaded.processor(text=[marks + text], return_tensors="pt", **given))


def drawn(loaded: Loaded, asked: dict[str, Any], decoder: CompiledDecoder | None) -> tuple[list[int], DynamicCache]:
    cache = DynamicCache(config=loaded.model.config)
    with decoder.decoding(cache) if decoder else nullcontext():
        ids = loaded.model.generate(
            **asked, past_key_values=cache, max_new_tokens=TOKENS, do_sample=False, eos_token_id=None
        )
    return ids[0, -TOKENS:].tolist(), cache


def both(loaded: Loaded, decoder: CompiledDecoder, asked: dict[str, Any]) -> None:
    tokens, cache = drawn(loaded, asked, decoder)
    plain, grown = drawn(loaded, asked, None)
    assert tokens == plain
    for ours, theirs in zip(cache.layers, grown.layers, strict=True):
        assert ours.is_initialized == theirs.is_initialized
        if ours.is_initialized:
            assert torch.allclose(ours.keys, theirs.keys, atol=1e-4)
            assert torch.allclose(ours.values, theirs.values, atol=1e-4)


SQUARE, WIDE = Image.new("RGB", (56, 56), "red"), Image.new("RGB", (60, 20), "blue")


def test_every_size_draws_the_tokens_of_the_plain_step(loaded: Loaded) -> None:
    decoder = CompiledDecoder(loaded.model, "eager")
    assert [decoder.warm_up(size) for size in SIZES] == [True] * len(SIZES)
    both(loaded, decoder, inputs(loaded, "Hi"))
    both(loaded, decoder, inputs(loaded, "What is it?", SQUARE))
    both(loaded, decoder, inputs(loaded, "What is it?", WIDE))
    both(loaded, decoder, inputs(loaded, "What are they, side by side?", WIDE, SQUARE))
    both(loaded, decoder, inputs(loaded, "It outgrows the smaller cache: " + "x" * 20))
    assert decoder.wanted == {}
    assert decoder.warm == frozenset(SIZES)


def test_the_graph_that_a_compiler_gets_draws_the_same_tokens(loaded: Loaded) -> None:
    decoder = CompiledDecoder(loaded.model, "aot_eager")
    assert decoder.warm_up(Size(64, 4))
    both(loaded, decoder, inputs(loaded, "What is it?", SQUARE))
    assert decoder.warm == {Size(64, 4)}


def test_what_is_not_warm_is_drawn_the_plain_way_and_asked_for(loaded: Loaded) -> None:
    decoder = CompiledDecoder(loaded.model, "eager")
    both(loaded, decoder, inputs(loaded, "What is it?", SQUARE))
    assert list(decoder.wanted) == [Size(64, 4)]
    assert decoder.warm_up(Size(64, 4))
    both(loaded, decoder, inputs(loaded, "What is it?", SQUARE))
    assert decoder.wanted == {}


def test_a_conversation_that_is_too_long_is_drawn_the_plain_way(loaded: Loaded) -> None:
    decoder = CompiledDecoder(loaded.model, "eager")
    both(loaded, decoder, inputs(loaded, "x" * 200))
    assert decoder.wanted == {}


def test_an_answer_that_is_cut_off_leaves_the_tokens_it_read(loaded: Loaded) -> None:
    decoder = CompiledDecoder(loaded.model, "eager")
    decoder.warm_up(Size(64, 4))
    cache, asked = DynamicCache(config=loaded.model.config), inputs(loaded, "What is it?", SQUARE)

    class Stop(Exception):
        pass

    def stop(ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if ids.shape[1] == asked["input_ids"].shape[1] + 5:
            raise Stop
        return scores

    with pytest.raises(Stop), decoder.decoding(cache):
        loaded.model.generate(**asked, past_key_values=cache, max_new_tokens=TOKENS, logits_processor=[stop])
    assert cache.get_seq_length() == asked["input_ids"].shape[1] + 5
    assert "forward" not in vars(loaded.model)


def test_a_step_that_would_compile_anew_is_drawn_the_plain_way(loaded: Loaded) -> None:
    decoder = CompiledDecoder(loaded.model, "eager")
    decoder.warm_up(Size(64, 4))
    torch._dynamo.reset()  # as if a guard had failed
    both(loaded, decoder, inputs(loaded, "What is it?", SQUARE))
    assert decoder.warm == frozenset()


@torch.no_grad()
def test_what_was_compiled_is_forgotten_when_it_is_given_up(loaded: Loaded) -> None:
    decoder = CompiledDecoder(loaded.model, "eager")
    decoder.warm_up(Size(64, 4))
    fixed = decoder.fixed(Size(64, 4))
    with torch.compiler.set_stance("fail_on_recompile"):
        decoder.call(fixed, torch.tensor([[1]]), 9, None)
        decoder.give_up()
        with pytest.raises(RuntimeError, match="recompile"):
            decoder.call(fixed, torch.tensor([[1]]), 9, None)


def test_a_step_that_computes_something_else_is_never_used(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    decoder = CompiledDecoder(loaded.model, "eager")
    monkeypatch.setattr(decoder, "call", lambda *_: torch.randn(1, 1, 512))
    assert not decoder.warm_up(Size(64, 4))
    assert "computes something else" in caplog.text or "failed" in caplog.text
    both(loaded, decoder, inputs(loaded, "What is it?", SQUARE))
    assert decoder.wanted == {}


def test_a_model_says_whether_it_can(models: dict[str, Loaded], monkeypatch: pytest.MonkeyPatch) -> None:
    model = models["mllama"].model
    monkeypatch.setattr(type(model), "_can_compile_fullgraph", True)
    assert can_compile(model)
    monkeypatch.setattr(type(model), "_can_compile_fullgraph", False)  # as before transformers 5.18
    assert not can_compile(model)
    assert not can_compile(object())
