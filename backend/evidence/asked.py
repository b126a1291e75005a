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

NOT_PRINTED = "That is not written there."
NO_DATE = "No date is printed."

_SHORT = 3  # letters of a name that may stand in a question by chance
_WHEN = re.compile(r"\b(?:when|what day|which day)\b")
_EACH = re.compile(r"\b(?:each|unit|one|per|apiece|single)\b")
_PAID = re.compile(r"\bhow (?:did|was|do)\b.*\b(?:pay|paid)\b|\bpaid with\b|\bcard or cash\b")
_ORDERED = re.compile(r"\bwhat\b.*\b(first|second|third|last) (?:item|thing|product|article)\b")
_PLACES = {"first": 0, "second": 1, "third": 2, "last": -1}
_UNTAXED = re.compile(
    r"\b(?:before|without|excluding|excl|exclusive of|net of|less)\b.*\b(?:tax|taxes|vat|gst|sst|iva)\b"
)
_WHOLE = re.compile(
    r"\bjson\b"
    r"|^\W*(?:(?:please|can|could|would|you)\W+)*(?:read|scan|extract|parse|digiti[sz]e|capture|process|transcribe)\W+"
    r"(?:(?:out|in|all|of|the|this|that|my|a|data|details|fields|contents?|information|everything|from|on)\W+)*"
    r"(?:receipt|bill|invoice|ticket|slip)\W*(?:please|for me)?\W*$"
    r"|\bwhat do(?:es)? (?:the|this|that|my) (?:receipt|bill|invoice|ticket|slip) say\b"
)
_MANY = re.compile(r"\b(?:how many|quantity|qty|count)\b")


def amounts_about(question: str, printed: Printed) -> list[Decimal]:
    """List the numbers of the goods that a question names; none where it names none."""
    asked = flat(question)
    field = "quantity" if _MANY.search(asked) else "unit_price" if _EACH.search(asked) else "amount"
    return list(dict.fromkeys(value for row in _named(_letters(asked), printed) for value in row.of(field)))


def asks_for_receipt(question: str, pages: Sequence[PageIndex]) -> bool:
    """Whether a receipt is asked for as a whole, or as JSON: “Read this receipt.”, but not “Read the text on it.”."""
    return is_receipt(pages) and bool(_WHOLE.search(flat(question)))


def ordered(question: str, printed: Printed) -> tuple[str, list[str]] | None:
    """Tell which item a question asks for by its place, and what it may be called; None if it does not.

    Example: “What is the second item?” of a receipt of tea and jam is ("second", ["JAM"]).
    """
    found = _ORDERED.search(flat(question))
    ways = [rows for rows in _goods(printed) if rows and all(row.certain and row.names for row in rows)]
    if not found or not ways:
        return None
    place = _PLACES[found[1]]
    names = [name for rows in ways if -len(rows) <= place < len(rows) for name in rows[place].names]
    return (found[1], list(dict.fromkeys(names))) if names else None


def is_not_printed(question: str, pages: Sequence[PageIndex], printed: Printed) -> bool:
    """Whether a receipt does not have what a question asks for: a subtotal, a tax, a time, how it was paid."""
    if not is_receipt(pages):
        return False
    asked = flat(question)
    roles = {label.role for label in labels(asked) if not label.part}
    known = {label.role for page in pages for found in page.labels for label in found}
    if "subtotal" in roles or _UNTAXED.search(asked):
        return "subtotal" not in known
    if "tax" in roles:
        return not printed.tax_names
    if "time" in roles and "date" not in roles:
        return not any(page.clocks for page in pages)
    return bool(_PAID.search(asked)) and not known & {"cash", "change"} and not _amounts_below_total(pages)


def _amounts_below_total(pages: Sequence[PageIndex]) -> bool:
    """Whether an amount stands below the last word for a total, as what was paid with does."""
    page = pages[-1]
    totals = [row for row, found in enumerate(page.labels) if any(label.role == "total" for label in found)]
    return any(token.row > max(totals, default=0) and token.number.places == 2 for token in page.tokens)


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
    known: dict[str, list[GoodsRow]] = {}
    for row in (row for rows in _goods(printed) for row in rows):
        for name in filter(lambda name: len(name) > _SHORT and name in question, map(_letters, row.names)):
            known.setdefault(name, []).append(row)
    whole = [name for name in known if not any(name != other and name in other for other in known)]
    return (row for name in whole for row in known[name])


def _goods(printed: Printed) -> list[Sequence[GoodsRow]]:
    """The rows of what was bought, named in the way in which most of the certain ones have a name; both if even."""
    named = [sum(row.certain and bool(row.names) for row in rows) for rows in printed.goods]
    return [rows for rows, count in zip(printed.goods, named, strict=True) if count == max(named)]


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, flat(text)))
