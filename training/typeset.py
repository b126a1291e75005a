"""Sets a formula in type and writes its LaTeX, each token tied to the glyph it is read from."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw

from training import fonts
from training.formulas import Big, Cases, Fraction, Group, Matrix, Node, Root, Script, Symbol
from training.labels import GREEK, MORE_GREEK
from training.values import Answer, Drawing, Mark, Piece

GLYPHS = {**GREEK, **MORE_GREEK, "\\leq": "≤", "\\geq": "≥", "\\neq": "≠", "\\cdot": "·", "\\pm": "±", "\\infty": "∞",
          "-": "−", "\\sum": "∑", "\\int": "∫"}  # fmt: skip
SPACED = ("=", "<", ">", "\\leq", "\\geq", "\\neq", "+", "-", "\\cdot", "\\pm")
SMALLER = 0.68
BRACKETS = {"pmatrix": ("(", ")"), "bmatrix": ("[", "]"), "vmatrix": ("|", "|")}


@dataclass(frozen=True)
class Glyph:
    """A character at a point, or a bar (`label` "bar") or a root's hook (`label` "√") with a width and height."""

    label: str
    x: float
    y: float
    size: int
    role: str
    number: int
    width: float = 0.0
    height: float = 0.0


@dataclass(frozen=True)
class Box:
    """Set type: its glyphs about a baseline at y = 0 that starts at x = 0; `rise` up and `drop` down from it."""

    width: float
    rise: float
    drop: float
    glyphs: tuple[Glyph, ...]

    def moved(self, x: float, y: float) -> tuple[Glyph, ...]:
        """The glyphs, shifted."""
        return tuple(replace(glyph, x=glyph.x + x, y=glyph.y + y) for glyph in self.glyphs)


