"""Finds a day or a time on a page, in whatever form it is printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from backend.evidence.amounts import Wanted
from backend.evidence.dates import Clock, clocks, days
from backend.evidence.index import PageIndex
from backend.evidence.labels import Label
from backend.evidence.places import Hit

_DIGITS = str.maketrans("oqilsb|", "0011581")
_AMONG_DIGITS = re.compile(
    r"(?<![a-z])[\doqilsb|]*(?:\d[oqilsb|]|[oqilsb|]\d|(?<=[-/.:])[oqilsb|])[\doqilsb|]*(?![a-z])"
)


def find_day(page: PageIndex, asked: frozenset[date], wanted: Wanted) -> list[Hit]:
    """Find every place of a day; `asked` are all that the value can mean. Near ones only where it stands nowhere."""
    found = [
        Hit("exact", page.spans(row, day.start, day.end), row, _score(page, row, day.start, wanted))
        for row, day in page.days
        if day.days & asked
    ]
    return found or [*_misread(page, asked), *_slipped(page, asked, wanted)]


def find_clock(page: PageIndex, asked: Clock, wanted: Wanted) -> list[Hit]:
    """Find every place of a time: 20:49:59 is also 20:49 and 8:49 PM; 8:49 alone is near."""
    found, near = [], []
    for row, clock in page.clocks:
        spans = page.spans(row, clock.start, clock.end)
        score = _score(page, row, clock.start, wanted)
        seconds = None in (asked.second, clock.second) or asked.second == clock.second
        if (clock.hour, clock.minute) == (asked.hour, asked.minute) and seconds:
            found.append(Hit("exact", spans, row, score))
        elif (clock.hour % 12 == asked.hour % 12) + (clock.minute == asked.minute) + seconds > 2:
            near.append(Hit("near", spans, row, score, f"the image has {page.written(spans)}"))
        elif (clock.hour, clock.minute) == (asked.hour, asked.minute) or _one_digit(
            f"{clock.hour:02}{clock.minute:02}", f"{asked.hour:02}{asked.minute:02}"
        ):
            near.append(Hit("near", spans, row, score - 1, f"the image has {page.written(spans)}"))
    return found or near or list(_misread_clocks(page, asked))


def _score(page: PageIndex, row: int, start: int, wanted: Wanted) -> float:
    """Score the words before a day: most those of the field's own name, "due" more than "date"."""
    before = [one for one in page.labels[row] if one.end <= start]
    above = page.labels[row - 1] if row else []
    beside = [3.0 - (one.role is not None) for one in before if _meant(one, wanted)]
    return max([*beside, *(1.0 for one in above if one.text in wanted.words)], default=0.0)


def _meant(label: Label, wanted: Wanted) -> bool:
    return label.text in wanted.words or (label.role is not None and label.role == wanted.role)


def _misread(page: PageIndex, asked: frozenset[date]) -> Iterator[Hit]:
    """Days in which letters stand for digits: 19/1O/2018."""
    for row, text, mended in _mended(page):
        for day in days(mended):
            if day.days & asked and mended[day.start : day.end] != text[day.start : day.end]:
                yield _read(page, row, day.start, day.end)


def _misread_clocks(page: PageIndex, asked: Clock) -> Iterator[Hit]:
    for row, text, mended in _mended(page):
        for one in clocks(mended, [day.end for day in days(mended)]):
            same = (one.hour, one.minute) == (asked.hour, asked.minute)
            if same and mended[one.start : one.end] != text[one.start : one.end]:
                yield _read(page, row, one.start, one.end)


def _mended(page: PageIndex) -> Iterator[tuple[int, str, str]]:
    """Rows in which letters among digits and marks may be digits: their number, text, and text with digits."""
    for row, text in enumerate(page.rows):
        mended = _AMONG_DIGITS.sub(lambda part: part[0].translate(_DIGITS), text)
        if mended != text:
            yield row, text, mended


def _read(page: PageIndex, row: int, start: int, end: int) -> Hit:
    spans = page.spans(row, start, end)
    return Hit("near", spans, row, 3.0, f"the image has “{page.written(spans)}”")


def _slipped(page: PageIndex, asked: frozenset[date], wanted: Wanted) -> Iterator[Hit]:
    """Days that differ from the value in one digit."""
    for row, day in page.days:
        if any(_one_digit(one.isoformat(), other.isoformat()) for one in day.days for other in asked):
            spans = page.spans(row, day.start, day.end)
            yield Hit("near", spans, row, _score(page, row, day.start, wanted), f"the image has {page.written(spans)}")


def _one_digit(one: str, other: str) -> bool:
    return sum(a != b for a, b in zip(one, other, strict=True)) == 1
