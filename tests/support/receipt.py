"""A drawn receipt with what a reader gives of it, for the tests of the panel: lines and their boxes are exact."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from backend.reader.page import Line, Page, Quad, Word

ROWS: tuple[tuple[str, ...], ...] = (
    ("CORNER MARKET SDN BHD",),
    ("12 Harbour Street, 50000 Kuala Lumpur",),
    ("TAX INVOICE",),
    ("Date", "19/03/2018 11:12"),
    ("Bread rolls", "2 x 3.50", "7.00"),
    ("Green tea", "1 x 8.59", "8.59"),
    ("Orange jam", "1 x 12.40", "12.40"),
    ("Washing powder", "1 x 32.31", "32.31"),
    ("SUBTOTAL", "60.30"),
    ("TOTAL", "60.30"),
    ("CASH", "100.00"),
    ("CHANGE", "39.70"),
    ("THANK YOU, PLEASE COME AGAIN",),
)
ANSWER = """{"shop": "Corner Market Sdn Bhd", "address": "12 Harbour Street, 50000 Kuala Lumpur", "date": "2018-03-19",
"time": "11:12", "items": [{"name": "Bread rolls", "quantity": 2, "amount": 7.00},
{"name": "Green tea", "quantity": 1, "amount": 8.58}, {"name": "Olive oil", "quantity": 1, "amount": 12.40},
{"name": "Washing powder", "quantity": 1, "amount": 32.31}],
"subtotal": 60.30, "discount": 4.75, "total": 60.30}"""
"""What a model made of it: the tea's amount is nearly right, the olive oil and the discount are made up."""

WIDTH, LEFT, HEIGHT = 620, 40, 46


def receipt(path: Path, rows: Sequence[Sequence[str]] = ROWS) -> Page:
    """Draw a receipt into a PNG, and return what is read on it."""
    size = WIDTH, 60 + HEIGHT * len(rows)
    image = Image.new("RGB", size, "#fdfcf8")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(24)
    lines = [
        _written(draw, font, text, place, 36 + HEIGHT * number)
        for number, row in enumerate(rows)
        for place, text in enumerate(row if len(row) != 2 else (row[0], "", row[1]))
        if text
    ]
    image.save(path)
    return Page(*size, tuple(lines))


def _written(
    draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, text: str, place: int, top: int
) -> Line:
    """A text at the left, from the middle on, or up to the right, as its place in the row says."""
    wide = draw.textlength(text, font)
    left = (LEFT, 320.0, WIDTH - LEFT - wide)[place]
    draw.text((left, top), text, "#26241f", font)
    words = []
    for word in text.split():
        before = draw.textlength(text[: text.index(word)], font)
        words.append(Word(word, _quad(left + before, draw.textlength(word, font), top)))
    return Line(text, _quad(left, wide, top), words=tuple(words))


def _quad(left: float, wide: float, top: int) -> Quad:
    """A box a little larger than the text, as readers give it."""
    low, high, first, last = float(top - 4), float(top + 32), round(left) - 5.0, round(left + wide) + 5.0
    return (first, low), (last, low), (last, high), (first, high)
