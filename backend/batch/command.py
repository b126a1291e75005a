"""A run over a folder as a person at a terminal sees it: rows into the results, a line that moves, a last word."""

import asyncio
from contextlib import aclosing
from typing import TextIO

from backend.batch.files import Found, others
from backend.batch.meter import Meter
from backend.batch.results import Results
from backend.batch.run import Batch


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
    pieces += [f"{before} there already"] if before else []
    pieces += [f"{meter.errors} with an error"] if meter.errors else []
    pieces += [f"{others(found.others)} left out"] if found.others else []
    return f"{', '.join(pieces)}."
