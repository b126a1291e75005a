"""What a model that works from text may say of a receipt's shop, address, total and taxes."""

import json
from typing import Any

import pytest

from backend.evidence.copying import copied
from backend.tasks.forms.receipt_schema import Receipt
from backend.tasks.presets import receipt
from backend.types import Grammar
from tests.support.grammars import accepts, matcher, with_any_total
from tests.support.pages import page

NOTHING = Receipt().model_dump(mode="json")


def allows(grammar: Grammar, answer: str) -> bool:
    held = matcher(grammar)
    return any(accepts(held, one) for one in with_any_total(grammar, answer))


def written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def test_a_shop_does_not_run_on_into_its_address() -> None:
    rows = ("Golden Harbour Trading", "Member of the Northern Cooperative", "Branch of the Old Town Market Hall")
    grammar = copied(receipt.grammar(), [page(*rows, ["TOTAL", (420, "3.10")])])
    whole = " ".join(rows)
    assert len(whole) > 80
    for shop, allowed in ((rows[0], True), (" ".join(rows[:2]), True), (whole, False)):
        assert allows(grammar, written(NOTHING | {"shop": shop})) == allowed
    assert allows(grammar, written(NOTHING | {"address": whole}))


@pytest.mark.parametrize("street", ["No. 12, Mill Lane", "12 Mill Lane", "JALAN MILL 3/2", "Lot 7-1, Mill Park"])
def test_a_shops_name_ends_where_its_address_begins(street: str) -> None:
    grammar = copied(receipt.grammar(), [page("Golden Harbour", street, "81200 Oldport", ["TOTAL", (420, "3.10")])])
    for shop, allowed in (("Golden Harbour", True), (f"Golden Harbour {street}", False)):
        assert allows(grammar, written(NOTHING | {"shop": shop})) == allowed
    assert allows(grammar, written(NOTHING | {"address": f"{street} 81200 Oldport"}))


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("Golden Harbour", True),
        ("Bar Park", True),
        ("Kundenbeleg", False),
        ("OFFICIAL RECEIPT", False),
        ("*** COPY ***", False),
        ("STORE #218", False),
        ("Table 65", False),
        ("TRN: HK6421852", False),
        ("Cashier: Rosemary", False),
        ("Total Item(6):10", False),
        ("Mill Tools S.R.B. (335139-F)", False),  # without its number it is one
        ("Calle Mayor 9, 86414 Madrid", False),
        ("NO 112, PERSIARAN KARL,", False),
        ("TAMAN KORA", False),  # the address goes on
        ("Vanilla Fine 330Ml", False),  # something bought
    ],
)
def test_a_heading_a_counter_an_address_and_goods_are_no_shop(line: str, allowed: bool) -> None:
    above = ("NO 112, PERSIARAN KARL,",) if line == "TAMAN KORA" else ()
    below = ("2 x 3.10  6.20",) if line.startswith("Vanilla") else ()
    grammar = copied(receipt.grammar(), [page(*above, line, *below, "TOTAL 9.00")])
    items = [{"name": line, "quantity": 2, "unit_price": 3.1, "amount": 6.2}] if below else []
    assert allows(grammar, written(NOTHING | {"shop": line, "items": items})) == allowed


@pytest.mark.parametrize(
    ("rows", "totals"),
    [
        (("Total 0% supplies: 6.01", "Total 6% supplies: 28.20", "Total Payable: 34.21"), [34.21]),
        (("TOTAL 7.52", "Rounding -0.02", "Total to pay 7.50"), [7.52, 7.5]),  # what it was rounded from
        (("Totel Payable 7.50", "Svb-total 7.00"), [7.5]),  # misread
        (("Total 6.00", "Total 7.50"), [7.5, 6]),
    ],
)
def test_a_total_stands_beside_the_word_that_leaves_least_doubt(rows: tuple[str, ...], totals: list[float]) -> None:
    grammar = copied(receipt.grammar(), [page("Tea 5.00", *rows, "CASH 10.00")])
    known = (6.01, 28.2, 34.21, 7.52, 7.5, 7, 6, 10, 5)
    assert [total for total in known if allows(grammar, written(NOTHING | {"total": total}))] == totals


