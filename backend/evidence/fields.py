"""Lists the values of a result: each with its path, what helps to find it, and how it is searched on a page."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Literal

from backend.evidence.amounts import Wanted, find_number
from backend.evidence.currencies import payments, signs
from backend.evidence.dates import Clock, clocks, days, whole_clock, whole_day
from backend.evidence.folding import flat
from backend.evidence.index import PageIndex
from backend.evidence.labels import MONEY, as_words, role_of, words_of
from backend.evidence.numbers import Number, numbers, whole
from backend.evidence.places import Hit
from backend.evidence.texts import find_text, has_text
from backend.evidence.whens import find_clock, find_day
from backend.tasks.forms.json_text import Leaf, Printed, leaves, load
from backend.tasks.forms.receipt_schema import CODES

Kind = Literal["text", "number", "other"]
Find = Callable[[PageIndex, Wanted], list[Hit]]

Labels = Mapping[str, Sequence[str]]
"""By a field's name further words that may stand beside its values."""

_SET = re.compile(r"(.*)\[\d+\]")  # the path of a list's element, without its number
_CURRENCY = ("currency", "wahrung", "waehrung", "devise", "moneda", "valuta", "mata wang")
_PAYMENT = ("payment", "paid_by", "tender", "zahlung", "zahlart", "paiement", "pago", "pagamento")
_STAMP = re.compile(r"(.{6,}?)[T ,]+(\d{1,2}:\d{2}.*)")


@dataclass(frozen=True, slots=True)
class FieldValue:
    """A value that can stand on a page. `group` is the path of the item or line that it belongs to, or ""."""

    path: str
    kind: Kind
    find: Find
    wanted: Wanted
    text: str
    group: str = ""
    number: Decimal | None = None

    @property
    def family(self) -> str:
        """The list that its item is in; "" where it is in none."""
        found = _SET.fullmatch(self.group)
        return found[1] if found else ""


def of_json(source: str, words: Labels | None = None) -> list[FieldValue]:
    """List the values of a JSON result; none where it is not JSON. null, true and false are never printed."""
    try:
        load(source)
        fields = [_of_leaf(source, leaf, words or {}) for leaf in leaves(source)]
    except ValueError:  # also of whole numbers of thousands of digits
        return []
    return [field for field in fields if field]


def of_csv(source: str) -> list[FieldValue]:
    """List the cells of a table, each by what it looks like; its columns' heads are labels."""
    try:
        lines = [line for line in csv.reader(io.StringIO(source)) if line]
    except csv.Error:
        return []
    head = lines[0] if lines else []
    found = []
    for row, line in enumerate(lines):
        for column, cell in enumerate(line):
            words = words_of(head[column]) if row and column < len(head) else frozenset()
            found.append(of_text(f"[{row}][{column}]", cell, Wanted(words=words), f"[{row}]"))
    return [field for field in found if field]


def of_lines(source: str) -> list[FieldValue]:
    """List the lines of read text."""
    found = (of_text(f"[{number}]", line, Wanted()) for number, line in enumerate(source.splitlines()))
    return [field for field in found if field]


def of_sentence(source: str, path: str) -> list[FieldValue]:
    """List the dates, times and numbers of a sentence, in order, with the words before each as its labels."""
    plain = flat(source)
    found: list[tuple[int, int, Find]] = [(day.start, day.end, _day(day.days)) for day in days(plain)]
    found += [(clock.start, clock.end, _clock(clock)) for clock in clocks(plain, [end for _, end, _ in found])]
    for number in sorted(numbers(plain), key=lambda one: one.start - one.end):
        if not number.glued and all(number.end <= start or end <= number.start for start, end, _ in found):
            found.append((number.start, number.end, _number(_signed(number))))
    fields = []
    for place, (start, end, find) in enumerate(sorted(found, key=lambda one: one[:2])):
        wanted = Wanted(words=as_words(plain[:start].split()[-4:]))
        fields.append(FieldValue(f"{path}[{place}]", "other", find, wanted, source[start:end]))
    return fields


