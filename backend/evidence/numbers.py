"""Reads numbers as printed: 1,234.50, 1.234,50, 1'234.50 and 1 234,50 are one; with signs, currencies, percents.

All functions take text as `folding.flat` makes it: lower case, digits in ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from backend.evidence.currencies import ALSO_WORDS, SIGN, TIMES

_STRICT = re.compile(r"(?:(?<![\w.,])[.,](?=\d{1,2}(?![\d.,])))?\d+(?:[.,'·]\d+)*")
_SPACED = re.compile(r"(?<![\d.,'])\d{1,3}(?: \d{3})+(?:[.,]\d{1,2})?(?!\d|[.,']\d)")
_TORN = re.compile(r"(?<![\d.,'])\d{1,6}(?: [.,]|\. )\d{2}(?!\d|[.,']\d| ?%)")
# Letters where digits should be, or one mark for another; the marks keep words out.
_D = "[0-9oqdcilsbzg|!]"
_MISREAD = re.compile(
    rf"(?:(?<![a-z0-9.,])|{SIGN}\.?)"
    rf"({_D}{{1,3}}(?:[.,' ]{_D}{{2,3}})*[.,' ]{_D}{{3}}(?:[.,]{_D}{{2}})?|{_D}+[.,]{_D}{{2}})"
    r"(?![a-z0-9]|[.,]\d)"
)
_MEASURE = re.compile(r"[\dil|o]+[.,]\d[lg]")  # a bottle's 1.5l is no 1.51
_DIGITS = str.maketrans("oqdcil|!szbg", "000011115289")

_BEFORE = re.compile(rf"({SIGN})\.?[:=]?\s{{0,2}}[-+(]?\s?$")
_AFTER = re.compile(rf"\s?[-)]?({SIGN})(?![a-z]|[.:]?\s?\d)")  # no sign of the amount that follows
_MINUS = re.compile(rf"(?:(?<![a-z0-9])|(?:{SIGN}))-(\s?)(?:(?:{SIGN})\s?)?$")
_PLUS_OR_OPEN = re.compile(r"[(]\s?(?:[a-z$€£¥]{1,3}\s?)?$")
_PERCENT = re.compile(r"\s?[%％]")
_BROKEN = re.compile(r"[°*\"]\d")  # a mark that was read as another: 30°00
_CUT = re.compile(r"[oqdcilsbzg](?![a-z])")  # a letter for the last digit: 21.0C
_UNIT = re.compile(r"(?:x|kg|g|mg|ml|cl|l|m|cm|mm|pcs?|stk?|ea|nos?|units?|個|点|pk|pkt|btl)(?![a-z])")
_TIMES = re.compile(TIMES)
_AT = 8  # characters before a number that are looked at


@dataclass(frozen=True, slots=True)
class Reading:
    """A number's magnitude, which mark parts its decimals ("" where neither . nor , says so), and how many it has."""

    value: Decimal
    mark: str = ""
    places: int = 0


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text, [start, end) its digits and marks.

    `minus` is None where the sign may be either: in brackets, or after a dash that may be one.
    """

    start: int
    end: int
    text: str
    readings: tuple[Reading, ...]
    minus: bool | None = False
    percent: bool = False
    money: bool = False  # a currency stands beside it
    glued: bool = False  # an integer inside a word, as in U13
    misread: bool = False  # letters in it were taken for digits

    @property
    def value(self) -> Decimal:
        """The likeliest magnitude."""
        return self.readings[0].value

    @property
    def places(self) -> int:
        """How many decimals it has in the likeliest reading."""
        return self.readings[0].places

    @property
    def digits(self) -> str:
        """Its digits alone."""
        return re.sub(r"\D", "", self.text)


def readings(text: str) -> tuple[Reading, ...]:
    """List what digits with marks can mean; nothing where they are no number (a date, a version)."""
    parts, marks = re.split(r"[.,'·]", text), re.findall(r"[.,'·]", text)
    if not marks:
        return (Reading(Decimal(text)),)
    found = []
    if marks[-1] in ".,·" and _grouped(parts[:-1], marks[:-1], marks[-1]):
        found.append(Reading(Decimal(f"{''.join(parts[:-1]) or '0'}.{parts[-1]}"), marks[-1], len(parts[-1])))
    if _grouped(parts, marks, "") and parts[0] != "0":
        other = {".": ",", ",": "."}.get(marks[0], "")
        found.append(Reading(Decimal("".join(parts)), other))
    return tuple(found)


def decimal_mark(numbers: Sequence[Number]) -> str:
    """Find the decimal mark of a page, by its numbers that leave no doubt; "" where they do not agree."""
    marks = [one.readings[0].mark for one in numbers if len(one.readings) == 1 and one.places == 2]
    points, commas = marks.count("."), marks.count(",")
    return "." if points > 4 * commas else "," if commas > 4 * points else ""


def by_mark(number: Number, mark: str) -> Number:
    """Put the reading of a number first that has the page's decimal mark."""
    ranked = sorted(number.readings, key=lambda reading: reading.mark != mark)
    return replace(number, readings=tuple(ranked)) if mark else number


