"""Tables for spreadsheets, read back as a spreadsheet would: pytest tests/tasks/test_export.py"""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from backend.tasks.forms.export import Cell, to_csv, to_xlsx

ROWS: list[dict[str, Cell]] = [
    {"file": "a, b.png", "shop": "Café “Zum\nHirsch”", "total": 2.5, "items": 3, "paid": True},
    {"file": "c.png", "note": 'said "no"', "total": None, "paid": False},
]


def csv_back(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def xlsx_back(content: bytes) -> list[list[Cell]]:
    sheet = load_workbook(io.BytesIO(content)).active
    return [list(row) for row in sheet.iter_rows(values_only=True)]


def types_back(content: bytes) -> list[str]:
    return [cell.data_type for (cell,) in load_workbook(io.BytesIO(content)).active.iter_rows(min_row=2)]


def test_a_table_is_written_as_the_standard_has_it() -> None:
    assert to_csv(ROWS) == (
        "file,shop,total,items,paid,note\r\n"
        '"a, b.png","Café “Zum\nHirsch”",2.5,3,true,\r\n'
        'c.png,,,,false,"said ""no"""\r\n'
    )


def test_a_workbook_keeps_numbers_booleans_and_what_is_not_there() -> None:
    assert xlsx_back(to_xlsx(ROWS)) == [
        ["file", "shop", "total", "items", "paid", "note"],
        ["a, b.png", "Café “Zum\nHirsch”", 2.5, 3, True, None],
        ["c.png", None, None, None, False, 'said "no"'],
    ]


def test_no_rows_are_an_empty_table() -> None:
    assert (to_csv([]), to_csv([{}])) == ("", "")
    assert xlsx_back(to_xlsx([])) == xlsx_back(to_xlsx([{}])) == []


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://example.com","pay")',
        "+1+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "＝1+1",
        "'=1",
    ],
)
def test_no_text_becomes_a_formula(text: str) -> None:
    rows = [{"cell": text}]
    assert csv_back(to_csv(rows)) == [["cell"], [f"'{text}"]]
    assert types_back(to_xlsx(rows)) == ["s"]
    assert str(xlsx_back(to_xlsx(rows))[1][0]).startswith("'")


def test_the_names_of_columns_become_no_formulas_either() -> None:
    assert csv_back(to_csv([{"=1+1": "x"}])) == [["'=1+1"], ["x"]]
    assert xlsx_back(to_xlsx([{"=1+1": "x"}])) == [["'=1+1"], ["x"]]


@pytest.mark.parametrize("text", ["-2.40", "+3", "-1,234.50", "-7 %", "it's = fine", "'twas", "#N/A", "TRUE"])
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert csv_back(to_csv([{"cell": text}])) == [["cell"], [text]]
    assert xlsx_back(to_xlsx([{"cell": text}])) == [["cell"], [text]]
    assert types_back(to_xlsx([{"cell": text}])) == ["s"]


def test_what_a_workbook_cannot_hold_becomes_what_it_can() -> None:
    rows: list[dict[str, Cell]] = [{"cell": value} for value in ("a\x00b\ud800", "x" * 40_000, float("nan"), 10**20)]
    assert xlsx_back(to_xlsx(rows))[1:] == [["ab\ufffd"], ["x" * 32_767], ["nan"], [str(10**20)]]
    to_csv(rows).encode()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_every_text_comes_back_from_a_table_less_one_apostrophe(texts: list[str]) -> None:
    read = [row[0] for row in csv_back(to_csv([{"cell": text, "end": 0} for text in texts]))[1:]]
    assert [re.sub(r"\A'(?='*(?:[\t\r\n]|\s*[=+\-@＝＋－＠]))", "", text) for text in read] == texts


@pytest.mark.parametrize(
    ("text", "written"),
    [("a;=1+1", "a;'=1+1"), ("a; -1", "a; '-1"), ("a;b", "a;b"), ("\u200b=1", "'\u200b=1"), ("\ufeff@x", "'\ufeff@x"),
     ("\x00=1", "'\x00=1")],
)  # fmt: skip
def test_no_cell_begins_a_formula_however_the_cells_are_parted(text: str, written: str) -> None:
    assert to_csv([{"a": text}]) == f"a\r\n{written}\r\n"


def test_a_workbook_has_as_many_columns_as_one_may_have() -> None:
    book = load_workbook(io.BytesIO(to_xlsx([{str(number): 1 for number in range(20_000)}])))
    assert book.active.max_column == 16_384
