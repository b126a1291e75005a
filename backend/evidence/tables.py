"""Finds the tables of a page by where its text stands, and which lines a table has as CSV.

Rows with the same number of cells, one below the other, are a table. A row with fewer cells belongs to it, too, if it
stands among them: either each of its cells stands in one column, and the others are empty, or two cells were read as
one, which is parted at a space. What cannot be told apart is left to the model: each line has its alternatives.

Example: `Name  Qty  Sum / Tea  2  6.20 / Jam 3  3.60` has the lines `Name,Qty,Sum`, `Tea,2,6.20`, and `Jam,3,3.60`.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice, pairwise

from backend.evidence.index import PageIndex
from backend.reader.page import COLUMN

_FEWEST = 2  # rows and columns of a table
_GAP = 2  # rows within a table that have fewer cells, one after the other
_WAYS = 64  # in which a row can be parted

Line = tuple[str, ...]
"""The cells of a line."""


@dataclass(frozen=True)
class _Cell:
    """A cell of a row, and from where to where it reaches; in pixels along the row."""

    text: str
    left: float
    right: float


@dataclass(frozen=True)
class TableRow:
    """A row of a table: the lines that it may be, and whether it must be one."""

    lines: tuple[Line, ...]
    needed: bool = True


def tables(page: PageIndex) -> list[list[TableRow]]:
    """Find the tables of a page, at most one for each number of columns, those with more columns first."""
    rows = [_cells(page, number) for number in range(len(page.rows))]
    counts = Counter(len(row) for row in rows)
    widths = sorted((width for width, many in counts.items() if min(width, many) >= _FEWEST), reverse=True)
    return [table for table in (_table(rows, width) for width in widths) if len(table) >= _FEWEST]


def _cells(page: PageIndex, row: int) -> list[_Cell]:
    """List the cells of a row, from left to right."""
    found, at = list[_Cell](), 0
    for text in page.page.rows[row].text.split(COLUMN):
        extents = [page.extent(line) for line, _, _ in page.spans(row, at, at + len(text))]
        if text.strip() and extents:
            left, right = min(left for left, _ in extents), max(right for _, right in extents)
            found.append(_Cell(" ".join(text.split()), left, right))
        at += len(text) + len(COLUMN)
    return found


def _table(rows: Sequence[Sequence[_Cell]], width: int) -> list[TableRow]:
    """Make the longest run of rows with `width` cells, with those around them that have fewer."""
    full = [row for row in rows if len(row) == width]
    columns, numeric = _columns(full), _numeric(full)
    best, run, others = list[TableRow](), list[TableRow](), list[TableRow]()
    for row in rows:
        lines = tuple(_lines(row, width, columns))
        if run and len(row) < width:
            lines = tuple(line for line in lines if _fits(line, numeric))
        if len(row) == width:
            run, others = [*run, *others, TableRow(lines)], []
            best = max(best, run, key=len)
        elif lines and len(others) < _GAP:
            others = [*(others if run else ()), TableRow(lines, needed=len(row) > (1 if run else width / 2))]
            if run and best == run and any(numeric):  # the last row's cells were read as one
                best = [*run, replace(others[0], needed=False)]
        else:
            run, others = [], []
    return best


def _numeric(rows: Sequence[Sequence[_Cell]]) -> list[bool]:
    """Tell of each column whether all its cells, apart from the head, are numbers."""
    return [all(_is_number(cell.text) for cell in column[1:]) for column in zip(*rows, strict=True)]


def _is_number(text: str) -> bool:
    return sum(map(str.isdigit, text)) > sum(map(str.isalpha, text))


def _fits(line: Line, numeric: Sequence[bool]) -> bool:
    """Whether the cells of a line are numbers where their column has numbers."""
    return all(_is_number(cell) for cell, of_numbers in zip(line, numeric, strict=True) if cell and of_numbers)


def _columns(rows: Sequence[Sequence[_Cell]]) -> list[tuple[float, float]]:
    """Find from where to where each column reaches; none where they overlap, as in text that is not aligned."""
    spans = [
        (min(cell.left for cell in column), max(cell.right for cell in column)) for column in zip(*rows, strict=True)
    ]
    return spans if all(right < left for (_, right), (left, _) in pairwise(spans)) else []


def _lines(row: Sequence[_Cell], width: int, columns: Sequence[tuple[float, float]]) -> Iterator[Line]:
    """Yield the lines of `width` cells that a row may be."""
    if len(row) == width:
        yield tuple(cell.text for cell in row)
    elif len(row) < width and row:
        places = [_places(cell, columns) for cell in row]
        if columns and all(len(place) == 1 for place in places) and len({place[0] for place in places}) == len(row):
            at = {place[0]: cell.text for place, cell in zip(places, row, strict=True)}
            yield tuple(at.get(column, "") for column in range(width))
        yield from _parted([cell.text for cell in row], width)


def _places(cell: _Cell, columns: Sequence[tuple[float, float]]) -> list[int]:
    """The columns that a cell reaches into."""
    return [number for number, (left, right) in enumerate(columns) if cell.left < right and left < cell.right]


def _parted(cells: Sequence[str], width: int) -> Iterator[Line]:
    """Yield the ways to part some cells at spaces so that they are `width`; none where there are too many."""
    pieces = [cell.split(" ") for cell in cells]
    gaps = [(cell, at) for cell, words in enumerate(pieces) for at in range(1, len(words))]
    ways = list(islice(combinations(gaps, width - len(cells)), _WAYS + 1))
    for cuts in ways if len(ways) <= _WAYS else ():
        line = list[str]()
        for cell, words in enumerate(pieces):
            edges = [0, *(at for number, at in cuts if number == cell), len(words)]
            line += [" ".join(words[start:end]) for start, end in pairwise(edges)]
        yield tuple(line)


def csv_line(cells: Line) -> str:
    """Write a line as CSV: cells with a comma or a quotation mark in quotation marks."""
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow(cells)
    return written.getvalue()
