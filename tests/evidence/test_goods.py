"""What a model that works from text may list as bought: which rows are items, in which order, and what of each."""

import json
from decimal import Decimal
from typing import Any

import pytest

from backend.evidence.copying import copied
from backend.evidence.goods import goods_rows
from backend.evidence.index import index
from backend.reader.page import Page
from backend.tasks.forms.receipt_schema import Receipt
from backend.tasks.presets import receipt
from tests.support.grammars import accepts, matcher, with_any_total
from tests.support.pages import page


def item(name: str, amount: float | None, quantity: float | None = None, price: float | None = None) -> dict[str, Any]:
    return {"name": name, "quantity": quantity, "unit_price": price, "amount": amount}


def lists(read: Page, *items: dict[str, Any], discount: float | None = None) -> bool:
    """Whether a receipt with these items, and nothing else, may be said of a page."""
    said = Receipt().model_dump(mode="json") | {"items": items, "discount": discount}
    grammar = copied(receipt.grammar(), [read])
    held = matcher(grammar)
    return any(accepts(held, one) for one in with_any_total(grammar, json.dumps(said, separators=(",", ":"))))


TEA, JAM = item("Tea", 3), item("Jam", 4)
SHORT = page("TOY SDN BHD", ["Tea", (420, "3.00")], ["Jam", (420, "4.00")], ["TOTAL", (420, "7.50")])


@pytest.mark.parametrize(
    ("items", "allowed"), [((TEA, JAM), True), ((TEA,), True), ((JAM,), True), ((), True), ((JAM, TEA), False)]
)
def test_what_does_not_add_up_may_be_left_out(items: tuple[dict[str, Any], ...], allowed: bool) -> None:
    assert lists(SHORT, *items) == allowed


TILL = page("TOY SDN BHD", ["Tea", (420, "3.00")], ["Jam", (420, "4.00")], ["TOTAL", (420, "7.00")], ["Sock", "9.00"])


@pytest.mark.parametrize(
    ("items", "allowed"),
    [
        ((TEA, JAM), True),
        ((TEA,), False),  # all that adds up to the total is listed
        ((JAM,), False),
        ((), False),
        ((JAM, TEA), False),  # not in the order of the rows
        ((TEA, TEA), False),  # a row for two items
        ((item("Tea", 4), item("Jam", 3)), False),  # the amount of another row
        ((TEA, JAM, item("TOTAL", 7)), False),
        ((TEA, JAM, item("Sock", 9)), False),  # below what is to pay
    ],
)
def test_items_come_in_the_order_of_their_rows_each_row_once(items: tuple[dict[str, Any], ...], allowed: bool) -> None:
    assert lists(TILL, *items) == allowed


COUNTED = page("Green Tea", ["2 x 3.10", (420, "6.20 SR")], "Jam", ["3 @ RM1.20", (420, "3.60")], ["TOTAL", "9.80"])
COUNTED_TEA, COUNTED_JAM = item("Green Tea", 6.2, 2, 3.1), item("Jam", 3.6, 3, 1.2)


@pytest.mark.parametrize(
    ("items", "allowed"),
    [
        ((COUNTED_TEA, COUNTED_JAM), True),
        ((item("Green Tea", 3.1, 2, 6.2), COUNTED_JAM), False),
        ((item("Green Tea", 6.2, 3.1, 2), COUNTED_JAM), False),
        ((COUNTED_TEA,), False),  # a row that comes out is an item
        ((item("2 x", 6.2, 2, 3.1), COUNTED_JAM), False),
    ],
)
def test_a_count_a_price_and_an_amount_that_come_out_are_an_item(
    items: tuple[dict[str, Any], ...], allowed: bool
) -> None:
    assert lists(COUNTED, *items) == allowed


