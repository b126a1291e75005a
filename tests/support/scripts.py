"""Scripts that the process's tests play in the child; they are found there as tests.support.scripts:name."""

import asyncio
import os
from collections.abc import AsyncGenerator

from backend.engine.scripted import Step
from backend.errors import QueueFull
from backend.types import GenerationRequest, Progress, TextDelta

_cancelled = asyncio.Event()


async def play(request: GenerationRequest) -> AsyncGenerator[Step]:
    """Do what the last message says."""
    match request.messages[-1].text.split(maxsplit=1):
        case ["say", text]:
            yield text
        case ["wait"]:
            try:
                yield "waiting"
                await asyncio.Event().wait()
            finally:
                _cancelled.set()
        case ["wait-for-cancel"]:
            yield Progress("waiting for the cancel")
            await _cancelled.wait()
            yield "cancelled"
        case ["many", count]:
            for number in range(int(count)):
                yield TextDelta(f"{number}\n")
        case ["exit", status]:
            yield "leaving"
            await asyncio.sleep(0)
            os._exit(int(status))
        case ["refuse"]:
            yield "half"
            yield QueueFull("Too many requests wait; try again in a minute.")
        case ["break"]:
            yield KeyError("a bug of ours")
        case ["print", text]:
            print(text, flush=True)  # noqa: T201
            yield "printed"


async def other(request: GenerationRequest) -> AsyncGenerator[Step]:
    """Another model."""
    yield "other"
