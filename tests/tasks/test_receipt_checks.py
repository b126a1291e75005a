"""Whether receipts add up: what is right passes, and one wrong figure is found, every time."""

import random
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.tasks.forms.receipt_checks import doubts
from backend.tasks.forms.receipt_schema import Item, Receipt, Tax
from backend.tasks.result import Doubt
from training import mixture, receipts

TODAY = date(2026, 11, 21)
CENT = Decimal("0.01")


def money(cents: int | None) -> Decimal | None:
    return None if cents is None else Decimal(cents) * CENT


def printed(seed: int) -> Receipt:
    """A receipt as the training data has them, which add up; its day is long gone."""
    draw, domain = random.Random(seed), mixture.TRAINING.receipt
    bought = receipts._purchase(
        draw, domain, draw.choice(domain.item_styles)
    )  # the words alone: drawing takes its time
    items = [Item(name=one.name, quantity=one.quantity, unit_price=money(one.unit_price), amount=money(one.amount))
             for one in bought.items]  # fmt: skip
    taxes = [Tax(name=bought.tax_name, rate=bought.tax_rate, amount=money(bought.tax_amount))] * bool(bought.tax_name)
    return Receipt(shop=bought.shop, date="2020-02-29", currency=bought.currency, items=tuple(items),
                   subtotal=money(bought.subtotal), discount=money(bought.discount), taxes=tuple(taxes),
                   total=money(bought.total))  # fmt: skip


seeds = st.integers(0, 10**6)


@settings(max_examples=300, deadline=None)
@given(seeds)
def test_a_receipt_that_adds_up_has_no_doubts(seed: int) -> None:
    assert doubts(printed(seed), TODAY) == ()


@settings(max_examples=300, deadline=None)
@given(seeds, st.integers(-5000, 5000).filter(bool))
def test_a_planted_wrong_total_is_found_every_time(seed: int, cents: int) -> None:
    right = printed(seed)
    assert right.total is not None
    wrong = right.model_copy(update={"total": right.total + cents * CENT})
    assert [doubt.path for doubt in doubts(wrong, TODAY)] == ["total"]


@settings(max_examples=300, deadline=None)
@given(seeds)
def test_a_total_without_its_tax_or_discount_is_found(seed: int) -> None:
    right = printed(seed)
    for forgotten in (right.subtotal, right.taxes[0].amount if right.taxes else None):
        if forgotten is not None and forgotten != right.total:
            assert [doubt.path for doubt in doubts(right.model_copy(update={"total": forgotten}), TODAY)] == ["total"]


@settings(max_examples=300, deadline=None)
@given(seeds, st.integers(1, 5000))
def test_a_planted_wrong_item_is_found_where_something_holds_it(seed: int, cents: int) -> None:
    right = printed(seed)
    first, *others = right.items
    assert first.amount is not None
    wrong = right.model_copy(
        update={"items": (first.model_copy(update={"amount": first.amount + cents * CENT}), *others)}
    )
    assert doubts(wrong, TODAY) != ()


def receipt(**fields: object) -> Receipt:
    return Receipt.model_validate({"items": [{"name": "Tea", "amount": "10.00"}], "total": "10.00", **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"taxes": [{"rate": 19, "amount": "1.60"}]},
        {"taxes": [{"rate": 19, "amount": "1.90"}], "total": "11.90"},
        {"taxes": [{"amount": "1.90"}], "total": "11.90"},
        {"taxes": [{"amount": "1.60"}]},
        {"subtotal": "10.00", "discount": "1.00", "total": "9.00"},
        {"subtotal": "9.00", "discount": "1.00", "total": "9.00"},
        {"subtotal": "10.00", "discount": "-1.00", "total": "9.00"},
        {"items": [{"name": "Ham", "quantity": "0.532", "unit_price": "3.99", "amount": "2.12"}], "total": "2.12"},
        {"items": [], "total": "7.00"},
        {"items": [{"name": "Tea"}], "total": "7.00"},
        {"date": "2026-11-21"},
    ],
)
def test_what_receipts_print_in_other_ways_adds_up_too(fields: dict[str, object]) -> None:
    assert doubts(receipt(**fields), TODAY) == ()


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"total": "10.01"}, Doubt("total", "the lines above add up to 10.00")),
        ({"taxes": [{"rate": 19, "amount": "1.90"}]}, Doubt("total", "the lines above add up to 11.90")),
        (
            {"taxes": [{"rate": 19, "amount": "1.60"}], "total": "11.60"},
            Doubt("total", "the lines above add up to 10.00"),
        ),
        (
            {"taxes": [{"amount": "1.90"}], "total": "12.00"},
            Doubt("total", "the lines above add up to 10.00 or 11.90"),
        ),
        ({"subtotal": "12.00", "total": "12.00"}, Doubt("subtotal", "the items add up to 10.00")),
        (
            {"items": [{"name": "Tea", "quantity": 3, "unit_price": "3.00", "amount": "10.00"}]},
            Doubt("items[0].amount", "3 × 3.00 is 9.00"),
        ),
        ({"date": "2026-02-30"}, Doubt("date", "there is no such day")),
        ({"date": "2026-11-22"}, Doubt("date", "the day is still to come")),
        ({"date": "1926-11-22"}, Doubt("date", "the day is very long ago")),
    ],
)
def test_what_does_not_fit_is_named_with_its_reason(fields: dict[str, object], found: Doubt) -> None:
    assert doubts(receipt(**fields), TODAY) == (found,)


def test_amounts_beyond_all_reckoning_are_no_crash() -> None:
    huge = receipt(items=[{"name": "A", "quantity": "1e999999", "unit_price": "1e999999", "amount": 1}])
    assert doubts(huge, TODAY) == (Doubt("", "the amounts are too large to be checked"),)
