"""Presets that read: text, tables, clocks, documents."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.tasks.presets import clock, document, read_text, table
from backend.tasks.result import Answer, Result
from tests.support.grammars import accepts, matcher


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("A  B\n\nC", "```text\nA  B\n\nC\n```"),
        ("```\n  A\n```", "```text\n  A\n```"),
        ("```text\nA", "```text\nA\n```"),
        (" \n", ""),
    ],
)
def test_text_keeps_its_layout(answer: str, shown: str) -> None:
    assert read_text.show(answer) == shown


@pytest.mark.parametrize(("answer", "text"), [("```text\n A\nB\n```", " A\nB"), ("A", "A")])
def test_text_can_be_taken_away(answer: str, text: str) -> None:
    assert read_text.results(Answer(answer)) == (Result("text", text),)
    assert read_text.results(Answer("```\n\n```")) == ()


@pytest.mark.parametrize("text", ["a,b\n1,2", 'a,"b, c"\n1,2\n3,', "a,b,c\n,,\n1,2,3"])
def test_a_table_has_as_many_cells_in_every_line(text: str) -> None:
    assert accepts(matcher(table.grammar()), text)
    assert table.results(Answer(text)) == (Result("csv", text),)


@pytest.mark.parametrize("text", ["", "a", "a,b\n1", "a,b\n1,2,3", 'a,"b\n1,2'])
def test_anything_else_is_no_table(text: str) -> None:
    assert not accepts(matcher(table.grammar()), text)


def test_a_table_is_shown_as_one_while_it_grows() -> None:
    assert table.show("a,b\n1|2,") == "| a | b |\n|---|---|\n| 1\\|2 |  |"
    assert table.show("There is no table.") == "There is no table."


def test_lines_of_different_lengths_are_not_passed_off_as_a_table() -> None:
    assert table.results(Answer("a,b\n1,2,3")) == (Result("csv", "a,b\n1,2,3", whole=False),)


@pytest.mark.parametrize("text", ["It is 10:08.", "It is 9:05 PM.", "It is 23:59:59.", "There is no clock."])
def test_a_time_is_a_time(text: str) -> None:
    assert accepts(matcher(clock.GRAMMAR), text)


@pytest.mark.parametrize("text", ["It is 24:00.", "It is 10:60.", "It is ten.", "10:08", ""])
def test_what_is_no_time_is_not_said(text: str) -> None:
    assert not accepts(matcher(clock.GRAMMAR), text)


@pytest.mark.parametrize("text", ["It costs 20 €.\n\n> Price: 20 €", document.NOT_SAID])
def test_an_answer_rests_on_words_of_the_document(text: str) -> None:
    assert accepts(matcher(document.GRAMMAR), text)
    assert not accepts(matcher(document.GRAMMAR), "It costs 20 €.")


def test_an_answer_that_quotes_the_document_is_a_result() -> None:
    said = "It costs 20 €.\n\n> Price: 20 €"
    assert document.results(Answer(said)) == (Result("quote", said),)
    assert document.results(Answer(document.NOT_SAID)) == ()


def test_the_question_goes_to_the_model_under_the_rules() -> None:
    assert document.TASKS[0].compose(" How much? ") == f"{document.PROMPT}\nQuestion: How much?"


@given(st.text())
def test_any_text_is_shown(answer: str) -> None:
    assert all(isinstance(show(answer), str) for show in (read_text.show, table.show))
