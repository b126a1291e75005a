"""Evidence as the panel shows it: boxes with their words, signs in the tables, the sentence above them."""

import pytest

from backend.evidence import Evidence, Place
from backend.tasks.result import Result
from tests.support.grounded import FIRST_IMAGE, PAGE, SECOND, SECOND_IMAGE, ground
from tests.support.pages import quad
from ui.evidence import Box, Links, boxes, checked, first_image, links, names, rows_of, sentence
from ui.result_tables import ResultTable, sheet

TABLE = Result("csv", "Item,Sum\nTea,1")


def test_each_value_that_stands_somewhere_has_a_box_that_says_so() -> None:
    assert boxes(ground()) == (
        Box("shop", 0, "exact", (quad(20, 0, 60),), "shop: Corner — stands on the image"),
        Box("items[0].name", 0, "exact", (quad(20, 24, 30),), "items 1, name: Tea — stands on the image"),
        Box("items[0].amount", 0, "exact", (quad(300, 24, 40),), "items 1, amount: 2.50 — stands on the image"),
        Box("total", 0, "near", (quad(300, 48, 40),), "total: 2.80 — nearly: the image has 2.60"),
    )


def test_the_page_knows_the_cell_of_each_value_and_what_has_no_box() -> None:
    assert links(ground()) == Links(
        fields=("shop", "total"),
        items=(("items[0].name", "items[0].amount"), ("items[1].name", "items[1].amount")),
        nowhere=(
            ("items[1].name", "items 2, name: Jam — nowhere on the image"),
            ("items[1].amount", "items 2, amount: 9.10 — nowhere on the image"),
        ),
    )


def test_the_sentence_counts_what_stands_there_nearly_and_nowhere() -> None:
    assert sentence(ground()) == "3 of 6 values stand on the image · 1 nearly · 2 nowhere"
    assert sentence(ground('{"shop":"Corner","total":2.60}')) == "2 of 2 values stand on the image"
    assert sentence(ground(pages={})) == ""


def test_the_tables_say_of_each_row_what_the_image_has_before_its_doubts() -> None:
    found = ground()
    shown = sheet(found.result)
    assert checked(shown, found) == ResultTable(
        [["shop", "Corner", "✓"], ["total", "2.80", "≈ nearly ⚠"]],
        ("name", "amount", "Check"),
        [["Tea", "2.50", "✓"], ["Jam", "9.10", "✗ name, amount ⚠"]],
        "items",
        checked=True,
        paths=[["items[0].name", "items[0].amount"], ["items[1].name", "items[1].amount"]],
    )


def test_an_answer_from_a_document_shows_its_quote_and_its_figures() -> None:
    found = ground("The tea was 2.50 and the jam 9.10.\n\n> Tea 2.50", "document")
    assert [(box.key, box.look, box.quads) for box in boxes(found)] == [
        ("quote", "exact", (quad(20, 24, 30), quad(300, 24, 40))), ("answer[0]", "exact", (quad(300, 24, 40),)),
    ]  # fmt: skip
    shown = [["answer[0]", "2.50", "✓"], ["answer[1]", "9.10", "✗ nowhere ⚠"], ["quote", "Tea 2.50", "✓"]]
    assert checked(sheet(found.result), found) == ResultTable(shown, fixed=True)
    assert links(found) == Links(
        fields=("answer[0]", "answer[1]", "quote"), nowhere=(("answer[1]", "answer 2: 9.10 — nowhere on the image"),)
    )
    assert sentence(found) == "2 of 3 values stand on the image · 1 nowhere"


def test_read_text_shows_each_line_that_stands_there() -> None:
    found = ground("CORNER\nTea  2.50\nCoffee  8.00", "read_text")
    assert checked(sheet(found.result), found).items == [
        ["CORNER", "✓"],
        ["Tea  2.50", "✓"],
        ["Coffee  8.00", "✗ Line"],
    ]
    assert sentence(found) == "2 of 3 values stand on the image · 1 nowhere"


def test_what_nobody_read_has_no_boxes_no_signs_and_no_sentence() -> None:
    found = ground(pages={})
    assert (boxes(found), links(found), sentence(found)) == ((), Links(), "")
    assert checked(sheet(found.result), found) == sheet(found.result)


def test_of_several_images_the_row_says_which() -> None:
    found = ground("Field,Amount\nTea,2.50\nCASH,5.00\nJam,9", "table", (FIRST_IMAGE, SECOND_IMAGE))
    shown = checked(sheet(found.result), found)
    assert (shown.columns, shown.checked) == (("Field", "Amount", "Check"), True)
    assert [row[2] for row in shown.items] == ["✓ on image 1", "✓ on image 2", "✗ Field, Amount"]
    assert [(box.key, box.image) for box in boxes(found)] == [
        ("[1][0]", 0), ("[1][1]", 0), ("[2][0]", 1), ("[2][1]", 1),
    ]  # fmt: skip


def test_an_image_that_was_not_read_still_counts() -> None:
    found = ground('{"total":5.00}', images=(FIRST_IMAGE, SECOND_IMAGE), pages={SECOND_IMAGE.media_id: SECOND})
    assert [(box.key, box.image) for box in boxes(found)] == [("total", 1)]
    assert checked(sheet(found.result), found).fields == [["total", "5.00", "✓ on image 2"]]


def test_a_table_with_a_short_row_keeps_its_signs_in_their_column() -> None:
    found = ground("a,b,c\nTea,2.50,Tea", "table")
    ragged = ResultTable([], ("a", "b", "c"), [["Tea"]], paths=[["[1][0]"]])
    assert checked(ragged, found).items == [["Tea", "", "", "✓"]]


@pytest.mark.parametrize(
    ("result", "path", "name"),
    [(TABLE, "[0][1]", "head, Sum"), (TABLE, "[1][1]", "Sum, row 1"), (Result("text", "one\ntwo"), "[1]", "line 2"),
     (Result("json", '{"a":{"b_c":1}}'), "a.b_c", "a, b c")],
)  # fmt: skip
def test_values_are_called_by_what_a_person_sees(result: Result, path: str, name: str) -> None:
    assert names(result)(path) == name


def test_each_row_that_was_read_is_a_box_with_its_text() -> None:
    assert rows_of([(0, PAGE)])[1:] == (
        Box("0/1", 0, "row", (quad(20, 24, 30), quad(300, 24, 40)), "Tea  2.50"),
        Box("0/2", 0, "row", (quad(20, 48, 50), quad(300, 48, 40)), "TOTAL  2.60"),
    )


def test_the_image_with_most_boxes_is_shown_first_else_the_last() -> None:
    one, two = (Box("a", number, "exact", (), "") for number in (0, 1))
    assert [first_image(drawn, 3) for drawn in ((one, two, two), (one, two), ())] == [1, 0, 2]
    assert first_image((), 0) == 0


def test_a_value_in_two_places_has_two_boxes() -> None:
    found = ground('{"total":2.60}', pages={FIRST_IMAGE.media_id: PAGE})
    places = (Place(0, (0,), (quad(20, 0, 60),)), Place(0, (4,), (quad(300, 48, 40),)))
    twice = type(found)(found.result, found.images, found.pages, (Evidence("total", "exact", places),), found.sources)
    assert [(box.key, box.quads) for box in boxes(twice)] == [
        ("total", (quad(20, 0, 60),)), ("total", (quad(300, 48, 40),)),
    ]  # fmt: skip
