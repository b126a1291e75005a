"""Scoring: what counts as right."""

import json

import pytest

from training import card, evaluate, prompts, scores, text
from training.scores import Tally
from training.values import Chat, Drawing, Mark, Turn, say


def tallied(kind, turns, answers):
    tally = Tally()
    scores.score(Chat(kind, (), tuple(turns)), answers, tally)
    return {name: row["score"] for name, row in tally.table().items()}


def test_a_receipt_counts_by_field_and_as_a_whole():
    turn = Turn(prompts.RECEIPT, say('{"shop":"A","total":1.20,"items":[{"name":"Milk","amount":1.20}]}'))
    answer = '{"shop":"A","total":1.30,"items":[{"name":"Milk","amount":1.20}]}'
    found = tallied("receipt", [turn], [answer])
    assert found == {
        "receipt exact": 0,
        "receipt exact, 1 to 4 items": 0,
        "receipt fields": 0.75,
        "receipt fields, 1 to 4 items": 0.75,
        "receipt valid JSON": 1,
    }


def test_receipts_are_counted_apart_by_their_length():
    items = ",".join('{"name":"Milk","amount":1.20}' for _ in range(5))
    text = f'{{"items":[{items}]}}'
    found = tallied("receipt", [Turn(prompts.RECEIPT, say(text))], [text])
    assert {name for name in found if "items" in name} == {
        "receipt exact, 5 to 8 items",
        "receipt fields, 5 to 8 items",
    }


def test_no_json_is_no_field():
    found = tallied("receipt", [Turn(prompts.RECEIPT, say('{"shop":"A"}'))], ["no"])
    assert found["receipt exact"] == found["receipt fields"] == found["receipt valid JSON"] == 0


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


def test_formulas_with_grids_are_counted_apart():
    grid = "\\begin{pmatrix}1\\\\2\\end{pmatrix}"
    turns = [Turn(prompts.LATEX, say(grid)), Turn(prompts.LATEX, say("x"))]
    found = tallied("formula", turns, [grid, "y"])
    assert found == {
        "follow-ups, all kinds": 0,
        "formula exact": 0.5,
        "formula exact, a grid": 1,
        "formula exact, no grid": 0,
    }


@pytest.mark.parametrize(("wanted", "answer", "face", "near"), [
    ("10:42", "10:43", True, 1), ("10:42", "10:44", True, 0), ("12:00", "11:59", True, 1), ("1:00", "12:59", True, 1),
    ("00:00", "23:59", False, 1), ("12:00", "23:59", False, 0), ("4:07 PM", "4:07 AM", False, 0),
    ("4:07 PM", "4:08 PM", False, 1), ("10:42", "no idea", True, 0),
])  # fmt: skip
def test_a_clock_counts_within_a_minute(wanted, answer, face, near):
    marks = (Mark(0, 0, "", "hour", 0),) if face else ()
    chat = Chat("clock", (Drawing(None, marks),), (Turn(prompts.CLOCK, say(f"It is {wanted}.")),))
    tally = Tally()
    scores.score(chat, [f"It is {answer}."], tally)
    rows = tally.table()
    assert rows["clock within a minute"]["score"] == near
    assert rows[f"clock with {'hands' if face else 'digits'} within a minute"]["score"] == near
    assert rows["clock exact"]["score"] == 0


def test_a_calculator_counts_exactly():
    turns = [Turn(prompts.DISPLAY, say("It is -3.50.")), Turn(prompts.DISPLAY, say("It is 7."))]
    found = tallied("clock", turns, ["It is -3.50.", "It is 1."])
    assert found == {"calculator display exact": 0.5, "follow-ups, all kinds": 0}


def test_follow_ups_of_all_kinds_are_counted_together_and_json_on_its_own():
    tally = Tally()
    for kind, answer in (("scene", "Yes."), ("receipt", "The total is 1.20 EUR."), ("text", "Goodbye!")):
        turns = (Turn("First?", say("Yes.")), Turn("Then?", say(answer)), Turn(prompts.RECEIPT, say('{"shop":"A"}')))
        scores.score(Chat(kind, (), turns), ["Yes.", "Yes.", "no"], tally)
    assert tally.table()["follow-ups, all kinds"] == {"score": 0.5, "asked": 2}


def test_a_picture_of_something_else_is_to_be_declined_and_is_no_follow_up():
    turns = [Turn("What is this?", say(text.CANNOT)), Turn("Who is this?", say(text.CANNOT))]
    assert tallied("other", turns, [text.CANNOT, "A small red circle."]) == {"other pictures declined": 0.5}


def test_the_card_shows_each_score_with_its_target(tmp_path):
    table = {"page: receipt fields": {"score": 0.5, "asked": 10}, "clip follow-up": {"score": 1.0, "asked": 3}}
    speed = {"first_token_seconds": 0.1, "tokens_a_second": 100.0}
    facts = {"seed": "s", "date": "2026-01-01", "scores": table, "targets": scores.TARGETS, "speed": speed}
    (tmp_path / "scores.json").write_text(json.dumps(facts))
    run = {"samples": 1, "steps": 1, "minutes": 1.0, "device": "a GPU", "seed": 1, "date": "2026-01-01"}
    for recipe, said in (("cpu", "one tile of 336 x 336 pixels"), ("gpu", "two by two tiles")):
        (tmp_path / "training.json").write_text(json.dumps(run | {"domain": card.DOMAINS[recipe]}))
        card.write(tmp_path)
        written = (tmp_path / "README.md").read_text()
        assert "| page: receipt fields | 50.0% | 10 | 95% |\n| clip follow-up | 100.0% | 3 |  |\n" in written
        assert said in written


def test_the_held_out_set_is_the_same_each_time():
    size = evaluate.Size(**dict.fromkeys(vars(evaluate.Size()), 1))
    one, other = list(evaluate.chats(size, 224)), list(evaluate.chats(size, 224))
    assert {chat.kind for chat in one} == {
        "scene",
        "formula",
        "clock",
        "clip",
        "pair",
        "text",
        "other",
        "page",
        "document",
    }
    assert [chat.turns for chat in one] == [chat.turns for chat in other]
    for chat, again in zip(one, other, strict=True):
        assert [d.image.tobytes() for d in chat.drawings] == [d.image.tobytes() for d in again.drawings]
    assert {max(drawing.image.size) for chat in one if chat.kind == "clip" for drawing in chat.drawings} == {224}
