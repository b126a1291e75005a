"""Pages as values: rows from the places of lines, pages as JSON, and their lines as a prompt."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.reader.page import (
    MOST_LINES,
    Line,
    Page,
    Turn,
    Word,
    in_reading_order,
    page_from_json,
    page_to_json,
)
from backend.reader.prompt import CHARACTERS, ROWS, shown, with_text
from tests.support.pages import quad


def turned(page: Page, turn: Turn) -> Page:
    """The same page as an image that was turned clockwise."""
    for _ in range(turn // 90):
        lines = tuple(
            Line(line.text, tuple((page.height - y, x) for x, y in line.quad), line.score) for line in page.lines
        )
        page = Page(page.height, page.width, lines, (page.turn + 90) % 360)
    return page


def slanted(page: Page, degrees: float) -> Page:
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    lines = tuple(
        Line(line.text, tuple((x * cosine - y * sine, x * sine + y * cosine) for x, y in line.quad))
        for line in page.lines
    )
    return Page(page.width, page.height, lines)


RECEIPT = Page(
    600,
    200,
    (
        Line("TOTAL", quad(20, 100, 60)),
        Line("2.40", quad(500, 33, 40)),
        Line("MILK", quad(20, 30, 50)),
        Line("9.90", quad(500, 98, 40)),
        Line("SHOP", quad(200, 0, 60)),
    ),
)
TEXT = "SHOP\nMILK  2.40\nTOTAL  9.90"


def test_what_stands_side_by_side_is_one_row() -> None:
    assert RECEIPT.text == TEXT
    assert [row.lines for row in RECEIPT.rows] == [(4,), (2, 1), (0, 3)]


def test_neighbouring_words_are_parted_by_one_space_and_columns_by_two() -> None:
    page = Page(
        400, 40, (Line("Tax", quad(0, 0, 30)), Line("Invoice", quad(40, 0, 70)), Line("5.00", quad(300, 0, 40)))
    )
    assert page.text == "Tax Invoice  5.00"


def test_two_columns_are_read_row_by_row() -> None:
    lines = [
        Line(f"{side}{row}", quad(x, 30 * row, 80)) for side, x in (("left ", 0), ("right ", 300)) for row in range(3)
    ]
    assert Page(400, 90, tuple(lines)).text == "left 0  right 0\nleft 1  right 1\nleft 2  right 2"


@pytest.mark.parametrize("degrees", [-8, -3, 3, 8])
def test_a_page_that_lies_askew_has_the_same_rows(degrees: float) -> None:
    assert slanted(RECEIPT, degrees).text == TEXT


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_page_has_the_same_rows(turn: Turn) -> None:
    page = turned(RECEIPT, turn)
    assert page.turn == turn
    assert page.text == TEXT


def test_a_high_line_beside_low_ones_does_not_draw_them_into_one_row() -> None:
    page = Page(
        400,
        100,
        (Line("LOGO", quad(0, 0, 90, 80)), Line("first", quad(200, 5, 60)), Line("second", quad(200, 50, 70))),
    )
    assert len(page.rows) == 3


def test_lines_in_reading_order_are_those_of_the_rows() -> None:
    ordered = in_reading_order(RECEIPT)
    assert [line.text for line in ordered.lines] == ["SHOP", "MILK", "2.40", "TOTAL", "9.90"]
    assert ordered.text == TEXT


def test_an_empty_page_has_no_rows() -> None:
    assert (Page(5, 5).rows, Page(5, 5).text) == ((), "")


def test_a_line_knows_its_box_and_the_height_of_its_text() -> None:
    line = Line("down", ((100.4, 0.0), (100.4, 60.0), (80.2, 60.0), (80.2, 0.0)))
    assert line.box == (80, 0, 101, 60)
    assert line.height == pytest.approx(20.2)


def test_a_page_goes_through_json_but_for_its_words() -> None:
    page = Page(600, 400, (Line("合計 “7”", quad(1.5, 2, 30), 0.987, (Word("7", quad(1, 2, 3)),)),), 270)
    assert page_from_json(page_to_json(page)) == Page(600, 400, (Line("合計 “7”", quad(1.5, 2, 30), 0.987),), 270)


def test_corners_come_back_within_the_image() -> None:
    page = page_from_json(page_to_json(Page(100, 50, (Line("far", quad(-5, 40, 200)),))))
    assert page.lines[0].quad == ((0, 40), (100, 40), (100, 50), (0, 50))


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        [10, 10, 0],
        [0, 10, 0, []],
        [10, 10**9, 0, []],
        [10, 10, 45, []],
        [10, 10, 0, [["a", [0] * 7, 1]]],
        [10, 10, 0, [["a", [0] * 8, 2]]],
        [10, 10, 0, [["a", [math.nan] * 8, 1]]],
        [10, 10, 0, [["a", [math.inf] * 8, 1]]],
        [10, 10, 0, [[7, [0] * 8, 1]]],
        [10, 10, 0, [["a" * 2001, [0] * 8, 1]]],
        [10, 10, 0, [["a", [0] * 8, 1]] * (MOST_LINES + 1)],
    ],
)  # fmt: skip
def test_what_is_no_page_is_refused(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- of pydantic, whose words are its own
        page_from_json(value)


@given(
    st.lists(
        st.tuples(st.text(max_size=8), st.floats(0, 900), st.floats(0, 900), st.floats(1, 300), st.floats(0.1, 90)),
        max_size=12,
    )
)
def test_every_line_is_in_one_row(found: list[tuple[str, float, float, float, float]]) -> None:
    page = Page(1000, 1000, tuple(Line(text, quad(x, y, width, height)) for text, x, y, width, height in found))
    assert sorted(number for row in page.rows for number in row.lines) == list(range(len(found)))


def rows(count: int, text: str = "row") -> Page:
    return Page(500, 30 * count, tuple(Line(f"{text} {row}", quad(0, 30 * row, 90)) for row in range(count)))


def test_the_rows_of_an_image_come_before_the_words() -> None:
    assert with_text([RECEIPT], "How much?") == f"Text on this image, as OCR found it:\n{TEXT}\n\nHow much?"


def test_several_images_are_numbered_and_those_without_text_left_out() -> None:
    assert with_text([rows(1), None, Page(5, 5), rows(1, "line")], "Compare.") == (
        "Text on image 1, as OCR found it:\nrow 0\n\nText on image 4, as OCR found it:\nline 0\n\nCompare."
    )


def test_without_text_the_words_stay_alone() -> None:
    assert with_text([None, Page(5, 5)], "What is it?") == "What is it?"


def test_a_long_page_is_shown_as_far_as_it_goes_in_whole_rows() -> None:
    assert shown(rows(ROWS)).endswith(f"row {ROWS - 1}")
    assert shown(rows(ROWS + 1)).endswith(f"row {ROWS - 1}\n[more text]")
    wide = shown(rows(20, "x" * 500))
    assert len(wide) <= CHARACTERS + 12
    assert wide.splitlines()[-1] == "[more text]"
    assert wide.splitlines()[-2] == f"{'x' * 500} 14"