@pytest.mark.parametrize(
    "row",
    [
        ["2 x 3.10", (420, "6.20")],
        ["2x3.10", (420, "6.20")],
        ["2xRM3.10", (420, "RM6.20")],
        ["2 PCS @ RM 3.10", (420, "RM 6.20")],
        ["3.10", (200, "2 PCS"), (300, "0.00"), (420, "6.20")],
        ["8239431", (200, "2.000"), (300, "3.10"), (420, "6.20")],
    ],
)
def test_a_product_is_known_in_every_form_of_its_row(row: list[Any]) -> None:
    read = page("Green Tea", row, ["TOTAL", (420, "9.90")])
    assert lists(read, item("Green Tea", 6.2, 2, 3.1))
    assert not lists(read)
    assert lists(page("Green Tea", ["2 x 3.15", (420, "6.20")], ["TOTAL", (420, "9.90")]))


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("hand picked", True),
        ("(fresh) hand picked", True),
        ("leaves (fresh) hand picked", False),  # over three rows
        ("(fresh) hand", False),  # a cell's end is left out
        ("(fresh)", False),  # without the words beside the amount
        ("Green Tea", False),
    ],
)
def test_a_name_beside_an_amount_may_begin_on_the_row_above_and_ends_where_its_cell_does(
    name: str, allowed: bool
) -> None:
    read = page("Green Tea", "leaves", "(fresh)", ["hand picked", (420, "3.10")], ["TOTAL", (420, "3.10")])
    assert lists(read, item(name, 3.1)) == allowed


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("hand picked", True),
        ("leaves hand picked", True),
        ("leaves", False),  # without the row right above the amount
        ("Green Tea", False),
        ("Green Tea leaves hand picked", False),
    ],
)
def test_a_name_above_an_amount_ends_on_the_nearest_row_with_words(name: str, allowed: bool) -> None:
    rows = ["Green Tea", "leaves", "hand picked", ["8239431", (200, "2 x 1.55"), (420, "3.10")]]
    assert lists(page(*rows, ["TOTAL", (420, "3.10")]), item(name, 3.1, 2, 1.55)) == allowed


def test_a_name_below_an_amount_begins_on_the_nearest_row_with_words() -> None:
    read = page(["2 x 1.55", (420, "3.10")], "Tea", "fresh", ["1 x 4.00", (420, "4.00")], "Jam", ["TOTAL", "7.10"])
    jam = item("Jam", 4, 1, 4)
    assert [lists(read, item(name, 3.1, 2, 1.55), jam) for name in ("Tea", "Tea fresh", "fresh")] == [
        True,
        True,
        False,
    ]


def test_a_note_below_the_last_item_does_not_leave_open_where_names_stand() -> None:
    rows = ["Hot", "Spinach", ["2 x 1.55", (420, "3.10")], "Jam", ["1 x 4.00", (420, "4.00")], "No ice"]
    read = page("Qty  Price  Amount", *rows, ["TOTAL", (420, "7.10")])
    jam = item("Jam", 4, 1, 4)
    said = [lists(read, item(name, 3.1, 2, 1.55), jam) for name in ("Hot Spinach", "Spinach", "Hot")]
    assert said == [True, False, False]


@pytest.mark.parametrize(("name", "allowed"), [("Black Tea", True), ("Hot 10 - Black Tea", False), ("Hot", False)])
def test_a_name_goes_over_no_count(name: str, allowed: bool) -> None:
    read = page("2 - Jam 4.00", "Hot", "10 - Black Tea 3.10", ["TOTAL", (420, "7.10")])
    assert lists(read, item("Jam", 4, 2), item(name, 3.1, 10)) == allowed


def test_a_note_is_no_part_of_the_name_below_it() -> None:
    read = page("Jam 4.00", "No ice", "Black Tea 3.10", ["TOTAL", (420, "7.10")])
    assert [lists(read, item("Jam", 4), item(name, 3.1)) for name in ("Black Tea", "No ice Black Tea")] == [
        True,
        False,
    ]


def test_rounding_is_nothing_bought() -> None:
    read = page(["Tea", (420, "3.10")], ["Jam", (420, "4.00")], ["RND (RM)", (420, "0.02")], ["TOTAL", (420, "7.12")])
    assert [lists(read, item("Tea", 3.1), item("Jam", 4), *more) for more in ((), (item("RND", 0.02),))] == [
        True,
        False,
    ]


@pytest.mark.parametrize("row", [["1 -Tea", (420, "3.10")], ["1 - Tea", (420, "3.10")]])
def test_a_dash_between_a_count_and_a_name_is_of_neither(row: list[Any]) -> None:
    read = page(row, ["TOTAL", (420, "3.10")])
    assert [lists(read, item(name, 3.1, 1)) for name in ("Tea", "-Tea Tea")] == [True, False]


