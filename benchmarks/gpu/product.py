"""Runs the product's own engine on a saved checkpoint: it loads, looks at pictures, follows up and is stopped."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path

import torch
from PIL import Image
from transformers import AutoConfig

from backend.engine.engine import LocalSpec
from backend.engine.local.devices import Accelerators
from backend.engine.local.engine import LocalEngine
from backend.engine.local.memory import footprint
from backend.media.clip import Frame
from backend.types import (
    Finished,
    GenerationRequest,
    ImagePart,
    Message,
    SamplingParams,
    TextDelta,
    TextPart,
    VideoPart,
)
from benchmarks.gpu import checkpoint
from benchmarks.gpu.session import Found
from benchmarks.gpu.shape import State, build, tiny

SKIPPED = ["lm_head", "multi_modal_projector", "merger", "modality_projection"]  # as Unsloth's checkpoints have it
TURNS = ("picture", "follow_up", "second_picture", "sampled")
TOKENS = 48  # of an answer
POLL = 0.05  # seconds


def save(state: State, found: Found) -> None:
    """Save the model that was built as a checkpoint of 2024."""
    size = checkpoint.save(state.model, state.shape, state.folder / "flagship", SKIPPED)
    state.collect()
    found |= {"gb": round(size / 1e9, 2), "memory": state.memory()}


def engine_plain(state: State, found: Found) -> None:
    """Talk with the engine on the saved checkpoint, decoding the plain way; `forecast_mib` is what it counts on."""
    folder = state.folder / "flagship"
    counted = footprint(AutoConfig.from_pretrained(folder), torch.bfloat16)
    named = ("token", "tile", "vision_encoding")
    found["forecast_mib"] = {name: round(getattr(counted, name) / 2**20, 2) for name in named}
    with computing_in(torch.bfloat16):
        talk(state, found, folder, state.shape.vision["image_size"])


def turing(state: State, found: Found) -> None:
    """Talk with a small model in float16, as cards without bfloat16 run it, from a checkpoint in bfloat16."""
    small = tiny()
    checkpoint.save(build(small), small, state.folder / "small", None)
    with computing_in(torch.float16):
        talk(state, found, state.folder / "small", small.vision["image_size"])


@contextmanager
def computing_in(dtype: torch.dtype) -> Iterator[None]:
    """Have the engine load models in a type, whatever this machine's best one is."""
    usual = Accelerators.dtype
    setattr(Accelerators, "dtype", lambda *_: dtype)  # noqa: B010 (mypy holds methods to be fixed)
    try:
        yield
    finally:
        setattr(Accelerators, "dtype", usual)  # noqa: B010


class _Plain:
    """A media store whose images are squares of one colour, named by their ids."""

    def __init__(self, side: int) -> None:
        self._side = side

    def image(self, media_id: str) -> Image.Image:
        return Image.new("RGB", (self._side, self._side), media_id)

    def frames(self, part: VideoPart) -> list[Frame]:
        raise NotImplementedError("no clip is shown here")


def talk(
    state: State,
    found: Found,
    folder: Path,
    tile: int,
    turns: Sequence[str] = TURNS,
    memory: Callable[[], dict[str, float] | None] | None = None,
) -> None:
    """Find what a conversation takes, with pictures of two by two tiles; after all turns an answer is stopped.

    `memory` is called after the load and after each turn; by itself it is the GPU's.
    """
    spec = LocalSpec(str(folder), device=state.shape.device, offline=True, compile="off")

    async def whole() -> None:
        engine = LocalEngine(spec, _Plain(2 * tile))
        try:
            await _conversation(engine, state, found, turns, memory or state.memory)
        finally:
            await engine.close()

    try:
        asyncio.run(whole())
    finally:
        state.collect()


async def _conversation(
    engine: LocalEngine,
    state: State,
    found: Found,
    turns: Sequence[str],
    memory: Callable[[], dict[str, float] | None],
) -> None:
    """Load, look at a picture, follow up, look at another one, sample, and stop an answer; all others are greedy."""
    began = time.perf_counter()
    engine.start()
    while engine.status.state == "loading":  # noqa: ASYNC110 (a status is looked at, and tells nobody)
        await asyncio.sleep(POLL)
    if engine.status.model is None:
        raise RuntimeError(engine.status.detail)
    found |= {"load_s": round(time.perf_counter() - began, 1), "precision": engine.status.model.precision}
    found["loaded_memory"] = memory()
    messages, tokens = [_asks(ImagePart("red"))], min(TOKENS, 2 * state.shape.tokens)
    for turn in turns:
        text, figures = await _asked(engine, messages, tokens, None if turn == "sampled" else 0.0)
        found[turn] = figures | {"memory": memory()}
        messages += [Message.said(text or "t9"), _asks(*([ImagePart("blue")] if turn == "follow_up" else []))]
    if turns == TURNS:
        found["stop"] = await _stopped(engine, messages, tokens)


def _asks(*images: ImagePart) -> Message:
    return Message("user", (*images, TextPart("t5 t6 t7")))


async def _asked(
    engine: LocalEngine, messages: list[Message], tokens: int, temperature: float | None = 0.0
) -> tuple[str, Found]:
    """The answer, and what it took."""
    sampling = SamplingParams(max_new_tokens=tokens, temperature=temperature)
    request = GenerationRequest("talk", tuple(messages), sampling)
    text = ""
    async with aclosing(engine.stream(request)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                text += event.text
            elif isinstance(event, Finished):
                usage = event.usage
                return text, {
                    "first_token_s": round(usage.time_to_first_token, 3),
                    "tokens_per_second": round(usage.tokens_per_second, 1),
                    "prompt": usage.prompt_tokens,
                    "drawn": usage.completion_tokens,
                    "reused": usage.reused_tokens,
                    "detail": usage.detail,
                }
    raise RuntimeError("the answer had no end")


async def _stopped(engine: LocalEngine, messages: list[Message], tokens: int) -> Found:
    """The seconds from leaving an answer at its first words to the end of a short one after it."""
    request = GenerationRequest("talk", tuple(messages), SamplingParams(max_new_tokens=4 * tokens, temperature=0))
    async with aclosing(engine.stream(request)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
    left = time.perf_counter()
    _, figures = await _asked(engine, messages, 4)
    return {"next_answer_s": round(time.perf_counter() - left, 3), **figures}