@pytest.mark.parametrize(
    ("name", "allowed"),
    [("VAT", True), ("Add VAT", True), ("VAT @ 20%", False), ("VAT @", False), ("VAT No", False), ("2.31", False)],
)
def test_a_tax_is_called_by_words_around_its_own_beside_an_amount(name: str, allowed: bool) -> None:
    grammar = copied(receipt.grammar(), [page("VAT No: GB 739", "Tea 11.56", "Add VAT @ 20% 2.31", "TOTAL 13.90")])
    tax = {"name": name, "rate": 20, "amount": 2.31}
    assert allows(grammar, written(NOTHING | {"taxes": [tax]})) == allowed


@pytest.mark.parametrize(("name", "allowed"), [("VAT", True), ("VAT 5", False)])
def test_a_rate_before_a_blank_and_its_sign_is_no_number_of_a_tax(name: str, allowed: bool) -> None:
    grammar = copied(receipt.grammar(), [page("Tea 20.00", "VAT 5 % 1.00", "TOTAL 21.00")])
    assert allows(grammar, written(NOTHING | {"taxes": [{"name": name, "rate": 5, "amount": 1}]})) == allowed


@pytest.mark.parametrize(
    ("row", "rates"),
    [
        ("5% VAT @ 20% 1.05", [5]),  # of 21.00
        ("20% VAT @ 5% 3.68", [20]),  # within 22.05
        ("5% VAT @ 20% 7.77", [5, 20]),  # neither comes out
    ],
)
def test_of_two_rates_in_a_row_the_one_that_comes_out_is_told(row: str, rates: list[int]) -> None:
    grammar = copied(receipt.grammar(), [page("Tea 21.00", row, "TOTAL 22.05")])
    amount = float(row.split()[-1])
    open_to = [
        rate
        for rate in (5, 20)
        if allows(grammar, written(NOTHING | {"taxes": [{"name": "VAT", "rate": rate, "amount": amount}]}))
    ]
    assert open_to == rates


@pytest.mark.parametrize(
    ("address", "allowed"),
    [("RENO, NV 89501-9675", True), ("5T# 23637", False), ("RENO, NV 89501-9675 5T# 23637", False)],
)
def test_an_address_may_have_a_long_code_of_its_place_and_no_number_of_a_shop(address: str, allowed: bool) -> None:
    grammar = copied(receipt.grammar(), [page("RENO,", "NV 89501-9675", "5T# 23637", "Tea 3.00", "TOTAL 3.50")])
    assert allows(grammar, written(NOTHING | {"address": address})) == allowed


@pytest.mark.parametrize(("address", "allowed"), [("12 Mill Lane", True), ("Jam Jar", False)])
def test_an_address_stands_among_no_goods_also_where_they_do_not_add_up(address: str, allowed: bool) -> None:
    grammar = copied(receipt.grammar(), [page("12 Mill Lane", "Tea 3.00", "Jam Jar", "Soap 4.00", "TOTAL 9.00")])
    assert allows(grammar, written(NOTHING | {"address": address})) == allowed


@pytest.mark.parametrize(
    ("rows", "days"),
    [
        (("03/02/22", "TOTAL RM 3.50"), ["2022-02-03"]),
        (("03/02/22", "Reno, NV 89501", "TOTAL $3.50"), ["2022-03-02"]),
        (("03/02/22", "TOTAL $3.50"), ["2022-02-03", "2022-03-02"]),
        (("03/02/22", "Reno, NV 89501", "TOTAL EUR 3.50"), ["2022-02-03", "2022-03-02"]),  # they do not agree
        (("03/02/22", "due 25/03/22", "TOTAL $3.50"), ["2022-02-03", "2022-03-25"]),
        (("03/02/22", "due 03/25/22", "TOTAL RM 3.50"), ["2022-03-02", "2022-03-25"]),
    ],
)
def test_day_and_month_stand_as_in_another_date_or_as_tills_print_them_there(
    rows: tuple[str, ...], days: list[str]
) -> None:
    grammar = copied(receipt.grammar(), [page("TOY", "Tea 3.00", *rows)])
    total = {"total": 3.5}
    known = ("2022-02-03", "2022-03-02", "2022-03-25")
    assert [day for day in known if allows(grammar, written(NOTHING | total | {"date": day}))] == days