class Setter:
    """Walks a formula once: sets it and writes its LaTeX in the same order."""

    def __init__(self, font: str) -> None:
        self.font = font
        self.latex: list[tuple[str, int]] = []
        self.count = 0

    def _write(self, text: str, number: int = -1) -> None:
        self.latex.append((text, number))

    def _next(self) -> int:
        self.count += 1
        return self.count - 1

    def set(self, node: Node, size: float, role: str) -> Box:
        match node:
            case Symbol(latex):
                return self._symbol(latex, size, role)
            case Group(parts):
                return self._row([self.set(part, size, role) for part in parts])
            case Fraction(top, bottom):
                return self._fraction(top, bottom, size, role)
            case Root(inner):
                return self._root(inner, size, role)
            case Script(base, power, index):
                return self._script(base, power, index, size, role)
            case Big(latex, low, high):
                return self._big(latex, low, high, size, role)
            case Matrix(kind, rows):
                return self._fenced(kind, rows, BRACKETS[kind], size, role)
            case Cases(rows):
                return self._fenced("cases", rows, ("{", ""), size, role)

    def _row(self, boxes: list[Box]) -> Box:
        x = 0.0
        glyphs: list[Glyph] = []
        for box in boxes:
            glyphs += box.moved(x, 0.0)
            x += box.width
        return Box(x, max(box.rise for box in boxes), max(box.drop for box in boxes), tuple(glyphs))

    def _symbol(self, latex: str, size: float, role: str) -> Box:
        number = self._next()
        self._write(latex, number)
        label, pixels = GLYPHS.get(latex, latex), max(7, round(size))
        room = 0.22 * size if latex in SPACED and role not in ("low", "sup", "sub") else 0.03 * size
        step = fonts.advance(self.font, pixels, label)
        glyph = Glyph(label, room, 0.0, pixels, role, number, step)
        return Box(step + 2 * room, 0.75 * size, 0.22 * size, (glyph,))

    def _fraction(self, top: Node, bottom: Node, size: float, role: str) -> Box:
        number = self._next()
        self._write("\\frac{", number)
        above = self.set(top, size * 0.9, "num")
        self._write("}{", number)
        below = self.set(bottom, size * 0.9, "den")
        self._write("}")
        width = max(above.width, below.width) + 0.3 * size
        axis = -0.28 * size
        bar = Glyph("bar", 0.05 * size, axis, round(size), role, number, width - 0.1 * size)
        up, down = axis - above.drop - 0.1 * size, axis + below.rise + 0.14 * size
        glyphs = (bar, *above.moved((width - above.width) / 2, up), *below.moved((width - below.width) / 2, down))
        return Box(width, above.rise - up, below.drop + down, glyphs)

    def _root(self, inner: Node, size: float, role: str) -> Box:
        number = self._next()
        self._write("\\sqrt{", number)
        under = self.set(inner, size, "root")
        self._write("}")
        hook = 0.55 * size
        rise = under.rise + 0.15 * size
        sign = Glyph("√", 0.0, under.drop, round(size), role, number, hook + under.width, rise + under.drop)
        return Box(hook + under.width + 0.1 * size, rise + 0.05 * size, under.drop, (sign, *under.moved(hook, 0.0)))

    def _script(self, base: Node, power: Node | None, index: Node | None, size: float, role: str) -> Box:
        main = self.set(base, size, role)
        glyphs, rise, drop, width = list(main.glyphs), main.rise, main.drop, 0.0
        if index is not None:
            self._write("_{", self.count)
            below = self.set(index, size * SMALLER, "sub")
            self._write("}")
            glyphs += below.moved(main.width, 0.22 * size)
            drop, width = max(drop, below.drop + 0.22 * size), below.width
        if power is not None:
            self._write("^{", self.count)
            above = self.set(power, size * SMALLER, "sup")
            self._write("}")
            glyphs += above.moved(main.width, -0.42 * size)
            rise, width = max(rise, above.rise + 0.42 * size), max(width, above.width)
        return Box(main.width + width, rise, drop, tuple(glyphs))

    def _big(self, latex: str, low: Node, high: Node, size: float, role: str) -> Box:
        number = self._next()
        self._write(latex, number)
        pixels, label = round(size * 1.6), GLYPHS[latex]
        step = fonts.advance(self.font, pixels, label)
        self._write("_{", self.count)
        below = self.set(low, size * 0.62, "low")
        self._write("}^{", self.count)
        above = self.set(high, size * 0.62, "high")
        self._write("}")
        width = max(step, below.width, above.width) + 0.15 * size
        sign = Glyph(label, (width - step) / 2, 0.28 * size, pixels, role, number, step)
        up, down = -1.15 * size, 0.62 * size + below.rise
        glyphs = (sign, *below.moved((width - below.width) / 2, down), *above.moved((width - above.width) / 2, up))
        return Box(width, above.rise - up, down + below.drop, glyphs)

    def _fenced(
        self, kind: str, rows: tuple[tuple[Node, ...], ...], brackets: tuple[str, str], size: float, role: str
    ) -> Box:
        """A grid of cells between brackets, its middle on the axis."""
        left = self._next()
        self._write(f"\\begin{{{kind}}}", left)
        cells = self._cells(rows, size * 0.92)
        right = self._next() if brackets[1] else -1
        self._write(f"\\end{{{kind}}}", right)
        columns = [max(box.width for box in column) for column in zip(*cells, strict=True)]
        arm, gap, lead = 0.3 * size, 0.7 * size, 0.25 * size
        heights = [(max(box.rise for box in row), max(box.drop for box in row)) for row in cells]
        height = sum(rise + drop for rise, drop in heights) + lead * (len(rows) - 1)
        top = -0.28 * size - height / 2
        wide = sum(columns) + gap * (len(columns) - 1) + 0.3 * size
        fences = [Glyph(brackets[0], 0.0, top + height, round(size), role, left, arm, height)]
        if right >= 0:
            fences.append(Glyph(brackets[1], arm + wide, top + height, round(size), role, right, arm, height))
        glyphs, y = list[Glyph](), top
        for row, (rise, drop) in zip(cells, heights, strict=True):
            x = arm + 0.15 * size
            for box, column in zip(row, columns, strict=True):
                # Cases stand flush left, a matrix's cells in the middle of their columns.
                glyphs += box.moved(x + (0.0 if right < 0 else (column - box.width) / 2), y + rise)
                x += column + gap
            y += rise + drop + lead
        return Box(arm * len(fences) + wide + 0.06 * size, -top, top + height, (*fences, *glyphs))

    def _cells(self, rows: tuple[tuple[Node, ...], ...], size: float) -> list[list[Box]]:
        """Every cell set, in the order of the LaTeX."""
        cells = []
        for number, row in enumerate(rows):
            if number:
                self._write("\\\\", self.count)
            boxes = []
            for column, cell in enumerate(row):
                if column:
                    self._write("&", self.count)
                boxes.append(self.set(cell, size, f"cell{number}{column}"))
            cells.append(boxes)
        return cells


@dataclass(frozen=True)
class Formula:
    """A drawn formula, its tree and its LaTeX."""

    node: Node
    drawing: Drawing
    latex: Answer


