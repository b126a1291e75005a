"""Finds the rows of a receipt where something bought may stand, and which words and numbers an item there may have.

A till prints what was bought in one to three rows, one of which has the amount. So an item takes its amount from one
row, its other numbers from that row and those next to it, and its name from two neighbouring rows thereabouts; and
items come in the order of their rows, each row once. A model that works from text alone is held to that.

Example: of `TOY SDN BHD / TEL 03-12 / GREEN TEA / 2 x 3.10  6.20 / TOTAL  6.20` the only row of something bought is
`2 x 3.10  6.20`: `TOTAL` is a word for a sum, and a row without an amount is none. As 2 times 3.10 is 6.20, these are
its count, price and amount; its name may be `GREEN TEA`, or `TEL 03-12 GREEN TEA`, but not `TOTAL`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import accumulate, pairwise, takewhile

from backend.evidence.currencies import SIGN
from backend.evidence.folding import confused
from backend.evidence.goods_names import NameCells, is_doubtful, is_note, name_cells, names_in
from backend.evidence.index import PageIndex, Token
from backend.evidence.labels import BESIDE_SUMS, SUMS, Label, role_of
from backend.reader.page import COLUMN

MOST = 120  # rows with something bought that a grammar is made for; with more, items come from anywhere

_NEAR = 3  # rows, with the amount's, that a name over two of them stands in
_FAR = 3  # rows from an amount's that its name may stand in
_LISTS = frozenset(("items", "item", "goods", "products", "articles", "article", "lines", "purchases", "dishes"))
_CENT = Decimal("0.01")
_MANY = 10_000  # of one thing are too many to be bought
_TIMES = re.compile(r"[x×@*]")
_UNIT = re.compile(r" ?(?:pcs?|units?|pkts?|kgs?|nos?|ctns?|btls?)\b")
_MISREAD_COUNT = re.compile(r"(?=\d?[a-z]?\d)([\doils|]{1,3}) ?x(?= )")  # the 10 of 1Ox Waffle
_AS_DIGITS = str.maketrans("oils|", "01151")
_COLUMNS = frozenset(("code", "item", "items", "description", "desc", "particulars", "artikel", "article"))
_TOTAL = confused("tot")  # TOT QTY is none of the goods either
_HEADS = frozenset(("quantity", "price", "amount", "total", "discount"))


@dataclass(frozen=True, eq=False)
class GoodsRow:
    """A row with an amount: by role, the numbers that an item there may have, and the rows its name may stand in."""

    numbers: Mapping[str, Sequence[Decimal]]
    rows: tuple[NameCells, ...]
    """The rows that a name may stand in."""
    pairs: tuple[tuple[NameCells, NameCells], ...]
    """The rows one below the other that a name may go over."""
    product: bool
    """Whether a count, a price and an amount come out, so that all three are told."""
    certain: bool
    """Whether it must be an item: a product in it comes out, or all amounts together are the sum that is printed."""

    def of(self, field: str) -> Sequence[Decimal]:
        """The numbers that a field may have, by its name: a quantity, a price, an amount, or any other."""
        return self.numbers[_role(field)]

    @cached_property
    def names(self) -> list[str]:
        """The names that an item in the row may have."""
        return names_in(self.rows, self.pairs)

    def tells(self, field: str) -> bool:
        """Whether a field's number is known to be printed."""
        return _role(field) == "amount" or (self.product and _role(field) != "other")


def goods_rows(pages: Iterable[PageIndex], named_below: bool) -> list[GoodsRow]:
    """Find the rows of pages in which something bought may stand, from the top.

    A till prints names beside or above the amounts, or beside or below them: `named_below` is which. A page whose
    names are known to stand the other way has none.
    """
    ways = [page for page in pages if _is_named_below(page) in (named_below, None)]
    return [row for page in ways for row in (_named_below(page) if named_below else _named_above(page))]


def goods_count(page: PageIndex) -> int | None:
    """Count what was bought, where the amounts add up to a sum that is printed; None where they do not."""
    return len(_bought(page)[1]) or None


def goods_span(page: PageIndex) -> range:
    """The rows from the first to the last that must be an item; a row before the first, if that has no words."""
    rows, complete = _bought(page)
    certain = [row for row in rows if row in complete or _products(page, row)]
    first = min(certain, default=0)
    return range(first - (not _words(page, first).cells), max(certain) + 1) if certain else range(0)