def test_a_size_in_brackets_is_part_of_a_name() -> None:
    read = page(["Tea (S)", (200, "2 x 1.55"), (420, "3.10 SR")], ["TOTAL", (420, "3.10")])
    assert [lists(read, item(name, 3.1, 2, 1.55)) for name in ("Tea (S)", "Tea")] == [True, False]


def test_a_misread_count_is_one() -> None:
    read = page(["1Ox Tea", (420, "3.10")], ["TOTAL", (420, "3.10")])
    assert lists(read, item("Tea", 3.1, 10))


def test_the_litres_of_a_bottle_are_no_amount_also_misread() -> None:
    read = page("Tea I.5L", ["8239431", (200, "2.10"), (300, "2.00"), (420, "4.20")], ["TOTAL", (420, "4.20")])
    assert lists(read, item("Tea I.5L", 4.2, 2, 2.1))
    assert not lists(read, item("Tea", 1.51))


def test_a_short_word_at_its_end_is_part_of_a_name() -> None:
    read = page("TOY", "GREEN TEA", ["2 x 3.10", (420, "6.20 ZRL")], ["TOTAL", (420, "6.20")])
    assert [lists(read, item(name, 6.2, 2, 3.1)) for name in ("GREEN TEA", "GREEN", "ZRL")] == [True, False, False]


def test_a_word_of_its_own_before_a_name_is_part_of_it() -> None:
    read = page("TOY", ["RAW MELON", (420, "3.10")], ["TOTAL", (420, "3.10")])
    assert [lists(read, item(name, 3.1)) for name in ("RAW MELON", "MELON", "RAW")] == [True, False, False]


@pytest.mark.parametrize(
    ("rest", "discount"),
    [(["GST 6%", (420, "0.42")], None), (["Discount", (420, "-0.70")], 0.7), (["Add VAT", (420, "RM0.42")], None)],
)
def test_a_discount_and_a_tax_before_the_total_are_no_items(rest: list[Any], discount: float | None) -> None:
    read = page(["Tea", (420, "3.00")], ["Jam", (420, "4.00")], rest, ["Sub Total RM", (420, "7.00")])
    assert lists(read, TEA, JAM, discount=discount)
    assert not lists(read, TEA, JAM, item(rest[0], 0.42), discount=discount)


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (["8239 Green Tea", (420, "6.20 SR")], "Green Tea"),
        (["12 Green Tea", (420, "6.20 SR")], "12 Green Tea"),
        (["500ML Green Tea", (420, "6.20 SR")], "500ML Green Tea"),
        (["Green Tea SR", (420, "6.20")], "Green Tea"),
        (["Green Tea SR", (420, "6.20")], "Green Tea SR"),
        (["5)Green Tea", (420, "6.20")], "Green Tea"),
        (["1 xTea", (420, "6.20")], "Tea"),
        (["2", (60, "Green Tea 2X @3.10"), (420, "6.20")], "Green Tea 2X"),
        (["Green Tea RM6.20"], "Green Tea"),
        (["Red Pen", (420, "6.20")], "Red Pen"),  # PEN is a currency's code, and no sign here
    ],
)
def test_a_name_is_told_without_code_flag_or_number(row: list[Any], name: str) -> None:
    counted = (2, 3.1) if "3.10" in str(row) else (None, None)
    assert lists(page("TOY", row, ["TOTAL", (420, "6.20")]), item(name, 6.2, *counted))


def test_a_code_is_no_part_of_a_name() -> None:
    read = page("TOY", ["XE83-66 Green Tea", (420, "6.20")], ["TOTAL", (420, "6.20")])
    assert lists(read, item("Green Tea", 6.2))
    assert not lists(read, item("XE83-66 Green Tea", 6.2))


def test_where_a_product_comes_out_its_count_and_price_are_told() -> None:
    assert not lists(COUNTED, item("Green Tea", 6.2, 2), COUNTED_JAM)
    assert not lists(COUNTED, item("Green Tea", 6.2, None, 3.1), COUNTED_JAM)
    assert not lists(COUNTED, item("Green Tea", None, 2, 3.1), COUNTED_JAM)


def test_below_a_total_only_a_product_is_an_item() -> None:
    read = page(["Tea", (420, "3.50")], ["Total 0%", (420, "3.00")], ["S = 6.5%", (420, "1.04")], "2 x 3.10 Jam  6.20")
    jam = item("Jam", 6.2, 2, 3.1)
    assert lists(read, item("Tea", 3.5), jam)
    assert not lists(read, item("Tea", 3.5), item("S = 6.5%", 1.04), jam)


