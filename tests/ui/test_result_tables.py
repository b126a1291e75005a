"""Results as tables: what is shown, what a correction makes of it, and what comes back from each download."""

import csv
import io
import json
from decimal import Decimal

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import InputError
from backend.tasks.forms.export import to_csv, to_xlsx
from backend.tasks.forms.json_text import indented, load, named
from backend.tasks.forms.receipt_schema import Item, Receipt, Tax, as_receipt, parse
from backend.tasks.presets import receipt
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
    [('"007"', "008", '"008"'), ("true", "false", "false"), ("true", "No", "false"),
     ("1", "", "null"), ("[]", "", "[]"), ("{}", "", "{}"), ("null", "012", '"012"'), ("null", "1e5", '"1e5"')],
)  # fmt: skip
def test_a_field_keeps_its_kind_where_it_can(before: str, text: str, after: str) -> None:
    result = Result("json", f'{{"a": {{"b": {before}}}}}')
    assert corrected(result, [["a.b", text, ""]], []).source == indented(load(f'{{"a": {{"b": {after}}}}}'))


@pytest.mark.parametrize(
    ("text", "number"),
    [("12,75", "12.75"), ("£12.75", "12.75"), ("5.60 EUR", "5.60"), ("1.234,50", "1234.50"), ("1,234.50", "1234.50"),
     ("1 234,50", "1234.50"), ("5.60-", "-5.60"), ("(5.60)", "-5.60"), ("05.60", "5.60"), (".60", "0.60"),
     ("+5.60", "5.60"), ("5.6e0", "5.6"), ("1,234", "1234"), ("-2", "-2")],
)  # fmt: skip
def test_a_number_may_be_typed_as_anybody_writes_it(text: str, number: str) -> None:
    typed = corrected(RESULT, [["total", text, ""]], sheet(RESULT).items)
    assert f'"total": {number}\n' in typed.source.replace(",\n", "\n")
    items = [["Tea", "2", text, ""], *sheet(RESULT).items[1:]]
    assert f'"amount": {number}\n' in corrected(RESULT, [], items).source.replace(",\n", "\n")


RECEIPT = json.loads(receipt.grammar().text)


@pytest.mark.parametrize(
    ("field", "text", "kept"),
    [("date", "06.01.2021", "2021-01-06"), ("date", "1/13/2021", "2021-01-13"), ("date", "6 Jan 2021", "2021-01-06"),
     ("time", "2:05 pm", "14:05"), ("time", "14:05:09", "14:05:09"), ("total", "12,75", 12.75), ("payment", "2024.10",
     "2024.10"), ("subtotal", "5", 5)],
)  # fmt: skip
def test_what_is_typed_into_a_receipt_is_of_the_field_s_kind(field: str, text: str, kept: object) -> None:
    blank = Result("json", Receipt().model_dump_json())
    fixed = corrected(blank, [[field, text, ""]], [], RECEIPT).source
    assert (json.loads(fixed)[field], as_receipt(fixed) is not None) == (kept, True)


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [("total", "abc", "“abc” is no number; write it as 12.75."),
     ("date", "06/01/2021", "“06/01/2021” can be two days; write it as 2021-01-06."),
     ("date", "soon", "“soon” is no day; write it as 2021-01-31."),
     ("time", "late", "“late” is no time; write it as 14:05."),
     ("date", "2021-13-45", "“2021-13-45” is no day; write it as 2021-01-31."),
     ("date", "2021-02-31", "“2021-02-31” is no day; write it as 2021-01-31."),
     ("time", "25:99", "“25:99” is no time; write it as 14:05."),
     ("currency", "RM", "“RM” cannot be in the field “currency”; it takes one of AED, AFN, ALL, AMD, AOA, ARS, AUD, "
      "AWG, …."),
     ("total", "999999999", "“999999999” cannot be in the field “total”; it takes at most 10000000."),
     ("shop", "x" * 121, f"“{'x' * 121}” cannot be in the field “shop”; it takes at most 120 characters.")],
)  # fmt: skip
def test_what_a_field_cannot_have_is_refused(field: str, text: str, sentence: str) -> None:
    blank = Result("json", Receipt().model_dump_json())
    with pytest.raises(InputError) as refused:
        corrected(blank, [[field, text, ""]], [], RECEIPT)
    assert str(refused.value) == sentence


