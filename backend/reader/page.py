"""Defines a page, the text read on one image: lines with their places, and rows. Pure values, no OCR library.

All coordinates are pixels of the clean image, x to the right, y down. A row is what stands side by side: an OCR
reader gives "MILK" and "2.40" as two lines, one receipt row has both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from backend.types import Box

Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]
"""Four corners of a text's box, clockwise, the first at the top left of the text as it is read."""

Turn = Literal[0, 90, 180, 270]

COLUMN = "  "
"""Between two lines of one row that stand well apart."""

SAME_ROW = 0.55  # of a line's height: how far the middles of two lines of one row are apart at most
APART = 1.2  # of a line's height: a wider gap parts columns


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a line, or another run of characters that has a place of its own."""

    text: str
    quad: Quad
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Line:
    """A run of text in one place. `score` is how sure the reader was, from 0 to 1; `words` may be empty."""

    text: str
    quad: Quad
    score: float = 1.0
    words: tuple[Word, ...] = ()

    @property
    def box(self) -> Box:
        """The upright box around it, in whole pixels; may reach past the image where the reader's box did."""
        return bounds([self.quad])

    @property
    def height(self) -> float:
        """The height of the text, whichever way it is turned, in pixels."""
        first, second, third, fourth = self.quad
        return (math.dist(first, fourth) + math.dist(second, third)) / 2


@dataclass(frozen=True, slots=True)
class Row:
    """Lines side by side: their numbers in the page from left to right, and the text, columns apart."""

    lines: tuple[int, ...]
    text: str


@dataclass(frozen=True)
class Page:
    """One image, read. `lines` are in reading order; `turn` is by how many degrees clockwise the text is turned."""

    width: int
    height: int
    lines: tuple[Line, ...] = ()
    turn: Turn = 0

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """The lines in rows, from top to bottom."""
        return tuple(Row(row, self._joined(row)) for row in _rows([self._upright(line) for line in self.lines]))

    @property
    def text(self) -> str:
        """The whole text, a row a line."""
        return "\n".join(row.text for row in self.rows)

    def _upright(self, line: Line) -> Quad:
        """The line's corners as they would stand if the page were not turned."""
        first, second, third, fourth = (self._turned_back(x, y) for x, y in line.quad)
        return first, second, third, fourth

    def _turned_back(self, x: float, y: float) -> Point:
        match self.turn:
            case 90:
                return y, self.width - x
            case 180:
                return self.width - x, self.height - y
            case 270:
                return self.height - y, x
        return x, y

    def _joined(self, row: Sequence[int]) -> str:
        text = ""
        for before, number in zip((None, *row), row, strict=False):
            if before is not None:
                left, right = self._upright(self.lines[before]), self._upright(self.lines[number])
                gap = min(right[0][0], right[3][0]) - max(left[1][0], left[2][0])
                text += COLUMN if gap > APART * self.lines[number].height else " "
            text += self.lines[number].text
        return text


MOST_LINES = 5000
MOST_CHARACTERS = 2000  # of a line

_Corner = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
_Stored = TypeAdapter(
    tuple[
        Annotated[int, Field(ge=1, le=10**6)],
        Annotated[int, Field(ge=1, le=10**6)],
        Turn,
        Annotated[
            list[
                tuple[
                    Annotated[str, Field(max_length=MOST_CHARACTERS)],
                    Annotated[list[_Corner], Field(min_length=8, max_length=8)],
                    Annotated[float, Field(ge=0, le=1.001)],
                ]
            ],
            Field(max_length=MOST_LINES),
        ],
    ]
)


def page_to_json(page: Page) -> list[Any]:
    """A page as JSON: width, height, turn, and its lines as text, eight coordinates and score; without words."""
    lines = [
        [
            line.text[:MOST_CHARACTERS],
            [round(edge, 1) for corner in line.quad for edge in corner],
            round(line.score, 3),
        ]
        for line in page.lines[:MOST_LINES]
    ]
    return [page.width, page.height, page.turn, lines]


def page_from_json(value: Any) -> Page:
    """The page that `page_to_json` wrote, its corners within the image.

    Raises:
        ValueError: it is none.
    """
    width, height, turn, lines = _Stored.validate_python(value)

    def placed(edges: Sequence[float]) -> Quad:
        points = [
            (min(max(x, 0.0), width), min(max(y, 0.0), height)) for x, y in zip(edges[::2], edges[1::2], strict=True)
        ]
        return points[0], points[1], points[2], points[3]

    return Page(width, height, tuple(Line(text, placed(edges), min(score, 1.0)) for text, edges, score in lines), turn)


def bounds(quads: Sequence[Quad]) -> Box:
    """The upright box around some quads, in whole pixels."""
    xs, ys = ([corner[axis] for quad in quads for corner in quad] for axis in (0, 1))
    return math.floor(min(xs)), math.floor(min(ys)), math.ceil(max(xs)), math.ceil(max(ys))


def in_reading_order(page: Page) -> Page:
    """The same page, its lines from top to bottom, and from left to right in a row."""
    return Page(page.width, page.height, tuple(page.lines[at] for row in page.rows for at in row.lines), page.turn)


def _rows(quads: Sequence[Quad]) -> list[tuple[int, ...]]:
    """Group quads that stand side by side, by number, once the slant that most of them share is taken out."""
    slant = _slant(quads)
    middles = [_middle(quad, slant) for quad in quads]
    heights = [max(1.0, (math.dist(quad[0], quad[3]) + math.dist(quad[1], quad[2])) / 2) for quad in quads]
    rows: list[list[int]] = []
    for number in sorted(range(len(quads)), key=lambda number: middles[number][1]):
        row = rows[-1] if rows else []
        y = sum(middles[one][1] for one in row) / len(row) if row else 0.0
        high = min([heights[number], *(heights[one] for one in row)])
        if row and abs(middles[number][1] - y) < SAME_ROW * high:
            row.append(number)
        else:
            rows.append([number])
    return [tuple(sorted(row, key=lambda number: middles[number][0])) for row in rows]


def _slant(quads: Sequence[Quad]) -> float:
    """The angle in radians by which lines fall to the right: of the longer half, which show it best."""
    wide = sorted(quads, key=lambda quad: math.dist(quad[0], quad[1]))[len(quads) // 2 :]
    angles = [math.atan2(quad[1][1] - quad[0][1], quad[1][0] - quad[0][0]) for quad in wide]
    return median(angles) if angles else 0.0


def _middle(quad: Quad, slant: float) -> Point:
    x, y = (sum(corner[axis] for corner in quad) / 4 for axis in (0, 1))
    return x * math.cos(slant) + y * math.sin(slant), y * math.cos(slant) - x * math.sin(slant)
