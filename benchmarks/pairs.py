"""Two ways of one thing, timed in turns, and the median of their ratios: what slows the machine slows both."""

import statistics
import sys
import time
from collections.abc import Callable

Run = Callable[[], float]
"""Does the thing once; seconds, or whatever is compared."""


def median_ratio(ours: Run, theirs: Run, pairs: int) -> float:
    """The median of ours over theirs, in interleaved pairs; each second pair runs the other way round.

    One run of each comes first and does not count.
    """
    theirs(), ours()
    ratios = []
    for number in range(pairs):
        if number % 2:
            below, above = theirs(), ours()
        else:
            above, below = ours(), theirs()
        ratios.append(above / below)
        note(f"pair {number + 1} of {pairs}: {above:.4g} over {below:.4g} is {ratios[-1]:.3f}")
    return statistics.median(ratios)


def timed(work: Callable[[], object]) -> float:
    """The seconds that something takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def note(words: str) -> None:
    """Tell how far it is, on standard error."""
    print(f"  {words}", file=sys.stderr, flush=True)
