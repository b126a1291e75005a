"""Tells what of a receipt's row may be the name of something bought: without codes, counts, signs and flags.

Example: of `8239431  GREEN TEA 500ML  2 x 3.10  6.20 SR` the only name is `GREEN TEA 500ML`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from backend.evidence.currencies import ALSO_WORDS, SIGN
from backend.evidence.folding import flat
from backend.evidence.labels import BESIDE_SUMS, HEADING, SUMS, is_heading, labels
from backend.reader.page import COLUMN

_FLAG = 3  # characters of a tax flag behind a name
_PREFIX = 2  # characters of a word that may be a mark before a name
# What stands between a count and a price: 2 x 3.10, 2 PCS @ RM 3.10.
_BESIDE = re.compile(r"^(?:[x@àX×*]|pcs?|PCS?|units?|UNITS?)+|(?:[x@àX×*]|pcs?|PCS?|units?|UNITS?)+$")
_SIGN = rf"(?i:(?!(?:{'|'.join(sorted(ALSO_WORDS))})\b){SIGN})"  # a pen is no Peruvian sol
_MONEY = re.compile(rf"(?:{_SIGN}|[^\w\s]{{0,2}})\d{{1,3}}(?:[.,]?\d{{3}})*[.,]\d{{2}}(?:{_SIGN}|[^\w\s]?[A-Z]?)")
_AT_END = re.compile(rf"(?:\s+(?:[x@àX×*]{_SIGN}?|pcs?|PCS?|units?|UNITS?|{_SIGN}\.?))+$")
# A currency alone, a label of something else, a measure, a flag of a tax.
_NO_NAME = re.compile(
    rf"{_SIGN}\.?|.*:|(?i:pkts?|pcs?|units?|kgs?|ea|nos?|ctns?|btls?|sr|zr|zrl|disc)\.?|[\d.,]+[xX×@]\S*"
)
_SIZE = re.compile(r"\d{1,3}(?:[\"”]|[ -]?\w{1,2})")  # 12", on a row below its name
_NOTE = re.compile(r"[+*]|no\b(?!\W?\d)|(?:pax|guests?|table|covers)\b\W*\d", re.IGNORECASE)
_GARMENT = re.compile(r"X{1,2}[LS]")  # a size
_NUMBERED = re.compile(r"^(?:\d+[).]|-|x(?=[A-Z][a-z]))(?=\w)")  # 5)LIVER, 1 -TEA, 1 xTea
# P6721, 8239-51, but neither 500ML nor 1000g.
_CODE = re.compile(r"(?=(?:\D*\d){3})(?!\d+(?i:g|kg|ml|cl|l|mm|cm|m|w|v|x)$)(?:[\d.·/-]*[A-Za-z]){0,2}[\d.·/-]*")


@dataclass(frozen=True)
class NameCells:
    """The words of a row, in cells that have no amount; whether these begin and end where the row does."""

    cells: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    """Cells in which what looks like a count is part of the name."""
    from_start: bool = False
    to_end: bool = False


def name_cells(text: str, counted: Collection[str]) -> NameCells:
    """Find the cells of a row's text; `counted` are its counts, prices and misread amounts, in lower case."""
    cells, whole = _cells(text, counted), " ".join(text.split())
    also = _cells(text, {word for word in counted if f"{word}x" not in whole.lower()})  # 6  MAYONNAISE 6X  51.00
    named = bool(cells) and (_is_name(cells[0]) or _SIZE.fullmatch(cells[0]) is not None)
    return NameCells(
        tuple(cells),
        tuple(also),
        named and whole.startswith(cells[0]),
        bool(cells) and whole.endswith(cells[-1]),
    )


def names_in(rows: Iterable[NameCells], pairs: Iterable[tuple[NameCells, NameCells]]) -> list[str]:
    """List the names in some rows, and over pairs of rows, as printed.

    They end where a cell, or what was counted, begins.

    Of `12 GREEN TEA  3.10` these are `12 GREEN TEA` and `GREEN TEA`; one of two rows goes over both.
    """
    made: dict[str, None] = {}
    for row in rows:
        for cell in (*row.cells, *row.also):
            made |= dict.fromkeys(end for one in _ends_of(cell) for end in (one, _NUMBERED.sub("", one)))
    for upper, lower in pairs:
        if (
            upper.to_end
            and lower.from_start
            and not (_is_heading(upper.cells[-1]) or is_note(upper) or _counted(lower))
        ):
            ends, starts = _ends_of(upper.cells[-1]), _starts_of(lower.cells[0])
            made |= dict.fromkeys(f"{end} {start}" for end in ends for start in starts)
    named = [name for name in made if re.search(r"[^\W\d_]", name) and not _NO_NAME.fullmatch(name)]
    return [name for name in named if not is_doubtful(name)] or named