def listed_span(page: PageIndex) -> range:
    """The rows of `goods_span`; where nothing is certain, those from the first row to the last that may be an item."""
    rows = [] if page.whole_amounts else list(_amount_rows(page))
    return goods_span(page) or (range(rows[0], rows[-1] + 1) if rows else range(0))


def _is_named_below(page: PageIndex) -> bool | None:
    """Whether names stand below the amounts, where the rows with amounts have none; None where that is open.

    The first item tells it, whose name is missing above, or the last one, whose name is missing below.

    Example: of `QTY  PRICE  AMOUNT / 8239  2 x 3.10  6.20 / GREEN TEA / TOTAL  6.20` the names stand below.
    """
    rows, complete = _bought(page)
    if not complete or any(_has_name(_words(page, row)) for row in complete):
        return None
    sums = (row for row in range(complete[-1] + 1, len(page.rows)) if page.in_row(row) and _is_sum(page, row))
    last = range(complete[-1] + 1, next(sums, 0))
    below = any(_is_named(page, row) and not is_note(_words(page, row)) for row in last)
    above = complete[0] - 1 > _head(page, rows) and _is_named(page, complete[0] - 1)
    return below if below != above else None


def _is_named(page: PageIndex, row: int) -> bool:
    """Whether a row has a name and no word for a sum or a count."""
    told = any(label.role in SUMS or label.role == "quantity" for label in page.labels[row])
    return not told and _has_name(_words(page, row))


def _has_name(words: NameCells) -> bool:
    return any(not is_doubtful(name) for name in names_in([words], []))


def _named_above(page: PageIndex) -> Iterator[GoodsRow]:
    rows, complete = _bought(page)
    bare = _is_named_below(page) is False  # no row with an amount has a name of its own
    named = sum(_has_name(_words(page, row)) for row in complete)
    beside = 2 * named > len(complete)  # most have one, so each that has one is called by it
    for before, row in pairwise([_head(page, rows), *rows]):
        near = range(max(before + 1, row - _FAR), row + 1)
        words = [_words(page, one) for one in near]
        both = len(words) == 3 and _has_name(words[0]) and words[1].from_start and not is_note(words[0])
        if bare and before >= 0 and both:
            yield _goods_row(page, row, near, [], words[:2], row in complete)  # two rows of words alone are one name
            continue
        if not any(one.cells for one in words):  # the name's row has an amount too
            words = [_words(page, one) for one in range(max(0, row - 1), row + 1)]
        nearest = next((one for one in reversed(words[:-1]) if _has_name(one)), None)
        if _has_name(words[-1]) and (beside or not nearest):
            nearest = words[-1]
        elif _has_name(words[-1]):
            nearest = None  # either
        yield _goods_row(page, row, near, words, words[-_NEAR:], row in complete, nearest)


def _named_below(page: PageIndex) -> Iterator[GoodsRow]:
    rows, complete = _bought(page)
    for row, after in pairwise([*rows, len(page.rows)]):
        below = range(row + 1, min(after, row + _FAR + 1))
        near = [row, *takewhile(lambda one: not (page.in_row(one) and _is_sum(page, one)), below)]
        words = [_words(page, one) for one in near]
        nearest = next(filter(_has_name, words[1:]), None) if not _has_name(words[0]) else None
        yield _goods_row(page, row, near, words, words[:_NEAR], row in complete, nearest)


def _goods_row(
    page: PageIndex,
    row: int,
    near: Iterable[int],
    words: Sequence[NameCells],
    two: Sequence[NameCells],
    certain: bool,
    nearest: NameCells | None = None,
) -> GoodsRow:
    """Make a row of goods; its name stands in one row of `words` or goes over two neighbours of `two`.

    `nearest` is a row that is part of the name at all events, if it is known.
    """
    pairs = tuple(pairwise(two))
    if nearest:
        words, pairs = [nearest], tuple(pair for pair in pairs if any(one is nearest for one in pair))
    products = _products(page, row)
    numbers = _by_role(page, row, near, products)
    if certain:
        numbers |= {"amount": [_last_amount(page, row)]}
    return GoodsRow(numbers, tuple(words), pairs, bool(products), certain or bool(products))


