"""Llama 3.2 11B Vision's true shape on a CPU: whether the product loads it, answers and counts its memory rightly.

    make bench ARGS="--only truth"      takes 10 GB of disk, 12 GiB of memory and minutes; run by hand alone

A checkpoint of random weights is written in the published one's form: all linear layers but lm_head in NF4. The
product's engine loads it in a process that may not take more than 12 GiB until then, looks at an image of 1120 x 1120
pixels, and is asked a follow-up. What it says means nothing; that it reuses what it read, and what it takes, is what
counts.
"""

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig

from backend.engine.local.memory import footprint
from backend.engine.local.prompt import Prompt
from benchmarks.gpu import checkpoint
from benchmarks.gpu.product import talk
from benchmarks.gpu.session import Found
from benchmarks.gpu.shape import TILES, Shape, State, build, eleven_b, nf4, tiny

DISK = 10 * 10**9  # bytes of room for the checkpoint
MEMORY = 12 * 2**30  # bytes that the process may take to load the model
LOOK = 0.02  # seconds between two looks at the memory that is taken


def measure(quick: bool = False) -> Found:
    """`truth`: what the conversation took, in seconds, and its memory in GiB; None where there is no room for it."""
    with tempfile.TemporaryDirectory(prefix="glimpse-truth-") as work:
        folder = Path(work) / "flagship"
        if not quick and (free := shutil.disk_usage(work).free) < DISK:
            print(f"truth needs 10 GB in {work}, and there are {free / 1e9:.1f}.", file=sys.stderr)
            return {"truth": None}
        command = [sys.executable, "-m", "benchmarks.truth", str(folder), *(["quick"] if quick else [])]
        subprocess.run(command, check=True)
        return {"truth": _conversation(folder, _shape(quick))}


def _shape(quick: bool) -> Shape:
    return replace(tiny() if quick else eleven_b(), device="cpu", tokens=4)


def write(folder: Path, shape: Shape) -> None:
    """Build the checkpoint, in a process of its own so that none of it stays in memory."""
    model = build(shape)
    nf4(model.model.vision_model)
    model.model.multi_modal_projector = _in_nf4(model.model.multi_modal_projector)
    checkpoint.save(model, shape, folder, ["lm_head"])


def _in_nf4(linear: torch.nn.Linear) -> Any:
    held = torch.nn.ModuleDict({"only": linear})
    nf4(held)
    return held["only"]


def _conversation(folder: Path, shape: Shape) -> Found:
    found = Found()
    with taken() as memory, limited(MEMORY) as lift:

        def loaded() -> dict[str, float]:
            lift()
            return memory()

        talk(State(shape, folder.parent), found, folder, shape.vision["image_size"], ("picture", "follow_up"), loaded)
    answer = found["picture"]
    prompt = Prompt({}, [0] * answer["prompt"], None, (), TILES, images=1, frames=0, step=0)
    forecast = footprint(AutoConfig.from_pretrained(folder), torch.float32).of(prompt, answer["drawn"])
    used = answer["memory"]["peak_gib"] - found["loaded_memory"]["now_gib"]
    return found | {
        "forecast_gib": round(forecast / 2**30, 2),
        "forecast_over_used": round(forecast / 2**30 / used, 2),
    }


@contextmanager
def limited(limit: int) -> Iterator[Callable[[], None]]:
    """Let this process take no more than `limit` bytes, until the block ends or what is yielded is called."""
    before = resource.getrlimit(resource.RLIMIT_DATA)

    def lift() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, before)

    resource.setrlimit(resource.RLIMIT_DATA, (limit, before[1]))
    try:
        yield lift
    finally:
        lift()


class Taken:
    """The memory of this process that is no file's, looked at again and again: now, and the most there was."""

    def __init__(self) -> None:
        self._peak = 0
        self._over = threading.Event()

    def __call__(self) -> dict[str, float]:
        """What is taken now and the most that was since the last call, in GiB."""
        now = _anonymous()
        peak, self._peak = max(self._peak, now), now
        return {"now_gib": round(now / 2**30, 3), "peak_gib": round(peak / 2**30, 3)}

    def look(self) -> None:
        """Look until `end` is called."""
        while not self._over.wait(LOOK):
            self._peak = max(self._peak, _anonymous())

    def end(self) -> None:
        """Look no more."""
        self._over.set()


@contextmanager
def taken() -> Iterator[Taken]:
    """Look at this process's memory for as long as the block lasts."""
    memory = Taken()
    thread = threading.Thread(target=memory.look, name="memory", daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        memory.end()
        thread.join()


def _anonymous() -> int:
    """Bytes of this process that are no file's; weights that are read from files are given back when wanted."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))


if __name__ == "__main__":
    write(Path(sys.argv[1]), _shape("quick" in sys.argv))
    print(json.dumps({"written": sys.argv[1]}), file=sys.stderr)
