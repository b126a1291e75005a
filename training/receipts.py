"""Receipts: made-up purchases, and their drawing in several layouts with every character's place known."""

from __future__ import annotations

import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

from training import fonts, words
from training.receipt_rows import Cell, Item, Manner, Purchase, Row, print_rows, vary
from training.values import Drawing, Mark

TAX_NAMES = ("VAT", "GST", "Tax")
TAX_RATES = (5, 7, 8, 10, 19, 20)
PAPER = ((255, 255, 255), (250, 248, 240), (240, 240, 240), (252, 250, 225))
INK = ((0, 0, 0), (30, 30, 30), (60, 60, 70), (20, 20, 90))


@dataclass(frozen=True)
class Range:
    """How wide the domain is."""

    words: words.Words = words.TRAINING
    fonts: tuple[str, ...] = fonts.TRAINING
    max_items: int = 4
    item_styles: tuple[str, ...] = ("times", "front", "plain")
    rules: float = 0.3
    tile: int = 224
    scales: tuple[float, ...] = (1.0, 1.0, 1.5, 2.0)
    variety: float = 0.0
    """How many are printed in another manner than those of the test set."""


@dataclass(frozen=True)
class Receipt:
    """A drawn receipt: what it says, the picture, and the marks of each field's characters."""

    purchase: Purchase
    drawing: Drawing
    fields: dict[str, tuple[int, ...]]
    date_format: str


def make(rng: random.Random, domain: Range) -> Receipt:
    """A receipt out of nothing."""
    style = rng.choice(domain.item_styles)
    purchase = _purchase(rng, domain, style)
    manner = Manner(style, rng.choice(("iso", "iso", "dots")), rng.random() < domain.rules)
    # Without variety nothing is drawn for it: the test set stays as it was.
    if domain.variety and rng.random() < domain.variety:
        purchase, manner = vary(purchase, manner, rng)
    drawing, fields = _draw(print_rows(purchase, manner, rng), rng, domain)
    return Receipt(purchase, drawing, fields, manner.date)


def _price(rng: random.Random) -> int:
    whole = rng.randint(0, 9) if rng.random() < 0.8 else rng.randint(10, 39)
    return max(whole * 100 + rng.choice((0, 10, 20, 25, 40, 50, 75, 80, 90, 95, 99, rng.randint(0, 99))), 15)


def _items(rng: random.Random, domain: Range, style: str) -> tuple[Item, ...]:
    names = words.goods(domain.words, rng, rng.randint(1, domain.max_items))
    items = []
    for name in names:
        quantity = rng.choice((1, 1, 2, 2, 3, 4, 5, 6))
        price = _price(rng)
        if style == "plain":
            items.append(Item(name, None, None, price))
        else:
            items.append(Item(name, quantity, price if style in ("times", "below") else None, quantity * price))
    return tuple(items)


def _purchase(rng: random.Random, domain: Range, style: str) -> Purchase:
    items = _items(rng, domain, style)
    subtotal = sum(item.amount for item in items)
    taxed, discounted = rng.random() < 0.6, rng.random() < 0.12
    rate = rng.choice(TAX_RATES)
    tax = round(subtotal * rate / 100) if taxed else 0
    discount = rng.randint(1, max(2, subtotal // 400)) * 50 if discounted and subtotal > 300 else 0
    dated = rng.random() < 0.95
    return Purchase(
        shop=words.shop(domain.words, rng),
        address=words.address(domain.words, rng) if rng.random() < 0.3 else None,
        date=f"20{rng.randint(19, 29)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}" if dated else None,
        time=f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}" if dated and rng.random() < 0.85 else None,
        currency=rng.choice(("EUR", "USD", "GBP")) if rng.random() < 0.95 else None,
        items=items,
        subtotal=subtotal if taxed or discount or rng.random() < 0.2 else None,
        discount=discount or None,
        tax_name=rng.choice(TAX_NAMES) if taxed else None,
        tax_rate=rate if taxed else None,
        tax_amount=tax if taxed else None,
        total=subtotal + tax - discount,
        payment=rng.choice(("card", "cash")) if rng.random() < 0.75 else None,
    )


def _width(cells: tuple[Cell, ...], font: str, size: int) -> float:
    return sum(fonts.advance(font, size, character) for cell in cells for character in cell.text)


def _lines(rows: list[Row]) -> float:
    """The height of all rows in lines; a rule takes half of one."""
    return sum(0.5 if row.rule else 1.0 for row in rows)


def _fit(rows: list[Row], font: str, tile: int, rng: random.Random) -> tuple[int, float, float]:
    """A type size that fills the tile, the pitch of its lines, and the paper's width."""
    pitch = min(tile / (_lines(rows) + 1.0), 24.0) * rng.uniform(0.92, 1.0)
    size = max(8, int(pitch * rng.uniform(0.70, 0.82)))
    while True:
        widest = max(_width(row.left, font, size) + _width(row.right, font, size) for row in rows)
        gap = 2.5 * size
        if widest + gap <= tile or size <= 8:
            return size, max(pitch, size * 1.15), min(max(widest + gap, 139.0), tile + 40.0)
        size -= 1


def _draw(rows: list[Row], rng: random.Random, domain: Range) -> tuple[Drawing, dict[str, tuple[int, ...]]]:
    font = rng.choice(fonts.available(domain.fonts))
    scale = rng.choice(domain.scales)
    size, pitch, width = _fit(rows, font, domain.tile, rng)
    size, pitch = int(size * scale), pitch * scale
    width = int(max(width * scale, max(_width(row.left + row.right, font, size) for row in rows) + 1.5 * size))
    height = int(pitch * (_lines(rows) + 0.8))
    sheet = Image.new("RGB", (width, height), rng.choice(PAPER))
    pen = _Pen(ImageDraw.Draw(sheet), font, size, rng.choice(INK))
    margin = size * rng.uniform(0.4, 0.7)
    y, dashed = 0.4 * pitch, rng.random() < 0.5
    for row in rows:
        high = 0.5 * pitch if row.rule else pitch
        y += high
        if row.rule:
            pen.rule(margin, width - margin, y - high / 2, dashed)
            continue
        left = (width - _width(row.left, font, size)) / 2 if row.centred else margin
        pen.write(row.left, left, y - 0.5 * pitch)
        pen.write(row.right, width - margin - _width(row.right, font, size), y - 0.5 * pitch)
    return Drawing(sheet, tuple(pen.marks)), {role: tuple(marks) for role, marks in pen.fields.items()}


class _Pen:
    """Writes cells and remembers where each character went."""

    def __init__(self, draw: ImageDraw.ImageDraw, font: str, size: int, ink: tuple[int, int, int]) -> None:
        self.draw, self.font, self.size, self.ink = draw, font, size, ink
        self.marks: list[Mark] = []
        self.fields: dict[str, list[int]] = {}

    def write(self, cells: tuple[Cell, ...], x: float, y: float) -> None:
        for cell in cells:
            self.draw.text((x, y), cell.text, self.ink, fonts.load(self.font, self.size), anchor="lm")
            for index, character in enumerate(cell.text):
                step = fonts.advance(self.font, self.size, character)
                self.fields.setdefault(cell.role, []).append(len(self.marks))
                self.marks.append(Mark(x + step / 2, y, character, cell.role, index))
                x += step

    def rule(self, left: float, right: float, y: float, dashed: bool) -> None:
        line, dash = max(1, self.size // 12), 0.5 * self.size if dashed else right - left
        while left < right:
            self.draw.line((left, y, min(left + dash, right), y), self.ink, line)
            left += 1.8 * dash
