"""Caches of fixed size draw the tokens of the plain step, leave its cache behind, and hold no more than they may."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import DynamicCache

from backend.engine.local import compiled
from backend.engine.local.compiled import Size, StaticCacheDecoder, can_compile
from backend.engine.local.load import Loaded
from backend.engine.local.step import CompiledSteps, PlainSteps, StaticInputs, Step, Steps

TOKENS = 24
VOCABULARY = 262  # of the tiny Mllama
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


@pytest.fixture
def plainly(loaded: Loaded) -> StaticCacheDecoder:
    return StaticCacheDecoder(loaded.model, PlainSteps(loaded.model))


@pytest.fixture
def compiling(loaded: Loaded) -> StaticCacheDecoder:
    return StaticCacheDecoder(loaded.model, CompiledSteps(loaded.model, "eager"))


def inputs(loaded: Loaded, text: str, *images: Image.Image) -> dict[str, Any]:
    marks = "<|image|>" * len(images)
    given = {"images": list(images)} if images else {}
    return dict(loaded.processor(text=[marks + text], return_tensors="pt", **given))


def drawn(loaded: Loaded, asked: dict[str, Any], decoder: StaticCacheDecoder | None) -> tuple[list[int], DynamicCache]:
    cache = DynamicCache(config=loaded.model.config)
    with decoder.decoding(cache) if decoder else nullcontext():
        ids = loaded.model.generate(
            **asked, past_key_values=cache, max_new_tokens=TOKENS, do_sample=False, eos_token_id=None
        )
    return ids[0, -TOKENS:].tolist(), cache


def both(loaded: Loaded, decoder: StaticCacheDecoder, asked: dict[str, Any]) -> None:
    tokens, cache = drawn(loaded, asked, decoder)
    plain, grown = drawn(loaded, asked, None)
    assert tokens == plain
    for ours, theirs in zip(cache.layers, grown.layers, strict=True):
        assert ours.is_initialized == theirs.is_initialized
        if ours.is_initialized:
            assert torch.allclose(ours.keys, theirs.keys, atol=1e-4)
            assert torch.allclose(ours.values, theirs.values, atol=1e-4)


SQUARE, WIDE = Image.new("RGB", (56, 56), "red"), Image.new("RGB", (60, 20), "blue")


def every_size(loaded: Loaded, decoder: StaticCacheDecoder) -> None:
    assert [decoder.warm_up(size) for size in SIZES] == [True] * len(SIZES)
    both(loaded, decoder, inputs(loaded, "Hi"))
    both(loaded, decoder, inputs(loaded, "What is it?", SQUARE))
    both(loaded, decoder, inputs(loaded, "What is it?", WIDE))
    both(loaded, decoder, inputs(loaded, "What are they, side by side?", WIDE, SQUARE))
    both(loaded, decoder, inputs(loaded, "It outgrows the smaller cache: " + "x" * 20))
    assert decoder.wanted == {}
    assert decoder.warm == frozenset(SIZES)


def test_every_size_draws_the_tokens_of_the_plain_step(loaded: Loaded, plainly: StaticCacheDecoder) -> None:
    every_size(loaded, plainly)


@pytest.mark.slow
def test_every_compiled_size_draws_the_tokens_of_the_plain_step(loaded: Loaded, compiling: StaticCacheDecoder) -> None:
    every_size(loaded, compiling)


@pytest.mark.slow
def test_the_graph_that_a_compiler_gets_draws_the_same_tokens(loaded: Loaded) -> None:
    decoder = StaticCacheDecoder(loaded.model, CompiledSteps(loaded.model, "aot_eager"))
    assert decoder.warm_up(Size(64, 4))
    both(loaded, decoder, inputs(loaded, "What is it?", SQUARE))
    assert decoder.warm == {Size(64, 4)}


def test_what_is_not_warm_is_drawn_the_plain_way_and_asked_for(loaded: Loaded, plainly: StaticCacheDecoder) -> None:
    both(loaded, plainly, inputs(loaded, "What is it?", SQUARE))
    assert list(plainly.wanted) == [Size(64, 4)]
    assert plainly.warm_up(Size(64, 4))
    both(loaded, plainly, inputs(loaded, "What is it?", SQUARE))
    assert plainly.wanted == {}


def test_a_conversation_that_is_too_long_is_drawn_the_plain_way(loaded: Loaded, plainly: StaticCacheDecoder) -> None:
    both(loaded, plainly, inputs(loaded, "x" * 200))
    assert plainly.wanted == {}


def test_an_answer_that_is_cut_off_leaves_the_tokens_it_read(loaded: Loaded, plainly: StaticCacheDecoder) -> None:
    plainly.warm_up(Size(64, 4))
    cache, asked = DynamicCache(config=loaded.model.config), inputs(loaded, "What is it?", SQUARE)

    class Stop(Exception):
        pass

    def stop(ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        if ids.shape[1] == asked["input_ids"].shape[1] + 5:
            raise Stop
        return scores

    with pytest.raises(Stop), plainly.decoding(cache):
        loaded.model.generate(**asked, past_key_values=cache, max_new_tokens=TOKENS, logits_processor=[stop])
    assert cache.get_seq_length() == asked["input_ids"].shape[1] + 5
    assert "forward" not in vars(loaded.model)


@pytest.mark.slow
def test_a_step_that_would_compile_anew_is_drawn_the_plain_way(loaded: Loaded, compiling: StaticCacheDecoder) -> None:
    compiling.warm_up(Size(64, 4))
    torch._dynamo.reset()  # as if a guard had failed
    both(loaded, compiling, inputs(loaded, "What is it?", SQUARE))
    assert compiling.warm == frozenset()


@pytest.mark.slow
@torch.no_grad()
def test_what_was_compiled_is_forgotten_when_it_is_given_up(loaded: Loaded, compiling: StaticCacheDecoder) -> None:
    compiling.warm_up(Size(64, 4))
    found = compiling.fixed(Size(64, 4))
    assert found
    assert found.step().shape == (1, 1, VOCABULARY)
    compiling.give_up()
    with pytest.raises(RuntimeError, match="recompile"):
        found.step()


class Fixed:
    """Steps that give the same scores whatever they read, or fail; it counts how often they are forgotten."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self.forgotten = 0

    def make(self, inputs: StaticInputs) -> Step:
        return self._step

    def forget(self) -> None:
        self.forgotten += 1