@pytest.mark.parametrize("name", ["RM", "Blll No.:", "Qty Item Amount"])
def test_a_sign_a_label_and_a_columns_head_are_no_names(name: str) -> None:
    read = page("TOY", "Blll No.:", ["Qty", "Item", "Amount"], ["RM", (420, "6.20")], ["TOTAL", (420, "6.20")])
    assert not lists(read, item(name, 6.2))


def test_names_stand_above_their_amounts_or_below_them_in_one_way() -> None:
    read = page("2 x 3.10  6.20", "Green Tea", "3 x 1.20  3.60", "Jam", "TOTAL  9.80")
    assert lists(read, COUNTED_TEA, COUNTED_JAM)
    assert not lists(read, COUNTED_TEA, item("Green Tea", 3.6, 3, 1.2))
    read = page("Green Tea", "2 x 3.10  6.20", "Jam", "3 x 1.20  3.60", "TOTAL  9.80")
    assert lists(read, COUNTED_TEA, COUNTED_JAM)
    assert not lists(read, item("Jam", 6.2, 2, 3.1), COUNTED_JAM)


def test_a_count_is_none_of_the_sums_below() -> None:
    read = page("Green Tea  6.20", "TOTAL INCL. GST 6%  6.20", "CASH  10.00", "Qty 2")
    assert lists(read, item("Green Tea", 6.2))
    assert not lists(read, item("Green Tea", 6.2, 6))
    assert not lists(read, item("Green Tea", 6.2, 10))


def test_with_more_rows_than_a_grammar_is_made_for_items_come_from_anywhere() -> None:
    rows = [f"Item {number}  {number}.25" for number in range(130)]
    assert lists(page(*rows), item("Item", 9.25), item("Item", 3.25))


@pytest.mark.parametrize(
    "row",
    [
        ["TOT QTY: 9", (420, "106.10")],
        ["SubTotal Incl GST", (420, "30.00")],
        ["Item 4", (200, "SubTotal Incl GST"), (420, "30.00")],
        ["Total Service Tax (10%)", (380, "RM 0.24")],
        ["Total Includes GST 0%", (420, "8.20")],
        ["1.7002-0014", (420, "ROLL")],
        ["Member Discount", (420, "0.00")],
    ],
)
def test_a_sum_in_other_words_and_a_code_are_no_goods(row: list[Any]) -> None:
    read = page(["Tea", (420, "3.50")], row, ["TOTAL", (420, "9.00")])
    assert lists(read, item("Tea", 3.5))
    assert goods_rows([index(read)], named_below=False)[0].names == ["Tea"]
    assert len(goods_rows([index(read)], named_below=False)) == 1


@pytest.mark.parametrize(
    ("row", "counts"),
    [
        (["2", "Tea", (420, "3.50")], [2]),
        (["62483", "Tea", (420, "3.50")], []),  # a code
        (["1.0000", "Tea", (420, "3.50")], [1]),
        (["Tea", (300, "15.00"), (420, "15.00")], []),  # a price and an amount, none of them fifteen things
        (["0.535", "Tea", (420, "3.50")], [Decimal("0.535")]),
    ],
)
def test_a_count_is_neither_a_code_nor_an_amount(row: list[Any], counts: list[Any]) -> None:
    cells: list[Any] = [(20.0 + 100 * at, cell) if isinstance(cell, str) else cell for at, cell in enumerate(row)]
    (found,) = goods_rows([index(page(cells))], named_below=False)
    assert list(found.of("quantity")) == counts


def test_ten_at_thirteen_is_not_thirteen_at_ten() -> None:
    (found,) = goods_rows([index(page("Yarn", ["10.00 PKTS X 13.00", (420, "130.00  SR")]))], named_below=False)
    assert [list(found.of(field)) for field in ("quantity", "unit_price", "amount")] == [[10], [13], [130]]


def test_the_columns_heads_are_above_the_first_item() -> None:
    read = page("Qty of all", "RM  Code", "Tea", ["2 x 3.10", (420, "6.20")])
    assert goods_rows([index(read)], named_below=False)[0].names == ["Tea"]


