"""A picture of a page of text, as small as a model sees it; what it says is known from its text, not from marks."""

from __future__ import annotations

import random

from PIL import Image, ImageDraw

from training import fonts
from training.receipts import INK, PAPER
from training.values import Drawing


def picture(text: str, rng: random.Random) -> Drawing:
    """The rows of a page, one below the other, in one of the fonts; about as wide and high as they are printed."""
    rows = text.split("\n")
    size = max(6, min(16, 560 // (len(rows) + 2)))
    font = fonts.load(rng.choice(fonts.available(fonts.TRAINING)), size)
    width = int(max((font.getlength(row) for row in rows), default=0)) + 2 * size
    sheet = Image.new("RGB", (max(width, 60), int(size * 1.25 * (len(rows) + 1))), rng.choice(PAPER))
    pen, ink, centred = ImageDraw.Draw(sheet), rng.choice(INK), rng.random() < 0.3
    for number, row in enumerate(rows):
        left = (sheet.width - font.getlength(row)) / 2 if centred else size
        pen.text((left, size * 1.25 * (number + 0.5)), row, ink, font)
    return Drawing(sheet, (), told=False)
