"""What a receipt prints, line by line: in the plain manner of the test set, or as other shops do."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

SIGNS = {"EUR": "€", "USD": "$", "GBP": "£"}
DATES = {"iso": "{0}-{1}-{2}", "dots": "{2}.{1}.{0}", "slashes": "{2}/{1}/{0}", "american": "{1}/{2}/{0}"}
_DAY_FIRST = (6, 7, 8, 9, 5, 3, 4, 2, 0, 1)
ORDERS = {"dots": _DAY_FIRST, "slashes": _DAY_FIRST, "american": (6, 7, 8, 9, 5, 0, 1, 2, 3, 4)}
"""Where the characters of YYYY-MM-DD stand in a date of each format."""

CARDS = ("card", "visa", "mastercard", "debit card", "credit card", "debit")
HEADS = ("Tel {}-{}", "Phone {} {}", "Receipt {}{}", "Order no. {}", "Table {}", "Cashier {}", "Till {}", "RECEIPT",
         "Invoice #{}{}", "Store {}", "VAT no. {}{}", "www.{}{}.com")  # fmt: skip
FEET = ("Thank you!", "Thank you for your visit", "THANK YOU", "Please come again", "Have a nice day", "Goodbye!",
        "Ref. {}{}", "Terminal {}", "APPROVED", "Items sold: {}", "Keep your receipt")  # fmt: skip
COLUMNS = (("Item", "Price"), ("Description", "Amount"), ("Qty Item", "Total"), ("ITEM", "EACH  SUM"))


@dataclass(frozen=True)
class Item:
    """One line of goods; money in cents."""

    name: str
    quantity: int | None
    unit_price: int | None
    amount: int


@dataclass(frozen=True)
class Purchase:
    """What a receipt says; None is what it does not print."""

    shop: str
    address: str | None
    date: str | None
    time: str | None
    currency: str | None
    items: tuple[Item, ...]
    subtotal: int | None
    discount: int | None
    tax_name: str | None
    tax_rate: int | None
    tax_amount: int | None
    total: int
    payment: str | None


@dataclass(frozen=True)
class Cell:
    """A run of text that belongs to one field."""

    text: str
    role: str


@dataclass(frozen=True)
class Row:
    """One line: cells from the left, cells up to the right edge, or all of it centred; or a drawn rule."""

    left: tuple[Cell, ...]
    right: tuple[Cell, ...] = ()
    centred: bool = False
    rule: bool = False


@dataclass(frozen=True)
class Manner:
    """How a shop prints; what is not given is as in the test set."""

    style: str
    date: str
    ruled: bool
    point: str = "."
    sign: str = ""
    """Before each price."""
    times: str = " x "
    front: str = " "
    subtotal: str = "Subtotal"
    discount: str = "Discount"
    totals: tuple[str, ...] = ("TOTAL", "Total", "TOTAL")
    currency_last: bool = False
    rate_first: bool = False
    given: int | None = None
    """What was paid with, beside the payment; what is above the total is the change."""
    head: tuple[str, ...] = ()
    columns: tuple[str, str] | None = None
    foot: tuple[str, ...] = ()

    def price(self, cents: int, role: str) -> tuple[Cell, ...]:
        """An amount as this shop prints it."""
        amount = Cell(money(cents).replace(".", self.point), role)
        return (label(self.sign), amount) if self.sign else (amount,)


def money(cents: int) -> str:
    """Cents with two decimals and a point."""
    return f"{cents // 100}.{cents % 100:02d}"


def label(text: str) -> Cell:
    """Text that no field is read from."""
    return Cell(text, "label")


def vary(purchase: Purchase, manner: Manner, rng: random.Random) -> tuple[Purchase, Manner]:
    """The same as another shop would print it: capitals, signs, commas, other words, lines of no interest."""
    if rng.random() < 0.4:
        purchase = replace(purchase, shop=purchase.shop.upper())
    if rng.random() < 0.35:
        purchase = replace(
            purchase, items=tuple(replace(item, name=item.name.upper()) for item in purchase.items)
        )  # fmt: skip
    if purchase.tax_name is not None:
        purchase = replace(purchase, tax_name=rng.choice(("VAT", "GST", "Tax", "TAX", "Sales tax", "SALES TAX")))
    if purchase.payment == "card":
        purchase = replace(purchase, payment=rng.choice(CARDS))
    given = None
    if purchase.payment is not None and rng.random() < 0.5:
        cash = purchase.payment == "cash"
        given = -(-purchase.total // 500) * 500 if cash else purchase.total
    american = purchase.currency == "USD" and rng.random() < 0.7
    style = "columns" if manner.style in ("times", "below") and rng.random() < 0.4 else manner.style
    return purchase, replace(
        manner,
        style=style,
        date=rng.choice((manner.date, "american" if american else "slashes")),
        point="," if purchase.currency == "EUR" and rng.random() < 0.4 else ".",
        sign=SIGNS[purchase.currency] if purchase.currency and rng.random() < 0.5 else "",
        times=rng.choice((" x ", "x", " X ", " @ ", " * ")),
        front=rng.choice((" ", "x ", " x ", "X ", "  ")),
        subtotal=rng.choice(("Subtotal", "SUBTOTAL", "Sub-total", "Sub Total", "Net")),
        discount=rng.choice(("Discount", "DISCOUNT", "Savings", "Coupon")),
        totals=("TOTAL", "Total", "Total due", "AMOUNT DUE", "Sum", "Grand total", "To pay", "TOTAL:", "Balance"),
        currency_last=rng.random() < 0.4,
        rate_first=rng.random() < 0.3,
        given=given,
        head=_noise(HEADS, rng),
        columns=rng.choice(COLUMNS) if rng.random() < 0.15 else None,
        foot=_noise(FEET, rng),
    )


def _noise(texts: tuple[str, ...], rng: random.Random) -> tuple[str, ...]:
    chosen = rng.sample(texts, rng.choice((0, 0, 1, 1, 2)))
    return tuple(text.format(rng.randint(1, 999), rng.randint(100, 9999)) for text in chosen)


def print_rows(purchase: Purchase, manner: Manner, rng: random.Random) -> list[Row]:
    """Everything that is printed, from the shop to how it was paid."""
    centred = rng.random() < 0.6
    printed = [Row((Cell(purchase.shop, "shop"),), centred=centred)]
    if purchase.address is not None:
        printed.append(Row((Cell(purchase.address, "address"),), centred=centred))
    printed += [Row((label(text),), centred=centred) for text in manner.head]
    printed += _when(purchase, manner, rng)
    rule = [Row((), rule=True)] if manner.ruled else []
    printed += rule
    if manner.columns is not None:
        printed.append(Row((label(manner.columns[0]),), (label(manner.columns[1]),)))
    for number, item in enumerate(purchase.items):
        printed += _item(number, item, manner)
    printed += rule + _sums(purchase, manner, rng)
    return printed + [Row((label(text),), centred=True) for text in manner.foot]


def _when(purchase: Purchase, manner: Manner, rng: random.Random) -> list[Row]:
    if purchase.date is None:
        return []
    date = Cell(DATES[manner.date].format(*purchase.date.split("-")), "date")
    if purchase.time is None:
        return [Row((date,), centred=rng.random() < 0.5)]
    time = Cell(purchase.time, "time")
    if rng.random() < 0.5:
        return [Row((date,), (time,))]
    return [Row((date, label("  "), time), centred=rng.random() < 0.5)]


def _item(number: int, item: Item, manner: Manner) -> list[Row]:
    role = f"item{number}"
    name, amount = Cell(item.name, f"{role}.name"), manner.price(item.amount, f"{role}.amount")
    quantity = Cell(str(item.quantity), f"{role}.quantity")
    unit = manner.price(item.unit_price or 0, f"{role}.unit")
    match manner.style:
        case "times":
            return [Row((name,), (quantity, label(manner.times), *unit, label("  "), *amount))]
        case "below":
            return [Row((name,)), Row((label("  "), quantity, label(manner.times), *unit), amount)]
        case "columns":
            return [Row((quantity, label("  "), name), (*unit, label("  "), *amount))]
        case "front":
            return [Row((quantity, label(manner.front), name), amount)]
    return [Row((name,), amount)]


def _sums(purchase: Purchase, manner: Manner, rng: random.Random) -> list[Row]:
    printed = []
    if purchase.subtotal is not None:
        printed.append(Row((label(manner.subtotal),), manner.price(purchase.subtotal, "subtotal")))
    if purchase.discount is not None:
        printed.append(Row((label(manner.discount),), (label("-"), *manner.price(purchase.discount, "discount"))))
    if purchase.tax_name is not None and purchase.tax_amount is not None:
        name, rate = Cell(purchase.tax_name, "tax.name"), (Cell(str(purchase.tax_rate), "tax.rate"), label("%"))
        told = (*rate, label(" "), name) if manner.rate_first else (name, label(" "), *rate)
        printed.append(Row(told, manner.price(purchase.tax_amount, "tax.amount")))
    printed.append(_total(purchase, manner, rng))
    if purchase.payment is not None:
        before = rng.choice(("", "", "Paid by "))
        shown = purchase.payment if before else rng.choice((purchase.payment.title(), purchase.payment.upper()))
        cells = (label(before), Cell(shown, "payment")) if before else (Cell(shown, "payment"),)
        given = () if manner.given is None else manner.price(manner.given, "label")
        printed.append(Row(cells, given, centred=not given and rng.random() < 0.3))
    if manner.given is not None and manner.given > purchase.total:
        printed.append(Row((label("Change"),), manner.price(manner.given - purchase.total, "label")))
    return printed


def _total(purchase: Purchase, manner: Manner, rng: random.Random) -> Row:
    word, amount = label(rng.choice(manner.totals)), Cell(money(purchase.total).replace(".", manner.point), "total")
    if purchase.currency is None:
        return Row((word,), (amount,))
    code, sign = Cell(purchase.currency, "currency"), Cell(SIGNS[purchase.currency], "currency")
    if manner.sign:
        return Row((word,), (sign, amount))
    coded = rng.random() < 0.5
    if manner.currency_last:
        return Row((word,), (amount, label(" "), code if coded else sign))
    return Row((word, label(" "), code), (amount,)) if coded else Row((word,), (sign, amount))
