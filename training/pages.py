"""Pages of text as an OCR reader gives them: rows of cells, some misread, with each field's characters known.

Example: `Sheet().row("TOTAL", "  ", ("12.90", "total"))` written out is `TOTAL  12.90`, and the page knows
that the field "total" is its characters [7, 12). A role with "~" behind it is never misread.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from training.values import PAGE, Piece

Cell = tuple[str, str]
"""A text and the role of the field that it belongs to, "" for none."""

MONTHS = {
    "de": [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    "fr": [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    "es": [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
}
ENGLISH_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]

_MISREAD = {
    "l": "I1", "I": "l1", "1": "Il", "0": "O", "O": "0D", "o": "a0", "S": "5s", "5": "S", "B": "8", "8": "B",
    "G": "6C", "Z": "2",
    "e": "c", "c": "eo", "m": "rn", "n": "ri", "t": "l", "i": "lj", "a": "e", "u": "v", ".": ",", ",": ".", ":": ".;",
    "E": "F", "H": "M",
    "N": "H", "D": "O", "C": "G", "R": "P", "é": "e", "ü": "u", "ö": "o", "x": "×", "-": "·",
}  # fmt: skip


def currency_sign(sign: str) -> Cell:
    """A currency's sign as a cell: wherever one is printed, the page tells its currency."""
    return sign, "currency~" if sign.strip() else ""


@dataclass
class Sheet:
    """A page while it is put together."""

    rows: list[list[Cell]] = field(default_factory=list)

    def row(self, *cells: Cell | str) -> Sheet:
        """Add a row; a cell of two blanks parts columns, and plain strings belong to no field."""
        self.rows.append([(cell, "") if isinstance(cell, str) else cell for cell in cells if cell])
        return self


@dataclass(frozen=True)
class Page:
    """The written page: its text, and for each role the characters of its field, in order, by line."""

    text: str
    fields: dict[str, tuple[tuple[int, int], ...]]

    def copy(self, role: str) -> Piece:
        """The words of a field as they stand on the page, its lines joined by blanks."""
        text, marks = "", list[int]()
        for start, end in self.fields[role]:
            if text:
                text, marks = f"{text} ", [*marks, -1]
            text, marks = text + self.text[start:end], [*marks, *range(start, end)]
        return Piece(text, tuple(marks), PAGE)

    def told(self, role: str, text: str) -> Piece:
        """What a field says in another form: each of its digits is read from the next such digit of the field."""
        places = [at for start, end in self.fields[role] for at in range(start, end)]
        marks, free = list[int](), places
        for character in text:
            at = next((one for one in free if _digit(self.text[one]) == character), -1)
            # An amount is read from left to right, a day in any order.
            free = [one for one in free if one > at] if at >= 0 and role.startswith(("item", "total")) else free
            marks.append(at if character.isdigit() else -1)
        return Piece(text, tuple(marks), PAGE)


def _digit(character: str) -> str:
    return {"O": "0", "o": "0", "l": "1", "I": "1", "S": "5", "B": "8"}.get(character, character)


def write(sheet: Sheet, rng: random.Random, misread: float = 0.01, lost: float = 0.15) -> Page:
    """The sheet as text, a row a line; about `misread` characters are wrong, `lost` of the columns' gaps narrow."""
    text, fields = "", dict[str, list[tuple[int, int]]]()
    rate = rng.choice((0.0, misread / 2, misread, misread * 3))
    for row in sheet.rows:
        text += "\n" if text else ""
        for words, role in row:
            if not words.strip():
                text += _gap(words, rng, lost)
                continue
            shown = words if role.endswith("~") else _misread(words, role, rate, rng)
            if role:
                fields.setdefault(role.rstrip("~"), []).append((len(text), len(text) + len(shown)))
            text += shown
    return Page(text, {role: tuple(spans) for role, spans in fields.items()})


def _gap(words: str, rng: random.Random, lost: float) -> str:
    """What is written for a cell of blanks alone: columns mostly stand apart, now and then not."""
    return words if len(words) != 2 or rng.random() >= lost else " "


def _misread(words: str, role: str, rate: float, rng: random.Random) -> str:
    if not rate:
        return words
    number = bool(role) and sum(map(str.isdigit, words)) * 2 >= len(words)
    return "".join(_swapped(one, number, rng) if rng.random() < rate else one for one in words)


def _swapped(character: str, number: bool, rng: random.Random) -> str:
    """A character as it is misread; of a field's number only so that it can still be told."""
    if number:
        return "O" if character == "0" else character
    if character == " ":
        return ""
    return rng.choice(_MISREAD[character]) if character in _MISREAD else character


def amount(cents: int, comma: bool, rng: random.Random, places: int = 2) -> str:
    """Money as it is printed, thousands parted or not."""
    whole, rest = divmod(abs(cents), 100)
    parted = f"{whole:,}" if whole < 1000 or rng.random() < 0.7 else str(whole)
    if comma:
        parted = parted.replace(",", rng.choice((".", ".", " ")))
    return f"{'-' if cents < 0 else ''}{parted}{',' if comma else '.'}{rest:02d}{'0' * (places - 2)}"


def day(when: date, form: str, country: str) -> str:
    """A day in a `strftime` form, its month in the country's language."""
    month = MONTHS.get(country, ENGLISH_MONTHS)[when.month - 1]
    text = form.replace("%B", month).replace("%b", month[:3] if country not in MONTHS else month[:4].rstrip("."))
    return when.strftime(text)


def joined(pieces: Sequence[Piece | str]) -> tuple[Piece, ...]:
    """An answer from strings and pieces."""
    return tuple(Piece(one) if isinstance(one, str) else one for one in pieces)
