"""Builds the model, reads a prompt with an image, and draws tokens in each of the ways that the engine has."""

import time
from contextlib import ExitStack
from typing import Any

import torch
from transformers import DynamicCache
from transformers.generation.streamers import BaseStreamer

from backend.engine.families.mllama import unmasked
from backend.engine.local.compiled import LENGTHS, Size, StaticCacheDecoder, can_compile
from backend.engine.local.step import CapturedSteps, CompiledSteps, PlainSteps, Steps
from benchmarks.gpu.kernels import timed
from benchmarks.gpu.session import Found
from benchmarks.gpu.shape import TILES, State, build, bytes_a_token

STEPS_TIMED = 16  # of a step by itself, without generate around it


def build_model(state: State, found: Found) -> None:
    """Build the model; `bound` is the tokens a second at which the memory alone would be busy."""
    state.collect()
    state.built = build(state.shape)
    read = bytes_a_token(state.model)
    bound = round(state.gb_per_second * 1e9 / read, 1) if state.gb_per_second else None
    found |= {
        "mb_a_token": read // 10**6,
        "bound": bound,
        "can_compile": can_compile(state.model),
        "memory": state.memory(),
    }


def prefill(state: State, found: Found) -> None:
    """Time the image and the prompt to the first token: the first time, and after that."""
    model, inputs = state.model, state.inputs
    seconds = [timed(lambda: _generate(model, inputs, 1), state.shape) for _ in range(state.shape.repeats + 1)]
    found |= {"first_s": round(seconds[0], 3), "then_s": round(min(seconds[1:]), 4), "memory": state.memory()}


def plain_decode(state: State, found: Found) -> None:
    """Time plain `generate`, on a cache that grows."""
    found |= _decode(state, None) | {"memory": state.memory()}


def captured_decode(state: State, found: Found) -> None:
    """Time the engine's step in a CUDA graph; without a GPU there is none, and it runs kernel by kernel."""
    found["graph"] = state.shape.cuda
    _static(state, found, (CapturedSteps if state.shape.cuda else PlainSteps)(state.model))


def compiled_decode(state: State, found: Found) -> None:
    """Time the engine's step as torch.compile makes it; `graphs` has what its counters say of CUDA graphs."""
    torch._dynamo.reset()
    found["backend"] = "inductor" if state.shape.cuda else "eager"
    _static(state, found, CompiledSteps(state.model, found["backend"]))
    counted = torch._dynamo.utils.counters["inductor"]
    found["graphs"] = {name: count for name, count in counted.items() if "cudagraph" in name}


def _static(state: State, found: Found, steps: Steps) -> None:
    """Time decoding on a cache of fixed size: making its step, a token, and the step alone."""
    if not can_compile(state.model):
        raise RuntimeError("Mllama decodes on a cache of fixed size from transformers 5.18 on")
    state.collect()
    size, decoder = Size(LENGTHS[0], TILES), StaticCacheDecoder(state.model, steps)
    started = time.perf_counter()
    if not decoder.warm_up(size):
        raise RuntimeError("the step was not made, or computes something else: standard error says why")
    found["made_s"] = round(time.perf_counter() - started, 1)
    found |= _decode(state, decoder)
    if size not in decoder.warm:
        raise RuntimeError("the step failed while it was used: standard error says why")
    found |= {"step_ms": _step_ms(state, decoder, size), "memory": state.memory()}


@torch.no_grad()
def _step_ms(state: State, decoder: StaticCacheDecoder, size: Size) -> float:
    """The milliseconds of a step by itself: what is more in a token is the host's."""
    warm = decoder.fixed(size)
    assert warm is not None

    def several() -> None:
        for _ in range(STEPS_TIMED):
            warm.step()

    return round(1e3 * timed(several, state.shape) / STEPS_TIMED, 3)


def _decode(state: State, decoder: StaticCacheDecoder | None) -> Found:
    """The best of some answers: tokens a second after the first, and the share of what the bandwidth allows."""
    speeds = []
    for _ in range(state.shape.repeats + 1):
        stamps = _generate(state.model, state.inputs, state.shape.tokens, decoder)
        speeds.append((len(stamps) - 1) / (stamps[-1] - stamps[0]))
    speed = max(speeds[1:])
    read = speed * bytes_a_token(state.model)
    share = round(read / (state.gb_per_second * 1e9), 3) if state.gb_per_second else None
    return {"tokens_per_second": round(speed, 2), "token_ms": round(1e3 / speed, 3), "share_of_bound": share}


class _Clock(BaseStreamer):  # type: ignore[misc]
    """Notes when each token is there: `generate` waits for it to hand it over."""

    def __init__(self) -> None:
        self.stamps: list[float] = []

    def put(self, value: torch.Tensor) -> None:
        self.stamps.append(time.perf_counter())

    def end(self) -> None:
        """Nothing is left to do."""


def _generate(
    model: Any, inputs: dict[str, torch.Tensor], tokens: int, decoder: StaticCacheDecoder | None = None
) -> list[float]:
    """When each token was there, in seconds."""
    cache, clock = DynamicCache(config=model.config), _Clock()
    with ExitStack() as stack:
        stack.enter_context(unmasked(model))  # as the engine decodes
        if decoder:
            stack.enter_context(decoder.decoding(cache))
        model.generate(
            **inputs, past_key_values=cache, streamer=clock, max_new_tokens=tokens, min_new_tokens=tokens,
            do_sample=False, eos_token_id=None,
        )  # fmt: skip
    return clock.stamps[1:]  # the first is the prompt
