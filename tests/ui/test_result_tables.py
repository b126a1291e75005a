"""Results as tables: what is shown, what a correction makes of it, and what comes back from each download."""

import csv
import io
import json
from decimal import Decimal

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.tasks.forms.export import to_csv, to_xlsx
from backend.tasks.forms.json_text import indented, load, named
from backend.tasks.forms.receipt_schema import Item, Receipt, Tax, parse
from backend.tasks.result import Doubt, Result
from ui.result_tables import CHECK, DOUBT, ResultTable, corrected, rows, sheet

SOURCE = """{
  "shop": "Corner",
  "date": null,
  "items": [
    {
      "name": "Tea",
      "quantity": 2,
      "amount": 2.40
    },
    {
      "name": "Jam",
      "quantity": null,
      "amount": 3.10
    }
  ],
  "taxes": [],
  "total": 5.50
}"""
RESULT = Result("json", SOURCE, doubts=(Doubt("total", "no"), Doubt("items[1].amount", "no")))
SHOWN = ResultTable(
    [["shop", "Corner", ""], ["date", "", ""], ["taxes", "[]", ""], ["total", "5.50", DOUBT]],
    ("name", "quantity", "amount", CHECK),
    [["Tea", "2", "2.40", ""], ["Jam", "", "3.10", DOUBT]],
    "items",
    checked=True,
    paths=[[f"items[{row}].{name}" for name in ("name", "quantity", "amount")] for row in (0, 1)],
)


def test_fields_and_things_are_tables_with_the_doubtful_ones_marked() -> None:
    assert sheet(RESULT) == SHOWN


def test_a_correction_is_in_the_json_and_money_stays_as_printed() -> None:
    fields = [["shop", "Corner", ""], ["date", "2020-01-02", ""], ["taxes", "[]", ""], ["total", "5.60", DOUBT]]
    items = [["Tea", "3", "2.40", ""], ["", " ", "", ""], ["Ham", "", "3.20", ""]]
    fixed = corrected(RESULT, fields, items).source
    assert load(fixed) == {
        "shop": "Corner", "date": "2020-01-02", "taxes": [], "total": "5.60",
        "items": [{"name": "Tea", "quantity": "3", "amount": "2.40"},
                  {"name": "Ham", "quantity": None, "amount": "3.20"}],
    }  # fmt: skip
    assert '"amount": 3.20' in fixed
    assert '"quantity": 3' in fixed


@pytest.mark.parametrize(
    ("before", "text", "after"),
    [("2.40", "a", '"a"'), ('"007"', "008", '"008"'), ("true", "false", "false"), ("true", "perhaps", "true"),
     ("1", "", "null"), ("[]", "", "[]"), ("{}", "", "{}"), ("null", "012", '"012"'), ("null", "1e5", '"1e5"')],
)  # fmt: skip
def test_a_field_keeps_its_kind_where_it_can(before: str, text: str, after: str) -> None:
    result = Result("json", f'{{"a": {{"b": {before}}}}}')
    assert corrected(result, [["a.b", text, ""]], []).source == indented(load(f'{{"a": {{"b": {after}}}}}'))


def test_a_path_that_is_not_there_changes_nothing() -> None:
    fields = [["shop.name", "x", ""], ["items[9].name", "x", ""], ["", "x", ""]]
    assert corrected(RESULT, fields, sheet(RESULT).items).source == SOURCE


def test_a_table_of_csv_is_corrected_and_written_back() -> None:
    table = Result("csv", 'a,b\n1,"x, y"')
    assert sheet(table) == ResultTable([], ("a", "b"), [["1", "x, y"]], paths=[["[1][0]", "[1][1]"]])
    assert corrected(table, [], [["2", "z, y", "✓"]]).source == 'a,b\n2,"z, y"'


def test_read_text_is_corrected_line_by_line() -> None:
    text = Result("text", "TOTAL 5.50\nCASH")
    assert sheet(text) == ResultTable([], ("Line",), [["TOTAL 5.50"], ["CASH"]], paths=[["[0]"], ["[1]"]])
    assert corrected(text, [], [["TOTAL 5.60", "✓"], ["CASH", ""]]).source == "TOTAL 5.60\nCASH"
    assert rows(text) == [{"Line": "TOTAL 5.50"}, {"Line": "CASH"}]


def test_what_is_known_of_values_stands_in_a_column_after_each() -> None:
    said = {"items[0].name": "exact", "total": "nowhere"}
    assert rows(Result("json", '{"items": [{"name": "Tea"}], "total": 5.50}'), numbers=True, said=said) == [
        {"name": "Tea", "name evidence": "exact", "total": 5.5, "total evidence": "nowhere"}
    ]


def test_a_path_is_said_in_words() -> None:
    assert (named("items[0].unit_price"), named("total")) == ("items 1, unit price", "total")


def test_an_answer_from_a_document_is_shown_and_not_corrected() -> None:
    quote = Result("quote", "It was 2.50.\n\n> Tea 2.50")
    shown = sheet(quote)
    assert shown == ResultTable([["answer[0]", "2.50", ""], ["quote", "Tea 2.50", ""]], fixed=True)
    assert corrected(quote, [["answer[0]", "9.99", ""], *shown.fields[1:]], []) == quote
    assert rows(quote) == [{"answer[0]": "2.50", "quote": "Tea 2.50"}]


words = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20).filter(str.strip)
cents = st.integers(-(10**7), 10**7).map(lambda number: Decimal(number) / 100) | st.none()
receipts = st.builds(
    Receipt,
    shop=words | st.none(),
    currency=st.sampled_from(["EUR", "USD"]) | st.none(),
    items=st.lists(st.builds(Item, name=words, quantity=cents, amount=cents), max_size=4).map(tuple),
    taxes=st.lists(st.builds(Tax, name=words, amount=cents), max_size=2).map(tuple),
    total=cents,
)


def result(receipt: Receipt) -> Result:
    return Result("json", indented(load(json.dumps(receipt.model_dump(), default=float))))


@given(receipts)
@settings(max_examples=30, deadline=None)
def test_tables_that_nobody_touched_are_the_same_receipt(receipt: Receipt) -> None:
    given_, shown = result(receipt), sheet(result(receipt))
    trimmed = corrected(given_, shown.fields, shown.items)
    assert parse(trimmed.source) == parse(corrected(trimmed, sheet(trimmed).fields, sheet(trimmed).items).source)
    assert [item.amount for item in parse(trimmed.source).items] == [item.amount for item in receipt.items]  # type: ignore[union-attr]


@given(receipts)
@settings(max_examples=30, deadline=None)
def test_every_download_reads_back_as_what_is_shown(receipt: Receipt) -> None:
    found = result(receipt)
    lines, numbers = rows(found), rows(found, numbers=True)
    assert parse(found.source) == parse(indented(load(found.source)))
    read = list(csv.DictReader(io.StringIO(to_csv(lines))))
    assert [line["total"] for line in read] == [line["total"] or "" for line in lines]
    table = openpyxl.load_workbook(io.BytesIO(to_xlsx(numbers))).active
    head, *body = table.iter_rows(values_only=True)
    at = head.index("total")
    assert [line[at] for line in body] == [line["total"] for line in numbers]
    assert len(read) == len(body) == max(1, len(receipt.items))