def raising() -> torch.Tensor:
    raise RuntimeError("operation not permitted when stream is capturing")


@pytest.mark.parametrize(
    ("step", "why"),
    [(lambda: torch.randn(1, 1, VOCABULARY), "computes something else"), (raising, "operation not permitted")],
)
def test_a_step_that_fails_or_computes_something_else_is_never_used(
    loaded: Loaded, caplog: pytest.LogCaptureFixture, step: Step, why: str
) -> None:
    steps = Fixed(step)
    decoder = StaticCacheDecoder(loaded.model, steps)
    assert not decoder.warm_up(Size(64, 4))
    assert why in caplog.text
    assert steps.forgotten == 1
    both(loaded, decoder, inputs(loaded, "What is it?", SQUARE))
    assert (decoder.wanted, decoder.warm) == ({}, frozenset())


def having(bytes_free: int | None) -> Callable[[torch.device], int | None]:
    return lambda device: bytes_free


def test_the_bytes_of_a_size_are_those_of_the_cache_that_grows(loaded: Loaded, plainly: StaticCacheDecoder) -> None:
    cache = DynamicCache(config=loaded.model.config)
    loaded.model.generate(**inputs(loaded, "x" * 53, SQUARE), past_key_values=cache, max_new_tokens=10)
    assert cache.get_seq_length() == 64
    assert plainly.bytes_of(Size(64, 4)) == sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)


def test_the_sizes_hold_a_third_of_what_was_free_and_the_one_used_longest_ago_goes_first(loaded: Loaded) -> None:
    steps: Steps = PlainSteps(loaded.model)
    one = StaticCacheDecoder(loaded.model, steps).bytes_of(Size(64))
    decoder = StaticCacheDecoder(loaded.model, steps, having(3 * 3 * one))
    assert decoder.warm_up(Size(64))
    assert decoder.warm_up(Size(64, masked=True))  # of the same bytes, as there is no tile
    assert decoder.warm == {Size(64), Size(64, masked=True)}
    decoder.fixed(Size(64))
    assert decoder.warm_up(Size(128))
    assert decoder.warm == {Size(64), Size(128)}
    both(loaded, decoder, inputs(loaded, "It outgrows the smaller cache: " + "x" * 20))


def test_a_size_too_large_for_that_third_is_drawn_the_plain_way_and_the_others_stay(loaded: Loaded) -> None:
    steps: Steps = PlainSteps(loaded.model)
    one = StaticCacheDecoder(loaded.model, steps).bytes_of(Size(64))
    decoder = StaticCacheDecoder(loaded.model, steps, having(3 * one))
    assert decoder.warm_up(Size(64))
    decoder.want(Size(128))
    assert decoder.wanted == {}
    assert not decoder.warm_up(Size(128))
    both(loaded, decoder, inputs(loaded, "It outgrows the smaller cache: " + "x" * 20))
    assert (decoder.wanted, decoder.warm) == ({}, {Size(64)})


def test_where_it_is_not_known_what_is_free_sizes_are_made_all_the_same(loaded: Loaded) -> None:
    decoder = StaticCacheDecoder(loaded.model, PlainSteps(loaded.model), having(None))
    assert decoder.warm_up(Size(64))


def test_of_the_sizes_that_wait_the_latest_four_are_remembered(plainly: StaticCacheDecoder) -> None:
    sizes = [Size(64, tiles) for tiles in range(6)]
    for size in sizes:
        plainly.want(size)
    plainly.want(sizes[2])
    assert list(plainly.wanted) == [*sizes[3:], sizes[2]]


def test_a_model_says_whether_it_can(models: dict[str, Loaded], monkeypatch: pytest.MonkeyPatch) -> None:
    model = models["mllama"].model
    monkeypatch.setattr(type(model), "_can_compile_fullgraph", True)
    assert can_compile(model)
    monkeypatch.setattr(type(model), "_can_compile_fullgraph", False)  # as before transformers 5.18
    assert not can_compile(model)
    assert not can_compile(object())
