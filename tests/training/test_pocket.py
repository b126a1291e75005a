"""The bundled model on the bundled examples."""

import json
import random
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from backend.reader.ocr import Recogniser
from backend.tasks.forms.receipt_schema import parse
from training import mixture, prompts, text
from training.page_words import HeldOut
from training.talk import Talker
from training.values import Chat, Drawing, Turn

ASSETS = Path(__file__).parents[2] / "assets"
ANSWERS = json.loads((ASSETS / "examples" / "answers.json").read_text())

pytestmark = pytest.mark.pocket


@pytest.fixture(scope="module")
def pocket():
    return Talker(ASSETS / "pocket")


@pytest.fixture(scope="module")
def recogniser():
    return Recogniser(2)


def read(recogniser, image):
    """The text on an image, as the reader gives it to the model."""
    return recogniser.read(np.ascontiguousarray(np.asarray(image)[..., ::-1]), lambda done, total: None).text


def about(pocket, image, text, *questions):
    """The answers about an image or, where it is a page, about its text in its place, as the program gives it."""
    turns = [Turn(question, (), () if number or text else (0,)) for number, question in enumerate(questions)]
    turns[0] = replace(turns[0], page=text or None)
    return pocket.answers(Chat("test", (Drawing(image, ()),), tuple(turns)))


def ask(pocket, recogniser, example, *questions):
    image = Image.open(ASSETS / "examples" / example).convert("RGB")
    return about(pocket, image, read(recogniser, image) if example == "receipt.png" else "", *questions)


@pytest.mark.parametrize("example", ["scene.png", "receipt.png", "formula.png"])
def test_it_answers_the_examples_right(pocket, recogniser, example):
    asked = ANSWERS[example]
    right = [turn["answer"] for turn in asked]
    assert ask(pocket, recogniser, example, *(turn["question"] for turn in asked)) == right


def test_the_total_can_be_asked_without_the_json(pocket, recogniser):
    right = json.loads(ANSWERS["receipt.png"][0]["answer"])
    (answer,) = ask(pocket, recogniser, "receipt.png", "What is the total?")
    assert f"{right['total']:.2f}" in answer


def test_a_receipt_it_never_saw_gets_json_of_the_right_shape(pocket):
    chat = mixture.draw(HeldOut("never seen"), mixture.HELD_OUT, "page")
    asked = Turn(prompts.RECEIPT, (), (), chat.turns[0].page)
    (answer,) = pocket.answers(Chat("test", (), (asked,)))
    assert parse(answer) is not None


BOUGHT = (
    ("CORNER STORE", ""), ("14 Elm Street", ""), ("Tel 555-0134", ""), ("12/03/2025", "14:32"),
    ("2x MILK 1L", "$3.10"), ("1x BREAD", "$2.45"), ("3x APPLE", "$1.80"), ("SUBTOTAL", "$7.35"),
    ("TAX 8%", "$0.59"), ("TOTAL", "$7.94"), ("VISA", "$7.94"), ("THANK YOU", ""),
)  # fmt: skip


def receipt_on_a_screen():
    """A receipt in Pillow's own font, which nothing else here is drawn with."""
    font, paper = ImageFont.load_default(26), Image.new("RGB", (420, 492), (252, 252, 248))
    pen = ImageDraw.Draw(paper)
    for row, (left, right) in enumerate(BOUGHT):
        y = 20 + row * 37.7
        pen.text((16 if right else 210, y), left, (20, 20, 30), font, anchor="la" if right else "ma")
        pen.text((404, y), right, (20, 20, 30), font, anchor="ra")
    return paper


def photographed(paper):
    """Askew, in uneven light, with the stripes of a screen's pixels."""
    height, width = paper.height, paper.width
    rows, columns = np.mgrid[:height, :width]
    stripes = 1 + 0.06 * np.sin(columns / 1.7 + rows / 9)
    lit = np.asarray(paper) * (stripes * np.linspace(0.8, 1.05, width))[..., None]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = corners + np.array([[17, 20], [-5, 4], [0, -4], [8, 0]], np.float32)
    turned = cv2.warpPerspective(lit, cv2.getPerspectiveTransform(corners, moved), (width, height))
    return Image.fromarray(np.clip(cv2.GaussianBlur(turned, (0, 0), 0.6), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("seen", [receipt_on_a_screen, lambda: photographed(receipt_on_a_screen())])
def test_a_stranger_s_receipt_on_a_screen_is_read(pocket, recogniser, seen):
    image = seen()
    (answer,) = about(pocket, image, read(recogniser, image), prompts.RECEIPT)
    found = parse(answer)
    assert found is not None
    assert (found.shop, found.date, found.time, found.currency) == ("CORNER STORE", "2025-03-12", "14:32", "USD")
    assert [item.name for item in found.items] == ["MILK 1L", "BREAD", "APPLE"]
    assert [item.quantity for item in found.items] == [2, 1, 3]
    assert [float(amount) for amount in (found.subtotal, found.taxes[0].amount, found.total)] == [7.35, 0.59, 7.94]


def test_it_declines_nine_in_ten_pictures_of_something_else(pocket):
    chats = [mixture.draw(random.Random(seed), mixture.HELD_OUT, "other") for seed in range(24)]
    declined = [pocket.answers(replace(chat, turns=chat.turns[:1])) == [text.CANNOT] for chat in chats]
    assert sum(declined) >= 21  # 91 % of the held-out set, as the card says


@pytest.mark.parametrize(("question", "said"), [("Who are you?", "Pocket"), ("Write an essay about tea.", "can't")])
def test_it_says_what_it_is_and_what_it_is_not(pocket, question, said):
    (answer,) = pocket.answers(Chat("text", (), (Turn(question, ()),)))
    assert said in answer


def test_the_weights_are_small_enough_to_ship():
    assert sum(path.stat().st_size for path in (ASSETS / "pocket").iterdir()) < 30e6
    assert all(path.stat().st_size < 200e3 for path in (ASSETS / "examples").iterdir())
