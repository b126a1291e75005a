"""What another model leaves of the memory that the one before it took, as the system counts it."""

import asyncio
import tempfile
import time
from pathlib import Path

from backend.engine.process import ProcessEngine
from backend.engine.scripted import SCRIPTED
from backend.engine.spec import EngineSpec
from backend.machine import memory_free
from backend.types import GenerationRequest, Message, SamplingParams, TextPart
from benchmarks.checkpoints import QUICK, random_mllama

PATIENCE = 300.0  # seconds


def measure(quick: bool = False) -> dict[str, float]:
    """The share of a model's memory that is free again, and the seconds until the next engine answered."""
    with tempfile.TemporaryDirectory() as folder:
        model = random_mllama(Path(folder) / "model", **(QUICK if quick else {}))
        return asyncio.run(_measure(EngineSpec(str(model), device="cpu"), Path(folder)))


async def _measure(large: EngineSpec, store: Path) -> dict[str, float]:
    engine = ProcessEngine(EngineSpec(SCRIPTED.id), store)
    async with asyncio.timeout(PATIENCE):
        await _answer(engine)
        free = memory_free()
        engine.switch(large)
        await _answer(engine)
        taken = free - memory_free()
        began = time.monotonic()
        engine.switch(EngineSpec(SCRIPTED.id))
        await _answer(engine)
        seconds = time.monotonic() - began
    returned = taken - (free - memory_free())
    await engine.close()
    return {"switch_returned": round(returned / taken, 3), "switch_seconds": round(seconds, 2)}


async def _answer(engine: ProcessEngine) -> None:
    words = Message("user", (TextPart("Hello"),))
    async for _ in engine.stream(GenerationRequest("switching", (words,), SamplingParams(max_new_tokens=4))):
        pass
