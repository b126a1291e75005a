"""Finds days and times as they are printed, in every usual form, by patterns: nothing is guessed.

Not dateutil: it takes what it cannot place from today, and one reading where a form has two. All functions take text
as `folding.flat` makes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

# Per month: English, German, French, Spanish, Italian, Malay, Dutch, Portuguese; a shorter form begins each of them.
_MONTHS = (
    "jan january januar janvier janv enero ene gennaio gen januari janeiro",
    "feb february februar fevrier fevr fev febrero febbraio februari fevereiro",
    "mar march marz mrz mars marzo mac maart mrt marco",
    "apr april avril avr abril abr aprile",
    "may mai mayo maggio mag mei maio",
    "jun june juni juin junio giugno giu junho",
    "jul july juli juillet juil julio luglio lug julai julho",
    "aug august aout agosto ago ogos augustus",
    "sep sept september septembre septiembre settembre set setembro",
    "oct october oktober okt octobre octubre ottobre ott outubro out",
    "nov november novembre noviembre novembro",
    "dec december dezember dez decembre diciembre dic dicembre dis disember dezembro",
)
_NAMED = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_NAME = "|".join(sorted(_NAMED, key=len, reverse=True))

_YEAR = r"(\d{4}(?=\d{1,2}[:.h]\d\d)|\d{4}(?!\d)|'?\d{2}(?!\d))"  # also with a time glued to it
_GAP = r"[\s.,/'-]*(?:de[l]?\s+)?"
_SUFFIX = r"(?:st|nd|rd|th|er|º|°|ª)?"
_NUMERIC = re.compile(rf"(?<!\d)(?<!\d[.,:])(\d{{1,2}}) ?([-/.,|]) ?(\d{{1,2}}) ?\2 ?{_YEAR}")
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4}) ?([-/.]) ?(\d{1,2}) ?\2 ?(\d{2}(?=\d{1,2}[:.h]\d\d)|\d{1,2}(?!\d))")
_SHORT_YEAR_FIRST = re.compile(r"(?<!\d)(\d{2})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)")
_DAY_NAME = re.compile(rf"(?<!\d)(\d{{1,2}}){_SUFFIX}{_GAP}({_NAME})\.?(?![a-z]){_GAP}{_YEAR}")
_NAME_DAY = re.compile(rf"(?<![a-z])({_NAME})\.?(?![a-z])\s*(\d{{1,2}}){_SUFFIX}(?![\d:]){_GAP}{_YEAR}")
_YEAR_NAME = re.compile(rf"(?<!\d)(\d{{4}}){_GAP}({_NAME})\.?(?![a-z]){_GAP}(\d{{1,2}})(?!\d)")
_CHARACTERS = re.compile(r"(?:(令和|平成)\s?)?(\d{1,4}|元)\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일号]")
_COMPACT = re.compile(r"(?<![\d.,])((?:19|20)\d{2})(\d{2})(\d{2})(?![\d.,])")
_ERAS = {"令和": 2018, "平成": 1988}  # the year before an era's first
_EAST_ASIAN = re.compile("[぀-ヿ一-鿿가-힯]")

_CLOCK = re.compile(
    r"(?<![\d.,])(?<!\d[/:-])(\d{1,2})(?:([:h]|\s:\s?)(\d{2})|([.])(\d{2})(?=[:.]\d{2}(?![\d.])|\s?(?:uhr|[ap]\.?m)))"
    r"(?:[:.](\d{2})(?!\d))?(?:\s?([ap])\.?m(?![a-z])\.?)?(?!\d)"
)

# What tills print where the day stands first, and in the United States, where the month does.
_DAY_FIRST = re.compile(
    r"\b(?:rm|myr|sgd|gbp|eur|inr|rs|aud|nzd|sdn|bhd|pte|gmbh|sarl|s\.?r\.?l|plc|jalan|vat|mwst|tva|iva)\b|[€£₹]|s\$"
)
_MONTH_FIRST = re.compile(
    r"\b(?:a[klrz]|c[aot]|d[ce]|fl|ga|hi|i[adln]|k[sy]|la|m[adeinost]|n[cdehjmvy]|o[hkr]|pa|ri|s[cd]|t[nx]|ut|v[at]"
    r"|w[aivy])\.?,? \d{5}(?:-\d{4})?(?![\w-])|\bein\b"
)

_PIVOT = 70  # two digits below it are of this century, as in POSIX (69 there) and SQL


@dataclass(frozen=True, slots=True)
class Day:
    """A date in a text, [start, end), and every day that it can stand for."""

    start: int
    end: int
    days: frozenset[date]


@dataclass(frozen=True, slots=True)
class Clock:
    """A time in a text, [start, end): hour, minute, and second or None."""

    start: int
    end: int
    hour: int
    minute: int
    second: int | None


def days(text: str, east_asian: bool = False) -> list[Day]:
    """Find all dates of a text, the longest where some overlap. `east_asian`: a two-digit year may come first."""
    found = sorted(_days(text, east_asian), key=lambda day: (day.start - day.end, day.start))
    kept: list[Day] = []
    for day in found:
        same = next((one for one in kept if (one.start, one.end) == (day.start, day.end)), None)
        if same:
            kept[kept.index(same)] = Day(day.start, day.end, same.days | day.days)
        elif all(day.end <= one.start or one.end <= day.start for one in kept):
            kept.append(day)
    return sorted(kept, key=lambda day: day.start)


def likeliest(day: Day, text: str, page: Iterable[str]) -> frozenset[date]:
    """What a date in a text stands for most likely, by the rows of its page: as another one has it, else by place.

    Example: 03/02/22 is the third of February beside `RM 12.00` or 25/01/22, the second of March in `Reno, NV 89501`.
    """
    first = re.match(r"\d{1,2}(?!\d)", text[day.start : day.end])
    if len(day.days) < 2 or not first:
        return day.days
    rows = list(page)
    orders = {order for row in rows for other in days(row) if (order := _first_of(other, row))}
    if not orders:
        found = {"day": any(map(_DAY_FIRST.search, rows)), "month": any(map(_MONTH_FIRST.search, rows))}
        orders = {name for name, there in found.items() if there}
    if len(orders) != 1:
        return day.days
    of_month = "month" in orders
    return frozenset(one for one in day.days if int(first[0]) == (one.month if of_month else one.day)) or day.days


def _first_of(day: Day, text: str) -> str | None:
    """Which of the two numbers a date begins with, where it leaves no doubt."""
    found = _NUMERIC.fullmatch(text[day.start : day.end])
    only = min(day.days)
    if len(day.days) > 1 or not found or only.day == only.month:
        return None
    return "day" if int(found[1]) == only.day else "month"


def is_east_asian(text: str) -> bool:
    """Whether a text has Chinese, Japanese or Korean characters."""
    return bool(_EAST_ASIAN.search(text))


def clocks(text: str, after: Iterable[int] = ()) -> list[Clock]:
    """Find all times of a text; `after` are ends of dates, where a time may be glued on."""
    found = [clock for match in _CLOCK.finditer(text) if (clock := _clock(match))]
    for at in after:
        match = _CLOCK.match(text[at:])
        if match and text[at : at + 1].isdigit() and (clock := _clock(match, at)):
            found.append(clock)
    return found


def whole_day(text: str) -> frozenset[date]:
    """Every day that a text, being a date and nothing else, can stand for; none where it is none."""
    text = text.strip(" .,")
    found = days(text)
    return found[0].days if len(found) == 1 and found[0].end - found[0].start == len(text) else frozenset()


def whole_clock(text: str) -> Clock | None:
    """The time that a text is."""
    text = text.strip()
    found = clocks(text)
    return found[0] if len(found) == 1 and found[0].end - found[0].start == len(text) else None


def _days(text: str, east_asian: bool) -> Iterator[Day]:
    for match in _YEAR_FIRST.finditer(text):
        yield from _day(match, [(match[1], match[3], match[4])])
    for match in _NUMERIC.finditer(text):
        first, second, year = match[1], match[3], match[4]
        yield from _day(match, [(year, second, first), (year, first, second)])
    if east_asian:
        for match in _SHORT_YEAR_FIRST.finditer(text):
            yield from _day(match, [(match[1], match[3], match[4])])
    for match in _DAY_NAME.finditer(text):
        yield from _day(match, [(match[3], match[2], match[1])])
    for match in _NAME_DAY.finditer(text):
        yield from _day(match, [(match[3], match[1], match[2])])
    for match in _YEAR_NAME.finditer(text):
        yield from _day(match, [(match[1], match[2], match[3])])
    for match in _CHARACTERS.finditer(text):
        year = 1 if match[2] == "元" else int(match[2])
        yield from _day(match, [(str(year + _ERAS.get(match[1], 0)), match[3], match[4])])
    for match in _COMPACT.finditer(text):
        yield from _day(match, [(match[1], match[2], match[3])])


def _day(match: re.Match[str], read: Iterable[tuple[str, str, str]]) -> Iterator[Day]:
    """Make the date of a match, with every day that its year, month and day can mean."""
    found = set()
    for year, month, day in read:
        try:
            found.add(date(_full_year(year), _NAMED.get(month) or int(month), int(day)))
        except ValueError:  # no such day
            continue
    if found:
        yield Day(match.start(), match.end(), frozenset(found))


def _full_year(text: str) -> int:
    year = int(text.lstrip("'"))
    if len(text.lstrip("'")) == 2:
        return year + (2000 if year < _PIVOT else 1900)
    return year - 543 if 2450 <= year < 2650 else year  # the Buddhist calendar, as in Thailand


def _clock(match: re.Match[str], at: int = 0) -> Clock | None:
    hour, minute = int(match[1]), int(match[3] or match[5])
    second = int(match[6]) if match[6] else None
    if match[7]:
        hour = hour % 12 + (12 if match[7] == "p" else 0)
    if hour > 23 or minute > 59 or (second or 0) > 59:
        return None
    return Clock(at + match.start(), at + match.end(), hour, minute, second)
