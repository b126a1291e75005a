"""Receipts as pages of text: the layouts, words and noise of tills in several countries."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from training import page_words
from training.page_words import Country, coded
from training.pages import Cell, Page, Sheet, amount, day, write

FIRST_DAY = date(2009, 1, 1)
DAYS = 7000


@dataclass(frozen=True)
class Tax:
    """A tax line; the amount in cents, None where only the rate is printed."""

    rate: float
    cents: int


@dataclass(frozen=True)
class Goods:
    """A line of goods; None is what the shop does not print."""

    quantity: int | None
    unit: int | None
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


HEADINGS = ("TAX INVOICE", "Tax Invoice", "RECEIPT", "INVOICE", "CASH SALES", "OFFICIAL RECEIPT", "CASH BILL", "TAXINVOICE", "Receipt",
            "SALES RECEIPT", "SIMPLIFIED TAX INVOICE", "**TAX INVOICE**", "ORIGINAL", "Customer Copy", "*** COPY ***", "BILL",
            "WELCOME", "Guest Check", "Quittung", "TICKET", "FACTURA SIMPLIFICADA", "DOCUMENTO COMMERCIALE", "Rechnung")  # fmt: skip
META = ("Invoice No: 0000000", "INV NO.: XX000000", "Receipt #: 00000", "Bill No.: 000-000000", "Cashier: N", "CASHIER: 00", "Slip No.: 0000000000",
        "Trans: 000000", "Counter: 0  Pos: 00", "Table 00", "Table: X0", "Order #0000", "Server: N", "Staff: XX00000", "Till 0  Op 00", "Ref: 0000000",
        "Doc No. : XX00000000", "Terminal ID 00000000", "Salesperson: N", "Member: 0000000000", "Pax: 0", "TRN: XX0000000", "Order No. 0000  Dine In",
        "Cashier#: N", "Guests 0", "Kasse 0  Bon 0000", "REG 00", "Room No: 00  000000", "CUSTOMER: CASH", "Name: N N", "Page: 0 of 0", "M.Card: 0000000")  # fmt: skip
COLUMNS = (("Item", "Qty", "Price", "Amt"), ("Description", "Amount"), ("DESCRIPTION", "QTY", "PRICE", "TOTAL"), ("Qty", "Item", "RM"), ("Qty Description", "Amount"),
           ("Item", "Qty", "U.Price", "RM"), ("CODE/DESC", "PRICE", "Disc", "AMOUNT"), ("Artikel", "EUR"), ("QTY  DESCRIPTION", "AMT"), ("ITEM", "S/PRICE", "AMOUNT"),
           ("Item", "Price"), ("Qty", "U/P", "Amount"))  # fmt: skip
FEET = ("Thank You! Please Come Again!", "THANK YOU", "Thank you for shopping with us", "GOODS SOLD ARE NOT RETURNABLE", "Goods sold are not refundable",
        "PLEASE KEEP THIS RECEIPT", "www.N.com", "Like us on Facebook!", "Have a nice day", "Customer Service: 000-0000000", "Exchange within 7 days with receipt",
        "Total Savings  0.00", "Points earned: 00", "Powered by N POS", "** END **", "VISA ************0000", "APPR CODE 000000", "AID: X000000000000", "REF # 000000000000",
        "Vielen Dank für Ihren Einkauf", "Merci de votre visite", "GRACIAS POR SU VISITA", "Grazie e arrivederci", "Tell us how we did: www.N.com/survey",
        "Your balance: 00.00", "Item Count 0", "No. of Items: 0", "Opening hours 0am - 0pm", "E.&O.E.", "TERIMA KASIH", "WIFI: N0000", "Expires 00/00/0000")  # fmt: skip
CARDS = ("VISA", "Visa", "MASTERCARD", "MasterCard", "CREDIT CARD", "DEBIT CARD", "Card", "CARD", "EC-Karte", "AMEX", "CB", "VISA CARD", "Tarjeta", "Debit", "NETS", "Contactless", "CARTA")  # fmt: skip
DISCOUNTS = ("Discount", "DISCOUNT", "Less: Discount", "Member Discount", "Voucher", "Coupon", "Disc", "Savings", "Rabatt", "Remise", "Descuento", "Sconto", "Promo", "Coupon Discount", "DISC 10%")  # fmt: skip
ROUNDINGS = ("Rounding", "Rounding Adj", "ROUNDING ADJ", "Rounding Adjustment :", "Round Adj", "Rounding:", "RND")
TAXED = ("{name} {rate}%", "{name} @{rate}%", "{rate}% {name}", "{name} ({rate}%)", "{name} @ {rate}%:", "Total {name} ({rate}%)", "{name} {rate} %", "{name} payable ({rate}%):", "Add {rate}% {name}")  # fmt: skip


def make(rng: random.Random, misread: float = 0.012, most: int = 12) -> Receipt:
    """A receipt out of nothing, printed by a shop of a country that is drawn by weight."""
    country = rng.choices(page_words.COUNTRIES, page_words.WEIGHTS)[0]
    return _Till(country, rng, misread).print(1 + int(rng.betavariate(1.1, 2.6) * most))


class _Till:
    """One shop's way to print; `print` writes one receipt."""

    def __init__(self, country: Country, rng: random.Random, misread: float) -> None:
        self.country, self.rng, self.noise = country, rng, misread
        self.sign = rng.choice(country.signs)
        self.signed_items = rng.random() < 0.4
        self.comma = country.comma and rng.random() < 0.93
        self.capital = rng.random() < 0.5
        self.item_form = rng.choice(self._forms())
        self.coded_goods = rng.random() < 0.3
        self.flag = rng.choice(("", "", "", " SR", " S", " T", " A", " B", "*", " ZRL", " F")) if rng.random() < 0.5 else ""
        self.sheet = Sheet()

    def print(self, count: int) -> Receipt:
        rng = self.rng
        goods = tuple(self._priced() for _ in range(count))
        when = FIRST_DAY + timedelta(rng.randrange(DAYS)) if rng.random() < 0.96 else None
        clock = self._clock() if when and rng.random() < 0.75 else None
        moment = self._moment(when, clock)
        place = rng.choice(("top", "meta", "meta", "meta", "bottom"))
        addressed = self._head(moment if place == "top" else [])
        self._meta(moment if place == "meta" else [])
        self._columns()
        for number, one in enumerate(goods):
            self.item_form(number, one)
            self._between()
        sums = self._sums(goods)
        paid = self._payment(sums["total"] or 0)
        self._foot(sums, moment if place == "bottom" else [])
        currency = self._currency()
        page = write(self.sheet, rng, self.noise)
        return Receipt(
            page, self.country, addressed, when, clock, currency if "currency" in page.fields else None,
            tuple(self.printed.get(number, one) for number, one in enumerate(goods)),
            sums["subtotal"], sums["discount"], tuple(self.taxes), sums["total"] or 0, paid,
        )  # fmt: skip

    # -- the head

    def _head(self, moment: list[list[Cell]]) -> bool:
        """Junk, brand, firm, numbers, address, telephone, in the orders that shops have; whether with an address."""
        rng, row = self.rng, self.sheet.row
        if rng.random() < 0.18:
            row(coded(rng.choice(("X00000", "0000000", "00", "X0000.0", "XX", "0 0", "0000000 CHECKED", "(XX", "#0", "- X -")), rng))
        for one in moment[: 1 if rng.random() < 0.5 else 0]:
            row(*one)
        legal = page_words.firm(self.country, rng)
        brand = rng.random() < 0.2 and any(mark in legal.upper() for mark in ("SDN", "LTD", "GMBH", "INC", "LLC", "SARL", "S.L", "S.R.L", "BHD"))
        if brand and rng.random() < 0.75:
            row(page_words.fill(rng.choice(("N", "N N", "N W", "THE N")), rng))
        for line in self._firm_lines(legal):
            row((line, "shop"), *self._beside(line, legal))
        if brand and rng.random() < 0.3:
            row(page_words.fill(rng.choice(("N", "N W", "(N)", "OUTLET: N", "N BRANCH")), rng))
        if rng.random() < 0.55:
            row(self._number())
        addressed = rng.random() < 0.88
        if addressed:
            for line in page_words.wrapped(page_words.address(self.country, rng), rng):
                row((line, "address"))
        extra: list[Callable[[], Sheet]] = [lambda: row(self._number())] * rng.choice((0, 0, 1))
        if rng.random() < 0.6:
            extra.append(lambda: row(coded(rng.choice(("TEL: 00-0000000", "Tel:00-0000000 Fax:00-0000000", "Phone (000) 000-0000", "TEL : 00-0000 0000", "Tel. 00000/00000", "H/P:000-0000000", "Tel No 000 0000 0000", "(000) 000-0000")), rng)))
        if rng.random() < 0.1:
            extra.append(lambda: row(coded(rng.choice(("www.xxx.com", "info@xxxxx.com", "Mobile /Whatsapps : +6000-000 0000")), rng)))
        rng.shuffle(extra)
        for add in extra:
            add()
        for one in moment[1:] or ([] if rng.random() < 0.5 else []):
            row(*one)
        if moment and not any(role == "date" for cells in self.sheet.rows for _, role in cells):
            row(*moment[0])
        if rng.random() < 0.7:
            row(rng.choice(HEADINGS))
        return addressed

    def _firm_lines(self, legal: str) -> list[str]:
        return page_words.broken(legal, max(10, len(legal) * 2 // 3)) if len(legal) > 14 and self.rng.random() < 0.2 else [legal]

    def _beside(self, line: str, legal: str) -> list[str]:
        """A registration number on the firm's last line, now and then."""
        return [" " + coded("(000000-X)", self.rng)] if legal.endswith(line) and self.rng.random() < 0.12 else []

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
        label = rng.choice(("Date: ", "DATE: ", "Date : ", "", "", "Date  ", "Datum: ", "Invoice Date: ", "Bill Date:", "Date/Time: "))
        cells: list[Cell] = [(label, "")] if label else []
        if clock is None:
            return [[*cells, date_cell, *self._aside()]]
        time_cell = (self._shown_clock(clock), "time~")
        if rng.random() < 0.7:
            between = rng.choice((" ", "  ", " ", "" if printed[-1].isdigit() and len(printed) == 10 else " ", "  Time: ", " - ", ", "))
            both = [date_cell, (between, ""), time_cell]
            if rng.random() < 0.08:
                both = [time_cell, (" ", ""), date_cell]
            return [[*cells, *[one for one in both if one[0]], *self._aside()]]
        return [[*cells, date_cell, *self._aside()], [(rng.choice(("Time: ", "TIME : ", "Uhrzeit: ", "Time:")), ""), time_cell]]

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
        return [("  ", ""), (self._told(self.rng.choice(META)), "")] if self.rng.random() < 0.2 else []

    def _told(self, form: str) -> str:
        return coded(page_words.fill(form, self.rng), self.rng)

    def _meta(self, moment: list[list[Cell]]) -> None:
        rows: list[list[Cell]] = [[(self._told(form), "")] for form in self.rng.sample(META, self.rng.choice((0, 1, 1, 2, 2, 3, 4)))]
        at = self.rng.randint(0, len(rows))
        for row in [*rows[:at], *moment, *rows[at:]]:
            self.sheet.row(*row)

    def _columns(self) -> None:
        if self.rng.random() < 0.5:
            cells: list[Cell | str] = []
            for column in self.rng.choice(COLUMNS):
                cells += ["  ", column] if cells else [column]
            self.sheet.row(*cells)

    # -- goods

    def _priced(self) -> Goods:
        rng = self.rng
        quantity = rng.choice((1, 1, 1, 1, 2, 2, 3, 4, 5, 6, 10, 12))
        dear = rng.choice((300, 900, 900, 2500, 9000, 60000))
        unit = max(5, int(rng.random() ** 2 * dear) + rng.choice((0, 0, 0, 50, 95, 99)))
        unit = unit if rng.random() < 0.5 else max(10, round(unit, -1))
        return Goods(quantity, unit, quantity * unit)

    def _forms(self) -> list[Callable[[int, Goods], None]]:
        return [self._plain, self._plain, self._front, self._front, self._times_below, self._times_below, self._name_below, self._columned, self._coded_below, self._columned_last]

    def _money(self, cents: int, role: str) -> list[Cell]:
        shown = (amount(cents, self.comma, self.rng), role)
        sign = self.sign if self.signed_items else ""
        if sign.startswith(" "):
            return [shown, (sign, "")]
        return [(sign, ""), shown] if sign else [shown]

    def _code(self) -> str:
        return coded(self.rng.choice(("0000000", "0000000000000", "XX00-00", "00000", "X0000", "00-0000", "000000000000-")), self.rng)

    def _name(self, number: int, prefix: bool = True) -> list[Cell]:
        role, text = f"item{number}.name", page_words.goods(self.rng)
        first, *rest = text.split(" ")
        if rest and self.rng.random() < 0.08:  # a name over two rows; what else the row has stands on the second
            self.sheet.row((first, role))
            return [(" ".join(rest), role)]
        named: list[Cell] = [(text, role)]
        if prefix and self.coded_goods and self.rng.random() < 0.8:
            return [(self._code(), ""), (" ", ""), *named]
        return named

    def _keep(self, number: int, goods: Goods) -> None:
        """Note what was printed, where it is not all."""
        self.printed[number] = goods

    @property
    def printed(self) -> dict[int, Goods]:
        """By number, the goods as they were printed."""
        return self.__dict__.setdefault("_printed", {})

    def _plain(self, number: int, goods: Goods) -> None:
        self.sheet.row(*self._name(number), "  ", *self._money(goods.cents, f"item{number}.amount"), *self._flagged())
        self._keep(number, Goods(None, None, goods.cents))

    def _flagged(self) -> list[Cell]:
        return [(self.flag, "")] if self.flag else []

    def _front(self, number: int, goods: Goods) -> None:
        times = self.rng.choice((" ", " ", "x ", " x ", "X ", "  ", " - "))
        self.sheet.row((str(goods.quantity), f"item{number}.quantity"), (times, ""), *self._name(number, False), "  ", *self._money(goods.cents, f"item{number}.amount"), *self._flagged())
        self._keep(number, Goods(goods.quantity, None, goods.cents))

    def _times(self, number: int, goods: Goods) -> list[Cell]:
        times = self.rng.choice((" x ", "x", " X ", " @ ", "  ", " PCS X ", " x", "pc  ", " @", " UNIT @ "))
        shown = rng_quantity(goods.quantity or 1, self.rng)
        return [(shown, f"item{number}.quantity"), (times, ""), *self._money(goods.unit or 0, f"item{number}.unit")]

    def _times_below(self, number: int, goods: Goods) -> None:
        self.sheet.row(*self._name(number))
        self.sheet.row(*self._times(number, goods), "  ", *self._money(goods.cents, f"item{number}.amount"), *self._flagged())

    def _name_below(self, number: int, goods: Goods) -> None:
        self.sheet.row(*([self._code(), "  "] if self.coded_goods else []), *self._times(number, goods), "  ", *self._money(goods.cents, f"item{number}.amount"), *self._flagged())
        self.sheet.row(*self._name(number, False))

    def _columned(self, number: int, goods: Goods) -> None:
        self.sheet.row(*self._name(number), "  ", *self._times(number, goods)[:1], "  ", *self._money(goods.unit or 0, f"item{number}.unit"), "  ", *self._money(goods.cents, f"item{number}.amount"), *self._flagged())

    def _columned_last(self, number: int, goods: Goods) -> None:
        self.sheet.row((str(goods.quantity), f"item{number}.quantity"), "  ", *self._name(number, False), "  ", *self._money(goods.unit or 0, f"item{number}.unit"), "  ", *self._money(goods.cents, f"item{number}.amount"), *self._flagged())

    def _coded_below(self, number: int, goods: Goods) -> None:
        self.sheet.row(*self._name(number, False))
        self.sheet.row(self._code(), "  ", *self._times(number, goods), "  ", *self._money(goods.cents, f"item{number}.amount"), *self._flagged())

    def _between(self) -> None:
        """Something of no interest after an item, now and then."""
        if self.rng.random() < 0.07:
            form = self.rng.choice(("Take Away", "@DISC 10.00%  -0.50", "  No N", "(0000000)", "PROMO  -0.00", "0000000000000", "+ N", "Member Discount  -0.20", "N N", "* N *"))
            self.sheet.row(self._told(form))

    # -- sums

    taxes: list[Tax]

    def _sum(self, label: str, cents: int, role: str, signed: float = 0.6) -> None:
        """A row of a label and an amount, the currency before, behind or in the label."""
        rng = self.rng
        shown: list[Cell] = [(amount(cents, self.comma, rng), role)]
        if self.sign and rng.random() < signed:
            mark: Cell = (self.sign, "currency~" if role == "total" and self.sign.strip() else "")
            shown = [*shown, mark] if self.sign.startswith(" ") else [mark, *shown]
        elif self.sign.strip() and rng.random() < 0.2:
            label = f"{label.rstrip(' :')} ({self.sign.strip()})"
        colon = rng.choice(("  ", "  ", "  ", " : ", ": ", " "))
        self.sheet.row(label, colon, *shown)

    def _sums(self, goods: tuple[Goods, ...]) -> dict[str, int | None]:
        rng, country = self.rng, self.country
        listed = sum(one.cents for one in goods)
        off = -round(listed * rng.choice((0.05, 0.1, 0.2)), 0 if rng.random() < 0.5 else -1) if rng.random() < 0.14 else 0
        off = int(off)
        inside, taxed = rng.random() < 0.55, rng.random() < 0.7
        rate = rng.choice(country.rates)
        base = listed + off
        added = round(base * rate / 100) if taxed and not inside else 0
        contained = round(base - base / (1 + rate / 100)) if taxed and inside else 0
        self.taxes = []
        if rng.random() < 0.12:
            self.sheet.row(rng.choice(("Total Qty", "TOT QTY:", "Item(s) :", "Items", "Qty")), "  ", str(sum(one.quantity or 1 for one in goods)))
        shown_subtotal: int | None = None
        if rng.random() < (0.85 if added else 0.35):
            shown_subtotal = listed
            self._sum(rng.choice(country.subtotal), shown_subtotal, "subtotal")
        discount: int | None = None
        if off:
            discount = -off
            shown = off if rng.random() < 0.6 else -off
            self._sum(rng.choice(DISCOUNTS), shown, "discount")
        elif rng.random() < 0.12:
            self._sum(rng.choice(DISCOUNTS), 0, "")
        if added:
            self._tax(rate, added)
        total = base + added
        rounded = total
        if country.name in ("my", "sg") and rng.random() < 0.45:
            rounded = 5 * round(total / 5)
            if rng.random() < 0.4:
                self._sum(rng.choice(country.total), total, "")
            self._sum(rng.choice(ROUNDINGS), rounded - total, "", 0.2)
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
        form = self.rng.choice(TAXED)
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
            money.insert(0, (self.sign, ""))
        self.sheet.row(*cells, "  ", *money)
        self.taxes.append(Tax(rate, cents))

    def _payment(self, total: int) -> bool:
        rng = self.rng
        if rng.random() < 0.15:
            return False
        if rng.random() < 0.65:
            word = rng.choice(self.country.cash)
            given = total if rng.random() < 0.3 else -(-total // 500) * 500 if rng.random() < 0.6 else -(-total // 1000) * 1000
            self._paid(word, given)
            if given > total or rng.random() < 0.6:
                self._sum(rng.choice(self.country.change), given - total, "", 0.5)
        else:
            self._paid(rng.choice(CARDS), total)
        return True

    def _paid(self, word: str, cents: int) -> None:
        """What was paid with: the word for it, without its colon, is the field."""
        bare = word.rstrip(" :")
        rest = word[len(bare) :]
        before = self.rng.choice(("", "", "", "", "Payment: ", "Paid by ", "Tender: ", "Pay By: "))
        money = [(amount(cents if self.rng.random() < 0.9 else -cents, self.comma, self.rng), "")]
        if self.sign and not self.sign.startswith(" ") and self.rng.random() < 0.5:
            money.insert(0, (self.sign, ""))
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
        for form in rng.sample(FEET, rng.choice((0, 1, 1, 2, 3, 4))):
            self.sheet.row(self._told(form))

    def _summary(self, total: int) -> None:
        """A table of rates under the sums, as tax offices ask for: its amounts are the tax's, none of them a sum."""
        assert self.later_tax is not None
        rate, cents = self.later_tax
        name = self.rng.choice(self.country.tax)
        number = len(self.taxes)
        shown = f"{rate:g}".replace(".", "," if self.comma else ".")
        self.sheet.row(f"{name} Summary", "  ", self.rng.choice(("Amount", "Amount(RM)", "Net", "Netto")), "  ", (name, f"tax{number}.name"), self.rng.choice(("", "(RM)")))
        flag = self.rng.choice(("SR", "A", "S", "T", "B", "SR ="))
        self.sheet.row(f"{flag} ", self.rng.choice(("@", "(@ ", "", "= ", "@ ")), (shown, f"tax{number}.rate"), self.rng.choice(("%", " %", "%)")), "  ", amount(total - cents, self.comma, self.rng), "  ", (amount(cents, self.comma, self.rng), f"tax{number}.amount"))
        if self.rng.random() < 0.3:
            self.sheet.row("Total", "  ", amount(total - cents, self.comma, self.rng), "  ", amount(cents, self.comma, self.rng))
        self.taxes.append(Tax(rate, cents))


def rng_quantity(quantity: int, rng: random.Random) -> str:
    """A quantity as tills print it: 2, 2.00 or 2.000."""
    return str(quantity) + rng.choice(("", "", "", ".00", ".0", ".000"))
