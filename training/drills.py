"""Pages packed with words, numbers and symbols, to learn to see characters before learning to talk."""

from __future__ import annotations

import random
import string
from dataclasses import dataclass, field

from PIL import Image, ImageDraw

from training import fonts, words
from training.labels import CHARACTERS
from training.receipts import INK, PAPER
from training.values import Drawing, Mark

UNTOLD = "?"
"""The role of a mark whose role is nobody's business."""

SYMBOLS = tuple(label for label in CHARACTERS if len(label) == 1 and label not in " \"'`,.:;_√" and label != "-")


@dataclass(frozen=True)
class Range:
    """How wide the domain is."""

    maths: tuple[str, ...] = fonts.MATHS
    fonts: tuple[str, ...] = fonts.TRAINING
    words: words.Words = field(default_factory=lambda: words.TRAINING)
    tile: int = 224
    scales: tuple[float, ...] = (1.0, 1.0, 1.5, 2.0)


def make(rng: random.Random, domain: Range) -> Drawing:
    """A page of lines of text, or of larger symbols."""
    return page(rng, domain) if rng.random() < 0.6 else _symbols(rng, domain)


def _word(rng: random.Random, domain: Range) -> str:
    kind = rng.random()
    if kind < 0.35:
        return f"{rng.choice(('', '', '€', '$', '£'))}{rng.randint(0, 199)}.{rng.randint(0, 99):02d}"
    if kind < 0.5:
        return f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}"
    if kind < 0.6:
        return f"20{rng.randint(10, 39)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    if kind < 0.75:
        return "".join(rng.choice(string.ascii_letters + string.digits) for _ in range(rng.randint(2, 7)))
    word = words.invent(rng) if rng.random() < 0.6 else rng.choice(domain.words.goods)
    return word.upper() if rng.random() < 0.15 else word


def page(rng: random.Random, domain: Range) -> Drawing:
    font, scale = rng.choice(fonts.available(domain.fonts)), rng.choice(domain.scales)
    size = rng.choice((10, 11, 12, 12, 13, 13, 14, 14, 15, 16, 17, 18, 20))
    pitch, pixels, side = size * rng.uniform(1.2, 1.6) * scale, round(size * scale), int(domain.tile * scale)
    image = Image.new("RGB", (side, side), rng.choice(PAPER))
    pen, ink, marks = ImageDraw.Draw(image), rng.choice(INK), list[Mark]()
    y = pitch * rng.uniform(0.5, 0.9)
    while y < side - pitch / 3:
        x = rng.uniform(0.2, 1.2) * pixels
        while True:
            word = _word(rng, domain)
            steps = [fonts.advance(font, pixels, character) for character in word]
            if x + sum(steps) > side - 2:
                break
            pen.text((x, y), word, ink, fonts.load(font, pixels), anchor="lm")
            for character, step in zip(word, steps, strict=True):
                marks.append(Mark(x + step / 2, y, character, UNTOLD, 0))
                x += step
            x += pixels * rng.choice((0.3, 0.6, 1.5))
        y += pitch
    return Drawing(image, tuple(marks))


def _symbols(rng: random.Random, domain: Range) -> Drawing:
    font, side = rng.choice(fonts.available(domain.maths)), domain.tile
    cell = rng.choice((18, 22, 26, 30, 36, 44))
    image = Image.new("RGB", (side, side), rng.choice(PAPER))
    pen, ink, marks = ImageDraw.Draw(image), rng.choice(INK), list[Mark]()
    for row in range(side // cell):
        for column in range(side // cell):
            label, size = rng.choice(SYMBOLS), round(cell * rng.uniform(0.6, 1.05))
            x, y = (column + rng.uniform(0.42, 0.58)) * cell, (row + rng.uniform(0.68, 0.82)) * cell
            pen.text((x, y), label, ink, fonts.load(font, size), anchor="ms")
            marks.append(Mark(x, y - 0.3 * size, label, UNTOLD, 0, 0.3 * size))
    return Drawing(image, tuple(marks))
