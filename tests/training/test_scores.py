"""Scoring: what counts as right."""

import pytest

from training import prompts, scores
from training.scores import Tally
from training.values import Chat, Turn, say


def tallied(kind, turns, answers):
    tally = Tally()
    scores.score(Chat(kind, (), tuple(turns)), answers, tally)
    return {name: row["score"] for name, row in tally.table().items()}


def test_a_receipt_counts_by_field_and_as_a_whole():
    turn = Turn(prompts.RECEIPT, say('{"shop":"A","total":1.20,"items":[{"name":"Milk","amount":1.20}]}'))
    answer = '{"shop":"A","total":1.30,"items":[{"name":"Milk","amount":1.20}]}'
    found = tallied("receipt", [turn], [answer])
    assert found == {"receipt exact": 0, "receipt fields": 0.75, "receipt valid JSON": 1}


def test_no_json_is_no_field():
    found = tallied("receipt", [Turn(prompts.RECEIPT, say('{"shop":"A"}'))], ["no"])
    assert found == {"receipt exact": 0, "receipt fields": 0, "receipt valid JSON": 0}


@pytest.mark.parametrize(
    ("one", "other"),
    [("x^{2}", "x ^ {2}"), ("\\frac{a}{b}", "\\frac {a} {b}"), ("\\alpha x", "\\alpha  x"), ("x_{i}", "x_i")],
)
def test_formulas_that_look_the_same_are_the_same(one, other):
    assert scores.latex(one) == scores.latex(other)


@pytest.mark.parametrize(("one", "other"), [("x^{2}", "x_{2}"), ("\\alpha x", "\\alpha y"), ("x^{23}", "x^{2}3")])
def test_formulas_that_look_different_are_different(one, other):
    assert scores.latex(one) != scores.latex(other)


def test_a_caption_counts_its_facts():
    turn = Turn(prompts.CAPTION, say("A large red circle and a small blue star on a white background."))
    found = tallied("scene", [turn], ["A large red circle and a small blue square on a white background."])
    assert found["scene facts"] == pytest.approx(2 / 3, abs=1e-3)
    assert found["scene caption exact"] == 0


def test_a_clip_counts_with_and_without_times():
    turn = Turn(prompts.VIDEO, say("[0:00] A red star is at the top. [0:02] It moves down."))
    found = tallied("clip", [turn], ["[0:00] A red star is at the top. [0:03] It moves down."])
    assert found == {"clip exact with times": 0, "clip events, times aside": 1}
