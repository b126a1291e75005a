"""Finds a number on a page: as it is, or with what an OCR reader or a model may have got wrong in it.

Where a number stands twice, the words beside and above it and the row of its item decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from backend.evidence.index import PageIndex, Token
from backend.evidence.labels import EITHER_SIGN, MONEY, SUMS, Label
from backend.evidence.places import Hit

# What speaks for a place, in points.
_BESIDE, _ABOVE, _HEAD = 10.0, 6.0, 4.0
_AGAINST = -5.0
_RANK, _FARTHER = 3.0, 2.0  # a final total's phrase; each phrase that stands nearer
_IN_ITEM, _ROW_AWAY = 8.0, 2.0
_SHAPE = 1.0  # a currency beside money, a % after a rate, no decimals in a count
_LABELLED = 6.0

_MAGNITUDE = 30  # powers of ten beyond which nothing printed is near
_NUMBERS = 2000  # of a page that are compared with one that stands nowhere
_LOOKED_AT = 200  # places of one number
_FEW = 100  # counts and rates below it differ in too few digits to be a slip

# Digits that OCR readers take for each other.
_ALIKE = {frozenset(pair) for pair in ("08", "06", "09", "17", "38", "56", "68", "89", "58", "49")}


@dataclass(frozen=True, slots=True)
class Anchor:
    """The rows of an item's name and the rows that are its own; `strict` where its numbers must stand there."""

    page: int
    rows: range
    block: range
    name: str = ""
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What helps to find a value: its role on a receipt, the words of its field, and the item that it belongs to."""

    role: str | None = None
    words: frozenset[str] = field(default_factory=frozenset)
    anchor: Anchor | None = None


def find_number(page: PageIndex, value: Decimal, wanted: Wanted) -> list[Hit]:
    """Find every place of a number on a page; near ones only where it stands nowhere."""
    tokens = page.with_value(value.copy_abs())
    if wanted.anchor:  # an item's own rows before all others
        tokens = [one for one in tokens if one[0].row in wanted.anchor.block] or tokens
    same = (_same(page, token, value, wanted, likeliest) for token, likeliest in tokens[:_LOOKED_AT])
    found = [hit for hit in same if hit]
    return found or list(_near(page, value, wanted))


def stands_in(page: PageIndex, value: Decimal, rows: range) -> bool:
    """Whether a number stands in some rows."""
    return any(token.row in rows and not token.number.glued for token, _ in page.with_value(value.copy_abs()))


def standing(page: PageIndex, token: Token, wanted: Wanted) -> float:
    """Score in points how much the words and rows around a number speak for it."""
    score = _by_labels(page, token, wanted) + _by_item(token, wanted.anchor) + _by_shape(token, wanted.role)
    if wanted.anchor and wanted.role in ("amount", "price"):  # an amount stands to the right of its price
        score += token.right if wanted.role == "amount" else -token.right
    return round(score, 3)


def _same(page: PageIndex, token: Token, value: Decimal, wanted: Wanted, likeliest: bool) -> Hit | None:
    if not _fits(page, token, wanted):
        return None
    number, differs = token.number, ""
    if value and number.minus is not None and number.minus != (value < 0) and wanted.role not in EITHER_SIGN:
        differs = f"the image has {'-' if number.minus else ''}{number.text}"
    elif not likeliest:
        differs = f"the image has {number.text}"
    elif wanted.anchor and wanted.anchor.strict and token.row not in wanted.anchor.block:
        differs = f"it stands elsewhere, not beside “{wanted.anchor.name}”"
    return _hit(page, token, wanted, differs)


def _hit(page: PageIndex, token: Token, wanted: Wanted, differs: str = "", less: float = 0.0) -> Hit:
    spans = page.spans(token.row, token.number.start, token.number.end)
    score = standing(page, token, wanted) - less
    return Hit("near" if differs else "exact", spans, token.row, score, differs)


def _fits(page: PageIndex, token: Token, wanted: Wanted) -> bool:
    """Whether a printed number can be what is looked for: no part of a date, no code, no house number as a price."""
    number, role = token.number, wanted.role
    if role is None:
        return not number.glued
    if token.dated and not number.places:
        return False
    if role == "rate":
        return number.percent or _support(page, token, wanted) or _by_labels(page, token, Wanted("tax")) > 0
    if number.percent or number.glued:
        return False
    if role in SUMS and _counts(page, token) and not _support(page, token, wanted):
        return False
    plain = role in MONEY and not number.places and not number.money and not page.whole_amounts
    return not plain or _support(page, token, wanted)


def _counts(page: PageIndex, token: Token) -> bool:
    """Whether the words right before a number say that it counts things."""
    before = [one for one in page.labels[token.row] if token.since < one.end <= token.number.start]
    return bool(before) and before[-1].role == "quantity" and not token.number.money


def _support(page: PageIndex, token: Token, wanted: Wanted) -> bool:
    """Whether a label or the item's own rows say that a number is meant."""
    inside = wanted.anchor is not None and token.row in wanted.anchor.block
    return inside or _by_labels(page, token, wanted) >= _LABELLED


