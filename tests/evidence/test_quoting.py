"""Tables, documents' answers and words that can only copy what a page has: which answers it allows."""

import pytest

from backend.engine.grammars import accepts
from backend.evidence.copying import copied, spoken
from backend.reader.page import Page
from backend.tasks.presets import document, receipt, table
from tests.support.pages import page


@pytest.mark.parametrize(
    ("answer", "held"),
    [
        ("The total is 12.90 EUR.", True),
        ("The total is 12.9.", True),
        ("It was on 2018-10-19 at 11:12.", True),
        ("It was on 19.10.2018.", True),
        ("There are 3 items.", True),
        ("I do not understand the question.", True),
        ("The total is 13.90 EUR.", False),
        ("It was on 2018-10-18.", False),
        ("The total is 99999999.", False),
    ],
)
def test_a_number_said_about_a_page_is_one_of_its_own_or_counts_a_few_things(answer: str, held: bool) -> None:
    grammar = spoken("How much?", [page("Golden Harbour", "19.10.2018 11:12:15", ["TOTAL", (420, "12,90")])])
    assert accepts(grammar, answer) == held


CHART = page("Sales of tea, hot", "Green Tea", "1,006.20", 'Nail 12" x', "4.00")


@pytest.mark.parametrize(
    ("lines", "allowed"),
    [
        (['Green Tea,"1,006.20"', "Nail,4.00"], True),
        (['"Nail 12"" x",4.00'], True),
        (["Green Tea,"], True),
        (["Green Coffee,4.00"], False),  # it stands nowhere
        (["Green Tea,006.20"], False),  # half a number
        (["Green Tea,1,006.20"], False),  # without its quotes it would be two cells
        (['"Green Tea",4.00'], False),  # quotes without need
        (["Green Tea"], False),  # a cell too few
    ],
)
def test_where_no_table_stands_cells_are_runs_of_its_words(lines: list[str], allowed: bool) -> None:
    assert accepts(copied(table.grammar(), [CHART]), "\n".join(["Sales,tea", *lines])) == allowed


def test_of_a_page_without_text_a_table_is_held_to_nothing() -> None:
    assert copied(table.grammar(), [page()]) == table.grammar()


@pytest.mark.parametrize(
    ("answer", "held"),
    [
        ("The fee is 12.90.\n\n> FEE  12,90", True),
        ("The fee is 12.90, due on 2018-10-19.\n\n> FEE  12,90", True),
        ("12.90 is the fee.\n\n> FEE  12,90", True),
        ("The document does not say.", True),
        ("The fee is 13.90.\n\n> FEE  12,90", False),
        ("The fee is 12.90.\n\n> FEE  12", False),
        ("The fee is 12.90.\n\n> The fee of the year", False),
        ("The fee is 12.90.", False),
    ],
)
def test_a_documents_answer_quotes_a_row_and_says_its_numbers(answer: str, held: bool) -> None:
    grammar = copied(document.GRAMMAR, [page("Golden Harbour", "19.10.2018", ["FEE", (420, "12,90")])])
    assert accepts(grammar, answer) == held


@pytest.mark.parametrize("answer", ["It was in 2001.", "In 2001, on 19.10.", "2001", "It is 2001. And 19.10.2018."])
def test_a_sentence_may_end_with_a_number(answer: str) -> None:
    assert accepts(spoken("How much?", [page("Built in 2001", "19.10.2018", ["FEE", (420, "12,90")])]), answer)
    document_answer = answer.replace("\n", " ") + "\n\n> Built in 2001"
    assert accepts(copied(document.GRAMMAR, [page("Built in 2001", "19.10.2018")]), document_answer)


SHOPPING = page(
    "TOY SDN BHD",
    "19.10.2018",
    "Green Tea",
    ["2 x 3.10", (420, "6.20")],
    ["Green Tea leaves", (420, "4.00")],
    ["TOTAL", (420, "10.20")],
)


@pytest.mark.parametrize(
    ("question", "answer", "held"),
    [
        ("How much was the green tea?", "It was 6.20.", True),
        ("How much was the green tea?", "It was 3.10.", False),
        ("How much was one green tea?", "It was 3.10.", True),
        ("How much was the green tea?", "It was 4.00.", False),
        ("How much was the green tea?", "It was 10.20.", False),
        ("How much were Green Tea leaves?", "They were 4.00.", True),
        ("How much were Green Tea leaves?", "They were 6.20.", False),
        ("How many Green Tea?", "There were 2.", True),
        ("How many Green Tea?", "There were 3.", False),
        ("How much was it?", "It was 10.20.", True),
        ("When was it?", "It was on 2018-10-19.", True),
        ("When was it?", "It was on 2018-10-20.", False),
        ("When was it?", "It was on 10.20.", False),
    ],
)
def test_the_numbers_said_of_something_bought_or_of_its_day_are_those_of_it(
    question: str, answer: str, held: bool
) -> None:
    assert accepts(spoken(question, [SHOPPING]), answer) == held