@pytest.mark.parametrize(
    ("names", "allowed"),
    [(("GREEN TEA", "RED JAM"), True), (("TOY", "GREEN TEA"), False), (("8239A", "RED JAM"), False)],
)
def test_a_name_after_the_last_amount_tells_that_names_stand_below(names: tuple[str, str], allowed: bool) -> None:
    head = ("TOY", "QTY  PRICE  AMOUNT")
    rows = (["8239A  2 x 3.10", (420, "6.20")], "GREEN TEA", ["7740B  3 @ 1.20", (420, "3.60")], "RED JAM")
    read = page(*head, *rows, ["TOTAL", (420, "9.80")])
    assert lists(read, item(names[0], 6.2, 2, 3.1), item(names[1], 3.6, 3, 1.2)) == allowed


def test_no_name_after_the_last_amount_tells_that_names_stand_above() -> None:
    rows = ("GREEN TEA", ["8239A  2 x 3.10", (420, "6.20")], "RED JAM", ["7740B  3 @ 1.20", (420, "3.60")])
    read = page(*rows, ["TOTAL", (420, "9.80")])
    assert lists(read, item("GREEN TEA", 6.2, 2, 3.1), item("RED JAM", 3.6, 3, 1.2))
    assert not lists(read, item("RED JAM", 6.2, 2, 3.1), item("7740B", 3.6, 3, 1.2))


def test_amounts_add_up_with_one_that_was_misread() -> None:
    read = page(["Tea", (420, "3.00")], ["Jam", (420, "24.3O")], ["Salt", (420, "1.00")], ["TOTAL", (420, "28.30")])
    items = item("Tea", 3), item("Jam", 24.3), item("Salt", 1)
    assert lists(read, *items)
    assert not lists(read, *items[:2])


def test_the_number_before_a_unit_is_the_count() -> None:
    read = page(["Syrup 6.000 PCS  4.00  -", (420, "24.00")], ["TOTAL", (420, "24.00")])
    assert lists(read, item("Syrup", 24, 6, 4))
    assert not lists(read, item("Syrup", 24, 4, 6))


def test_a_heading_above_a_name_is_no_part_of_it() -> None:
    read = page("Kundenbeleg", "Wild Lentils 6X", ["3 x 0.10", (420, "0.30")], ["TOTAL", (420, "0.30")])
    names = ("Wild Lentils 6X", "Kundenbeleg Wild Lentils 6X")
    assert [lists(read, item(name, 0.3, 3, 0.1)) for name in names] == [True, False]


def test_an_amount_payable_is_no_item() -> None:
    read = page(["Tea", (420, "3.00")], ["Rounding:", (420, "0.01")], ["Total Amt Payable :", (420, "445.80")])
    assert lists(read, TEA)
    assert not lists(read, TEA, item("Total Amt Payable", 445.8))


@pytest.mark.parametrize("line", ["NO 197 JALAN RHU 79/1,43423", "G.98, LEVEL 151, KAMP MALL,"])
def test_an_address_is_no_item_however_its_numbers_look(line: str) -> None:
    read = page("TOY SDN BHD", line, ["Tea", (420, "3.00")], ["Jam", (420, "4.00")], ["TOTAL", (420, "7.00")])
    assert lists(read, TEA, JAM)
    assert not lists(read, TEA)
    assert not lists(read, item(line, 9.98), TEA, JAM)


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        (("RED", "JAM 200G"), "RED JAM 200G"),
        (("PLUM", '12"'), 'PLUM 12"'),
        (("Take Away", "JAM"), "JAM"),
        (("+ ICE", "JAM"), "JAM"),
    ],
)
def test_two_rows_of_words_between_amounts_that_have_none_are_one_name(rows: tuple[str, str], name: str) -> None:
    above = ("QTY  PRICE  AMOUNT", "GREEN TEA", ["2 x 3.10", (420, "6.20")], *rows, ["3 @ 1.20", (420, "3.60")])
    read = page(*above, ["TOTAL", (420, "9.80")])
    tea, names = item("GREEN TEA", 6.2, 2, 3.1), (" ".join(rows), *rows)
    assert name in [one for one in names if lists(read, tea, item(one, 3.6, 3, 1.2))]
    if name == " ".join(rows):
        assert not any(lists(read, tea, item(one, 3.6, 3, 1.2)) for one in rows)
