"""The evidence of whole results: receipts, tables, read text and answers from documents, and where it is drawn."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.evidence import (
    Evidence,
    Place,
    evidence_of_csv,
    evidence_of_json,
    evidence_of_quote,
    evidence_of_text,
    summary,
)
from backend.reader.page import Line, Page
from tests.support.pages import page, quad


def kinds(found: tuple[Evidence, ...]) -> dict[str, str]:
    return {one.path: one.kind for one in found}


def lines(found: tuple[Evidence, ...]) -> dict[str, list[tuple[int, ...]]]:
    return {one.path: [place.lines for place in one.places] for one in found}


def test_what_is_never_printed_has_no_evidence() -> None:
    source = '{"a": null, "b": true, "c": "", "d": [], "e": {}, "f": "***", "g": "Tea"}'
    assert kinds(evidence_of_json(source, [page("Tea")])) == {"g": "exact"}


def test_what_is_no_json_has_no_evidence() -> None:
    assert evidence_of_json("It is a receipt.", [page("Tea")]) == ()


def test_without_pages_everything_stands_nowhere() -> None:
    assert evidence_of_json('{"total": 5, "shop": "Tea"}', []) == (
        Evidence("total", "nowhere"),
        Evidence("shop", "nowhere"),
    )
    assert kinds(evidence_of_json('{"total": 5}', [Page(10, 10)])) == {"total": "nowhere"}


def test_the_summary_counts_what_stands_as_it_is() -> None:
    found = evidence_of_json('{"total": 12.40, "shop": "Tea House", "date": "2018-10-19"}',
                             [page("Tea House", "TOTAL 12.90")])  # fmt: skip
    assert [one.kind for one in found] == ["near", "exact", "nowhere"]
    assert summary(found) == (1, 3)


def test_a_place_is_the_part_of_the_line_that_the_value_takes() -> None:
    (one,) = evidence_of_json('{"total": 8.20}', [page("Shop", "Total: 8.20")])
    assert one.places == (Place(0, (1,), (quad(90, 24, 40),)),)


def test_words_with_places_of_their_own_make_it_tighter() -> None:
    drawn = page("Shop", "Total:   8.20", words=True)
    (one,) = evidence_of_json('{"total": 8.20}', [drawn])
    assert one.places[0].quads == (drawn.lines[1].words[1].quad,)


def test_a_place_on_a_turned_page_is_cut_along_its_text() -> None:
    down = ((100.0, 0.0), (100.0, 100.0), (80.0, 100.0), (80.0, 0.0))  # read from top to bottom
    (one,) = evidence_of_json('{"total": 8.20}', [Page(120, 120, (Line("Total 8.20", down),), turn=90)])
    assert one.places == (Place(0, (0,), (((100.0, 60.0), (100.0, 100.0), (80.0, 100.0), (80.0, 60.0)),)),)


def test_a_value_over_two_rows_has_a_quad_on_each() -> None:
    (one,) = evidence_of_json('{"shop": "Golden Harbour Bakery"}', [page("Golden Harbour", "Bakery", "Tea")])
    assert one.places == (Place(0, (0, 1), (quad(20, 0, 140), quad(20, 24, 60))),)


def test_the_best_of_several_pages_is_found() -> None:
    first, second = page("Invoice", "Amount 5.00"), page("Page 2", "Grand total 5.00")
    (one,) = evidence_of_json('{"total": 5.00}', [first, second])
    assert [(place.page, place.lines) for place in one.places] == [(1, (1,))]


ITEMS = [
    ["MILK", (300, "2"), (400, "1.20"), (500, "2.40")],
    ["BREAD", (300, "1"), (400, "2.40"), (500, "2.40")],
    ["EGGS", (300, "1"), (400, "3.10"), (500, "3.10")],
    ["TOTAL", (500, "7.90")],
]


def test_the_numbers_of_an_item_stand_in_its_row() -> None:
    source = (
        '{"items": [{"name": "Milk", "quantity": 2, "unit_price": 1.20, "amount": 2.40}, '
        '{"name": "Bread", "quantity": 1, "unit_price": 2.40, "amount": 2.40}], "total": 7.90}'
    )
    assert lines(evidence_of_json(source, [page(*ITEMS)])) == {
        "items[0].name": [(0,)],
        "items[0].quantity": [(1,)],
        "items[0].unit_price": [(2,)],
        "items[0].amount": [(3,)],
        "items[1].name": [(4,)],
        "items[1].quantity": [(5,)],
        "items[1].unit_price": [(6,)],
        "items[1].amount": [(7,)],
        "total": [(13,)],
    }


def test_the_amount_of_another_item_is_near() -> None:
    source = (
        '{"items": [{"name": "Milk", "quantity": 2, "amount": 2.40}, {"name": "Bread", "quantity": 1, "amount": 3.10},'
        ' {"name": "Eggs", "quantity": 1, "amount": 3.10}]}'
    )
    found = {one.path: one for one in evidence_of_json(source, [page(*ITEMS)])}
    wrong = found.pop("items[1].amount")
    assert (wrong.kind, wrong.differs) == ("near", "it stands elsewhere, not beside “Bread”")
    assert {one.kind for one in found.values()} == {"exact"}


def test_the_same_item_twice_is_found_in_order() -> None:
    drawn = page(["Tea", (400, "1.00")], ["Cake", (400, "2.00")], ["Tea", (400, "1.00")])
    source = '{"items": [{"name": "Tea", "amount": 1.00}, {"name": "Tea", "amount": 1.00}]}'
    assert lines(evidence_of_json(source, [drawn])) == {
        "items[0].name": [(0,)],
        "items[0].amount": [(1,)],
        "items[1].name": [(4,)],
        "items[1].amount": [(5,)],
    }


def test_a_tax_stands_beside_its_label_not_beside_its_number_elsewhere() -> None:
    drawn = page("GST ID: 000473792512", ["GST 6%", (400, "0.60")], ["Change", (400, "0.60")])
    found = evidence_of_json('{"taxes": [{"name": "GST", "rate": 6, "amount": 0.60}]}', [drawn])
    assert lines(found) == {"taxes[0].name": [(1,)], "taxes[0].rate": [(1,)], "taxes[0].amount": [(2,)]}


def test_a_schema_of_ones_own_is_looked_up_by_its_own_names() -> None:
    drawn = page(
        "Delivery note 4711",
        ["Gross weight", (300, "12.5 kg")],
        ["Net weight", (300, "11.5 kg")],
        ["Driver", (300, "Mira Holm")],
        ["Loaded", (300, "3. Mai 2021")],
    )
    source = (
        '{"note_number": 4711, "weights": {"gross_weight": 12.5, "net_weight": 11.5}, "driver": "Mira Holm", '
        '"loaded": "2021-05-03", "seal": "X-77", "fragile": false}'
    )
    assert kinds(evidence_of_json(source, [drawn])) == {
        "note_number": "exact",
        "weights.gross_weight": "exact",
        "weights.net_weight": "exact",
        "driver": "exact",
        "loaded": "exact",
        "seal": "nowhere",
    }


def test_each_cell_of_a_table_is_what_it_looks_like() -> None:
    drawn = page(
        ["Town", (200, "Population"), (400, "Founded")],
        ["Ipoh", (200, "1.234"), (400, "01.02.1920")],
        ["Port Elgin", (200, "567,50"), (400, "03.04.1930")],
    )
    source = "Town,Population,Founded\nIpoh,1234,1920-02-01\nPort Elgin,567.50,1931-04-03\n"
    found = evidence_of_csv(source, [drawn])
    assert kinds(found) == {
        "[0][0]": "exact",
        "[0][1]": "exact",
        "[0][2]": "exact",
        "[1][0]": "exact",
        "[1][1]": "exact",
        "[1][2]": "exact",
        "[2][0]": "exact",
        "[2][1]": "exact",
        "[2][2]": "near",
    }


def test_a_cell_is_looked_for_in_the_row_of_its_line() -> None:
    drawn = page(["Year", (300, "Sold")], ["North", (300, "50")], ["South", (300, "50")], ["West", (300, "50")])
    assert lines(evidence_of_csv("Year,Sold\nSouth,50\nWest,", [drawn])) == {
        "[0][0]": [(0,)],
        "[0][1]": [(1,)],
        "[1][0]": [(4,)],
        "[1][1]": [(5,)],
        "[2][0]": [(6,)],
    }


def test_each_line_of_read_text_is_found_and_a_wrong_figure_in_it_marked() -> None:
    drawn = page(["Coffee", (400, "2.50")], ["TOTAL", (400, "12.90")], "Thank you")
    found = evidence_of_text("# Coffee   2.50\n\n| TOTAL | 12.40 |\n---\nThank you", [drawn])
    assert kinds(found) == {"[0]": "exact", "[2]": "near", "[4]": "exact"}
    assert found[1].differs == "the image has “12.90”"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "The deposit is 500.00 euros, due on 3 May 2021.\n\n> A deposit of EUR 500.00 is due by 03/05/2021.",
            {"answer[0]": "exact", "answer[1]": "exact", "quote": "exact"},
        ),
        (
            "The deposit is 800.00 euros, and the rent 1,250.\n\n> A deposit of EUR 800.00 is due by 03/05/2021.",
            {"answer[0]": "near", "answer[1]": "nowhere", "quote": "near"},
        ),
        ("The document does not say.", {}),
    ],
)
def test_an_answer_from_a_document_stands_by_its_quote_and_its_figures(source: str, expected: dict[str, str]) -> None:
    drawn = page("Lease", "A deposit of EUR 500.00 is due", "by 03/05/2021.")
    assert kinds(evidence_of_quote(source, [drawn])) == expected


LETTERS = st.text(alphabet="aOoIl1058.,-/:%()$€¥xX jJaAnN年月日’'\n\"{}[]>|éßİ１", max_size=60)


@given(st.lists(LETTERS, max_size=6), LETTERS, st.sampled_from(("total", "date", "time", "currency", "items", "x")))
def test_nothing_that_is_read_or_asked_breaks_it(rows: list[str], value: str, key: str) -> None:
    drawn = page(*rows)
    for source in (json.dumps({key: value}), json.dumps({key: [{"name": value, "amount": 1.5}, {"amount": 3}]})):
        found = evidence_of_json(source, [drawn, page("Tea")])
        assert all(place.lines and len(place.lines) == len(place.quads) for one in found for place in one.places)
    for look in (evidence_of_csv, evidence_of_text, evidence_of_quote):
        assert all(one.kind in ("exact", "near", "nowhere") for one in look(value, [drawn]))


@pytest.mark.parametrize("number", ["1e999999999", "-1E-999999999", "9" * 5000, "0.000", "-0", "NaN", "Infinity"])
def test_numbers_of_any_size_can_be_asked_for(number: str) -> None:
    found = evidence_of_json(f'{{"total": {number}}}', [page("Total 12.90", "9" * 500)])
    assert all(one.kind == "nowhere" for one in found)
