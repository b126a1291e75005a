"""Runs steps one after the other, each within a time limit, and writes what each one found as soon as it is done."""

import json
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Generic, TypeVar

Found = dict[str, Any]
State = TypeVar("State")

FILE = "session.jsonl"
WORDS = 600  # characters of an error's message that are kept; its traceback may have three times as many


@dataclass(frozen=True)
class Step(Generic[State]):
    """One step: its name, the seconds it may take, and its work.

    `work` is given what the steps before it left, and the object to put into what it finds, as soon as it is found.
    """

    name: str
    seconds: float
    work: Callable[[State, Found], None]


class TimeLimit(BaseException):
    """Raised in a step that took too long; no Exception, so that nothing on its way takes it for a failure."""


def run(
    steps: Sequence[Step[State]], state: State, folder: Path, only: Sequence[str] = (), patience: float = 1.0
) -> list[Found]:
    """Run the steps in their order, those named in `only` if any; returns their lines.

    A line has `step`, `at_s` (seconds since the first step began), `took_s`, and what the step found; one that failed
    has also `failed`, a sentence, and `trace`, where it was raised. `patience` multiplies the limits.
    """
    started, lines = time.perf_counter(), []
    for step in steps:
        if not only or step.name in only:
            began = time.perf_counter()
            found = attempt(step, state, step.seconds * patience)
            now = time.perf_counter()
            lines.append(
                {"step": step.name, "at_s": round(now - started, 1), "took_s": round(now - began, 2), **found}
            )
            tell(lines[-1], folder / FILE)
    return lines


def attempt(step: Step[State], state: State, seconds: float) -> Found:
    """Do one step; returns what it found, and how it failed if it did."""
    found = Found()
    try:
        with limited(seconds):
            step.work(state, found)
    except TimeLimit:
        found["failed"] = f"it took longer than {seconds:g} seconds"
    except Exception as error:
        found["failed"] = f"{type(error).__name__}: {error}"[:WORDS]
        found["trace"] = "".join(traceback.format_exception(error))[-3 * WORDS :]
    return found


def tell(line: Found, file: Path) -> None:
    """Append a line to a file, on the disk before this returns, and print it."""
    text = json.dumps(line, default=str)
    with file.open("a") as out:
        out.write(text + "\n")
        out.flush()
        os.fsync(out.fileno())
    print(text, flush=True)


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TimeLimit in the main thread if the block takes longer; a library's own code ends first."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeLimit

    usual = signal.signal(signal.SIGALRM, ring)
    outer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *outer)
        signal.signal(signal.SIGALRM, usual)
