"""What another model leaves of the memory that the one before it took, as the system counts it."""

import asyncio
import re
import tempfile
import time
from pathlib import Path

from backend.engine.engine import EngineSpec, LocalSpec, ScriptedSpec
from backend.engine.process.engine import ProcessEngine
from backend.types import GenerationRequest, Message, SamplingParams, TextPart
from benchmarks.checkpoints import QUICK, random_mllama

PATIENCE = 300.0  # seconds


def measure(quick: bool = False) -> dict[str, float]:
    """The share of a model's memory that is free again, and the seconds until the next engine answered."""
    with tempfile.TemporaryDirectory() as folder:
        model = random_mllama(Path(folder) / "model", **(QUICK if quick else {}))
        return asyncio.run(_measure(LocalSpec(str(model), device="cpu"), Path(folder)))


async def _measure(large: EngineSpec, store: Path) -> dict[str, float]:
    engine = ProcessEngine(ScriptedSpec(), store)
    async with asyncio.timeout(PATIENCE):
        await _answer(engine)
        before = _taken()
        engine.switch(large)
        await _answer(engine)
        during = _taken()
        began = time.monotonic()
        engine.switch(ScriptedSpec())
        await _answer(engine)
        seconds = time.monotonic() - began
    returned = (during - _taken()) / (during - before)
    await engine.close()
    return {"switch_returned": round(returned, 3), "switch_seconds": round(seconds, 2)}


def _taken() -> int:
    """KiB of all programs' own memory; what is kept of files does not count, which goes its own ways."""
    found = re.search(r"AnonPages:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    assert found is not None
    return int(found[1])


async def _answer(engine: ProcessEngine) -> None:
    words = Message("user", (TextPart("Hello"),))
    async for _ in engine.stream(GenerationRequest("switching", (words,), SamplingParams(max_new_tokens=4))):
        pass