@pytest.mark.parametrize(
    ("answer", "held"), [("No date is printed.", True), ("It was on 2000-08654.", False), ("On May.", False)]
)
def test_without_a_day_no_number_is_said_of_one(answer: str, held: bool) -> None:
    assert accepts(spoken("When was it?", [page("FL 08654", ["TOTAL", (420, "10.20")])]), answer) == held


def test_a_year_may_be_said_of_when() -> None:
    bill = page("Mill & Sons, since 1950", "19.10.2018", ["TOTAL", (420, "10.20")])
    assert accepts(spoken("When was it founded?", [bill]), "It was founded in 1950.")
    assert not accepts(spoken("When was it founded?", [bill]), "It was founded in 1020.")


def test_a_page_that_is_no_receipt_may_say_any_of_its_numbers_of_when() -> None:
    assert accepts(spoken("When was it founded?", [page("Founded in 1950", "Total staff: 4711")]), "In 1950.")


@pytest.mark.parametrize(
    ("question", "whole"),
    [
        ("Read this as JSON.", True),
        ("Read this receipt.", True),
        ("Please scan all the data on my bill", True),
        ("What does the receipt say?", True),
        ("Read the text on this receipt.", False),
        ("Read the total of this receipt.", False),
        ("Which shop is the receipt from?", False),
    ],
)
def test_a_receipt_that_is_asked_for_as_a_whole_has_the_form_of_one(question: str, whole: bool) -> None:
    assert (spoken(question, [SHOPPING]) == copied(receipt.grammar(), [SHOPPING])) == whole


def test_what_is_no_receipt_does_not_become_one() -> None:
    assert spoken("Read this receipt as JSON.", [CHART]).text.startswith("start: ANSWER")


@pytest.mark.parametrize(
    ("said", "allowed"),
    [
        ("It was issued on 29/11/22.\n\n> ISSUED 29/11/22", True),
        ("It was issued on 2022-11-29.\n\n> ISSUED 29/11/22", True),
        ("It was issued on 29/11/22.\n\n> ACME", False),
        ("It was issued on 19/11/22.\n\n> ISSUED 29/11/22", False),
        ("It is from ACME.\n\n> ACME", True),
        ("There are 2 of them, 3.10 each, of 29/11/22.\n\n> TEA 3.10", True),  # the first number beyond a count
        ("It costs 12.10.\n\n> TEA 3.10", False),  # 12 and 10 can be counts, and are no price
    ],
)
def test_a_document_s_answer_quotes_a_row_that_has_its_number(said: str, allowed: bool) -> None:
    read = page("ACME", "142 MILL LANE", "ISSUED 29/11/22", "TEA 3.10")
    assert accepts(copied(document.GRAMMAR, [read]), said) == allowed


@pytest.mark.parametrize(("said", "allowed"), [("It was 2.10.", False), ("It was 3.10.", True), ("2 of 10.", True)])
def test_two_counts_are_no_price(said: str, allowed: bool) -> None:
    assert accepts(spoken("How much?", [page("TEA 3.10")]), said) == allowed


@pytest.mark.parametrize(("said", "allowed"), [("2 items, total 7.00.", True), ("5 items, total 7.00.", False)])
def test_how_many_items_there_are_is_known_where_they_add_up(said: str, allowed: bool) -> None:
    read = page("TOY SDN BHD", ["Tea", (420, "3.00")], ["Jam", (420, "4.00")], ["TOTAL", (420, "7.00")])
    assert accepts(spoken("What is this?", [read]), said) == allowed


PAID = page("TOY", ["Tea", (420, "3.00")], ["Jam", (420, "4.00")], ["TOTAL", (420, "7.00")], ["CASH", (420, "10.00")])
UNTAXED = page("TOY", ["Tea", (420, "3.00")], ["Subtotal", (420, "3.00")], ["TOTAL", (420, "3.00")])
TOLD = page("TOY", "1.2.2021 11:30", ["Tea", (420, "3.00")], ["Subtotal", "3.00"], ["VAT", "0.60"], ["TOTAL", "3.60"])


