"""Tells which numbers of a receipt a question is about: those of the rows that it names, or its day and time.

Example: of a receipt with `GREEN TEA / 2 x 3.10  6.20` and `JAM  4.00`, “How much was the green tea?” is about 6.20,
“What was one green tea?” about 3.10, “How many green tea?” about 2, and “When was it?” about the day and the time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

from backend.evidence.folding import flat
from backend.evidence.goods import GoodsRow
from backend.evidence.index import PageIndex
from backend.evidence.labels import labels
from backend.evidence.printed import Printed

_SHORT = 3  # letters of a name that may stand in a question by chance
_WHEN = re.compile(r"\b(?:when|what day|which day)\b")
_EACH = re.compile(r"\b(?:each|unit|one|per|apiece|single)\b")
_MANY = re.compile(r"\b(?:how many|quantity|qty|count)\b")


def amounts_about(question: str, printed: Printed) -> list[Decimal]:
    """List the numbers of the goods that a question names; none where it names none."""
    asked = flat(question)
    field = "quantity" if _MANY.search(asked) else "unit_price" if _EACH.search(asked) else "amount"
    return list(dict.fromkeys(value for row in _named(_letters(asked), printed) for value in row.of(field)))


def asks_when(question: str, pages: Sequence[PageIndex]) -> bool:
    """Whether a question asks for a receipt's day or time."""
    roles = {label.role for label in labels(flat(question))}
    return is_receipt(pages) and bool(roles & {"date", "time"} or _WHEN.search(flat(question)))


def is_receipt(pages: Sequence[PageIndex]) -> bool:
    """Whether a word for a total stands beside an amount on some pages."""
    return any(
        label.role == "total" and any(token.number.places == 2 for token in page.in_row(row))
        for page in pages
        for row, found in enumerate(page.labels)
        for label in found
    )


def years(pages: Sequence[PageIndex]) -> list[str]:
    """The numbers of some pages that can be years and are part of no day: “since 1950”."""
    numbers = (token.number for page in pages for token in page.tokens if not token.dated)
    return [number.text for number in numbers if re.fullmatch(r"(?:19|20)\d\d", number.text) and not number.glued]


def _named(question: str, printed: Printed) -> Iterator[GoodsRow]:
    """Find the rows of which a name stands in a question; where one name is part of another, those of the longer."""
    ways = printed.goods
    certain = [sum(row.certain and bool(row.names) for row in rows) for rows in ways]
    rows = ways[certain.index(max(certain))]
    known: dict[str, list[GoodsRow]] = {}
    for row in rows:
        for name in filter(lambda name: len(name) > _SHORT and name in question, map(_letters, row.names)):
            known.setdefault(name, []).append(row)
    whole = [name for name in known if not any(name != other and name in other for other in known)]
    return (row for name in whole for row in known[name])


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, flat(text)))
