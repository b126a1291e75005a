"""How far a run is, in one line of a terminal that goes again; where there is no terminal, errors alone."""

import shutil
import time
from collections.abc import Callable
from typing import TextIO

from backend.batch.row import Row
from backend.media.names import quoted
from backend.tasks.json_text import named
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

    def advance(self, row: Row, total: int) -> None:
        """Count a row; an error, and values that stand nowhere on the image, are said at once."""
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
        pieces += [f"{spoken(left)} left"] if left is not None else []
        pieces += [f"{progress.stage}, {quoted(name)}"] if progress else []
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


def _named(row: Row) -> str:
    """The error, with where it happened if it does not say so itself."""
    place = _place(row)
    return row.error if row.error and place in row.error else f"{place}: {row.error}"


def _place(row: Row) -> str:
    return quoted(row.file) + (f", page {row.page}" if row.page else "")


def time_left(times: list[float], count: int) -> float | None:
    """Seconds that `count` more will take, by when the run began and each one before was done; None before the first.

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
