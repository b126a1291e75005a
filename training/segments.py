"""Seven-segment digits: dark segments on a light display."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import ImageDraw

from training.values import Mark

Colour = tuple[int, int, int]
Point = tuple[float, float]

LIT = {"0": "abcdef", "1": "bc", "2": "abged", "3": "abgcd", "4": "fgbc", "5": "afgcd", "6": "afgedc", "7": "abc",
       "8": "abcdefg", "9": "abfgcd", "-": "g"}  # fmt: skip
"""The lit segments of each character: a at the top, b to f clockwise, g in the middle."""

_ENDS = {"a": ((0, 0), (1, 0)), "b": ((1, 0), (1, 1)), "c": ((1, 1), (1, 2)), "d": ((0, 2), (1, 2)),
         "e": ((0, 1), (0, 2)), "f": ((0, 0), (0, 1)), "g": ((0, 1), (1, 1))}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """How the digits look: ink, the colour of segments that are off (None: not seen), thickness as a part of the
    height, slant as a part of the height, and whether the segments' ends are cut square."""

    ink: Colour
    ghost: Colour | None
    thickness: float
    slant: float
    square: bool


def advance(character: str, height: float) -> float:
    """How far one character moves on."""
    return height * (0.3 if character in ".:" else 0.72)


def width(text: str, height: float) -> float:
    """The width of a whole display."""
    return sum(advance(character, height) for character in text)


def write(pen: ImageDraw.ImageDraw, text: str, x: float, y: float, height: float, style: Style) -> list[Mark]:
    """Draw a text about the line y, from x on; returns a mark for each character."""
    marks = []
    for index, character in enumerate(text):
        step = advance(character, height)
        middle = x + step / 2
        if character == ":":
            _dots(pen, [(middle, y - 0.2 * height), (middle, y + 0.2 * height)], height, style)
        elif character == ".":
            _dots(pen, [(middle, y + 0.5 * height - 0.5 * style.thickness * height)], height, style)
        elif character != " ":
            _digit(pen, character, (x + 0.12 * height, y - height / 2), height, style)
        low = y + (0.4 * height if character == "." else 0.0)
        marks.append(Mark(middle, low, character.strip(), "display", index, 0.12 * height))
        x += step
    return marks


def _dots(pen: ImageDraw.ImageDraw, points: list[Point], height: float, style: Style) -> None:
    half = max(1.0, 0.55 * style.thickness * height)
    for x, y in points:
        pen.rectangle((x - half, y - half, x + half, y + half), style.ink)


def _digit(pen: ImageDraw.ImageDraw, character: str, corner: Point, height: float, style: Style) -> None:
    lit = LIT[character]
    for name in sorted(_ENDS, key=lambda name: name in lit):
        colour = style.ink if name in lit else style.ghost
        if colour is not None:
            pen.polygon(_segment(name, corner, height, style), colour)


def _segment(name: str, corner: Point, height: float, style: Style) -> list[Point]:
    """The outline of one segment; pointed ends unless they are cut square."""
    half, wide = max(0.8, style.thickness * height / 2), 0.48 * height
    (x0, y0), (x1, y1) = _ENDS[name]
    left, top = x0 * wide, half + y0 * (height / 2 - half)
    right, bottom = x1 * wide, half + y1 * (height / 2 - half)
    gap, point = 0.25 * half, 0.0 if style.square else half
    if y0 == y1:
        left, right = left + gap, right - gap
        outline = [(left, top), (left + point, top - half), (right - point, top - half), (right, top),
                   (right - point, top + half), (left + point, top + half)]  # fmt: skip
    else:
        top, bottom = top + gap, bottom - gap
        outline = [(left, top), (left + half, top + point), (left + half, bottom - point), (left, bottom),
                   (left - half, bottom - point), (left - half, top + point)]  # fmt: skip
    lean = style.slant
    return [(corner[0] + x + lean * (height / 2 - y), corner[1] + y) for x, y in outline]
