"""Splits a long image into parts for detection, merges boxes around lines of text, and tells how they lie."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median

import numpy as np
import numpy.typing as npt

from backend.reader.page import Point, Quad

Boxes = npt.NDArray[np.float32]
"""Count x 4 corners x 2, clockwise from the top left, in pixels; or one box, 4 x 2."""

Area = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""

LONGEST = 2000  # pixels of a side that detection sees at once
NARROWEST = 500  # pixels: a page that would be shrunk below that is read part by part
OVERLAP = 160  # pixels of neighbouring parts
DENSE = 40  # lines; fewer are seen well enough, whatever their size
SMALLEST = 16.0  # pixels that a box is high as it is seen
BATCH = 6  # lines recognised at once, as in RapidOCR
WIDEST = 120  # heights of a line: all the lines that are recognised at once
STANDING = 1.5  # a box so many times as high as wide stands on its side


def parts(width: int, height: int) -> list[Area]:
    """Split an image into parts, (left, top, right, bottom), for detection: one, unless it is long and narrow.

    Example: 600 x 6000 pixels at once would be seen at 200 x 2000, so it becomes four parts of about 600 x 1620.
    """
    long, narrow = max(width, height), min(width, height)
    if long <= LONGEST or narrow * LONGEST / long >= min(narrow, NARROWEST):
        return [(0, 0, width, height)]
    most = max(LONGEST, 2 * narrow) - OVERLAP
    count = math.ceil((long - OVERLAP) / most)
    step = (long - OVERLAP) / count
    edges = [(round(at * step), round((at + 1) * step) + OVERLAP) for at in range(count)]
    if height >= width:
        return [(0, start, width, min(end, height)) for start, end in edges]
    return [(start, 0, min(end, width), height) for start, end in edges]


def tiles(width: int, height: int) -> list[list[Area]]:
    """Split an image whose text is too small to be seen at once into rows of parts, none of which is shrunk."""

    def edges(side: int) -> list[tuple[int, int]]:
        count = max(1, math.ceil((side - OVERLAP) / (LONGEST - OVERLAP)))
        step = (side - OVERLAP) / count
        return [(max(0, round(at * step)), min(side, round((at + 1) * step) + OVERLAP)) for at in range(count)]

    return [[(left, top, right, bottom) for left, right in edges(width)] for top, bottom in edges(height)]


def too_small(boxes: Sequence[Boxes], width: int, height: int) -> bool:
    """Whether text was shrunk so far that lines may be lost or run together, by the height of most boxes."""
    scale = LONGEST / max(width, height)
    if scale >= 1 or len(boxes) < DENSE:
        return False
    return median(min(size(box)) for box in boxes) * scale < SMALLEST


def joined(found: Sequence[Boxes], more: Sequence[Boxes], sideways: bool) -> list[Boxes]:
    """Merge the boxes of some parts with those of the next part, below them or to their right.

    A line that both have is kept once, the one of the two that was seen whole; where a seam cuts lines across, what
    lies on both sides of it becomes one.
    """
    kept, edges = list(found), [_edges(box) for box in found]
    for box in more:
        one = _edges(box)
        twins = [number for number, other in enumerate(edges) if _same(one, other, sideways)]
        for number in twins:
            other = kept[number]
            if sideways:
                left, right = (other, box) if other[0, 0] <= box[0, 0] else (box, other)
                end = right if right[1, 0] > left[1, 0] else left
                box = np.asarray([left[0], end[1], end[2], left[3]], np.float32)
            elif _area(edges[number]) > _area(_edges(box)):
                box = other
        kept = [one for number, one in enumerate(kept) if number not in twins] + [box]
        edges = [one for number, one in enumerate(edges) if number not in twins] + [_edges(box)]
    return kept


Edges = tuple[float, float, float, float]
"""Left, top, right and bottom."""


def _edges(box: Boxes) -> Edges:
    (left, top), (right, bottom) = box.min(0).tolist(), box.max(0).tolist()
    return left, top, right, bottom


def _area(edges: Edges) -> float:
    left, top, right, bottom = edges
    return (right - left) * (bottom - top)


def _same(one: Edges, other: Edges, sideways: bool) -> bool:
    """Whether two boxes are one line: they share half of the smaller one, or of its height where it is cut across."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return False
    if sideways:
        return height > min(one[3] - one[1], other[3] - other[1]) / 2
    return width * height > min(_area(one), _area(other)) / 2


def batches(widths: Sequence[float]) -> Iterator[list[int]]:
    """Group lines of like width, by number, for recognition at once; widths in heights of the line.

    A batch is as wide as its widest line, so there are fewer in one of long lines: memory goes with its pixels.
    """
    batch: list[int] = []
    for number in sorted(range(len(widths)), key=lambda number: widths[number]):
        if batch and (len(batch) == BATCH or (len(batch) + 1) * widths[number] > WIDEST):
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def on_its_side(boxes: Boxes) -> bool:
    """Whether most of the text runs upwards or downwards."""
    runs = [(run, max(size(box))) for box in boxes if (run := _run(box))]
    standing = sum(length for (across, down), length in runs if abs(down) > abs(across))
    lying = sum(length for (across, down), length in runs if abs(down) <= abs(across))
    return len(boxes) > 2 and standing > 2 * lying


def _run(box: Boxes) -> Point | None:
    """How far the text of a box runs across and down, along its first corner's longer side; None of a square one.

    Which side that is does not tell how the text lies: RapidOCR orders corners by x, and of a long line that stands
    and leans, both of the leftmost corners are of one long side.
    """
    width, height = size(box)
    if max(width, height) < STANDING * min(width, height):
        return None
    across, down = (box[1] - box[0] if width > height else box[3] - box[0]).tolist()
    return across, down


def size(box: Boxes) -> tuple[float, float]:
    return (
        max(math.dist(box[0], box[1]), math.dist(box[3], box[2])),
        max(math.dist(box[0], box[3]), math.dist(box[1], box[2])),
    )


def lying(box: Boxes) -> Boxes:
    """Reorder a box so that its first corner is where its text begins: one that stands is read from top to bottom."""
    width, height = size(box)
    if _run(box) is None:
        return box
    long_first = box if width > height else np.roll(box, -1, axis=0)
    across, down = (long_first[1] - long_first[0]).tolist()
    return from_the_end(long_first) if (down if abs(down) > abs(across) else across) < 0 else long_first


def from_the_end(box: Boxes) -> Boxes:
    return np.roll(box, 2, axis=0)


def placed(box: Boxes, width: int, quarter: bool) -> Quad:
    """Map a box to corners in the image as it came, of this width; `quarter`: it was turned a quarter to the left."""
    points: list[Point] = [(float(x), float(y)) for x, y in box]
    if quarter:  # what is at (x, y) there stands at (width - y, x) here
        points = [(width - y, x) for x, y in points]
    first, second, third, fourth = points
    return first, second, third, fourth
