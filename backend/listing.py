"""The catalogue as a table for a terminal, against what a machine has."""

from collections.abc import Iterator

from backend.catalog import CATALOG, POCKET, Entry, choose_default, fit
from backend.machine import Machine
from backend.settings import Settings

_HEAD = ("--model", "sees", "context", "GiB in 4 bits, 8 bits, full", "fits here", "licence")


def listing(here: Machine) -> Iterator[str]:
    """The lines of the table, and below it what is taken without `--model`."""
    rows = [_HEAD, *(_row(entry, here) for entry in CATALOG)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield ""
    yield f"Without --model: {choose_default(here, Settings()).why}."


def _row(entry: Entry, here: Machine) -> tuple[str, ...]:
    name = "pocket" if entry is POCKET else entry.id
    sees = "text only" if not entry.images else "images, video" if entry.video else "images"
    needs = "".join(f"{'-' if gib is None else format(gib, 'g'):<6}" for gib in entry.need.gib)
    notes = [entry.licence, "login needed" if entry.gated else "", entry.note]
    fetched = ", fetched" if entry.id in here.models else ""
    place = (fit(entry, here) or "too large") + fetched
    return name, sees, f"{entry.context_length // 1024}k", needs, place, "; ".join(filter(None, notes))
