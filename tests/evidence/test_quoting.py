"""Tables, documents' answers and words that can only copy what a page has: which answers it allows."""

import pytest

from backend.engine.grammars import accepts
from backend.evidence.copying import copied, spoken
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


@pytest.mark.parametrize("answer", ["It was in 2001.", "In 2001, on 19.10.", "2001", "It is 2001 m.\nAnd 19.10.2018."])
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


def test_a_receipt_that_is_asked_for_as_json_has_the_form_of_one() -> None:
    assert spoken("Read this as JSON.", [SHOPPING]) == copied(receipt.grammar(), [SHOPPING])
    assert spoken("What is JSON?", [CHART]).text.startswith("start: ANSWER")
