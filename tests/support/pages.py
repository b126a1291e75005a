"""Pages made of rows of text with places, as a reader gives them, and receipts in many layouts with their truth."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from backend.reader.page import Line, Page, Quad, Word

WIDTH, HEIGHT, CHARACTER = 600, 24, 10.0

Cell = str | tuple[float, str]
"""A text, or where from the left it begins and the text."""


def quad(x: float, y: float, width: float, height: float = HEIGHT - 4) -> Quad:
    """An upright box."""
    return (x, y), (x + width, y), (x + width, y + height), (x, y + height)


def page(*rows: Cell | Sequence[Cell], words: bool = False) -> Page:
    """A page with these rows from top to bottom; what has no place of its own begins at the left."""
    lines = []
    for number, row in enumerate(rows):
        cells = [row] if isinstance(row, str | tuple) else row
        for cell in cells:
            x, text = (20.0, cell) if isinstance(cell, str) else cell
            box = quad(x, number * HEIGHT, len(text) * CHARACTER)
            lines.append(Line(text, box, words=_words(text, x, number * HEIGHT) if words else ()))
    return Page(WIDTH, len(rows) * HEIGHT + HEIGHT, tuple(lines))


def _words(text: str, x: float, y: float) -> tuple[Word, ...]:
    found, at = [], 0
    for word in text.split():
        at = text.index(word, at)
        found.append(Word(word, quad(x + at * CHARACTER, y, len(word) * CHARACTER)))
        at += len(word)
    return tuple(found)


@dataclass(frozen=True)
class Speech:
    """How receipts are written in one country: labels, the forms of amounts and dates, the currency."""

    code: str
    sign: str
    form: str  # of 1234.5
    dates: tuple[str, ...]
    total: tuple[str, ...]
    subtotal: str
    tax: str
    cash: str
    change: str
    decimals: int = 2


SPEECHES = (
    Speech("MYR", "RM", "1,234.50", ("%d/%m/%Y", "%d-%m-%y", "%d %b %Y"), ("TOTAL", "NETT TOTAL", "Total Amt Rounded"),
           "SUB TOTAL", "GST 6%", "CASH", "CHANGE"),
    Speech("USD", "$", "1,234.50", ("%m/%d/%Y", "%b %d, %Y", "%B %d, %Y"), ("TOTAL", "AMOUNT DUE", "BALANCE DUE"),
           "SUBTOTAL", "SALES TAX", "CASH TEND", "CHANGE DUE"),
    Speech("EUR", "EUR", "1.234,50", ("%d.%m.%Y", "%d.%m.%y"), ("SUMME", "GESAMT", "ZU ZAHLEN"), "Zwischensumme",
           "MwSt 19%", "Bar", "Rückgeld"),
    Speech("CHF", "CHF", "1'234.50", ("%d.%m.%Y", "%d.%m.%y"), ("Total", "Gesamtbetrag"), "Zwischensumme", "MWST",
           "Bar", "Rückgeld"),
    Speech("EUR", "€", "1 234,50", ("%d/%m/%Y", "%d-%m-%Y"), ("TOTAL TTC", "NET A PAYER", "MONTANT"), "Sous-total",
           "TVA 20%", "Espèces", "Rendu"),
    Speech("INR", "Rs.", "1,23,456.00", ("%d-%m-%Y", "%d-%b-%Y"), ("Grand Total", "Net Amount Payable"), "Sub Total",
           "CGST", "Cash", "Balance"),
    Speech("JPY", "¥", "1,235", ("%Y年%m月%d日", "%Y/%m/%d"), ("合計", "合計金額"), "小計", "消費税", "お預り",
           "お釣り", 0),
    Speech("GBP", "£", "1,234.50", ("%d/%m/%y", "%d %B %Y"), ("TOTAL", "TOTAL TO PAY"), "Subtotal", "VAT 20%",
           "CASH", "CHANGE"),
)  # fmt: skip

FIRST = (
    "Golden", "Harbour", "Silver", "Maple", "Bright", "Morning", "Royal", "Cedar", "Little", "Lotus", "Grand",
    "Olive", "Blue", "Lantern", "Happy", "Orchid",
)  # fmt: skip
SECOND = (
    "Bakery", "Hardware", "Kitchen", "Pharmacy", "Stationery", "Restaurant", "Market", "Books", "Garden",
    "Motors", "Optics", "Textiles",
)  # fmt: skip
ENDING = ("Sdn Bhd", "GmbH", "Ltd", "& Sons", "Trading", "SARL", "Enterprise", "Co.", "")
THINGS = (
    "Wooden Ladder", "Copper Wire", "Green Tea Leaves", "Basmati Rice", "Chocolate Biscuits", "Paper Towels",
    "Ballpoint Pen", "Garden Hose", "Fresh Milk", "Dish Soap", "Orange Juice", "Sandwich Cheese", "Ceramic Tiles",
    "Paint Brush", "Cotton Shirt", "Iced Lemon Tea", "Grilled Chicken", "Vegetable Soup", "Steel Bolts",
    "Printer Cartridge", "Leather Wallet", "Coconut Water", "Mango Pudding", "Battery Charger", "Reading Lamp",
    "Office Chair Cushion", "Hand Cream", "Vitamin Tablets", "Salted Peanuts", "Onion Rings",
)  # fmt: skip
STREETS = (
    "Harbour Road", "Jalan Melati", "Rosengasse", "Mill Lane", "Rue des Lilas", "Station Avenue", "Taman Seri",
    "Church Street",
)  # fmt: skip
TOWNS = (
    "Kingsbridge", "Johor Bahru", "Neustadt", "Port Elgin", "Saint Martin", "Oldenburg", "Ipoh", "Westfield",
)  # fmt: skip
NOISE = (
    "TAX INVOICE", "THANK YOU PLEASE COME AGAIN", "Tel: 07-3507405", "Cashier: CN", "Goods sold are not returnable",
    "GST ID No: 000473792512", "Table 14  Pax 3", "Terminal 0531", "www.example.org", "* * * * *",
)  # fmt: skip


@dataclass
class Receipt:
    """A drawn receipt: its page, its truth as a result of the receipt preset has it, and what could be planted."""

    page: Page
    truth: dict[str, Any]
    printed: str = ""
    labels: dict[str, str] = field(default_factory=dict)


def receipt(seed: int) -> Receipt:
    """The receipt of a seed, the same each time."""
    return _Drawing(random.Random(seed)).receipt()


def money(amount: Decimal, form: str) -> str:
    """An amount as a country prints it."""
    if form == "1,235":
        return f"{amount:,.0f}"
    text = f"{amount:,.2f}"
    if form == "1,23,456.00":
        whole, cents = f"{amount:.2f}".split(".")
        head, tail = whole[:-3], whole[-3:]
        pairs = [head[max(0, at - 2) : at] for at in range(len(head), 0, -2)][::-1]
        return ",".join([*pairs, tail]) + "." + cents
    marks = {"1.234,50": ".,", "1'234.50": "'.", "1 234,50": " ,", "1,234.50": ",."}[form]
    return text.translate(str.maketrans(",.", marks))


class _Drawing:
    """What is drawn so far."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.speech = draw.choice(SPEECHES)
        self.signed = draw.random() < 0.3
        self.rows: list[Sequence[Cell]] = []
        self.labels: dict[str, str] = {}

    def receipt(self) -> Receipt:
        truth = {"shop": self._shop(), "address": self._address()}
        self._noise(2)
        truth["date"], truth["time"] = self._when()
        truth["items"] = self._items()
        truth |= self._sums(truth["items"])
        self._noise(3)
        drawn = page(*self.rows)
        return Receipt(drawn, truth, drawn.text, self.labels)

    def _shop(self) -> str:
        name = " ".join(filter(None, (self.draw.choice(FIRST), self.draw.choice(SECOND), self.draw.choice(ENDING))))
        printed = name.upper() if self.draw.random() < 0.7 else name
        words = printed.split()
        if self.draw.random() < 0.3:
            self.rows += [[(180, " ".join(words[:2]))], [(200, " ".join(words[2:]))]] if words[2:] else [[printed]]
        else:
            self.rows.append([(150, printed)])
        return name

    def _address(self) -> str:
        draw = self.draw
        parts = [
            f"{draw.randint(1, 199)}, {draw.choice(STREETS)} {draw.randint(1, 30)}",
            f"{draw.randint(10000, 99999)} {draw.choice(TOWNS)}",
        ]
        beside = draw.random() < 0.3
        for part in parts:
            self.rows.append([part, (420, f"No {draw.randint(100, 999)}X")] if beside else [(60, part)])
        return ", ".join(parts)

    def _noise(self, most: int) -> None:
        self.rows += [[one] for one in self.draw.sample(NOISE, self.draw.randint(0, most))]

    def _when(self) -> tuple[str, str]:
        day = date(2016, 1, 1) + timedelta(days=self.draw.randint(0, 3000))
        form = self.draw.choice(self.speech.dates)
        hour, minute, second = self.draw.randint(8, 21), self.draw.randint(0, 59), self.draw.randint(0, 59)
        clock = f"{hour:02}:{minute:02}:{second:02}"
        if self.draw.random() < 0.3:
            clock = f"{(hour - 1) % 12 + 1}:{minute:02} {'PM' if hour > 11 else 'AM'}"
        gap = "" if self.draw.random() < 0.2 and form.endswith("%Y") else " "
        printed = day.strftime(form) + gap + clock
        self.rows.append([printed] if self.draw.random() < 0.6 else ["Date :", (160, printed)])
        return day.isoformat(), f"{hour:02}:{minute:02}"

    def _items(self) -> list[dict[str, Any]]:
        layout = self.draw.choice((self._beside, self._below, self._before, self._table))
        if layout == self._table:
            self.rows.append(["Item", (300, "Qty"), (370, "Price"), (480, "Amount")])
        found = []
        for name in self.draw.sample(THINGS, self.draw.randint(1, 8)):
            quantity = self.draw.choice((1, 1, 2, 3, 12))
            price = Decimal(self.draw.randint(100, 99999)) / 100
            price = price if self.speech.decimals else Decimal(int(price) + 20)
            item = {"name": name, "quantity": quantity, "unit_price": price, "amount": price * quantity}
            layout(name.upper() if self.draw.random() < 0.5 else name, item)
            found.append(item)
        return found

    def _beside(self, name: str, item: dict[str, Any]) -> None:
        item["unit_price"] = None
        self.rows.append([f"{item['quantity']} {name}", (470, self._money(item["amount"]))])

    def _below(self, name: str, item: dict[str, Any]) -> None:
        self.rows.append([name])
        cross = self.draw.choice(("{} x {}", "{}x {}", "{} @ {}"))
        counted = cross.format(item["quantity"], self._money(item["unit_price"]))
        self.rows.append([(60, counted), (470, self._money(item["amount"]))])

    def _before(self, name: str, item: dict[str, Any]) -> None:
        cells = [(20, f"{item['quantity']}x"), (80, name), (470, self._money(item["amount"]))]
        item["unit_price"] = None
        words = name.split()
        if len(words) > 2 and self.draw.random() < 0.7:
            self.rows.append([cells[0], (80, " ".join(words[:2])), cells[2]])
            self.rows.append([(80, " ".join(words[2:]))])
        else:
            self.rows.append(cells)

    def _table(self, name: str, item: dict[str, Any]) -> None:
        numbers = [(370, self._money(item["unit_price"])), (480, self._money(item["amount"]))]
        self.rows.append([name, (300, str(item["quantity"])), *numbers])

    def _money(self, amount: Decimal) -> str:
        printed = money(amount, self.speech.form)
        if not self.signed:
            return printed
        return f"{printed} {self.speech.sign}" if self.speech.sign in ("€", "EUR") else self.speech.sign + printed

    def _sums(self, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
        speech, draw = self.speech, self.draw
        subtotal = sum((item["amount"] for item in items), Decimal(0))
        tax = (subtotal * Decimal("0.06")).quantize(Decimal(1) if not speech.decimals else Decimal("0.01"))
        total = subtotal + tax
        cash = (total // 50 + 1) * 50
        self.labels = {"subtotal": speech.subtotal, "total": draw.choice(speech.total)}
        labelled = [(speech.subtotal, subtotal), (speech.tax, tax), (self.labels["total"], total)]
        paid = draw.random() < 0.7
        labelled += [(speech.cash, cash), (speech.change, cash - total)] if paid else []
        for label, amount in labelled:
            sign = f" ({speech.sign})" if draw.random() < 0.3 else draw.choice(("", " :", ":"))
            self.rows.append([(120, label + sign), (470, self._money(amount))])
        signed = self.signed or any("(" in str(row[0][1]) for row in self.rows if isinstance(row[0], tuple))
        return {
            "currency": speech.code if signed and any(speech.sign in str(row) for row in self.rows) else None,
            "subtotal": subtotal,
            "taxes": [{"name": speech.tax, "rate": None, "amount": tax}],
            "total": total,
            "payment": "cash" if paid and speech.cash != "CASH TEND" else None,
        }


def as_json(truth: dict[str, Any]) -> str:
    """A result as a model writes it, amounts as printed numbers."""
    if isinstance(truth, dict):
        return "{" + ", ".join(f'"{key}": {as_json(value)}' for key, value in truth.items()) + "}"
    if isinstance(truth, list):
        return "[" + ", ".join(as_json(value) for value in truth) + "]"
    if truth is None:
        return "null"
    return str(truth) if isinstance(truth, int | Decimal) else f'"{truth}"'


def planted(seed: int, kind: str) -> tuple[Receipt, str]:
    """A receipt in which one value of a kind (amount, date, shop, item) is wrong, and the path of that value."""
    drawn, draw = receipt(seed), random.Random(seed)
    truth, place = drawn.truth, draw.randrange(len(drawn.truth["items"]))
    if kind == "amount":
        within, path = draw.choice(((truth, "total"), (truth, "subtotal"), (truth["items"][place], "amount")))
        within[path] = _other_amount(within[path], draw, drawn.printed)
        return drawn, path if within is truth else f"items[{place}].{path}"
    if kind == "date":
        day = date.fromisoformat(truth["date"])
        other = draw.choice(
            (day + timedelta(days=draw.randint(1, 9)), day + timedelta(days=31), day + timedelta(days=366))
        )
        while (other.month, other.day) == (day.day, day.month):  # such a one stands there too
            other += timedelta(days=1)
        truth["date"] = other.isoformat()
        return drawn, "date"
    if kind == "shop":
        first, second = truth["shop"].split()[:2]
        others = [f"{draw.choice(FIRST)} {second}", f"{first} {draw.choice(SECOND)}", "Corner Grocery"]
        truth["shop"] = next(other for other in draw.sample(others, 3) if other != f"{first} {second}")
        return drawn, "shop"
    names = {item["name"] for item in truth["items"]}
    truth["items"][place]["name"] = draw.choice(sorted({*THINGS, *_MIXED} - names))
    return drawn, f"items[{place}].name"


_MIXED = (
    "Wooden Lamp",
    "Copper Pipe",
    "Green Tea Cups",
    "Ballpoint Pencil",
    "Paper Napkins",
    "Iced Milk Tea",
    "Ginger",
)


def _other_amount(amount: Decimal, draw: random.Random, printed: str) -> Decimal:
    """Another amount that the page does not have: one digit off, two digits changed places, a tenth, or any."""
    digits = "".join(char for char in printed if char.isdigit())
    step = Decimal(1) if amount == amount.to_integral_value() and "." not in str(amount) else Decimal("0.01")
    while True:
        shift = draw.choice((1, 10, 50, 100, 900, draw.randint(2, 5000))) * step
        other = draw.choice((amount + shift, abs(amount - shift), amount * 10)).quantize(step)
        if other > 20 * step and str(other).replace(".", "") not in digits:
            return other
