"""Tables on a page: which lines of CSV a model that works from the text may make of them."""

from typing import Any

import pytest

from backend.engine.grammars import accepts
from backend.evidence.copying import copied
from backend.evidence.index import index
from backend.evidence.tables import TableRow, csv_line, tables
from backend.reader.page import Page
from backend.tasks.presets import table
from tests.support.pages import page

HEAD: list[Any] = ["Item", (200, "Qty"), (300, "Sum")]
TEA: list[Any] = ["Green Tea, hot", (200, "2"), (300, "1,006.20")]
NAIL: list[Any] = ['Nail 12" x', (200, "3"), (300, "4.00")]
LINES = ["Item,Qty,Sum", '"Green Tea, hot",2,"1,006.20"', '"Nail 12"" x",3,4.00']


def allows(read: Page, *lines: str) -> bool:
    return accepts(copied(table.grammar(), [read]), "\n".join(lines))


@pytest.mark.parametrize(
    ("lines", "allowed"),
    [
        (LINES, True),
        (LINES[:2], False),  # a row is left out
        ([LINES[0], *LINES[:0:-1]], False),  # in another order
        ([*LINES, LINES[2]], False),  # a row twice
        ([LINES[0], '"Green Tea, hot",3,"1,006.20"', LINES[2]], False),  # a cell of another row
    ],
)
@pytest.mark.parametrize("around", [[], ["Sales of the year", "", "All sums are final."]])
def test_the_lines_of_a_table_are_its_rows_and_all_of_them(lines: list[str], allowed: bool, around: list[str]) -> None:
    above, below = around[:1], around[1:]
    assert allows(page(*above, HEAD, TEA, NAIL, *below), *lines) == allowed


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (["Jam", (300, "4.00")], "Jam,,4.00"),  # its middle cell is empty
        ([(200, "3"), (300, "4.00")], ",3,4.00"),
        (["Jam", (200, "3 4.00")], "Jam,3,4.00"),  # two cells were read as one
        ([(20, "Jam or so is 3"), (300, "4.00")], "Jam or so is,3,4.00"),
    ],
)
def test_a_row_with_fewer_cells_is_put_into_the_columns(row: list[Any], line: str) -> None:
    assert allows(page(HEAD, TEA, row, NAIL), *LINES[:2], line, LINES[2])
    assert not allows(page(HEAD, TEA, row, NAIL), *LINES)


def test_a_cell_that_can_be_parted_in_two_ways_has_both() -> None:
    read = page(["Name", (200, "City")], ["Ann Lee", (200, "Bath")], ["Jo Kim York"], ["Bob", (200, "Hull")])
    rest = "Name,City", "Ann Lee,Bath"
    assert allows(read, *rest, "Jo Kim,York", "Bob,Hull")
    assert allows(read, *rest, "Jo,Kim York", "Bob,Hull")


def test_a_head_without_a_first_cell_is_the_first_line() -> None:
    read = page([(200, "2019"), (300, "2020")], ["Tea", (200, "1"), (300, "2")], ["Jam", (200, "3"), (300, "4")])
    assert allows(read, ",2019,2020", "Tea,1,2", "Jam,3,4")


def test_a_last_row_that_was_read_as_one_may_be_a_line() -> None:
    read = page(["Sum", (200, "Time")], ["1.00", (200, "12:00")], ["2.00", (200, "13:00")], "3.00 14:00", "Thank you.")
    assert allows(read, "Sum,Time", "1.00,12:00", "2.00,13:00", "3.00,14:00")
    assert not allows(read, "Sum,Time", "1.00,12:00", "2.00,13:00", "Thank,you.")


def test_of_two_tables_one_is_answered() -> None:
    read = page(["To", (200, "Ann")], ["On", (200, "Monday")], "", HEAD, TEA, NAIL)
    assert allows(read, *LINES)
    assert allows(read, "To,Ann", "On,Monday")
    assert not allows(read, "To,Ann", "On,Monday", *LINES)


def test_text_in_paragraphs_has_no_table() -> None:
    assert tables(index(page("One line of text.", "Another one.", ["a", (300, "b")]))) == []


def test_a_table_lists_its_rows_and_whether_they_are_needed() -> None:
    found = tables(index(page([(200, "Qty")], ["Tea", (200, "1")], ["Jam", (200, "2")])))
    assert found == [
        [TableRow((("", "Qty"),), needed=False), TableRow((("Tea", "1"),)), TableRow((("Jam", "2"),))],
    ]


def test_a_line_of_csv_quotes_commas_and_quotation_marks() -> None:
    assert csv_line(("a, b", '12"', "", "c")) == '"a, b","12""",,c'
