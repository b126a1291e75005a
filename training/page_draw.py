"""Pictures of pages of text; what they say is known from the text, not from marks."""

from __future__ import annotations

import random

from PIL import Image, ImageDraw, ImageFont

from backend.reader.page import COLUMN
from training import fonts
from training.receipts import INK, PAPER
from training.values import Drawing

PITCH = 1.3
"""From one row to the next, in sizes of the type."""


def picture(text: str, rng: random.Random) -> Drawing:
    """The rows of a page as small as a model sees them, about as wide and high as they are printed."""
    rows = text.split("\n")
    size = max(6, min(16, 560 // (len(rows) + 2)))
    font = fonts.load(rng.choice(fonts.available(fonts.TRAINING)), size)
    width = int(max((font.getlength(row) for row in rows), default=0)) + 2 * size
    sheet = Image.new("RGB", (max(width, 60), int(size * PITCH * (len(rows) + 1))), rng.choice(PAPER))
    pen, ink, centred = ImageDraw.Draw(sheet), rng.choice(INK), rng.random() < 0.3
    for number, row in enumerate(rows):
        left = (sheet.width - font.getlength(row)) / 2 if centred else size
        pen.text((left, size * PITCH * (number + 0.5)), row, ink, font)
    return Drawing(sheet, (), told=False)


def printed(text: str, font: str, size: int, head: int) -> Drawing:
    """The page as a till prints it: its first `head` rows centred, the last column of the others at the right edge."""
    rows, face = text.split("\n"), fonts.load(font, size)
    assert isinstance(face, ImageFont.FreeTypeFont)
    margin = 1.5 * size
    width = max(face.getlength(row) for row in rows) + 4 * size
    sheet = Image.new("RGB", (int(width), int(size * PITCH * (len(rows) + 2))), (252, 251, 247))
    pen = ImageDraw.Draw(sheet)
    for number, row in enumerate(rows):
        y = size * PITCH * (number + 1)
        columns = row.split(COLUMN)
        if number < head:
            pen.text(((width - face.getlength(row)) / 2, y), row, (25, 25, 30), face)
            continue
        _columns(pen, columns, (margin, width - margin, y), face)
    return Drawing(sheet, (), told=False)


def _columns(
    pen: ImageDraw.ImageDraw, columns: list[str], edges: tuple[float, float, float], face: ImageFont.FreeTypeFont
) -> None:
    """The cells of a row between two edges: the first from the left, the last up to the right, others before it."""
    left, right, y = edges
    pen.text((left, y), columns[0], (25, 25, 30), face)
    for place, column in enumerate(reversed(columns[1:])):
        end = right - place * 6 * face.size
        pen.text((end - face.getlength(column), y), column, (25, 25, 30), face)