def numbers(text: str) -> list[Number]:
    """Find all numbers of a text, also those that a blank splits: 1 234,50 and 60 .30."""
    found = [number for match in _STRICT.finditer(text) if (number := _number(text, match.start(), match.end()))]
    for pattern in (_SPACED, _TORN):
        found += _split(text, pattern)
    return found


def misread(text: str) -> Iterator[Number]:
    """Find amounts in which letters stand for digits, or marks for others: 21.0C, I5.90, 1.234.50."""
    for match in _MISREAD.finditer(text):
        written = match[1].translate(_DIGITS)
        digits = any(char.isdigit() for char in match[1])
        goes_on = text.startswith(",", match.end())  # as in an address: G.98, LEVEL 3
        if (
            digits
            and not goes_on
            and not _MEASURE.fullmatch(match[1])
            and (written != match[1] or not readings(written.replace(" ", "")))
        ):
            *whole, last = re.split(r"[.,' ]", written)
            value = Decimal("".join(whole) + (f".{last}" if len(last) == 2 else last))
            read = Reading(value, "", 2 if len(last) == 2 else 0)
            start = match.start(1)
            yield Number(start, match.end(), match[1], (read,), _minus(text, start, match.end()), misread=True)


def whole(text: str) -> Number | None:
    """The number that a text is, with its sign and currency; None where it says anything else."""
    rest = re.sub(rf"{SIGN}|[-+()%.\s]", "", text)
    longest = sorted(numbers(text), key=lambda one: one.start - one.end)
    if longest and re.fullmatch(r"[\d,'·]+", rest) and re.sub(r"\D", "", rest) == longest[0].digits:
        return longest[0]
    return None


def _grouped(parts: Sequence[str], marks: Sequence[str], decimal: str) -> bool:
    """Whether digits before the decimals are grouped as thousands are, or as lakhs: 12,34,567."""
    if not marks:
        return True
    if set(marks) != {marks[0]} or marks[0] == decimal or marks[0] == "·":
        return False
    first, *middle, last = parts
    indian = marks[0] == "," and len(first) in (1, 2) and all(len(part) == 2 for part in middle)
    western = len(first) in (1, 2, 3) and all(len(part) == 3 for part in middle)
    return len(last) == 3 and (western or indian)


def _split(text: str, pattern: re.Pattern[str]) -> Iterator[Number]:
    for match in pattern.finditer(text):
        number = _number(text, match.start(), match.end(), match[0].replace(" ", ""))
        if number and not number.glued:
            yield replace(number, text=match[0])


def _number(text: str, start: int, end: int, written: str = "") -> Number | None:
    written = written or text[start:end]
    read = readings(written)
    before, after = text[max(0, start - _AT) : start], text[end : end + _AT]
    if not read or _BROKEN.match(after) or (read[0].places == 1 and _CUT.match(after) and not _UNIT.match(after)):
        return None
    signs = [found[1] for found in (_BEFORE.search(before), _AFTER.match(after)) if found]
    money = any(not (written.isdigit() and sign in ALSO_WORDS) for sign in signs)  # 10 PEN may be ten of them
    percent = bool(_PERCENT.match(after))
    glued = written.isdigit() and not money and _glued(before, after)
    return Number(start, end, written, read, _minus(text, start, end), percent, money, glued)


def _glued(before: str, after: str) -> bool:
    """Whether an integer is part of a word or a code: U13, 7/4, 05-3. x2, 2x, @2 and 3pcs are none."""
    head, tail = before[-1:], after[:1]
    if head.isalpha() and head != "x":
        return True
    if tail.isalpha() and not _UNIT.match(after) and not _TIMES.match(after):
        return True
    joined = re.search(r"[\w)]\s?[-/#.:]$", before) and not before.rstrip("-/#.:").endswith("x") and head in "-/#"
    return bool(joined) or bool(re.match(r"[-/:]\d", after))


def _minus(text: str, start: int, end: int) -> bool | None:
    before, after = text[max(0, start - _AT) : start], text[end : end + 2]
    if _PLUS_OR_OPEN.search(before) and after.lstrip()[:1] == ")":
        return None
    if after[:1] == "-" and not after[1:].strip() and "." in text[start:end].replace(",", "."):
        return True
    found = _MINUS.search(before)
    return False if not found else None if found[1] and text[:start].strip() != "-" else True
