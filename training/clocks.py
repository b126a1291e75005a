"""Clocks and calculators: analogue faces, seven-segment clocks, and calculators with their keys."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

from training import fonts, segments
from training.segments import Colour, Style
from training.values import Drawing, Mark

FACES: tuple[Colour, ...] = ((255, 255, 255), (250, 245, 230), (235, 240, 245))
WALLS: tuple[Colour, ...] = ((225, 225, 225), (240, 228, 200), (190, 220, 245), (215, 230, 210))
RIMS: tuple[Colour, ...] = ((30, 30, 30), (120, 80, 40), (60, 60, 140), (150, 30, 30), (110, 110, 110))
DISPLAYS: tuple[Colour, ...] = ((200, 210, 190), (215, 220, 215), (225, 225, 205))
HELD_OUT_FACES: tuple[Colour, ...] = ((245, 235, 245), (240, 250, 240))
HELD_OUT_RIMS: tuple[Colour, ...] = ((30, 100, 60), (190, 150, 50), (90, 40, 110))
HELD_OUT_DISPLAYS: tuple[Colour, ...] = ((190, 205, 215), (210, 200, 180))
KEYS = ("789/", "456*", "123-", "0.=+")


@dataclass(frozen=True)
class Range:
    """How wide the domain is; `hands` are shapes of hands, `step` rounds minutes."""

    kinds: tuple[str, ...] = ("analog", "analog", "digital", "calculator")
    fonts: tuple[str, ...] = fonts.TRAINING
    faces: tuple[Colour, ...] = FACES
    rims: tuple[Colour, ...] = RIMS
    displays: tuple[Colour, ...] = DISPLAYS
    hands: tuple[str, ...] = ("line", "line", "wedge")
    slants: tuple[float, float] = (0.0, 0.12)
    sides: tuple[int, ...] = (224, 224, 280, 336)
    step: int = 1


@dataclass(frozen=True)
class Clock:
    """A drawn clock or calculator: its kind, what it reads, and for each character of that the mark it is read from.

    `reading` is H:MM on an analogue face, what stands there on a display; `half` is AM, PM or "".
    """

    kind: str
    reading: str
    half: str
    second_hand: bool
    drawing: Drawing
    marks: tuple[int, ...]


def make(rng: random.Random, domain: Range) -> Clock:
    """A clock or calculator out of nothing."""
    side = rng.choice(domain.sides)
    match rng.choice(domain.kinds):
        case "analog":
            return _analog(rng, domain, side)
        case "digital":
            return _digital(rng, domain, side)
    return _calculator(rng, domain, side)


@dataclass(frozen=True)
class _Face:
    """A dial: its centre and radius in pixels."""

    x: float
    y: float
    radius: float

    def at(self, turn: float, reach: float) -> tuple[float, float]:
        """A point at a part of a full turn clockwise from the top, at a part of the radius."""
        angle = 2 * math.pi * turn
        return self.x + reach * self.radius * math.sin(angle), self.y - reach * self.radius * math.cos(angle)


def _analog(rng: random.Random, domain: Range, side: int) -> Clock:
    hour, minute = rng.randint(1, 12), rng.randrange(0, 60, domain.step)
    # Drawn at twice the size: thin slanted hands need smooth edges.
    image = Image.new("RGB", (2 * side, 2 * side), rng.choice(WALLS))
    pen, radius = ImageDraw.Draw(image), side * rng.uniform(0.72, 0.94)
    middle = side * rng.uniform(0.98, 1.02)
    face = _Face(middle, side * rng.uniform(0.98, 1.02), min(radius, 2 * side - middle - 4))
    marks = _dial(pen, face, rng, domain)
    style, ink = rng.choice(domain.hands), rng.choice(((0, 0, 0), (30, 30, 30), (20, 20, 90)))
    second_hand = rng.random() < 0.25
    short, long = rng.uniform(0.45, 0.58), rng.uniform(0.74, 0.9)
    _hand(pen, face, ((hour % 12) + minute / 60) / 12, short, rng.uniform(0.05, 0.075), ink, style)
    _hand(pen, face, minute / 60, long, rng.uniform(0.025, 0.045), ink, style)
    if second_hand:
        _hand(pen, face, rng.random(), 0.9, 0.012, (200, 30, 30), "line")
    knob = 0.05 * face.radius
    pen.ellipse((face.x - knob, face.y - knob, face.x + knob, face.y + knob), ink)
    marks.append(Mark(*face.at(((hour % 12) + minute / 60) / 12, short * 0.85), "", "hour", hour % 12, 0.1 * radius))
    # 60 minutes are told by an index of 30 and the last digit.
    marks.append(Mark(*face.at(minute / 60, long * 0.9), str(minute % 10), "minute", minute // 2, 0.1 * radius))
    halved = tuple(Mark(m.x / 2, m.y / 2, m.label, m.role, m.index, m.spread / 2) for m in marks)
    reading = f"{hour}:{minute:02d}"
    hours = len(str(hour))
    read_from = tuple(len(marks) - (2 if place < hours else 1) for place in range(len(reading)))
    return Clock("analog", reading, "", second_hand, Drawing(image.reduce(2), halved), read_from)


def _dial(pen: ImageDraw.ImageDraw, face: _Face, rng: random.Random, domain: Range) -> list[Mark]:
    """Rim, ticks and numerals; returns the numerals' marks."""
    radius, rim = face.radius, rng.choice(domain.rims)
    pen.ellipse((face.x - radius, face.y - radius, face.x + radius, face.y + radius), rng.choice(domain.faces), rim,
                round(radius * rng.uniform(0.025, 0.06)))  # fmt: skip
    minutes, numerals = rng.random() < 0.6, rng.choice(("all", "all", "quarters", "none"))
    for tick in range(60):
        heavy = tick % 5 == 0
        if heavy or minutes:
            line = round(radius * (0.025 if heavy else 0.01))
            pen.line((*face.at(tick / 60, 0.84 if heavy else 0.88), *face.at(tick / 60, 0.92)), (40, 40, 40), line)
    marks = []
    font, size = rng.choice(fonts.available(domain.fonts)), round(radius * rng.uniform(0.15, 0.2))
    for number in range(1, 13):
        if numerals == "all" or (numerals == "quarters" and number % 3 == 0):
            x, y = face.at(number / 12, 0.7)
            text = str(number)
            pen.text((x, y), text, (20, 20, 20), fonts.load(font, size), anchor="mm")
            start = x - sum(fonts.advance(font, size, digit) for digit in text) / 2
            for index, digit in enumerate(text):
                step = fonts.advance(font, size, digit)
                marks.append(Mark(start + step / 2, y, digit, "label", index))
                start += step
    return marks