@pytest.mark.parametrize(
    ("question", "read", "printed"),
    [
        ("What is the subtotal?", PAID, False),
        ("What is the subtotal?", TOLD, True),
        ("How much is it before tax?", PAID, False),
        ("How much is it before tax?", UNTAXED, True),
        ("How much is the tax?", PAID, False),
        ("How much VAT is there?", TOLD, True),
        ("At what time was it?", PAID, False),
        ("At what time was it?", TOLD, True),
        ("How did they pay?", TOLD, False),
        ("How did they pay?", PAID, True),
        ("What is the total?", PAID, True),
    ],
)
def test_what_a_receipt_does_not_have_is_said_not_to_be_there(question: str, read: Page, printed: bool) -> None:
    grammar = spoken(question, [read])
    assert accepts(grammar, "That is not written there.")
    assert accepts(grammar, "It is not the second one.") == printed


@pytest.mark.parametrize(
    ("question", "answer", "allowed"),
    [
        ("What is the second item?", "The second item is Jam.", True),
        ("What is the second item?", "The second item is Tea.", False),
        ("What is the last item?", "The last item is Jam.", True),
        ("What is the third item?", "There is none.", True),
    ],
)
def test_an_item_is_told_by_its_place(question: str, answer: str, allowed: bool) -> None:
    assert accepts(spoken(question, [PAID]), answer) == allowed


@pytest.mark.parametrize(("name", "allowed"), [("Tea", True), ("Cups", True), ("Jam", False)])
def test_an_item_by_its_place_is_named_above_or_below_where_that_is_open(name: str, allowed: bool) -> None:
    rows = ("Cups", ["2 x 1.50", (420, "3.00")], "Tea", ["1 x 4.00", (420, "4.00")], "Jam")
    read = page(*rows, ["TOTAL", (420, "7.00")])
    assert accepts(spoken("What is the first item?", [read]), f"The first item is {name}.") == allowed


def test_words_are_no_json() -> None:
    assert not accepts(spoken("What is it?", [PAID]), 'A receipt from TOY {"total": 7.00}.')


@pytest.mark.parametrize(
    ("said", "allowed"),
    [
        ("The room is C15.\n\n> Room : C15", True),
        ("The room is Dr. Mustard.\n\n> ORDER NUMBER : 66683", False),  # they share no word
        ("The room is Dr. Mustard.\n\n> Contact : Dr. Mustard Vikfu", True),
    ],
)
def test_an_answer_and_its_quote_share_a_word(said: str, allowed: bool) -> None:
    read = page("Room : C15", "Contact : Dr. Mustard Vikfu", "ORDER NUMBER : 66683")
    assert accepts(copied(document.GRAMMAR, [read]), said) == allowed


def test_the_text_of_a_page_is_told_whole_and_once() -> None:
    read, told = page("OPEN 9-5", "Room 3", "Keep out"), "I can only tell the text on it:\nOPEN 9-5\nRoom 3\nKeep out"
    assert accepts(spoken("Read it.", [read]), told)
    assert accepts(spoken("Read it.", [read]), read.text)
    assert not accepts(spoken("Read it.", [read]), told + "\nRoom 3\nKeep out")


@pytest.mark.parametrize(
    ("said", "allowed"),
    [("It was 3.10.", True), ("It wos 3.10.", False), ("The red tea was 3.10.", True), ("It is jam.", False)],
)
def test_words_are_the_page_s_the_question_s_or_small_ones(said: str, allowed: bool) -> None:
    assert accepts(spoken("How much was the red one?", [page("TEA 3.10")]), said) == allowed


def test_a_document_s_answer_may_have_the_words_of_the_question() -> None:
    read, said = page("Toasl was born in D4"), "Mr Toast was born in D4.\n\n> Toasl was born in D4"
    assert accepts(copied(document.GRAMMAR, [read], "Where was Mr Toast born?"), said)
    assert not accepts(copied(document.GRAMMAR, [read]), said)


def test_of_a_page_too_long_to_hold_its_words_the_numbers_are_held() -> None:
    rows = [f"row{number} about thing{number} and {number + 0.25:.2f}" for number in range(200)]
    held = copied(document.GRAMMAR, [page(*rows)], "How much?")
    assert held.copies
    assert accepts(held, f"It is 3.25.\n\n> {rows[3]}")
    assert not accepts(held, f"It is 999.99.\n\n> {rows[3]}")
    assert accepts(spoken("How much?", [page(*rows)]), "It is 3.25.")
    assert not accepts(spoken("How much?", [page(*rows)]), "It is 999.99.")


def test_a_number_may_stand_on_the_row_after_the_quoted_one() -> None:
    read, said = (
        page("Please pay before Friday,", "16 July 2021.", "Bring lunch."),
        "It must be paid before Friday, 16 July 2021.",
    )
    held = copied(document.GRAMMAR, [read], "By when must it be paid?")
    assert accepts(held, f"{said}\n\n> Please pay before Friday,")
    assert not accepts(held, f"{said}\n\n> Bring lunch.")
