"""Receipts as pages of text: the layouts, words and noise of tills in several countries."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

from training import page_words, till_words
from training.page_goods import Goods, GoodsRows
from training.page_words import Country, coded, told
from training.pages import Cell, Page, Sheet, amount, currency_sign, day, write

FIRST_DAY = date(2009, 1, 1)
DAYS = 7000


@dataclass(frozen=True)
class Tax:
    """A tax line; the amount in cents, None where only the rate is printed."""

    rate: float
    cents: int


@dataclass(frozen=True)
class Receipt:
    """What is true of a printed receipt; strings stand in the page's fields of these names, money is in cents."""

    page: Page
    country: Country
    address: bool
    day: date | None
    time: str | None
    currency: str | None
    goods: tuple[Goods, ...]
    subtotal: int | None
    discount: int | None
    taxes: tuple[Tax, ...]
    total: int
    paid: bool


def make(rng: random.Random, misread: float = 0.012, most: int = 12) -> Receipt:
    """A receipt out of nothing, printed by a shop of a country that is drawn by weight."""
    country = rng.choices(page_words.COUNTRIES, page_words.WEIGHTS)[0]
    return _Till(country, rng, misread).print(1 + int(rng.betavariate(1.1, 2.6) * most))


class _Till:
    """One shop's way to print; `print` writes one receipt."""

    def __init__(self, country: Country, rng: random.Random, misread: float) -> None:
        self.country, self.rng, self.noise = country, rng, misread
        self.sign = rng.choice(country.signs)
        self.comma = country.comma and rng.random() < 0.93
        self.capital = rng.random() < 0.5
        self.sheet = Sheet()
        self.goods = GoodsRows(self.sheet, self.sign, self.comma, rng)

    def print(self, count: int) -> Receipt:
        rng = self.rng
        goods = tuple(self.goods.priced() for _ in range(count))
        when = FIRST_DAY + timedelta(rng.randrange(DAYS)) if rng.random() < 0.96 else None
        clock = self._clock() if when and rng.random() < 0.75 else None
        moment = self._moment(when, clock)
        place = rng.choice(("top", "firm", "meta", "meta", "meta", "meta", "bottom"))
        addressed = self._head(moment if place == "top" else [], moment if place == "firm" else [])
        self._meta(moment if place == "meta" else [])
        self._columns()
        printed = self.goods.print(goods)
        sums = self._sums(goods)
        paid = self._payment(sums["total"] or 0)
        self._foot(sums, moment if place == "bottom" else [])
        currency = self._currency()
        page = write(self.sheet, rng, self.noise)
        return Receipt(
            page, self.country, addressed, when, clock, currency if "currency" in page.fields else None,
            printed,
            sums["subtotal"], sums["discount"], tuple(self.taxes), sums["total"] or 0, paid,
        )  # fmt: skip

    def _words(self, kind: str) -> tuple[str, ...]:
        """What tills of this country print; now and then the English ones."""
        return till_words.of(kind, self.country.name if self.rng.random() < 0.85 else "")

    def _some(self, kind: str, counts: tuple[int, ...]) -> list[str]:
        words = self._words(kind)
        return self.rng.sample(words, min(len(words), self.rng.choice(counts)))

    # -- the head

    def _head(self, moment: list[list[Cell]], beneath: list[list[Cell]]) -> bool:
        """Junk, brand, firm, numbers, address, telephone, in the orders that shops have; whether with an address.

        The rows of `moment` stand above the firm or below all, those of `beneath` right below the firm.
        """
        rng, row = self.rng, self.sheet.row
        if rng.random() < 0.28:
            junk = coded(rng.choice(till_words.JUNK), rng)
            row(junk if rng.random() < 0.8 else f"{page_words.name(rng)} {page_words.name(rng)}".lower())
        first = moment[:1] if rng.random() < 0.5 else []
        for one in first:
            row(*one)
        if rng.random() < 0.05:
            row(rng.choice(self._words("headings")[:14]))
        if rng.random() < 0.96:
            self._firm(beneath)
        else:  # a logo, or what a fold hides
            beneath = [*beneath, *([[(self._number(), "")]] if rng.random() < 0.3 else [])]
            self._rows(beneath)
        addressed = rng.random() < 0.9
        if addressed:
            for line in page_words.wrapped(page_words.address(self.country, rng), rng):
                row((line, "address"))
        if rng.random() < 0.1:
            row(page_words.fill(rng.choice(("N N", "N W", "(N)", "OUTLET: N", "N MALL")), rng))
        for text in self._contacts():
            row(text)
        self._rows(moment[len(first) :])
        if rng.random() < 0.7:
            row(rng.choice(self._words("headings")))
        return addressed

    def _rows(self, rows: list[list[Cell]]) -> None:
        for row in rows:
            self.sheet.row(*row)

    def _firm(self, beneath: list[list[Cell]]) -> None:
        """The firm's name, a brand above or a branch below it, its registration number and the day, now and then."""
        rng, row = self.rng, self.sheet.row
        legal = page_words.firm(self.country, rng)
        branded = rng.random() < 0.3 and any(mark in legal.upper() for mark in till_words.LEGAL)
        if branded and rng.random() < 0.75:
            row(page_words.fill(rng.choice(("N", "N N", "N W", "THE N", "A N N")), rng))
        for line in self._firm_lines(legal):
            row((line, "shop"), *self._beside(line, legal))
        if branded and rng.random() < 0.3:
            row(page_words.fill(rng.choice(("N", "N W", "(N)", "OUTLET: N", "N BRANCH", "N N (XX)")), rng))
        numbers: list[list[Cell]] = [[(self._number(), "")]] if rng.random() < 0.55 else []
        numbers += [[(self._number(), "")]] if numbers and rng.random() < 0.25 else []
        numbers += [[(self._phone(), "")]] if rng.random() < 0.04 else []
        below = rng.random() < 0.7
        self._rows([*beneath, *numbers] if below else [*numbers, *beneath])

    def _phone(self) -> str:
        return coded(self.rng.choice(till_words.PHONES), self.rng)

    def _contacts(self) -> list[str]:
        """A further number, a telephone, a web page, in any order."""
        rng = self.rng
        found = [self._number()] if rng.random() < 0.33 else []
        found += [self._phone()] if rng.random() < 0.6 else []
        found += [coded(rng.choice(till_words.WEB), rng)] if rng.random() < 0.1 else []
        rng.shuffle(found)
        return found

    def _firm_lines(self, legal: str) -> list[str]:
        return (
            page_words.broken(legal, self.rng.randint(max(9, len(legal) // 2), len(legal) - 2))
            if len(legal) > 12 and self.rng.random() < 0.33
            else [legal]
        )

    def _beside(self, line: str, legal: str) -> list[str]:
        """A registration number on the firm's last line, now and then."""
        if not legal.endswith(line) or self.rng.random() >= 0.2:
            return []
        return [" " + coded(self.rng.choice(till_words.REGISTERED), self.rng)]

    def _number(self) -> str:
        return coded(self.rng.choice(self.country.numbers), self.rng)

    # -- day and time, and what stands around them

    def _clock(self) -> str:
        return f"{self.rng.randint(6, 23):02d}:{self.rng.randint(0, 59):02d}"

    def _moment(self, when: date | None, clock: str | None) -> list[list[Cell]]:
        """The rows that say when: one row for both, or one for each."""
        rng = self.rng
        if when is None:
            return []
        forms = self.country.dates
        printed = day(when, forms[min(int(rng.expovariate(0.6)), len(forms) - 1)], self.country.name)
        printed = printed.upper() if rng.random() < 0.3 else printed
        date_cell = (printed, "date~")
        label = rng.choice(("Datum: ", "Datum ", "") if self.country.name == "de" else till_words.DATED)
        cells: list[Cell] = [(label, "")] if label else []
        if clock is None:
            return [[*cells, date_cell, *self._aside()]]
        time_cell = (self._shown_clock(clock), "time~")
        if rng.random() < 0.7:
            between = rng.choice(
                (" ", "  ", " ", "" if printed[-1].isdigit() and len(printed) == 10 else " ", "  Time: ", " - ", ", ")
            )
            both = [date_cell, (between, ""), time_cell]
            if rng.random() < 0.08:
                both = [time_cell, (" ", ""), date_cell]
            return [[*cells, *[one for one in both if one[0]], *self._aside()]]
        return [
            [*cells, date_cell, *self._aside()],
            [
                (rng.choice(("Uhrzeit: ",) if self.country.name == "de" else ("Time: ", "TIME : ", "Time:")), ""),
                time_cell,
            ],
        ]

    def _shown_clock(self, clock: str) -> str:
        rng, (hour, minute) = self.rng, clock.split(":")
        form = rng.random()
        if form < 0.3:
            return f"{clock}:{rng.randint(0, 59):02d}"
        if form < 0.5:
            half = f"{(int(hour) - 1) % 12 + 1}:{minute}{f':{rng.randint(0, 59):02d}' if rng.random() < 0.5 else ''}"
            return half + rng.choice((" PM", "PM", " pm") if int(hour) >= 12 else (" AM", "AM", " am"))
        return clock

    def _aside(self) -> list[Cell]:
        """Something else on the row, now and then."""
        return (
            [("  ", ""), (told(self.rng.choice(self._words("meta")), self.rng), "")] if self.rng.random() < 0.2 else []
        )

    def _meta(self, moment: list[list[Cell]]) -> None:
        rows: list[list[Cell]] = [[(told(form, self.rng), "")] for form in self._some("meta", (0, 1, 1, 2, 2, 3, 4))]
        at = self.rng.randint(0, len(rows))
        self._rows([*rows[:at], *moment, *rows[at:], *self._customer()])

    def _customer(self) -> list[list[Cell]]:
        """Whom it was sold to, with another address, now and then."""
        rng = self.rng
        if rng.random() >= 0.07:
            return []
        lines = page_words.wrapped(page_words.address(self.country, rng), rng) if rng.random() < 0.7 else ()
        head = rng.choice(("Bill To: ", "Sold To:", "Customer: ", "", ""))
        return [[(f"{head}{page_words.firm(self.country, rng)}", "")], *[[(line, "")] for line in lines]]

    def _columns(self) -> None:
        if self.rng.random() < 0.5:
            cells: list[Cell | str] = []
            for column in self.rng.choice(till_words.COLUMNS):
                cells += ["  "] if cells else []
                cells += self._headed(column)
            self.sheet.row(*cells)

    def _headed(self, column: str) -> list[Cell | str]:
        """A column's head; the currency's sign stands for $."""
        before, dollar, after = column.partition("$")
        if not dollar:
            return [column]
        sign = self.sign.strip()
        return [before, currency_sign(sign), after] if sign else [before.rstrip("(") + after.lstrip(")") or "Amount"]

    # -- sums

    taxes: list[Tax]

    def _sum(self, label: str, cents: int, role: str, signed: float = 0.6) -> None:
        """A row of a label and an amount, the currency before, behind or in the label."""
        rng = self.rng
        shown: list[Cell] = [(amount(cents, self.comma, rng), role)]
        labels: list[Cell] = [(label, "")]
        if self.sign and rng.random() < signed:
            mark = currency_sign(self.sign)
            shown = [*shown, mark] if self.sign.startswith(" ") else [mark, *shown]
        elif self.sign.strip() and rng.random() < 0.2:
            labels = [(f"{label.rstrip(' :')} (", ""), currency_sign(self.sign.strip()), (")", "")]
        colon = rng.choice(("  ", "  ", "  ", " : ", ": ", " "))
        self.sheet.row(*labels, colon, *shown)

    def _sums(self, goods: tuple[Goods, ...]) -> dict[str, int | None]:
        rng, country = self.rng, self.country
        listed = sum(one.cents for one in goods)
        off = (
            -round(listed * rng.choice((0.05, 0.1, 0.2)), 0 if rng.random() < 0.5 else -1)
            if rng.random() < 0.14
            else 0
        )
        off = int(off)
        inside, taxed = rng.random() < 0.55, rng.random() < 0.7
        rate = rng.choice(country.rates)
        base = listed + off
        added = round(base * rate / 100) if taxed and not inside else 0
        contained = round(base - base / (1 + rate / 100)) if taxed and inside else 0
        self.taxes = []
        if rng.random() < 0.12:
            self.sheet.row(
                rng.choice(("Total Qty", "TOT QTY:", "Item(s) :", "Items", "Qty")),
                "  ",
                str(sum(one.quantity or 1 for one in goods)),
            )
        shown_subtotal: int | None = None
        if rng.random() < (0.85 if added else 0.35):
            shown_subtotal = listed
            self._sum(rng.choice(country.subtotal), shown_subtotal, "subtotal")
        discount: int | None = None
        if off:
            discount = -off
            shown = off if rng.random() < 0.6 else -off
            self._sum(rng.choice(self._words("discounts")), shown, "discount")
        elif rng.random() < 0.12:
            self._sum(rng.choice(self._words("discounts")), 0, "")
        if added:
            self._tax(rate, added)
        total = base + added
        rounded = total
        if country.name in ("my", "sg") and rng.random() < 0.45:
            rounded = 5 * round(total / 5)
            if rng.random() < 0.4:
                self._sum(rng.choice(country.total), total, "")
            self._sum(rng.choice(till_words.ROUNDINGS), rounded - total, "", 0.2)
        elif rng.random() < 0.15:
            self._sum(rng.choice(country.total), total, "")
        self._sum(rng.choice(country.total), rounded, "total", 0.7)
        if contained and rng.random() < 0.6:
            self._tax(rate, contained)
            contained = 0
        self.later_tax = (rate, contained) if contained else None
        return {"subtotal": shown_subtotal, "discount": discount, "total": rounded}

    later_tax: tuple[float, int] | None = None

    def _tax(self, rate: float, cents: int) -> None:
        number = len(self.taxes)
        shown = f"{rate:g}".replace(".", "," if self.comma else ".")
        form = self.rng.choice(till_words.TAXED)
        cells: list[Cell] = []
        for part in form.replace("{name}", "\0N\0").replace("{rate}", "\0R\0").split("\0"):
            if part == "N":
                cells.append((self.rng.choice(self.country.tax), f"tax{number}.name"))
            elif part == "R":
                cells.append((shown, f"tax{number}.rate"))
            elif part:
                cells.append((part, ""))
        money = [(amount(cents, self.comma, self.rng), f"tax{number}.amount")]
        if self.sign and not self.sign.startswith(" ") and self.rng.random() < 0.4:
            money.insert(0, currency_sign(self.sign))
        self.sheet.row(*cells, "  ", *money)
        self.taxes.append(Tax(rate, cents))

    def _payment(self, total: int) -> bool:
        rng = self.rng
        if rng.random() < 0.15:
            return False
        if rng.random() < 0.65:
            word = rng.choice(self.country.cash)
            given = (
                total
                if rng.random() < 0.3
                else -(-total // 500) * 500
                if rng.random() < 0.6
                else -(-total // 1000) * 1000
            )
            self._paid(word, given)
            if given > total or rng.random() < 0.6:
                self._sum(rng.choice(self.country.change), given - total, "", 0.5)
        else:
            self._paid(rng.choice(self._words("cards")), total)
        return True

    def _paid(self, word: str, cents: int) -> None:
        """What was paid with: the word for it, without its colon, is the field."""
        bare = word.rstrip(" :")
        rest = word[len(bare) :]
        before = self.rng.choice(("", "", "", "", "Payment: ", "Paid by ", "Tender: ", "Pay By: "))
        money = [(amount(cents if self.rng.random() < 0.9 else -cents, self.comma, self.rng), "")]
        if self.sign and not self.sign.startswith(" ") and self.rng.random() < 0.5:
            money.insert(0, currency_sign(self.sign))
        cells: list[Cell] = [(before, "")] if before else []
        self.sheet.row(*cells, (bare, "payment"), *([(rest, "")] if rest else []), "  ", *money)

    def _currency(self) -> str:
        sign = self.sign.strip()
        return {"$": "USD"}.get(sign, self.country.currency)

    # -- the foot

    def _foot(self, sums: dict[str, int | None], moment: list[list[Cell]]) -> None:
        rng = self.rng
        total = sums["total"] or 0
        if self.later_tax and rng.random() < 0.8:
            self._summary(total)
        for one in moment:
            self.sheet.row(*one)
        for form in self._some("feet", (0, 1, 1, 2, 3, 4)):
            self.sheet.row(told(form, self.rng))

    def _summary(self, total: int) -> None:
        """A table of rates under the sums, as tax offices ask for: its amounts are the tax's, none of them a sum."""
        assert self.later_tax is not None
        rate, cents = self.later_tax
        name = self.rng.choice(self.country.tax)
        number = len(self.taxes)
        shown = f"{rate:g}".replace(".", "," if self.comma else ".")
        self.sheet.row(
            f"{name} Summary",
            "  ",
            *self._headed(self.rng.choice(("Amount", "Amount($)", "Net", "Netto"))),
            "  ",
            (name, f"tax{number}.name"),
            *(self._headed("($)") if self.sign.strip() and self.rng.random() < 0.5 else []),
        )
        flag = self.rng.choice(("SR", "A", "S", "T", "B", "SR ="))
        self.sheet.row(
            f"{flag} ",
            self.rng.choice(("@", "(@ ", "", "= ", "@ ")),
            (shown, f"tax{number}.rate"),
            self.rng.choice(("%", " %", "%)")),
            "  ",
            amount(total - cents, self.comma, self.rng),
            "  ",
            (amount(cents, self.comma, self.rng), f"tax{number}.amount"),
        )
        if self.rng.random() < 0.3:
            self.sheet.row(
                "Total", "  ", amount(total - cents, self.comma, self.rng), "  ", amount(cents, self.comma, self.rng)
            )
        self.taxes.append(Tax(rate, cents))