def typeset(node: Node, rng: random.Random, font_names: tuple[str, ...], sides: tuple[int, ...]) -> Formula:
    """The formula on paper."""
    setter = Setter(rng.choice(fonts.available(font_names)))
    long_side = rng.choice(sides)
    box = setter.set(node, 32.0, "base")
    size = min(long_side / (box.width + 24), long_side / (box.rise + box.drop + 24), 2.4 * long_side / 224) * 32.0
    setter = Setter(setter.font)
    box = setter.set(node, size, "base")
    drawing = _paint(box, setter.font, size, rng)
    return Formula(node, drawing, _answer(setter.latex))


def _answer(latex: list[tuple[str, int]]) -> Answer:
    """The pieces, with a space where a command would run into a letter."""
    pieces: list[Piece] = []
    for text, number in latex:
        before = pieces[-1].text if pieces else ""
        if before.startswith("\\") and before[-1].isalpha() and text[0].isalpha():
            pieces.append(Piece(" "))
        pieces.append(Piece(text, (number,) if number >= 0 else ()))
    return tuple(pieces)


def _paint(box: Box, font: str, size: float, rng: random.Random) -> Drawing:
    pad = size * rng.uniform(0.25, 0.5)
    width, height = int(box.width + 2 * pad), int(box.rise + box.drop + 2 * pad)
    paper = rng.randint(235, 255)
    image = Image.new("RGB", (width, max(height, width // 4)), (paper, paper, paper - rng.randint(0, 12)))
    base = (image.height - box.rise - box.drop) / 2 + box.rise
    pen, ink = ImageDraw.Draw(image), rng.choice(((0, 0, 0), (30, 30, 30), (20, 20, 90)))
    marks: dict[int, Mark] = {}
    for glyph in box.moved(pad, base):
        marks[glyph.number] = _put(pen, glyph, font, ink)
    return Drawing(image, tuple(marks[number] for number in range(len(marks))))


def _put(pen: ImageDraw.ImageDraw, glyph: Glyph, font: str, ink: tuple[int, int, int]) -> Mark:
    line = max(1, round(glyph.size / 16))
    x, y, middle = glyph.x, glyph.y, glyph.x + glyph.width / 2
    index = glyph.number
    if glyph.label == "bar":
        pen.line((x, y, x + glyph.width, y), ink, line)
        return Mark(middle, y, "bar", glyph.role, index, 0.2 * glyph.size)
    if glyph.label == "√":
        top, hook = y - glyph.height, 0.5 * glyph.size
        points = [(x + 0.05 * hook, y - 0.45 * glyph.height), (x + 0.2 * hook, y - 0.5 * glyph.height),
                  (x + 0.55 * hook, y - 1), (x + hook, top), (x + glyph.width, top)]  # fmt: skip
        pen.line(points, ink, line, joint="curve")
        return Mark(x + 0.5 * hook, y - 0.3 * glyph.height, "√", glyph.role, index, 0.2 * glyph.size)
    if glyph.height:
        _bracket(pen, glyph, ink, line)
        return Mark(middle, y - glyph.height / 2, glyph.label, glyph.role, index, 0.25 * glyph.size)
    pen.text((x, y), glyph.label, ink, fonts.load(font, glyph.size), anchor="ls")
    return Mark(middle, y - 0.3 * glyph.size, glyph.label, glyph.role, index, 0.3 * glyph.size)


def _bracket(pen: ImageDraw.ImageDraw, glyph: Glyph, ink: tuple[int, int, int], line: int) -> None:
    """A tall bracket from its lower left corner: a curve, a line with two feet, a bar, or a brace."""
    width, height = 0.6 * glyph.width, glyph.height
    left, top, bottom = glyph.x + 0.2 * glyph.width, glyph.y - height, glyph.y
    outlines = {
        "(": [(1 - math.sin(math.pi * step / 12), step / 12) for step in range(13)],
        "[": [(1.0, 0.0), (0.0, 0.0), (0.0, 1.0), (1.0, 1.0)],
        "|": [(0.5, 0.0), (0.5, 1.0)],
        "{": [(1.0, 0.0), (0.6, 0.03), (0.5, 0.1), (0.5, 0.42), (0.4, 0.47), (0.0, 0.5),
              (0.4, 0.53), (0.5, 0.58), (0.5, 0.9), (0.6, 0.97), (1.0, 1.0)],
    }  # fmt: skip
    closing = {")": "(", "]": "["}
    points = outlines[closing.get(glyph.label, glyph.label)]
    if glyph.label in closing:
        points = [(1.0 - x, y) for x, y in points]
    pen.line([(left + x * width, top + y * (bottom - top)) for x, y in points], ink, line, joint="curve")