def test_the_name_of_a_row_cannot_be_emptied_alone() -> None:
    one = Result("json", Receipt(items=(Item(name="Tea", amount=Decimal("2.50")),)).model_dump_json())
    fields, (row,) = sheet(one).fields, sheet(one).items
    with pytest.raises(InputError) as refused:
        corrected(one, fields, [["", *row[1:]]], RECEIPT)
    assert str(refused.value) == (
        "The field “items 1, name” cannot be empty; to leave a row out, empty all of its cells."
    )
    assert json.loads(corrected(one, fields, [[""] * len(row)], RECEIPT).source)["items"] == []


@pytest.mark.parametrize(
    ("field", "before", "text"),
    [({"type": "integer"}, "2", "2.5"), ({"enum": ["a", "b"]}, '"a"', "zzz"), ({"type": "number", "minimum": 0}, "1",
     "-3"), ({"type": "string", "pattern": "^[A-Z]{2}$"}, '"AB"', "lower"), ({"type": "string", "format": "date"},
     '"2021-01-02"', "2021-13-45"), ({"type": "string"}, '"a"', "")],
)  # fmt: skip
def test_a_schema_of_one_s_own_holds_corrections_too(field: object, before: str, text: str) -> None:
    schema = {"type": "object", "properties": {"a": field}, "required": ["a"]}
    result = Result("json", f'{{"a": {before}}}')
    with pytest.raises(InputError):
        corrected(result, [["a", text, ""]], [], schema)


def test_what_the_model_wrote_outside_of_the_schema_does_not_hinder_a_correction_elsewhere() -> None:
    source = '{"items": [{"name": "Tea", "amount": "n/a"}, {"name": "Jam", "amount": 3.10}], "total": "?"}'
    result = Result("json", source)
    fields, (tea, jam) = sheet(result).fields, sheet(result).items
    fixed = corrected(result, fields, [tea, [jam[0], "3,20", ""]], RECEIPT).source
    assert fixed == indented(load(source.replace("3.10", "3.20")))


@pytest.mark.parametrize(("before", "text"), [("2.40", "a"), ("true", "perhaps")])
def test_a_value_of_another_kind_is_refused_without_a_schema_too(before: str, text: str) -> None:
    with pytest.raises(InputError, match=rf"^“{text}” is "):
        corrected(Result("json", f'{{"a": {before}}}'), [["a", text, ""]], [])


def test_fields_of_any_name_are_corrected() -> None:
    source = '{"VAT no.": "DE1", "Unit [kg]": 2.5, "": "x", "a.b": "1", "Tel.": null}'
    fields = [["VAT no.", "DE2", ""], ["Unit [kg]", "2,75", ""], ["", "y", ""], ["a.b", "2", ""], ["Tel.", "12", ""]]
    schema = {"properties": {"Tel.": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}
    assert load(corrected(Result("json", source), fields, [], schema).source) == {
        "VAT no.": "DE2", "Unit [kg]": "2.75", "": "y", "a.b": "2", "Tel.": "12"
    }  # fmt: skip
    assert '"Tel.": "12"' in corrected(Result("json", source), fields, [], schema).source


def test_text_that_looks_like_a_number_stays_text_in_a_spreadsheet() -> None:
    source = '{"ref": "2024.10", "code": "4006381333931", "sum": 2.50, "long": %s}' % ("1" * 400)
    assert rows(Result("json", source), numbers=True) == [
        {"ref": "2024.10", "code": "4006381333931", "sum": 2.5, "long": "1" * 400}
    ]


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
