"""Runs a batch at a terminal: fills the results, draws a line of progress, and sums up at the end."""

import asyncio
import shutil
import time
from collections.abc import Callable
from contextlib import aclosing
from typing import TextIO

from backend.batch.files import Found, others
from backend.batch.outputs import Results
from backend.batch.rows import FileRow
from backend.batch.run import Batch
from backend.media.formats import quoted
from backend.tasks.forms.json_text import named
from backend.types import Progress

_CLEAR = "\r\x1b[K"
_BAR = 20  # characters


class Meter:
    """Counts `done` of a total that may grow; `done` are there from an earlier run."""

    def __init__(self, err: TextIO, done: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._err = err
        self._clock = clock
        self._times = [clock()]
        self.done = done
        self.errors = 0
        self._line = ""

    def advance(self, row: FileRow, total: int) -> None:
        """Count a row; print an error, and values that stand nowhere on the image, at once."""
        self.done += 1
        self._times.append(self._clock())
        if row.error:
            self.errors += 1
            self.end()
            self._err.write(f"{_named(row)}\n")
        elif row.nowhere:
            self.end()
            self._err.write(f"{_place(row)}: nowhere on the image: {', '.join(map(named, row.nowhere))}.\n")
        self.show(total)

    def show(self, total: int, name: str = "", progress: Progress | None = None) -> None:
        """Draw the line, with what happens to a file before its answer."""
        filled = _BAR * self.done // max(total, 1)
        left = time_left(self._times, total - self.done)
        pieces = [f"[{'#' * filled}{'.' * (_BAR - filled)}] {self.done}/{total}"]
        if left is not None:
            pieces.append(f"{spoken(left)} left")
        if progress:
            pieces.append(f"{progress.stage}, {quoted(name)}")
        self._draw(" · ".join(pieces))

    def end(self) -> None:
        """Take the line away."""
        if self._line:
            self._err.write(_CLEAR)
            self._line = ""

    def _draw(self, line: str) -> None:
        if self._err.isatty() and line != self._line:
            self._line = line
            self._err.write(_CLEAR + line[: shutil.get_terminal_size().columns - 1])
            self._err.flush()


def _named(row: FileRow) -> str:
    """The error, with where it happened if it does not say so itself."""
    place = _place(row)
    return row.error if row.error and place in row.error else f"{place}: {row.error}"


def _place(row: FileRow) -> str:
    return quoted(row.file) + (f", page {row.page}" if row.page else "")


def time_left(times: list[float], count: int) -> float | None:
    """Estimate the seconds for `count` more from `times`, of the start and of each row done; None before the first.

    The first took the loading of the model as well, so it counts only while it is alone.
    """
    if len(times) < 2:
        return None
    since = times[1:] if len(times) > 2 else times
    return max(0, count) * (since[-1] - since[0]) / (len(since) - 1)


def spoken(seconds: float) -> str:
    """A time as a person would say it."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"


async def fill(results: Results, found: Found, run: Batch, err: TextIO) -> None:
    """Answer what the results lack, and say on `err` how it went; cancelling it keeps what is there.

    Raises:
        GlimpseError: as `Batch.rows` and `Results.add` do.
    """
    for folder in found.closed:
        err.write(f"This folder cannot be opened and is left out: {folder}\n")
    names = {source.name for source in found.sources}
    before = sum(row.file in names for row in results.rows)
    meter = Meter(err, before)
    rows = run.rows(
        found.sources,
        results.rows,
        tell=lambda name, progress: meter.show(run.total, name, progress),
        refuses=results.refuses,
    )
    try:
        async with aclosing(rows):
            async for row in rows:
                results.add(row)
                meter.advance(row, run.total)
    except asyncio.CancelledError:
        meter.end()
        err.write(f"Stopped after {meter.done} of {run.total}; run the same again to go on.\n")
        raise
    finally:
        meter.end()
    err.write(f"{_summary(meter, before, found)}\n")


def _summary(meter: Meter, before: int, found: Found) -> str:
    new = meter.done - before
    pieces = [f"{new - meter.errors} answered"]
    if before:
        pieces.append(f"{before} there already")
    if meter.errors:
        pieces.append(f"{meter.errors} with an error")
    if found.others:
        pieces.append(f"{others(found.others)} left out")
    return f"{', '.join(pieces)}."