def _hand(
    pen: ImageDraw.ImageDraw, face: _Face, turn: float, reach: float, width: float, ink: Colour, style: str
) -> None:
    """A hand: a line, a wedge that narrows to its tip, or a lance that is widest halfway."""
    half, sideways = width / 2, turn + 0.25
    back, tip = face.at(turn, -0.12), face.at(turn, reach)
    if style == "line":
        pen.line((*back, *tip), ink, max(2, round(width * face.radius)))
        return
    waist = 0.0 if style == "wedge" else 0.6 * reach
    dx, dy = (part - centre for part, centre in zip(face.at(sideways, 1.4 * half), (face.x, face.y), strict=True))
    x, y = face.at(turn, waist)
    pen.polygon([back, (x + dx, y + dy), tip, (x - dx, y - dy)], ink)


def _style(rng: random.Random, domain: Range, glass: Colour) -> Style:
    red, green, blue = glass
    ghost = (red - 12, green - 12, blue - 12) if rng.random() < 0.3 else None
    ink = rng.choice(((20, 25, 20), (10, 10, 10), (40, 40, 50)))
    slant = rng.uniform(*domain.slants)
    return Style(ink, ghost, rng.uniform(0.1, 0.16), slant, rng.random() < 0.3)


def _body(rng: random.Random, domain: Range, size: tuple[int, int]) -> tuple[Image.Image, Colour]:
    """A wall with a casing on it, and the colour of the display's glass."""
    image = Image.new("RGB", size, rng.choice(WALLS))
    edge = 0.03 * min(size)
    casing = rng.choice(((120, 120, 125), (170, 170, 175), (90, 110, 140), (150, 120, 100)))
    ImageDraw.Draw(image).rounded_rectangle((edge, edge, size[0] - edge, size[1] - edge), 3 * edge, casing)
    return image, rng.choice(domain.displays)


