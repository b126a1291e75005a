"""The generators: the same seed draws the same, what is said is what is drawn, and the held-out lists are apart."""

import json
import random

import pytest

from backend.tasks.receipt import parse
from training import fonts, formula_chat, mixture, receipt_chat, receipts, scene_chat, scenes, text, words
from training.values import Chat, Piece

KINDS = ("receipt", "scene", "formula", "clip", "pair", "text")


def drawn(kind: str, seed: int) -> Chat:
    return mixture.draw(random.Random(seed), mixture.TRAINING, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_draws_the_same(kind):
    one, other = drawn(kind, 7), drawn(kind, 7)
    assert one.turns == other.turns
    assert [d.image.tobytes() for d in one.drawings] == [d.image.tobytes() for d in other.drawings]
    assert [d.marks for d in one.drawings] == [d.marks for d in other.drawings]


@pytest.mark.parametrize("kind", KINDS)
def test_every_piece_names_marks_that_exist(kind):
    for seed in range(20):
        chat = drawn(kind, seed)
        for turn in chat.turns:
            for piece in turn.answer:
                assert all(-1 <= mark < len(chat.drawings[piece.drawing].marks) for mark in piece.marks)
                assert len(piece.marks) in (0, 1, len(piece.text))


@pytest.mark.parametrize("seed", range(30))
def test_a_receipt_s_json_is_the_task_s_schema(seed):
    receipt = receipts.make(random.Random(seed), receipts.Range())
    answer = "".join(piece.text for piece in receipt_chat.as_json(receipt))
    parsed = parse(answer)
    assert parsed is not None
    assert parsed.shop == receipt.purchase.shop
    assert len(parsed.items) == len(receipt.purchase.items)
    assert round((parsed.total or 0) * 100) == receipt.purchase.total
    assert list(json.loads(answer)) == list(type(parsed).model_fields)


@pytest.mark.parametrize("seed", range(30))
def test_what_is_read_off_a_receipt_is_what_stands_there(seed):
    receipt = receipts.make(random.Random(seed), receipts.Range())
    for piece in receipt_chat.as_json(receipt):
        if len(piece.marks) == len(piece.text) > 1:
            shown = "".join(receipt.drawing.marks[mark].label for mark in piece.marks)
            assert shown.lower() == piece.text.lower() or shown.replace(".", "-") == piece.text


@pytest.mark.parametrize("seed", range(30))
def test_a_receipt_adds_up(seed):
    bought = receipts.make(random.Random(seed), receipts.Range()).purchase
    amounts = sum(item.amount for item in bought.items)
    assert bought.total == amounts + (bought.tax_amount or 0) - (bought.discount or 0)


def test_a_date_in_dots_is_read_in_the_order_of_the_answer():
    dotted = (receipts.make(random.Random(seed), receipts.Range()) for seed in range(100))
    receipt = next(one for one in dotted if one.date_format == "dots" and one.purchase.date)
    piece = receipt_chat.date(receipt)
    assert "".join(receipt.drawing.marks[mark].label for mark in piece.marks).replace(".", "-") == piece.text


@pytest.mark.parametrize("seed", range(30))
def test_a_formula_s_braces_match(seed):
    formula = formula_chat.make(random.Random(seed), formula_chat.Range())
    latex = "".join(piece.text for piece in formula.latex)
    depth = 0
    for character in latex:
        depth += (character == "{") - (character == "}")
        assert depth >= 0
    assert depth == 0
    assert "$" not in latex


@pytest.mark.parametrize("seed", range(50))
def test_alt_text_keeps_to_125_characters(seed):
    scene = scenes.make(random.Random(seed), scenes.Range())
    assert len(scene_chat.alt_text(scene, random.Random(0)).text) <= 125


def test_a_clip_of_64_frames_is_four_sheets():
    chats = (drawn("clip", seed) for seed in range(60))
    assert {len(chat.drawings) for chat in chats} == {1, 4}


def test_a_second_image_comes_with_the_first_again():
    chat = drawn("pair", 3)
    assert [turn.drawings for turn in chat.turns if turn.drawings] == [(0,), (0, 1)]


def test_held_out_names_and_fonts_are_in_no_training_list():
    for name in ("shop_first", "shop_second", "streets", "goods", "kinds"):
        assert not set(getattr(words.TRAINING, name)) & set(getattr(words.HELD_OUT, name)), name
    assert not set(fonts.TRAINING) & set(fonts.HELD_OUT)
    assert not set(fonts.MATHS) & set(fonts.MATHS_HELD_OUT)


def test_held_out_talk_is_asked_in_no_training_turn():
    asked = {turn.question for seed in range(3000) for turn in text.turns(random.Random(seed))}
    assert not asked & {turn.question for turn in text.HELD_OUT}


def test_a_piece_tells_the_mark_of_each_character():
    assert [Piece("ab", (3, 4)).mark_of(at) for at in (0, 1)] == [3, 4]
    assert Piece("abc", (3,)).mark_of(2) == 3
    assert Piece("abc").mark_of(0) == -1
