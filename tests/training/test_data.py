"""The generators: the same seed draws the same, what is said is what is drawn, and the held-out lists are apart."""

import hashlib
import json
import random
import re
from dataclasses import replace

import pytest

from backend.tasks.forms.receipt_schema import parse
from training import (
    clocks,
    fonts,
    formula_chat,
    formulas,
    labels,
    mixture,
    paper,
    prompts,
    receipt_chat,
    receipts,
    scene_chat,
    scenes,
    text,
    typeset,
    words,
)  # fmt: skip
from training.values import Chat, Piece

KINDS = ("receipt", "scene", "formula", "clock", "clip", "pair", "text", "other")


def drawn(kind: str, seed: int, domain: mixture.Mixture = mixture.TRAINING) -> Chat:
    return mixture.draw(random.Random(seed), domain, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_draws_the_same(kind):
    one, other = drawn(kind, 7), drawn(kind, 7)
    assert one.turns == other.turns
    assert [d.image.tobytes() for d in one.drawings] == [d.image.tobytes() for d in other.drawings]
    assert [d.marks for d in one.drawings] == [d.marks for d in other.drawings]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("domain", [mixture.TRAINING, mixture.FULL, mixture.HELD_OUT], ids=["cpu", "gpu", "held out"])
def test_every_piece_names_marks_that_exist(kind, domain):
    for seed in range(10):
        chat = drawn(kind, seed, domain)
        for turn in chat.turns:
            for piece in turn.answer:
                assert all(-1 <= mark < len(chat.drawings[piece.drawing].marks) for mark in piece.marks)
                assert len(piece.marks) in (0, 1, len(piece.text))


SHOPS = pytest.mark.parametrize(
    "shops", [receipts.Range(), replace(mixture.TRAINING.receipt, variety=1.0)], ids=["plain", "others"]
)


@SHOPS
@pytest.mark.parametrize("seed", range(30))
def test_a_receipt_s_json_is_the_task_s_schema(seed, shops):
    receipt = receipts.make(random.Random(seed), shops)
    answer = "".join(piece.text for piece in receipt_chat.as_json(receipt))
    parsed = parse(answer)
    assert parsed is not None
    assert parsed.shop == receipt.purchase.shop
    assert len(parsed.items) == len(receipt.purchase.items)
    assert round((parsed.total or 0) * 100) == receipt.purchase.total
    assert list(json.loads(answer)) == list(type(parsed).model_fields)


@SHOPS
@pytest.mark.parametrize("seed", range(60))
def test_what_is_read_off_a_receipt_is_what_stands_there(seed, shops):
    receipt = receipts.make(random.Random(seed), shops)
    for piece in receipt_chat.as_json(receipt):
        if len(piece.marks) == len(piece.text) > 1:
            shown = "".join(receipt.drawing.marks[mark].label for mark in piece.marks)
            said = (shown, shown.lower(), shown.replace(",", "."), re.sub("[./]", "-", shown))
            assert piece.text in said


def test_other_shops_print_in_other_ways():
    domain = replace(mixture.TRAINING.receipt, variety=1.0)
    drawn = [receipts.make(random.Random(seed), domain) for seed in range(80)]
    assert {receipt.date_format for receipt in drawn} == {"iso", "dots", "slashes", "american"}
    texts = ["".join(mark.label for mark in receipt.drawing.marks) for receipt in drawn]
    for sign in (",", "Change", "@", "Thank", "SUBTOTAL"):
        assert 0 < sum(sign in text for text in texts) < len(texts)


def test_the_held_out_set_stays_as_it_was():
    made = [receipts.make(random.Random(f"held-out-2:{number}"), mixture.HELD_OUT.receipt) for number in range(20)]
    told = "".join(f"{receipt.purchase}{receipt.date_format}" for receipt in made)
    assert hashlib.sha256(told.encode()).hexdigest()[:16] == "365792681c38ea99"


@pytest.mark.parametrize("seed", range(30))
def test_a_receipt_adds_up(seed):
    bought = receipts.make(random.Random(seed), receipts.Range()).purchase
    amounts = sum(item.amount for item in bought.items)
    assert bought.total == amounts + (bought.tax_amount or 0) - (bought.discount or 0)


@pytest.mark.parametrize("order", ["dots", "slashes", "american"])
def test_a_date_is_read_in_the_order_of_the_answer(order):
    domain = replace(mixture.TRAINING.receipt, variety=1.0)
    made = (receipts.make(random.Random(seed), domain) for seed in range(200))
    receipt = next(one for one in made if one.date_format == order and one.purchase.date)
    piece = receipt_chat.date(receipt)
    shown = "".join(receipt.drawing.marks[mark].label for mark in piece.marks)
    assert re.sub("[./]", "-", shown) == piece.text


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


@pytest.mark.parametrize("domain", [mixture.TRAINING, mixture.FULL])
def test_a_clip_is_up_to_64_frames_on_one_to_four_sheets(domain):
    assert {len(drawn("clip", seed, domain).drawings) for seed in range(60)} == {1, 2, 3, 4}


def test_a_second_image_comes_with_the_first_again():
    chat = drawn("pair", 3)
    assert [turn.drawings for turn in chat.turns if turn.drawings] == [(0,), (0, 1)]


def test_held_out_names_and_fonts_are_in_no_training_list():
    for name in ("shop_first", "shop_second", "streets", "goods", "kinds"):
        assert not set(getattr(words.TRAINING, name)) & set(getattr(words.HELD_OUT, name)), name
    assert not set(fonts.TRAINING) & set(fonts.HELD_OUT)
    assert not set(fonts.MATHS) & set(fonts.MATHS_HELD_OUT)


def test_held_out_shades_are_outside_the_tints_of_training():
    for name, tint in (("colours", scenes.Range().tint), ("backgrounds", scenes.Range().tint // 2)):
        for word, shade in getattr(scenes.HELD_OUT_PALETTE, name).items():
            trained = getattr(scenes.PALETTE, name)[word]
            assert max(abs(one - other) for one, other in zip(shade, trained, strict=True)) > tint, word


def test_held_out_clocks_look_like_none_of_training():
    held_out, trained = mixture.HELD_OUT.clock, mixture.FULL.clock
    for name in ("faces", "rims", "displays", "hands", "fonts"):
        assert not set(getattr(held_out, name)) & set(getattr(trained, name)), name
    assert held_out.slants[0] > trained.slants[1]


def test_fonts_that_are_missing_stop_a_run_with_the_packages_that_hold_them(monkeypatch, capsys):
    monkeypatch.setattr(fonts, "_found", lambda: {"DejaVuSans": "somewhere"})
    assert "LiberationSerif-Regular" in fonts.missing()
    with pytest.raises(SystemExit, match=r"LiberationSerif-Regular.*apt install .*fonts-liberation.*--any-fonts"):
        fonts.require()
    fonts.require(lenient=True)
    assert "LiberationSerif-Regular" in capsys.readouterr().err
    monkeypatch.setattr(fonts, "missing", tuple)
    fonts.require()


def test_new_classes_keep_the_numbers_of_the_old():
    assert labels.ROLES[labels.ROLE_CLASS["clock"] :][:4] == ("clock", "hour", "minute", "display")
    assert labels.CHARACTERS[-len(labels.MORE_GREEK) :] == tuple(labels.MORE_GREEK.values())
    assert (labels.CHARACTER_CLASS["£"], labels.ROLE_CLASS["clock"]) == (118, 59)


def test_held_out_talk_is_asked_in_no_training_turn():
    asked = {turn.question for seed in range(3000) for turn in text.turns(random.Random(seed))}
    assert not asked & {turn.question for turn in text.HELD_OUT}


def test_a_piece_tells_the_mark_of_each_character():
    assert [Piece("ab", (3, 4)).mark_of(at) for at in (0, 1)] == [3, 4]
    assert Piece("abc", (3,)).mark_of(2) == 3
    assert Piece("abc").mark_of(0) == -1


def clock(kind: str, seed: int, **changes) -> clocks.Clock:
    return clocks.make(random.Random(seed), clocks.Range(kinds=(kind,), **changes))


@pytest.mark.parametrize("seed", range(20))
def test_a_face_s_marks_tell_its_time(seed):
    face = clock("analog", seed)
    hour, minute = map(int, face.reading.split(":"))
    marks = {mark.role: mark for mark in face.drawing.marks}
    assert marks["hour"].index == hour % 12
    assert marks["minute"].index * 2 + int(marks["minute"].label) % 2 == minute
    assert [face.drawing.marks[place].role for place in face.marks] == ["hour"] * len(str(hour)) + ["minute"] * 3


@pytest.mark.parametrize("kind", ["digital", "calculator"])
def test_a_display_s_marks_are_its_characters(kind):
    for seed in range(20):
        shown = clock(kind, seed)
        text = f"{shown.reading} {shown.half}".strip()
        read = "".join(shown.drawing.marks[mark].label if mark >= 0 else " " for mark in shown.marks)
        assert read == text


def test_displays_are_dark_on_light():
    for seed in range(10):
        shown = clock("calculator", seed)
        dots = [mark for mark in shown.drawing.marks if mark.role == "display" and mark.label == "8"]
        for mark in dots:
            inside = shown.drawing.image.getpixel((round(mark.x), round(mark.y)))
            glass = shown.drawing.image.getpixel((round(0.11 * shown.drawing.image.width), round(mark.y)))
            assert sum(inside) < sum(glass)


@pytest.mark.parametrize("kind", ["digital", "analog"])
def test_clocks_can_keep_to_every_fifth_minute(kind):
    assert all(int(clock(kind, seed, step=5).reading[-2:]) % 5 == 0 for seed in range(20))


def test_matrices_and_cases_are_written_as_they_stand():
    a, b, one = formulas.Symbol("a"), formulas.Symbol("\\beta"), formulas.Symbol("1")
    for node, latex in (
        (formulas.Matrix("pmatrix", ((a, b), (one, a))), "\\begin{pmatrix}a&\\beta\\\\1&a\\end{pmatrix}"),
        (formulas.Cases(((a, one), (one, b))), "\\begin{cases}a&1\\\\1&\\beta\\end{cases}"),
    ):
        formula = typeset.typeset(node, random.Random(1), fonts.MATHS, (224,))
        assert "".join(piece.text for piece in formula.latex) == latex
        marks = [formula.drawing.marks[piece.marks[0]] for piece in formula.latex if len(piece.text) == 1]
        cells = [mark for mark in marks if mark.role.startswith("cell")]
        assert {mark.role for mark in cells} == {"cell00", "cell01", "cell10", "cell11"}
        rows = {role: next(mark for mark in cells if mark.role == role) for role in ("cell00", "cell01", "cell10")}
        assert rows["cell00"].x < rows["cell01"].x
        assert rows["cell00"].y < rows["cell10"].y


def test_grids_are_drawn_where_they_are_wanted_and_nowhere_else():
    def grids(domain: formula_chat.Range) -> set[type]:
        nodes = (formulas.make(random.Random(seed), domain.formulas) for seed in range(400))
        found = {type(part) for node in nodes for part in formulas.parts_of(node)}
        return found & {formulas.Matrix, formulas.Cases}

    assert grids(mixture.EASY.formula) == set()
    assert grids(mixture.TRAINING.formula) == grids(mixture.FULL.formula) == {formulas.Matrix, formulas.Cases}


def test_a_receipt_has_as_many_items_as_its_domain_allows():
    for domain, most in ((mixture.EASY, 2), (mixture.TRAINING, 8), (mixture.FULL, 8), (mixture.HELD_OUT, 8)):
        drawn = (receipts.make(random.Random(seed), domain.receipt) for seed in range(60))
        assert max(len(receipt.purchase.items) for receipt in drawn) == most


def test_what_stands_beside_a_shape_is_what_is_asked_for():
    def shape(kind: str, place: int) -> scenes.Shape:
        return scenes.Shape(kind, "red", "small", place, 0.2 + 0.3 * (place % 3), 0.2 + 0.3 * (place // 3), 0.05)

    scene = scenes.draw((shape("star", 3), shape("circle", 5)), "white", random.Random(0), scenes.Range())
    turns = [scene_chat.ask(scene, random.Random(seed)) for seed in range(400)]
    told = {turn.question: turn.text for turn in turns}
    assert told["What is left of the red circle?"] == "A small red star."
    assert told["Is the red star left of the red circle?"] == "Yes."
    assert told["Is the red star right of the red circle?"] == "No."
    assert told["How many stars are there?"] == "There is 1."
    assert told["How many red shapes are there?"] == "There are 2."
    assert "What is right of the red circle?" not in told


def test_a_turn_about_the_first_of_two_images_says_so_where_it_could_mean_either():
    captions = 0
    for seed in range(150):
        chat = drawn("pair", seed)
        for turn in chat.turns[1:]:
            about = {piece.drawing for piece in turn.answer if piece.marks}
            if about == {0} and any(caption in turn.question for caption in prompts.CAPTIONS):
                captions += 1
                assert turn.question.startswith("In the first image: ")
    assert captions


def test_a_clip_s_english_is_right():
    said = {turn.text for seed in range(200) for turn in drawn("clip", seed).turns}
    assert any("An orange" in text for text in said)
    assert not any("A orange" in text for text in said)


def test_paper_with_texture_is_darker_and_as_large():
    clean = drawn("scene", 1).drawings[0]
    cloudy = paper.age(clean, random.Random(1), paper.Wear(0.0, 0.0, 0.0, 0.0, 0.0, texture=1.0))
    assert cloudy.image.size == clean.image.size
    assert cloudy.image.resize((1, 1)).getpixel((0, 0)) < clean.image.resize((1, 1)).getpixel((0, 0))