def _by_labels(page: PageIndex, token: Token, wanted: Wanted) -> float:
    row = page.labels[token.row]
    before = [one for one in row if one.end <= token.number.start]
    own = [one for one in before if one.end > token.since] or before
    if any(one.role or len(one.text) > 2 for one in own):
        return _points(own, wanted, _BESIDE) or _points(page.heads(token), wanted, _HEAD)
    above = page.labels[token.row - 1] if token.row and not _amounts(page, token.row - 1) else []
    return _points(above, wanted, _ABOVE) or _points(page.heads(token), wanted, _HEAD)


def _amounts(page: PageIndex, row: int) -> bool:
    return any(token.number.places for token in page.in_row(row))


def _points(labels: Sequence[Label], wanted: Wanted, most: float) -> float:
    """Score the labels for a field: the nearest of its role or its own words, less for each other phrase between."""
    against, nearer = 0.0, 0
    for one in reversed(labels):
        same = one.role == wanted.role if one.role and wanted.role else one.text in wanted.words
        if same:
            return max(1.0, most + _RANK * one.rank - _FARTHER * nearer)
        nearer += one.role is not None and not one.part
        if one.role and wanted.role and (one.role in SUMS or wanted.role in SUMS):
            against = _AGAINST
    return against


def _by_item(token: Token, anchor: Anchor | None) -> float:
    if anchor is None or token.row not in anchor.block:
        return 0.0
    away = max(anchor.rows.start - token.row, token.row - anchor.rows.stop + 1, 0)
    return max(1.0, _IN_ITEM - _ROW_AWAY * away)


def _by_shape(token: Token, role: str | None) -> float:
    number = token.number
    fits = {"rate": number.percent, "quantity": not number.places and not number.money}
    return _SHAPE if fits.get(role or "", number.money or (role in MONEY and number.places == 2)) else 0.0


def _near(page: PageIndex, value: Decimal, wanted: Wanted) -> Iterator[Hit]:
    """Find numbers that differ by what an OCR reader confuses, or by one digit beside the right words."""
    if abs(value.adjusted()) > _MAGNITUDE:
        return
    for token in page.misread:
        if value.copy_abs() in {reading.value for reading in token.number.readings}:
            written = page.written(page.spans(token.row, token.number.start, token.number.end))
            yield _hit(page, token, wanted, f"the image has “{written}”")
    for token in page.tokens[:_NUMBERS]:
        less = _slip(page, token, value, wanted)
        if less is not None and _fits(page, token, wanted):
            sign = "-" if token.number.minus and value > 0 else ""
            yield _hit(page, token, wanted, f"the image has {sign}{token.number.text}", less)


def _slip(page: PageIndex, token: Token, value: Decimal, wanted: Wanted) -> float | None:
    """Rate how much less likely a printed number that differs is meant; None where it is another number."""
    number = token.number
    if token.dated or number.glued or (wanted.role in ("quantity", "rate") and value.copy_abs() < _FEW):
        return None
    if not number.places and number.digits == _digits(value):  # its mark was lost
        return 2.0 if _support(page, token, wanted) else None
    places = max(number.places, -min(0, int(value.as_tuple().exponent)))
    asked, printed = (f"{one.copy_abs():.{places}f}" for one in (value, number.value))
    if len(asked) != len(printed):
        return None
    pairs = [pair for pair in zip(asked, printed, strict=True) if pair[0] != pair[1]]
    if len(pairs) != 1:
        return None
    alike = frozenset(pairs[0]) in _ALIKE and len(asked) > 3
    return 1.0 if _support(page, token, wanted) else 4.0 if alike else None


def _digits(value: Decimal) -> str:
    """The digits of a number with two decimals, its mark lost."""
    return f"{value.copy_abs():.2f}".replace(".", "")
