"""Indexes one page: its numbers, dates and times by row, its labels, and its text to search."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache

from backend.evidence.dates import Clock, Day, clocks, days, is_east_asian
from backend.evidence.folding import Stream, flat, folded_line, stream, whole_words
from backend.evidence.labels import Label, labels
from backend.evidence.numbers import Number, by_mark, decimal_mark, misread, numbers
from backend.evidence.places import Span
from backend.reader.page import Page, Quad

_KEPT = 32  # pages whose index is kept
_LONG = 1000  # characters of a row that numbers and dates are looked for in
_REACH = 8  # lines below a branching that a column repeats
_HEADED = 14  # rows that a column's head may stand above its values


@dataclass(frozen=True, slots=True)
class Token:
    """A number on a page: in which row, what stands before it in that row, and whether it is part of a date."""

    row: int
    number: Number
    since: int  # where the amount before it ends, from which labels are its own
    dated: bool = False
    right: float = 0.0  # how far to the right it stands in its row, from 0 to 1


@dataclass(frozen=True, slots=True)
class _Piece:
    """A line within its row's text: from `start` on."""

    line: int
    start: int
    end: int


class PageIndex:
    """A page's numbers, dates, labels and folded text."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.rows = [flat(row.text[:_LONG]) for row in page.rows]
        self._flat = [flat(line.text) for line in page.lines]
        self._pieces = [list(_pieces(page, number)) for number in range(len(self.rows))]
        self.row_of = {piece.line: row for row, pieces in enumerate(self._pieces) for piece in pieces}
        self._extents = [self._extent(line.quad) for line in page.lines]
        self._heads: dict[int, Sequence[Label]] = {}
        self._east_asian = is_east_asian("".join(self.rows))
        self.labels: list[list[Label]] = [labels(row) for row in self.rows]
        self.days: list[tuple[int, Day]] = []
        self.clocks: list[tuple[int, Clock]] = []
        self.tokens: list[Token] = []
        self._in_row: dict[int, list[Token]] = {}
        self._by_value: dict[Decimal, list[tuple[Token, bool]]] = {}
        self._find_dates()
        self._find_numbers()

    def in_row(self, row: int) -> Sequence[Token]:
        """The numbers of a row."""
        return self._in_row.get(row, ())

    def with_value(self, value: Decimal) -> Sequence[tuple[Token, bool]]:
        """The numbers of a magnitude, and whether that is their likeliest reading."""
        return self._by_value.get(value, ())

    @cached_property
    def misread(self) -> list[Token]:
        """Amounts with letters in the place of digits."""
        return [Token(row, found, 0) for row, text in enumerate(self.rows) for found in misread(text)]

    @cached_property
    def dated_rows(self) -> frozenset[int]:
        """The rows with a day or a time."""
        return frozenset(row for row, _ in (*self.days, *self.clocks))

    @cached_property
    def whole_amounts(self) -> bool:
        """Whether amounts are printed without decimals here, as yen are."""
        return not any(token.number.places == 2 and not token.number.percent for token in self.tokens)

    @cached_property
    def has_amounts(self) -> bool:
        """Whether any amount of money is printed: a number with two decimals or a currency, or one beside "total"."""
        of_sums = {"total", "subtotal", "amount", "price"}
        return any(
            not token.dated
            and (
                (token.number.places in (2, 3) and not token.number.percent)
                or token.number.money
                or any(label.role in of_sums for label in self.labels[token.row])
            )
            for token in (*self.tokens, *self.misread)
        )

    @cached_property
    def folded(self) -> list[tuple[str, list[int]]]:
        """Each line folded, with where its characters stand."""
        return [folded_line(plain) for plain in self._flat]

    @cached_property
    def streams(self) -> tuple[Stream, ...]:
        """The page's text row by row, and column by column."""
        in_rows = [piece.line for pieces in self._pieces for piece in pieces]
        found = [stream(in_rows, self.folded)]
        if len(in_rows) > len(self.rows):  # something stands beside something
            found.append(stream(self._columns(in_rows), self.folded))
        return tuple(found)

    def spans(self, row: int, start: int, end: int) -> tuple[Span, ...]:
        """Map [start, end) of a row's text to the lines and the characters in them."""
        return tuple(
            (piece.line, max(start, piece.start) - piece.start, min(end, piece.end) - piece.start)
            for piece in self._pieces[row]
            if piece.start < end and start < piece.end
        )

    def begins_word(self, line: int, at: int) -> bool:
        """Whether no letter or digit stands before a character of a line."""
        return at == 0 or not self._flat[line][at - 1].isalnum()

    def ends_word(self, line: int, end: int) -> bool:
        """Whether no letter or digit follows."""
        return end >= len(self._flat[line]) or not self._flat[line][end].isalnum()

    def flat(self, line: int) -> str:
        """A line's text in plain form."""
        return self._flat[line]

    def widened(self, spans: Sequence[Span]) -> tuple[Span, ...]:
        """Widen spans to the whole words at their ends."""
        return tuple((line, *whole_words(self._flat[line], start, end)) for line, start, end in spans)

    def written(self, spans: Iterable[Span]) -> str:
        """Return the text of spans as it is printed."""
        return " ".join(self.page.lines[line].text[start:end] for line, start, end in spans)

    def extent(self, line: int) -> tuple[float, float]:
        """From where to where a line reaches, in pixels in the direction in which the page is read."""
        return self._extents[line]

    def heads(self, token: Token) -> Sequence[Label]:
        """The labels right above a number, in its column: the nearest line that has any."""
        line = self.spans(token.row, token.number.start, token.number.end)[0][0]
        if line not in self._heads:
            self._heads[line] = self._above(line)
        return self._heads[line]

    def _above(self, line: int) -> Sequence[Label]:
        (low, high), at = self._extents[line], self.row_of[line]
        for row in range(at - 1, max(-1, at - _HEADED), -1):
            for piece in self._pieces[row]:
                left, right = self._extents[piece.line]
                inside = [one for one in self.labels[row] if piece.start <= one.start and one.end <= piece.end]
                if inside and min(right, high) - max(left, low) > 0.3 * min(high - low, right - left):
                    alone = len(self._pieces[row]) > 1 or right - left < 2 * (high - low)
                    return inside if alone else []
        return []

    def _find_dates(self) -> None:
        for row, text in enumerate(self.rows):
            found = days(text, self._east_asian)
            self.days += [(row, day) for day in found]
            self.clocks += [(row, clock) for clock in clocks(text, [day.end for day in found])]

    def _find_numbers(self) -> None:
        found = [self._numbers(row, text) for row, text in enumerate(self.rows)]
        mark = decimal_mark([number for row in found for number in row])
        taken: dict[int, list[tuple[int, int]]] = {}
        whens: list[tuple[int, Day | Clock]] = [*self.days, *self.clocks]
        for row, when in whens:
            taken.setdefault(row, []).append((when.start, when.end))
        for row, numbers_ in enumerate(found):
            self.tokens += self._tokens(row, [by_mark(one, mark) for one in numbers_], taken.get(row, ()))
        for token in self.tokens:
            self._in_row.setdefault(token.row, []).append(token)
            for at, reading in enumerate(token.number.readings):
                first = at == 0 or not mark
                self._by_value.setdefault(reading.value, []).append((token, first))

    def _numbers(self, row: int, text: str) -> list[Number]:
        """The numbers of a row; one in groups of three does not reach from one line into the next."""
        return [
            number
            for number in numbers(text)
            if " " not in number.text or number.places == 2 or len(self.spans(row, number.start, number.end)) == 1
        ]

    def _tokens(self, row: int, found: Sequence[Number], taken: Sequence[tuple[int, int]]) -> Iterable[Token]:
        width, amounts = max(1, len(self.rows[row])), [0]
        for number in sorted(found, key=lambda one: one.start):
            since = next(end for end in reversed(amounts) if end <= number.start)
            dated = any(start <= number.start and number.end <= end for start, end in taken)
            yield Token(row, number, since, dated, number.end / width)
            if number.places and not number.percent:
                amounts.append(number.end)

    def _columns(self, in_rows: Sequence[int]) -> list[int]:
        """Order lines by column: each is followed by the one right under it."""
        below = {line: self._below(line) for line in in_rows}
        under = {line for line in below.values() if line is not None}
        order: list[int] = []
        seen: set[int] = set()
        for head in in_rows:
            line: int | None = head
            again = 0
            while line is not None and head not in under and again < _REACH:
                again += line in seen
                seen.add(line)
                order.append(line)
                line = below[line]
        return order

    def _below(self, line: int) -> int | None:
        low, high = self._extents[line]
        for row in range(self.row_of[line] + 1, min(self.row_of[line] + 3, len(self.rows))):
            for piece in self._pieces[row]:
                left, right = self._extents[piece.line]
                if min(right, high) - max(left, low) > 0.4 * min(high - low, right - left):
                    return piece.line
        return None

    def _extent(self, quad: Quad) -> tuple[float, float]:
        """From where to where a quad reaches in the direction in which the page is read."""
        axis, sign = ((0, 1), (1, 1), (0, -1), (1, -1))[self.page.turn // 90]
        along = [sign * corner[axis] for corner in quad]
        return min(along), max(along)


@lru_cache(maxsize=_KEPT)
def index(page: Page) -> PageIndex:
    """The index of a page, made once."""
    return PageIndex(page)


def _pieces(page: Page, row: int) -> Iterable[_Piece]:
    """Find where in a row's text each of its lines stands."""
    text, at = page.rows[row].text, 0
    for line in page.rows[row].lines:
        written = page.lines[line].text
        at = text.find(written, at)
        yield _Piece(line, at, at + len(written))
        at += len(written)
