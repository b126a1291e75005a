"""Folds text to compare it: without case, accents, spaces and punctuation, each character with where it came from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backend.evidence.places import Span

_DASHES = "‐‑‒–—―−"
_QUOTES = "’‘`´′"
_TIMES = "×✕✖"
_STROKES = {"ø": "o", "ł": "l", "đ": "d", "ı": "i"}  # letters that no accent can be taken from
_LONGER = {"ß": "ss", "æ": "ae", "œ": "oe"}

# A mark between digits is kept where it parts decimals: 12.90 is not 129.0, while NO.12,81200 may lose its marks.
_KEPT = re.compile(r"[^\W_]|(?<=\d)[.,](?=\d{1,2}(?!\d))")

# Characters that OCR readers take for each other, in lower case. One of each group stands for all.
_CONFUSED = str.maketrans("oqliszbg", "00115289")


class _Flat(dict[int, str]):
    """Each character's plain form, made when first met. One character stays one, so that offsets stay."""

    def __missing__(self, code: int) -> str:
        plain = self[code] = _plain(chr(code))
        return plain


def _plain(char: str) -> str:
    compatible = unicodedata.normalize("NFKC", char)
    char = compatible if len(compatible) == 1 else char
    if char.isspace():
        return " "
    for group, one in ((_DASHES, "-"), (_QUOTES, "'"), (_TIMES, "x")):
        if char in group:
            return one
    digit = unicodedata.decimal(char, None)
    base = unicodedata.normalize("NFD", char)[0]
    if unicodedata.name(base, "").startswith(("LATIN", "GREEK")):
        char = base
    small = char.lower() if len(char.lower()) == 1 else char
    return str(digit) if digit is not None else _STROKES.get(small, small)


_FLAT = _Flat()


def flat(text: str) -> str:
    """Make a text lower case, without accents, digits and blanks of any script as ASCII; its length stays."""
    return text.translate(_FLAT)


def confused(folded: str) -> str:
    """Replace characters that OCR readers take for each other by one of them, in a folded text."""
    return folded.translate(_CONFUSED)


def fold(text: str) -> str:
    """Fold a text to its letters, digits and decimal marks."""
    return _folded(flat(text))[0]


def _folded(plain: str) -> tuple[str, list[int]]:
    """The folded form of a flat text, and where each of its characters stands."""
    kept = [match.start() for match in _KEPT.finditer(plain)]
    chars = ["." if plain[at] == "," else _LONGER.get(plain[at], plain[at]) for at in kept]
    folded = "".join(chars)
    if len(folded) > len(kept):
        kept = [at for at, char in zip(kept, chars, strict=True) for _ in char]
    return folded, kept


@dataclass(frozen=True, slots=True)
class Stream:
    """Lines one after the other, folded: of each character the line and the offset in that line's text."""

    text: str
    lines: Sequence[int]
    offsets: Sequence[int]
    likened: str  # the same text as `confused` has it, as long

    def spans(self, start: int, end: int) -> tuple[Span, ...]:
        """Map [start, end) to the lines and the characters in them."""
        found: list[Span] = []
        for line, offset in zip(self.lines[start:end], self.offsets[start:end], strict=True):
            if found and found[-1][0] == line:
                found[-1] = (line, found[-1][1], offset + 1)
            else:
                found.append((line, offset, offset + 1))
        return tuple(found)

    def occurrences(self, folded: str, likened: bool = False) -> Iterable[tuple[int, int]]:
        """Find where a folded text stands; with `likened` also as OCR readers confuse it."""
        text = self.likened if likened else self.text
        at = text.find(folded)
        while at >= 0:
            yield at, at + len(folded)
            at = text.find(folded, at + 1)


def stream(order: Iterable[int], folded: Sequence[tuple[str, list[int]]]) -> Stream:
    """Join folded lines in an order."""
    texts: list[str] = []
    lines: list[int] = []
    offsets: list[int] = []
    for number in order:
        text, at = folded[number]
        texts.append(text)
        lines += [number] * len(text)
        offsets += at
    joined = "".join(texts)
    return Stream(joined, lines, offsets, confused(joined))


def folded_line(plain: str) -> tuple[str, list[int]]:
    """A flat line folded, and where each character stands in it."""
    return _folded(plain)


def whole_words(plain: str, start: int, end: int) -> tuple[int, int]:
    """Widen [start, end) of a flat text to whole words."""
    while start > 0 and plain[start - 1] != " ":
        start -= 1
    while end < len(plain) and plain[end] != " ":
        end += 1
    return start, end