def _bought(page: PageIndex) -> tuple[list[int], Sequence[int]]:
    """The rows with an amount that is no sum, and those of them that are items at all events.

    These are the first ones whose last amounts together are a sum that is printed below them; what follows that is
    none: of `TEA 3.00 / JAM 4.00 / TOTAL 7.00 / SOCKS 9.00` the first two are, and the socks are not.
    """
    rows = list(_amount_rows(page))
    sums = {
        token.number.value: row
        for row, labels in enumerate(page.labels)
        if any(label.role in ("total", "subtotal") for label in labels)
        for token in _exact(page, page.in_row(row))
    }
    all_ = [row for row in rows if _last_amount(page, row)]
    full = [row for row in all_ if _exact(page, page.in_row(row))]  # a letter that was read in an amount may be noise
    kept = [row for row in full if not any(token.number.minus for token in page.in_row(row))]
    for some in (full, kept, all_):
        for count, together in enumerate(accumulate(_last_amount(page, row) for row in some), 1):
            end = sums.get(together, -1)
            if end > some[count - 1]:
                return [row for row in rows if row < end], some[:count]
    return rows, ()


def _last_amount(page: PageIndex, row: int) -> Decimal:
    misread = [token for token in page.misread if token.row == row]
    found = _exact(page, page.in_row(row)) or misread
    return found[-1].number.value if found else Decimal(0)


def _amount_rows(page: PageIndex) -> Iterator[int]:
    """Yield the rows with an amount that is no sum, up to what is to pay; after a total only those with a product."""
    totalled = False
    for row in sorted({token.row for token in (*_exact(page, page.tokens), *page.misread)}):
        if _ends(page, row):
            return
        if _is_sum(page, row):
            totalled = totalled or any(label.role == "total" for label in page.labels[row])
        elif not totalled or _products(page, row):
            yield row


def _head(page: PageIndex, rows: Sequence[int]) -> int:
    """Find the last row of the columns' heads, such as “Qty  Description  Amount”; -1 where there is none."""
    return max(
        (row for row in range(rows[0] if rows else 0) if not page.in_row(row) and is_head(page, row)),
        default=-1,
    )


def is_head(page: PageIndex, row: int) -> bool:
    """Whether a row is the heads of columns: Qty  Description  Amount."""
    words = [label for label in page.labels[row] if not label.part]
    heads = sum(_heads_column(page, row, label) for label in words)
    return heads > 2 or 2 * heads > max(2, len(words))


def _heads_column(page: PageIndex, row: int, label: Label) -> bool:
    """Whether a word names a column: Qty, Amount, Code, RM."""
    word = page.rows[row][label.start : label.end]
    return label.role in _HEADS or word in _COLUMNS or re.fullmatch(SIGN, word) is not None


def lists_goods(name: str) -> bool:
    """Whether a field is called as a list of what was bought."""
    return not _LISTS.isdisjoint(re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()))


def _role(field: str) -> str:
    role = role_of(field)
    return {"quantity": "quantity", "price": "price", "amount": "amount", "total": "amount"}.get(role or "", "other")


def _by_role(
    page: PageIndex, row: int, near_by: Iterable[int], products: Sequence[_Product]
) -> dict[str, Sequence[Decimal]]:
    """The numbers near a row, by what they may be; those of a product that comes out are what they seem."""
    own, near = _read(page, row), [token for one in near_by for token in _read(page, one)]
    other = _values(near)
    money = _exact(page, own)
    counts = list(
        dict.fromkeys(
            value
            for token in near
            if token.number.places != 2 or token not in money[-2:]
            for value in _counts(token)[:1]
        )
    )
    if found := _MISREAD_COUNT.match(page.rows[row]):
        counts.append(Decimal(found[1].translate(_AS_DIGITS)))
    prices = [value for value in _values(_exact(page, near)) if value]
    amounts = _values(money)
    if products:
        counts, prices, amounts = (
            list(dict.fromkeys(each)) for each in zip(*(one.values for one in products), strict=True)
        )
    return {"quantity": counts, "price": prices or other, "amount": amounts or _values(own), "other": other}


@dataclass(frozen=True)
class _Product:
    """A count, a price and an amount of one row."""

    tokens: tuple[Token, Token, Token]
    values: tuple[Decimal, Decimal, Decimal]


