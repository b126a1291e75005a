"""Scenes: a few coloured shapes at named places on a plain background."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

from training.values import Drawing, Mark

Colour = tuple[int, int, int]

KINDS = ("circle", "square", "triangle", "star")
COLOURS: dict[str, Colour] = {
    "red": (220, 40, 40),
    "green": (40, 160, 60),
    "blue": (40, 80, 220),
    "yellow": (240, 210, 40),
    "orange": (245, 140, 30),
    "purple": (140, 60, 180),
    "black": (20, 20, 20),
}
BACKGROUNDS: dict[str, Colour] = {
    "white": (250, 250, 250),
    "light blue": (190, 220, 245),
    "beige": (240, 228, 200),
}


@dataclass(frozen=True)
class Palette:
    """The shade of each colour's and background's name."""

    colours: dict[str, Colour]
    backgrounds: dict[str, Colour]


PALETTE = Palette(COLOURS, BACKGROUNDS)
HELD_OUT_PALETTE = Palette(
    {
        "red": (190, 20, 60),
        "green": (80, 190, 80),
        "blue": (30, 50, 160),
        "yellow": (225, 190, 0),
        "orange": (235, 115, 60),
        "purple": (175, 90, 205),
        "black": (55, 50, 60),
    },
    {
        "white": (238, 238, 242),
        "light blue": (205, 232, 250),
        "beige": (228, 212, 180),
    },
)
"""Shades outside the tints that training draws."""
SIZES = {"small": 0.055, "medium": 0.095, "large": 0.145}
PLACES = (
    "at the top left", "at the top", "at the top right",
    "on the left", "in the center", "on the right",
    "at the bottom left", "at the bottom", "at the bottom right",
)  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """One shape: its kind, colour, size word and one of nine places; x, y and radius as parts of the side."""

    kind: str
    colour: str
    size: str
    place: int
    x: float
    y: float
    radius: float

    @property
    def words(self) -> str:
        """As in "large red circle"."""
        return f"{self.size} {self.colour} {self.kind}"


@dataclass(frozen=True)
class Scene:
    """A drawn scene: the shapes in reading order, the background, and the mark at each shape's centre."""

    shapes: tuple[Shape, ...]
    background: str
    drawing: Drawing
    centres: tuple[int, ...]


@dataclass(frozen=True)
class Range:
    """How wide the domain is."""

    max_shapes: int = 3
    tint: int = 18
    sides: tuple[int, ...] = (224, 224, 280, 336)
    palette: Palette = PALETTE


def _shape(rng: random.Random, place: int, background: str) -> Shape:
    size = rng.choice(tuple(SIZES))
    return Shape(
        kind=rng.choice(KINDS),
        colour=rng.choice([colour for colour in COLOURS if colour != background]),
        size=size,
        place=place,
        x=0.2 + 0.3 * (place % 3) + rng.uniform(-0.045, 0.045),
        y=0.2 + 0.3 * (place // 3) + rng.uniform(-0.045, 0.045),
        radius=SIZES[size] * rng.uniform(0.92, 1.08),
    )


def make(rng: random.Random, domain: Range) -> Scene:
    """A scene out of nothing."""
    background = rng.choice(tuple(BACKGROUNDS))
    places = sorted(rng.sample(range(9), rng.randint(1, domain.max_shapes)))
    shapes = tuple(_shape(rng, place, background) for place in places)
    return draw(shapes, background, rng, domain)


def draw(shapes: tuple[Shape, ...], background: str, rng: random.Random, domain: Range) -> Scene:
    """The picture of a scene, square or nearly so."""
    side = rng.choice(domain.sides)
    width, height = side, int(side * rng.choice((1.0, 1.0, 0.85)))
    if rng.random() < 0.3:
        width, height = height, width
    image = Image.new("RGB", (width, height), _tinted(domain.palette.backgrounds[background], rng, domain.tint // 2))
    pen = ImageDraw.Draw(image)
    marks: list[Mark] = []
    centres = []
    for shape in shapes:
        x, y, radius = shape.x * width, shape.y * height, shape.radius * min(width, height)
        paint(pen, shape.kind, _tinted(domain.palette.colours[shape.colour], rng, domain.tint), x, y, radius)
        centres.append(len(marks))
        marks.append(cover(shape, x, y, radius))
    return Scene(shapes, background, Drawing(image, tuple(marks)), tuple(centres))


def _tinted(colour: Colour, rng: random.Random, amount: int) -> Colour:
    red, green, blue = (min(255, max(0, part + rng.randint(-amount, amount))) for part in colour)
    return red, green, blue


def cover(shape: Shape, x: float, y: float, radius: float) -> Mark:
    """The mark over a shape; the index tells colour and size."""
    index = tuple(COLOURS).index(shape.colour) * len(SIZES) + tuple(SIZES).index(shape.size)
    return Mark(x, y, "", shape.kind, index, 0.7 * radius)


def paint(pen: ImageDraw.ImageDraw, kind: str, colour: Colour, x: float, y: float, radius: float) -> None:
    """One shape about its centre."""
    if kind == "circle":
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), colour)
    elif kind == "square":
        half = radius * 0.88
        pen.rectangle((x - half, y - half, x + half, y + half), colour)
    else:
        pen.polygon([(x + radius * px, y + radius * py) for px, py in _corners(kind)], colour)


def _corners(kind: str) -> list[tuple[float, float]]:
    if kind == "triangle":
        return [(0.0, -1.0), (0.95, 0.8), (-0.95, 0.8)]
    if kind == "diamond":
        return [(0.0, -1.15), (0.75, 0.0), (0.0, 1.15), (-0.75, 0.0)]
    points = []
    for step in range(10):
        reach = 1.1 if step % 2 == 0 else 0.46
        angle = -math.pi / 2 + step * math.pi / 5
        points.append((reach * math.cos(angle), reach * math.sin(angle)))
    return points