def of_text(path: str, value: str, wanted: Wanted, group: str = "") -> FieldValue | None:
    """Make a value of a text: a date, time, number or words; None where there is nothing to look for."""
    plain = flat(value)
    day, clock, number = whole_day(plain), whole_clock(plain), whole(plain)
    if day:
        return FieldValue(path, "other", _day(day), wanted, value, group)
    if clock:
        return FieldValue(path, "other", _clock(clock), wanted, value, group)
    if (stamp := _STAMP.fullmatch(value)) and (day := whole_day(flat(stamp[1]))):
        return FieldValue(path, "other", _stamp(day, whole_clock(flat(stamp[2])[:8])), wanted, value, group)
    if number and not (number.text.isdigit() and number.text[0] == "0" and len(number.text) > 1):
        signed = _signed(number)
        return FieldValue(path, "number", _number(signed, number.percent), wanted, value, group, signed)
    return FieldValue(path, "text", _words(value), wanted, value, group) if has_text(value) else None


def _of_leaf(source: str, leaf: Leaf, words: Labels) -> FieldValue | None:
    value = load(source[leaf.start : leaf.end])
    parent, key = _names(leaf.path)
    group = leaf.path.rpartition(".")[0]
    group = group if group.endswith("]") else ""
    wanted = Wanted(role_of(key, parent), words_of(key) | as_words(words.get(key, ())))
    if isinstance(value, Printed):
        return _of_number(leaf.path, value, wanted, group)
    if not isinstance(value, str) or not value.strip():
        return None
    special = _special(flat(key), value)
    if special:
        return FieldValue(leaf.path, "other", special, wanted, value, group)
    return of_text(leaf.path, value, wanted, group)


def _of_number(path: str, value: str, wanted: Wanted, group: str) -> FieldValue | None:
    try:
        number = Decimal(value)
    except InvalidOperation:  # JSON's NaN
        return None
    return FieldValue(path, "number", _number(number), wanted, value, group, number) if number.is_finite() else None


def _names(path: str) -> tuple[str, str]:
    """The names of a field and of what it is in: `taxes[0].amount` is ("taxes", "amount")."""
    names = [name for name in re.sub(r"\[\d+\]", "", path).split(".") if name]
    return (names[-2] if len(names) > 1 else "", names[-1] if names else "")


def _special(key: str, value: str) -> Find | None:
    """Make the search of a value that is printed in another form than it is written: a currency or a payment."""
    code = value.strip().upper()
    if code in CODES and (any(name in key for name in _CURRENCY) or key == "ccy"):
        return lambda page, wanted: _standing(page, signs(code), wanted)
    paid = payments(flat(value).strip()) if any(name in key for name in _PAYMENT) else None
    return (lambda page, wanted: _standing(page, paid, wanted)) if paid else None


def _standing(page: PageIndex, pattern: re.Pattern[str], wanted: Wanted) -> list[Hit]:
    """Find where a sign or word stands; beside the total before anywhere else."""
    found = []
    for row, text in enumerate(page.rows):
        match = pattern.search(text)
        if match:
            total = any(label.role == "total" for label in page.labels[row])
            amount = any(token.number.places for token in page.in_row(row))
            found.append(Hit("exact", page.spans(row, *match.span()), row, 2.0 * total + amount - row / 1e6))
    return found


def _signed(number: Number) -> Decimal:
    return number.value.copy_negate() if number.minus else number.value


def _number(value: Decimal, percent: bool = False) -> Find:
    def find(page: PageIndex, wanted: Wanted) -> list[Hit]:
        role = "rate" if percent and wanted.role not in MONEY else wanted.role
        found = find_number(page, value, Wanted(role, wanted.words, wanted.anchor))
        if role == "rate" and 0 < value < 1 and not any(hit.kind == "exact" for hit in found):
            return find_number(page, value * 100, Wanted(role, wanted.words, wanted.anchor)) or found
        return found

    return find


def _day(asked: frozenset[date]) -> Find:
    return lambda page, wanted: find_day(page, asked, wanted)


def _clock(asked: Clock) -> Find:
    return lambda page, wanted: find_clock(page, asked, wanted)


def _stamp(asked: frozenset[date], clock: Clock | None) -> Find:
    """Make the search of a day with its time: it stands where the day does, near if the time stands nowhere."""

    def find(page: PageIndex, wanted: Wanted) -> list[Hit]:
        found = find_day(page, asked, wanted)
        times = find_clock(page, clock, wanted) if clock else []
        if not clock or any(hit.kind == "exact" for hit in times):
            return found
        differs = times[0].differs if times else "the image has no such time"
        return [Hit("near", hit.spans, hit.row, hit.score, hit.differs or differs) for hit in found]

    return find


def _words(value: str) -> Find:
    return lambda page, wanted: find_text(page, value, wanted)