@pytest.mark.parametrize("name", ["TAX 1", "TAX"])
def test_a_tax_may_have_a_number_of_its_own(name: str) -> None:
    grammar = copied(receipt.grammar(), [page("Tea 3.00", "6.5% TAX 1 (6.5%) 0.20", "TOTAL 9.90")])
    assert allows(grammar, written(NOTHING | {"taxes": [{"name": name, "rate": 6.5, "amount": 0.2}]}))


@pytest.mark.parametrize(
    "shop",
    [
        "CASM BILL",
        "Reoeipt",
        "OFFICIAL REGEIPT",
        "Bill No.: 122-957169",
        "Order 2748031",
        "PAID",
        "Item Amount",
        "Receipt 263: 0958",
    ],
)
def test_a_heading_with_a_letter_misread_and_a_number_of_the_paper_are_no_shop(shop: str) -> None:
    grammar = copied(receipt.grammar(), [page(shop, "Tea 3.00", "TOTAL 3.50")])
    assert not allows(grammar, written(NOTHING | {"shop": shop}))


def test_a_shop_stands_above_what_was_bought_and_an_address_not_within_it() -> None:
    rows = ("TOY SDN BHD", "12 Mill Lane", "Tea Red", "8239 2 x 3.10 6.20", "TOTAL 6.20", "SVC Summary")
    grammar = copied(receipt.grammar(), [page(*rows)])
    bought = {"items": [{"name": "Tea Red", "quantity": 2, "unit_price": 3.1, "amount": 6.2}]}
    assert allows(grammar, written(NOTHING | bought | {"shop": "TOY SDN BHD", "address": "12 Mill Lane"}))
    assert not allows(grammar, written(NOTHING | bought | {"shop": "SVC Summary"}))
    assert not allows(grammar, written(NOTHING | bought | {"address": "8239 2 x"}))


@pytest.mark.parametrize(
    ("rows", "subtotals"),
    [
        (("Tea #4065 3.00", "Subtotal 3.00", "TOTAL 3.20"), [3, 3.2]),
        (("Tea #4065 3.00", "Total excl. of GST 3.00", "CASH 5.00"), [3]),
        (("Tea #4065 3.00", "CASH 5.00"), []),
        (("Tea #4065 3.00", "S/TOTAL 3.00", "TOTAL 3.00"), [3]),
        (("Tea #4065 3.00", "Total 3.00", "Total payable 3.20"), [3, 3.2]),
        (("Tea #4065 3.00", "IMPORTE TOTAL 3.00"), []),  # a total alone is none
    ],
)
def test_a_subtotal_stands_beside_a_word_for_it_or_nowhere(rows: tuple[str, ...], subtotals: list[float]) -> None:
    grammar = copied(receipt.grammar(), [page(*rows)])
    bought = NOTHING | {"items": [{"name": "Tea #4065", "quantity": None, "unit_price": None, "amount": 3}]}
    assert [one for one in (3, 3.2, 4065, 5) if allows(grammar, written(bought | {"subtotal": one}))] == subtotals
    assert allows(grammar, written(bought))


@pytest.mark.parametrize(
    ("row", "discounts"),
    [
        ("Disc: 0.86", [0.86, -0.86]),
        ("Djscount -0.86", [-0.86, 0.86]),
        ("Discount 0.00", [None]),
        ("PROMO -0.50", [-0.5, 0.5, None]),  # it does not come out
    ],
)
def test_a_discount_that_comes_out_is_told(row: str, discounts: list[float | None]) -> None:
    grammar = copied(receipt.grammar(), [page("Tea 3.00", row, "TOTAL 2.14")])
    open_to = [one for one in (*discounts, None) if allows(grammar, written(NOTHING | {"discount": one}))]
    assert list(dict.fromkeys(open_to)) == discounts


@pytest.mark.parametrize(("row", "told"), [("TOTAL 3.50", True), ("AMOUNT DUE 3.50", True), ("CASH 3.50", False)])
def test_a_total_that_is_printed_is_told(row: str, told: bool) -> None:
    held = matcher(copied(receipt.grammar(), [page("TOY", "Tea 3.00", row)]))
    assert accepts(held, written(NOTHING)) == (not told)
    assert accepts(held, written(NOTHING | {"total": 3.5}))
