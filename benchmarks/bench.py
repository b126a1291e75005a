"""The bench that measures stand on: a folder that goes away, an event loop, a media store with a photo, engines."""

import asyncio
import tempfile
import time
from collections.abc import Coroutine, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from PIL import Image

from backend.engine.engine import Engine
from backend.media.store import MediaStore
from backend.types import (
    Finished,
    GenerationRequest,
    ImagePart,
    Message,
    SamplingParams,
    TextDelta,
    TextPart,
    Usage,
)

T = TypeVar("T")


def photo(side: int) -> Image.Image:
    """A square image with detail everywhere, the same each time; `side` in pixels."""
    ramp = Image.radial_gradient("L").resize((side, side))
    return Image.merge("RGB", (ramp, ramp.rotate(90), Image.effect_mandelbrot((side, side), (-2, -1.2, 0.8, 1.2), 60)))


@dataclass(frozen=True)
class Bench:
    """Where engines are asked from. `image` is the photo in the store, `path` the file it came from."""

    folder: Path
    path: Path
    image: ImagePart
    store: MediaStore
    runner: asyncio.Runner

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end, in the one event loop of this bench."""
        return self.runner.run(work)

    def ask(
        self, engine: Engine, messages: tuple[Message, ...], tokens: int, conversation: str = "", **more: Any
    ) -> "Answer":
        """A greedy answer of so many tokens; in a conversation of its own unless one is named."""
        sampling = SamplingParams(max_new_tokens=tokens, temperature=0)
        return self.run(_answer(engine, GenerationRequest(conversation or uuid4().hex, messages, sampling, **more)))


@dataclass(frozen=True, slots=True)
class Answer:
    """What an engine said and what it cost; `first` is the seconds from the asking to the first piece of text."""

    text: str
    usage: Usage
    first: float


@contextmanager
def bench(side: int) -> Iterator[Bench]:
    """A bench with a photo of `side` pixels."""
    with tempfile.TemporaryDirectory(prefix="glimpse-bench-") as name, asyncio.Runner() as runner:
        folder = Path(name)
        path = folder / "photo.png"
        photo(side).save(path)
        store = MediaStore(folder / "media")
        try:
            part = runner.run(store.add(path))
            assert isinstance(part, ImagePart)
            yield Bench(folder, path, part, store, runner)
        finally:
            store.close()


@contextmanager
def closing(bench: Bench, *engines: Engine) -> Iterator[None]:
    """Close engines at the end."""
    try:
        yield
    finally:
        for engine in engines:
            bench.run(engine.close())


def user(text: str, *images: ImagePart) -> Message:
    """A message of a person."""
    return Message("user", (*images, TextPart(text)))


def reply(text: str) -> Message:
    """A message of the model."""
    return Message("assistant", (TextPart(text),))


async def _answer(engine: Engine, request: GenerationRequest) -> Answer:
    pieces: list[str] = []
    asked = first = time.perf_counter()
    async with aclosing(engine.stream(request)) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                first = first if pieces else time.perf_counter()
                pieces.append(event.text)
            elif isinstance(event, Finished):
                return Answer("".join(pieces), event.usage, first - asked)
    raise RuntimeError("the engine did not finish")
