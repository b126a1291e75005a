"""Checks whether a receipt adds up and its date and tax rates can be. Pure; money in units of the currency."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from backend.tasks.forms.receipt_schema import Receipt, Tax
from backend.tasks.result import Doubt

CENT = Decimal("0.01")
EARLIEST = date(1970, 1, 1)


def doubts(receipt: Receipt, today: date) -> tuple[Doubt, ...]:
    """Find every field that does not fit the others; a receipt that prints too little to be checked has none.

    Example: items 4.00 and 6.00, subtotal 10.00 and discount 1.00 leave a base of 9.00, so a total of 9.50 is doubted:
    "the lines above add up to 9.00". A tax of 1.80 at 20 % is its rate of the base and comes on top, so only 10.80 is
    right; one of 1.50 at 20 % is contained in the base, so only 9.00 is; one of 1.60 without a rate allows both 9.00
    and 10.60.
    """
    try:
        return (*_when(receipt, today), *_items(receipt), *_sums(receipt))
    except ArithmeticError:  # only an answer that no grammar held can be so large
        return (Doubt("", "the amounts are too large to be checked"),)


def _when(receipt: Receipt, today: date) -> Iterator[Doubt]:
    if receipt.date is None:
        return
    try:
        day = date.fromisoformat(receipt.date)
    except ValueError:
        yield Doubt("date", "there is no such day")
        return
    if day > today:
        yield Doubt("date", "the day is still to come")
    elif day < EARLIEST:
        yield Doubt("date", "the day is very long ago")


def _items(receipt: Receipt) -> Iterator[Doubt]:
    for number, item in enumerate(receipt.items):
        if item.quantity is None or item.unit_price is None or item.amount is None:
            continue
        wanted = item.quantity * item.unit_price
        if not _same(wanted, item.amount):
            why = f"{item.quantity} × {item.unit_price} is {_shown(wanted)}"
            yield Doubt(f"items[{number}].amount", why)


def _sums(receipt: Receipt) -> Iterator[Doubt]:
    """The items against the subtotal, and the subtotal against the total."""
    amounts = [item.amount for item in receipt.items if item.amount is not None]
    listed = sum(amounts, Decimal()) if amounts and len(amounts) == len(receipt.items) else None
    discount = abs(receipt.discount or Decimal())
    if listed is not None and receipt.subtotal is not None and not _in(receipt.subtotal, {listed, listed - discount}):
        yield Doubt("subtotal", f"the items add up to {_shown(listed)}")
    base = receipt.subtotal if receipt.subtotal is not None else listed
    if base is None or receipt.total is None:
        return
    # A subtotal is printed before the discount or after it; only the items tell which.
    reduced = receipt.subtotal is not None and listed is not None and _same(listed - discount, base)
    yield from _total(receipt, base if reduced else base - discount)


def _total(receipt: Receipt, base: Decimal) -> Iterator[Doubt]:
    assert receipt.total is not None
    if len(receipt.taxes) > 0 and any(tax.amount is None for tax in receipt.taxes):
        return
    added = base + sum((tax.amount for tax in receipt.taxes if tax.amount is not None), Decimal())
    wanted = {added} if _all_added(receipt.taxes, base, receipt.subtotal) else {added, base}
    if _all_included(receipt.taxes, base):
        wanted = {base}
    if not _in(receipt.total, wanted):
        shown = " or ".join(_shown(one) for one in sorted(wanted))
        yield Doubt("total", f"the lines above add up to {shown}")


def _all_added(taxes: tuple[Tax, ...], base: Decimal, subtotal: Decimal | None) -> bool:
    """Whether every tax is its rate of the goods, so that it comes on top of them."""
    bases = {base, base if subtotal is None else subtotal}
    return bool(taxes) and all(
        tax.rate is not None and tax.amount is not None and _in(tax.amount, {one * tax.rate / 100 for one in bases})
        for tax in taxes
    )


def _all_included(taxes: tuple[Tax, ...], base: Decimal) -> bool:
    """Whether every tax is the part of the goods that its rate makes, so that they hold it already."""
    if not taxes or _all_added(taxes, base, base):
        return False
    return all(
        tax.rate is not None and tax.amount is not None and _same(tax.amount, base * tax.rate / (100 + tax.rate))
        for tax in taxes
    )


def _same(one: Decimal, other: Decimal) -> bool:
    """Equal but for the rounding to a cent, up or down."""
    return abs(one - other) < CENT


def _in(one: Decimal, others: set[Decimal]) -> bool:
    return any(_same(one, other) for other in others)


def _shown(amount: Decimal) -> str:
    return f"{amount:.2f}"