def _digital(rng: random.Random, domain: Range, side: int) -> Clock:
    hour, minute, half = rng.randint(0, 23), rng.randrange(0, 60, domain.step), ""
    if rng.random() < 0.3:
        half, hour = "PM" if hour >= 12 else "AM", hour % 12 or 12
    reading = f"{hour:02d}:{minute:02d}" if not half and rng.random() < 0.7 else f"{hour}:{minute:02d}"
    height = round(side * rng.uniform(0.45, 0.75))
    image, glass = _body(rng, domain, (side, height))
    pen, style = ImageDraw.Draw(image), _style(rng, domain, glass)
    inner = (0.09 * side, 0.16 * height, 0.91 * side, 0.84 * height)
    pen.rectangle(inner, glass, (60, 60, 60))
    room = 0.74 * side - (0.1 * side if half else 0.0)
    digits = min(room / segments.width(reading, 1.0), 0.5 * height) * rng.uniform(0.8, 1.0)
    x = 0.5 * side - segments.width(reading, digits) / 2 - (0.06 * side if half else 0.0)
    marks = segments.write(pen, reading, x, height / 2, digits, style)
    read_from = list(range(len(marks)))
    if half:
        font, size = rng.choice(fonts.available(domain.fonts)), max(9, round(0.055 * side))
        _print(pen, half, (0.83 * side, height / 2 - 0.3 * digits), font, size, style.ink, marks)
        read_from += [-1, len(marks) - 2, len(marks) - 1]
    return Clock("digital", reading, half, False, Drawing(image, tuple(marks)), tuple(read_from))


def _print(
    pen: ImageDraw.ImageDraw, text: str, at: tuple[float, float], font: str, size: int, ink: Colour, marks: list[Mark]
) -> None:
    """Write a text about a point and add its marks."""
    x = at[0] - sum(fonts.advance(font, size, character) for character in text) / 2
    pen.text((x, at[1]), text, ink, fonts.load(font, size), anchor="lm")
    for index, character in enumerate(text):
        step = fonts.advance(font, size, character)
        marks.append(Mark(x + step / 2, at[1], character, "label", index))
        x += step


def _number(rng: random.Random) -> str:
    """What a calculator shows: at most eight characters."""
    kind = rng.random()
    if kind < 0.35:
        text = str(rng.randrange(10 ** rng.randint(1, 6)))
    elif kind < 0.7:
        text = f"{rng.randrange(10 ** rng.randint(1, 4))}.{rng.randrange(100):02d}"
    else:
        text = f"{rng.randrange(10 ** rng.randint(1, 3))}.{rng.randrange(1, 1000)}"
    return f"-{text}" if rng.random() < 0.15 and text.strip("0.") else text


def _calculator(rng: random.Random, domain: Range, side: int) -> Clock:
    reading = _number(rng)
    width, height = round(side * rng.uniform(0.62, 0.85)), side
    image, glass = _body(rng, domain, (width, height))
    pen, style = ImageDraw.Draw(image), _style(rng, domain, glass)
    left, top, right, bottom = 0.09 * width, 0.07 * height, 0.91 * width, rng.uniform(0.27, 0.33) * height
    pen.rectangle((left, top, right, bottom), glass, (60, 60, 60))
    digits = min(0.74 * width / segments.width(reading, 1.0), 0.62 * (bottom - top)) * rng.uniform(0.85, 1.0)
    x = right - 0.04 * width - segments.width(reading, digits)
    marks = segments.write(pen, reading, x, (top + bottom) / 2, digits, style)
    read_from = tuple(range(len(marks)))
    _keys(pen, rng, domain, (left, bottom + 0.06 * height, right, 0.93 * height), marks)
    return Clock("calculator", reading, "", False, Drawing(image, tuple(marks)), read_from)


def _keys(
    pen: ImageDraw.ImageDraw,
    rng: random.Random,
    domain: Range,
    box: tuple[float, float, float, float],
    marks: list[Mark],
) -> None:
    left, top, right, bottom = box
    wide, high = (right - left) / 4, (bottom - top) / 4
    font, size, key = rng.choice(fonts.available(domain.fonts)), round(0.5 * min(wide, high)), rng.choice(FACES)
    for row, line in enumerate(KEYS):
        for column, character in enumerate(line):
            x, y = left + column * wide, top + row * high
            pen.rounded_rectangle((x + 2, y + 2, x + wide - 2, y + high - 2), 3, key, (80, 80, 80))
            _print(pen, character, (x + wide / 2, y + high / 2), font, size, (30, 30, 30), marks)