def _products(page: PageIndex, row: int) -> list[_Product]:
    """The counts, prices and amounts of a row whose product comes out to the cent: 3  2.13  6.39."""
    own = _read(page, row)
    money = _exact(page, own)
    found = [
        _Product((count, price, amount), (many, price.number.value, amount.number.value))
        for amount in money
        for price in money
        for count in (*own, *(token for token in page.in_row(row) if token.number.glued))  # 4pe, which is 4 pcs
        if len({id(amount), id(price), id(count)}) == 3
        for many in _counts(count)
        if many and abs(many * price.number.value - amount.number.value) < _CENT
    ]
    found = [each for each in found if each.values[2]] or found  # twice nothing is nothing beside a real one
    text = page.rows[row]
    told = [
        each
        for each in found
        if _TIMES.search(text[each.tokens[0].number.end : each.tokens[1].number.start])
        or _UNIT.match(text, each.tokens[0].number.end)
    ]
    return told or found  # 10.00 PKTS X 13.00 are ten at 13.00, and so are 10.00 PKTS  13.00


def _exact(page: PageIndex, tokens: Iterable[Token]) -> list[Token]:
    """The numbers of some that can be money: with two decimals, with three if none has two, or all if none has any."""
    found = [token for token in tokens if not (token.dated or token.number.percent or token.number.glued)]
    found = [
        token for token in found if not re.match(r"[-/]\d", page.rows[token.row][token.number.end :])
    ]  # 1.7002-0014
    return [token for token in found if token.number.places in (2, 3)] if not page.whole_amounts else found


def _counts(token: Token) -> list[Decimal]:
    """What a number can say of how many or how much: 2, 2.00 and 0.535 can, and 2.13 or a code can not."""
    read = () if token.number.money else token.number.readings
    return [one.value for one in read if one.value < _MANY and (one.value == int(one.value) or one.places != 2)]


def _read(page: PageIndex, row: int) -> list[Token]:
    """The numbers of a row that are no part of a date or of a code, and no rate."""
    read = [token for token in page.in_row(row) if not (token.dated or token.number.glued or token.number.percent)]
    return [*read, *(token for token in page.misread if token.row == row)]


def _ends(page: PageIndex, row: int) -> bool:
    """Whether a row with an amount says what is to pay or was paid, after which nothing bought is listed."""
    first = [label for label in page.labels[row] if label.role and not label.part][:1]
    told = bool(first) and (first[0].role in ("cash", "change") or (first[0].role == "total" and first[0].rank > 0))
    return told and _is_sum(page, row)


def _is_sum(page: PageIndex, row: int) -> bool:
    """Whether all words before a row's last number name a sum: “Add GST 6%  1.26”, but not “2  4.80  9.60 SR”."""
    last = max((token.number.start for token in page.in_row(row)), default=0)
    cell = page.page.rows[row].text.rfind(COLUMN, 0, last - 1)  # of Item 4  SubTotal Incl GST  30.00 the second
    said = [label for label in page.labels[row] if label.start < last]
    beside = [label for label in said if label.start > cell]
    words = beside if any(label.role in SUMS for label in beside) else said
    counts = any(label.text.startswith(_TOTAL) for label in words)
    others = [label for label in words if label.role not in SUMS and not (counts and label.role == "quantity")]
    if words and words[-1].role in ("discount", "rounding") and _exact(page, page.in_row(row)):  # Member Discount 0.00
        return True
    rest = (page.rows[row][label.start : min(label.end, last)] for label in others)  # the RM of RM21.80
    return len(words) > len(others) and all(BESIDE_SUMS.fullmatch(word) or re.fullmatch(SIGN, word) for word in rest)


def _words(page: PageIndex, row: int) -> NameCells:
    """The words of a row that may be of a name; none where it names a sum, or has a day and no amount."""
    sums = page.in_row(row) and _is_sum(page, row)
    if sums or (row in page.dated_rows and not _exact(page, page.in_row(row))):
        return NameCells()
    counted = {token.number.text.lower() for product in _products(page, row) for token in product.tokens}
    counted |= {token.number.text for token in page.misread if token.row == row}
    return name_cells(page.page.rows[row].text, counted)


def _values(tokens: Iterable[Token]) -> list[Decimal]:
    return list(dict.fromkeys(reading.value for token in tokens for reading in token.number.readings))
