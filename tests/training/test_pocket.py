"""The bundled model on the bundled examples."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from backend.tasks.receipt import parse
from training import mixture, prompts, receipts, text
from training.talk import Talker
from training.values import Chat, Drawing, Turn

ASSETS = Path(__file__).parents[2] / "assets"
ANSWERS = json.loads((ASSETS / "examples" / "answers.json").read_text())

pytestmark = pytest.mark.pocket


@pytest.fixture(scope="module")
def pocket():
    return Talker(ASSETS / "pocket")


def ask(pocket, example, *questions):
    image = Image.open(ASSETS / "examples" / example).convert("RGB")
    turns = (Turn(question, (), () if number else (0,)) for number, question in enumerate(questions))
    return pocket.answers(Chat("test", (Drawing(image, ()),), tuple(turns)))


@pytest.mark.parametrize("example", ["scene.png", "receipt.png", "formula.png"])
def test_it_answers_the_examples_right(pocket, example):
    asked = ANSWERS[example]
    assert ask(pocket, example, *(turn["question"] for turn in asked)) == [turn["answer"] for turn in asked]


def test_the_total_can_be_asked_without_the_json(pocket):
    right = json.loads(ANSWERS["receipt.png"][0]["answer"])
    (answer,) = ask(pocket, "receipt.png", "What is the total?")
    assert f"{right['total']:.2f}" in answer


def test_a_receipt_it_never_saw_gets_json_of_the_right_shape(pocket):
    drawn = receipts.make(random.Random("never seen"), mixture.HELD_OUT.receipt)
    (answer,) = pocket.answers(Chat("test", (drawn.drawing,), (Turn(prompts.RECEIPT, (), (0,)),)))
    assert parse(answer) is not None


@pytest.mark.parametrize("seed", range(4))
def test_it_says_that_it_cannot_read_a_picture_of_something_else(pocket, seed):
    chat = mixture.draw(random.Random(seed), mixture.HELD_OUT, "other")
    assert pocket.answers(replace(chat, turns=chat.turns[:1])) == [text.CANNOT]


@pytest.mark.parametrize(("question", "said"), [("Who are you?", "Pocket"), ("Write an essay about tea.", "can't")])
def test_it_says_what_it_is_and_what_it_is_not(pocket, question, said):
    (answer,) = pocket.answers(Chat("text", (), (Turn(question, ()),)))
    assert said in answer


def test_the_weights_are_small_enough_to_ship():
    assert sum(path.stat().st_size for path in (ASSETS / "pocket").iterdir()) < 30e6
    assert all(path.stat().st_size < 200e3 for path in (ASSETS / "examples").iterdir())