def _counted(words: NameCells) -> bool:
    """Whether a row begins with how many there are of what it names: 10 - TEA, 2x JAM."""
    return re.match(r"\d+ ?(?:-|[x×])? ?[^\W\d_]{3}", words.cells[0]) is not None


def is_doubtful(name: str) -> bool:
    """Whether a name is hardly one: a letter, a code, what kind of paper it is, or a sum."""
    is_code = _CODE.fullmatch(name) or not re.search(r"[^\W\d_]{2}", name)
    return bool(is_code) or _is_heading(name) or _says_sum(name)


def _is_heading(name: str) -> bool:
    return is_heading(name) or re.fullmatch(rf"\W*(?:{HEADING})\W*", name, re.IGNORECASE) is not None


def is_note(words: NameCells) -> bool:
    """Whether a row is hardly the first of a name over two rows: “+ Extra cheese”, “* offer *”, “No ice”, “Pax: 9”."""
    return any(_NOTE.match(cell) for cell in words.cells)


def _says_sum(name: str) -> bool:
    """Whether all words of a name are of a sum: “Total”, “SubTotal Incl GST”."""
    text = flat(name)
    words = [label for label in labels(text) if not label.part]
    return any(label.role in SUMS for label in words) and all(
        label.role in SUMS or BESIDE_SUMS.fullmatch(text[label.start : label.end]) for label in words
    )


def _cells(text: str, counted: Collection[str]) -> list[str]:
    """The runs of words of a row between its columns, amounts and counts; no flags behind the last amount."""
    found, amounts = [""], 0
    for cell in text.split(COLUMN):
        for word in cell.split():
            bare = _BESIDE.sub("", word).strip("*")
            if _MONEY.fullmatch(word):
                amounts = len(found)
            if _MONEY.fullmatch(word) or bare.lower() in counted or (found[-1] == "" and _BESIDE.fullmatch(word)):
                found.append("")
            else:
                found[-1] = f"{found[-1]} {word}".lstrip()
        found.append("")
    behind = [cell for cell in found[amounts:] if cell and not (amounts and _is_flag(cell))]
    return [_AT_END.sub("", cell) for cell in (*filter(None, found[:amounts]), *behind)]


def _is_name(text: str) -> bool:
    """Whether a text is no code: more letters than digits, or as short as 70G."""
    letters, digits = (sum(map(kind, text)) for kind in (str.isalpha, str.isdigit))
    return letters > digits or (letters > 0 and len(text) <= 5)


def _ends_of(cell: str) -> list[str]:
    """What a cell may say of a name: all of it, without the codes before it, without the flag at its end.

    Of `8239 GREEN TEA SR` these are `GREEN TEA SR` and `GREEN TEA`; of `2 GREEN TEA` the whole, and `GREEN TEA`.
    """
    words = cell.split(" ")
    ends = [len(words), *([len(words) - 1] if _ends_with_flag(words) else [])]
    prefixes = list(takewhile(_is_prefix, words[:-1]))
    after_code = max((at for at, word in enumerate(prefixes, 1) if _CODE.fullmatch(word)), default=0)
    starts = range(after_code, len(prefixes) + 1)
    return [" ".join(words[start:end]) for end in ends for start in starts if start < end]


def _is_prefix(word: str) -> bool:
    """Whether a word can be no part of the name behind it: a code, a number, a mark."""
    return len(word) <= _PREFIX or word.endswith((":", ")")) or any(map(str.isdigit, word))


def _starts_of(cell: str) -> list[str]:
    words = cell.split(" ")
    return [cell, *([" ".join(words[:-1])] if _ends_with_flag(words) else [])]


def _ends_with_flag(words: Sequence[str]) -> bool:
    """Whether there is a name, and a flag behind it; a size in brackets, such as (L), is of the name."""
    return len(words) > 1 and _is_flag(words[-1]) and not words[-1].startswith("(")


def _is_flag(word: str) -> bool:
    """Whether a word may be the flag of a tax: SR, Z, ZRL, *; a measure such as 1L is none, and no TEA or EGG."""
    is_word = len(word) > 2 and re.search("[aeiou]", word, re.IGNORECASE)
    return len(word) <= _FLAG and not is_word and not any(map(str.isdigit, word)) and not _GARMENT.fullmatch(word)
