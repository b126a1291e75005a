"""The goods of a receipt as tills print them: a row or two for each, in one of the layouts that there are."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from training import page_words
from training.page_words import coded
from training.pages import Cell, Sheet, amount, currency_sign


@dataclass(frozen=True)
class Goods:
    """A line of goods; None is what the shop does not print."""

    quantity: int | None
    unit: int | None
    cents: int


class GoodsRows:
    """One shop's way to print goods: writes rows into a sheet, and notes what of each was printed."""

    def __init__(self, sheet: Sheet, sign: str, comma: bool, rng: random.Random) -> None:
        self.sheet, self.sign, self.comma, self.rng = sheet, sign, comma, rng
        self.signed_items = rng.random() < 0.4
        self.form = rng.choice(self._forms())
        self.coded_goods = rng.random() < 0.3
        self.flag = (
            rng.choice(("", "", "", " SR", " S", " T", " A", " B", "*", " ZRL", " F")) if rng.random() < 0.5 else ""
        )
        self.form_turned, self.one_row = rng.random() < 0.3, rng.random() < 0.5
        self.numbered = rng.random() < 0.08
        self.nothing = rng.choice(("0.00", "0", "-", "0  0", "0.00  0.00"))
        self.measure = rng.choice(("", "", "", " PCS", " UNIT", " PC", " KG", " EA"))
        self.printed: dict[int, Goods] = {}
        """By number, the goods as they were printed, where that is not all."""

    def print(self, goods: tuple[Goods, ...]) -> tuple[Goods, ...]:
        """Write them all; returns them as they were printed."""
        for number, one in enumerate(goods):
            self.form(number, one)
            self.between()
        return tuple(self.printed.get(number, one) for number, one in enumerate(goods))

    def priced(self) -> Goods:
        rng = self.rng
        quantity = rng.choice((1, 1, 1, 1, 2, 2, 3, 4, 5, 6, 10, 12))
        dear = rng.choice((300, 900, 900, 2500, 9000, 60000))
        unit = max(5, int(rng.random() ** 2 * dear) + rng.choice((0, 0, 0, 50, 95, 99)))
        unit = unit if rng.random() < 0.5 else max(10, round(unit, -1))
        return Goods(quantity, unit, quantity * unit)

    def _forms(self) -> list[Callable[[int, Goods], None]]:
        return [
            self._plain,
            self._plain,
            self._front,
            self._front,
            self._times_below,
            self._times_below,
            self._name_below,
            self._columned,
            self._coded_below,
            self._columned_last,
            self._discounted,
            self._discounted,
            self._priced_in_row,
            self._priced_in_row,
        ]

    def _money(self, cents: int, role: str) -> list[Cell]:
        shown = (amount(cents, self.comma, self.rng), role)
        sign = self.sign if self.signed_items else ""
        if sign.startswith(" "):
            return [shown, currency_sign(sign)]
        return [currency_sign(sign), shown] if sign else [shown]

    def _code(self) -> str:
        return coded(
            self.rng.choice(("0000000", "0000000000000", "XX00-00", "00000", "X0000", "00-0000", "000000000000-")),
            self.rng,
        )

    def _name(self, number: int, prefix: bool = True) -> list[Cell]:
        role, text = f"item{number}.name", page_words.goods(self.rng)
        first, *rest = text.split(" ")
        if prefix and rest and self.rng.random() < 0.08:  # a name over two rows; the rest goes on the second
            self.sheet.row((first, role))
            return [(" ".join(rest), role)]
        named: list[Cell] = [(text, role)]
        if prefix and self.numbered:
            return [(f"{number + 1}{self.rng.choice(('.', ')', ' '))} ", ""), *named]
        if prefix and self.coded_goods and self.rng.random() < 0.8:
            return [(self._code(), ""), (" ", ""), *named]
        return named

    def _plain(self, number: int, goods: Goods) -> None:
        self.sheet.row(*self._name(number), "  ", *self._money(goods.cents, f"item{number}.amount"), *self._flagged())
        self.printed[number] = Goods(None, None, goods.cents)

    def _flagged(self) -> list[Cell]:
        return [(self.flag, "")] if self.flag else []

    def _front(self, number: int, goods: Goods) -> None:
        times = self.rng.choice((" ", " ", "x ", " x ", "X ", "  ", " - "))
        self.sheet.row(
            (str(goods.quantity), f"item{number}.quantity"),
            (times, ""),
            *self._name(number, False),
            "  ",
            *self._money(goods.cents, f"item{number}.amount"),
            *self._flagged(),
        )
        self.printed[number] = Goods(goods.quantity, None, goods.cents)

    def _times(self, number: int, goods: Goods) -> list[Cell]:
        times = self.rng.choice((" x ", "x", " X ", " @ ", "  ", " PCS X ", " x", "pc  ", " @", " UNIT @ "))
        shown = _quantity(goods.quantity or 1, self.rng)
        return [(shown, f"item{number}.quantity"), (times, ""), *self._money(goods.unit or 0, f"item{number}.unit")]

    def _times_below(self, number: int, goods: Goods) -> None:
        self.sheet.row(*self._name(number))
        self.sheet.row(
            *self._times(number, goods), "  ", *self._money(goods.cents, f"item{number}.amount"), *self._flagged()
        )

    def _name_below(self, number: int, goods: Goods) -> None:
        self.sheet.row(
            *([self._code(), "  "] if self.coded_goods else []),
            *self._times(number, goods),
            "  ",
            *self._money(goods.cents, f"item{number}.amount"),
            *self._flagged(),
        )
        self.sheet.row(*self._name(number, False))

    def _columned(self, number: int, goods: Goods) -> None:
        self.sheet.row(
            *self._name(number),
            "  ",
            *self._times(number, goods)[:1],
            "  ",
            *self._money(goods.unit or 0, f"item{number}.unit"),
            "  ",
            *self._money(goods.cents, f"item{number}.amount"),
            *self._flagged(),
        )

    def _columned_last(self, number: int, goods: Goods) -> None:
        self.sheet.row(
            (str(goods.quantity), f"item{number}.quantity"),
            "  ",
            *self._name(number, False),
            "  ",
            *self._money(goods.unit or 0, f"item{number}.unit"),
            "  ",
            *self._money(goods.cents, f"item{number}.amount"),
            *self._flagged(),
        )

    def _coded_below(self, number: int, goods: Goods) -> None:
        self.sheet.row(*self._name(number, False))
        self.sheet.row(
            self._code(),
            "  ",
            *self._times(number, goods),
            "  ",
            *self._money(goods.cents, f"item{number}.amount"),
            *self._flagged(),
        )

    def _discounted(self, number: int, goods: Goods) -> None:
        """Name, then a row with a discount's column or counts of no interest between unit price and amount."""
        rng = self.rng
        code: list[Cell | str] = [self._code(), "  "] if self.coded_goods else []
        unit = self._money(goods.unit or 0, f"item{number}.unit")
        count: list[Cell] = [(_quantity(goods.quantity or 1, rng), f"item{number}.quantity"), (self.measure, "")]
        pair: list[Cell | str] = [*unit, "  ", *count] if self.form_turned else [*count, "  ", *unit]
        amount_cells = [*self._money(goods.cents, f"item{number}.amount"), *self._flagged()]
        shown = self.nothing.replace(".", "," if self.comma else ".")
        if self.one_row:
            self.sheet.row(*self._name(number), "  ", *pair, "  ", shown, "  ", *amount_cells)
            return
        self.sheet.row(*self._name(number))
        self.sheet.row(*code, *pair, "  ", shown, "  ", *amount_cells)

    def _priced_in_row(self, number: int, goods: Goods) -> None:
        """“3  FISHBALL NOODLE @7.00  21.00”, or the count behind the name."""
        rng = self.rng
        count: list[Cell] = [(str(goods.quantity), f"item{number}.quantity")]
        unit: list[Cell] = [
            (rng.choice(("@", "@ ", "x ", "à ")), ""),
            *self._money(goods.unit or 0, f"item{number}.unit"),
        ]
        name = self._name(number, False)
        cells: list[Cell | str] = (
            [*name, (" ", ""), *count, (" ", ""), *unit] if self.form_turned else [*count, "  ", *name, " ", *unit]
        )
        self.sheet.row(*cells, "  ", *self._money(goods.cents, f"item{number}.amount"), *self._flagged())

    def between(self) -> None:
        """Something of no interest after an item, now and then."""
        if self.rng.random() < 0.07:
            form = self.rng.choice(
                (
                    "Take Away",
                    "@DISC 10.00%  -0.50",
                    "No N",
                    "(0000000)",
                    "PROMO  -0.00",
                    "0000000000000",
                    "+ N",
                    "Member Discount  -0.20",
                    "N N",
                    "* N *",
                )
            )
            self.sheet.row(page_words.told(form, self.rng))


def _quantity(quantity: int, rng: random.Random) -> str:
    """A quantity as tills print it: 2, 2.00 or 2.000."""
    return str(quantity) + rng.choice(("", "", "", ".00", ".0", ".000"))
