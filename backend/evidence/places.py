"""Defines where a value stands, and cuts the part of a line's box that some of its characters take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from backend.reader.page import Line, Page, Point, Quad

Kind = Literal["exact", "near", "nowhere"]
RANK: dict[Kind, int] = {"exact": 2, "near": 1, "nowhere": 0}

Span = tuple[int, int, int]
"""Characters [start, end) of a line: its number on the page, start, end."""

LISTED = 5  # places of one value, at most


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: which of the given pages, its lines by number, and one quad for each of them."""

    page: int
    lines: tuple[int, ...]
    quads: tuple[Quad, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where and how one value stands on the images.

    `path` is the field's, as in `items[0].amount`; of a table `[row][column]`, of read text `[line]`, both from 0 and
    the table's head included. `differs` says in a few words what a near place has instead.
    """

    path: str
    kind: Kind
    places: tuple[Place, ...] = ()
    differs: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A place where a value may stand: its row and page, and a score of how much speaks for it."""

    kind: Kind
    spans: tuple[Span, ...]
    row: int
    score: float = 0.0
    differs: str = ""
    page: int = 0
    last: int = -1  # the last row, where there are several

    @property
    def rows(self) -> range:
        """The rows that it covers."""
        return range(self.row, max(self.row, self.last) + 1)


def summary(evidence: Iterable[Evidence]) -> tuple[int, int]:
    """Count the values that stand on the images as they are, and all values; a near one does not stand."""
    kinds = [one.kind for one in evidence]
    return kinds.count("exact"), len(kinds)


def settled(path: str, hits: Iterable[Hit], pages: Sequence[Page]) -> Evidence:
    """Make the evidence of a value from its best hits, those that are equally good together."""
    ranked = sorted(hits, key=lambda hit: (-RANK[hit.kind], -hit.score, hit.page, hit.row))
    if not ranked:
        return Evidence(path, "nowhere")
    best = ranked[0]
    equal = [hit for hit in ranked if (hit.kind, hit.score, hit.differs) == (best.kind, best.score, best.differs)]
    places = dict.fromkeys(_place(hit, pages[hit.page]) for hit in equal[:LISTED])
    return Evidence(path, best.kind, tuple(places), best.differs)


def cut(line: Line, start: int, end: int) -> Quad:
    """Cut the part of a line's quad that its characters [start, end) take.

    By the quads of its words where the reader gave them, else as if all characters were equally wide.
    """
    words = [found for found in _words(line) if found[0] < end and start < found[1]]
    if not words:
        length = max(1, len(line.text))
        return _part(line.quad, start / length, end / length)
    first = _within(words[0], start, words[0][1])
    last = _within(words[-1], words[-1][0], end)
    return first[0], last[1], last[2], first[3]


def _place(hit: Hit, page: Page) -> Place:
    by_line: dict[int, tuple[int, int]] = {}
    for line, start, end in hit.spans:
        low, high = by_line.get(line, (start, end))
        by_line[line] = min(low, start), max(high, end)
    quads = tuple(cut(page.lines[line], start, end) for line, (start, end) in by_line.items())
    return Place(hit.page, tuple(by_line), quads)


def _words(line: Line) -> list[tuple[int, int, Quad]]:
    """The words of a line with the characters that they are; none where they are not found in its text."""
    found, at = [], 0
    for word in line.words:
        start = line.text.find(word.text, at)
        if start < 0 or not word.text:
            return []
        at = start + len(word.text)
        found.append((start, at, word.quad))
    return found


def _within(word: tuple[int, int, Quad], start: int, end: int) -> Quad:
    low, high, quad = word
    return _part(quad, (max(start, low) - low) / (high - low), (min(end, high) - low) / (high - low))


def _part(quad: Quad, start: float, end: float) -> Quad:
    """A quad between two shares of its width."""
    first, second, third, fourth = quad
    return (
        _along(first, second, start),
        _along(first, second, end),
        _along(fourth, third, end),
        _along(fourth, third, start),
    )


def _along(one: Point, other: Point, share: float) -> Point:
    return one[0] + (other[0] - one[0]) * share, one[1] + (other[1] - one[1]) * share
