"""Captions and alternative text: what may be said, and how long it is."""

import json
from pathlib import Path

import pytest

from backend.tasks.presets.caption import LANGUAGES, alt_text, in_language
from backend.tasks.registry import find_task
from backend.types import Grammar
from tests.support.grammars import accepts, matcher

ANSWERS = json.loads((Path(__file__).parents[2] / "assets" / "examples" / "answers.json").read_text())


def held(name: str) -> Grammar:
    grammar = find_task(name).grammar("")
    assert grammar is not None
    return grammar


@pytest.mark.parametrize("text", ["A red circle.", "Imagine a street.", "रोटी", "x" * 125, "The Picture House"])
def test_alt_text_of_up_to_125_characters_may_be_said(text: str) -> None:
    assert accepts(matcher(held("alt_text")), text)


@pytest.mark.parametrize(
    "text", ["", " A cat", "x" * 126, "A\ncat", "Image of a cat", "an IMAGE of a cat", "This picture shows a cat"]
)
def test_no_other_alt_text_may(text: str) -> None:
    assert not accepts(matcher(held("alt_text")), text)


def test_a_caption_is_one_line() -> None:
    assert accepts(matcher(held("caption")), "A cat. It sleeps.")
    assert not accepts(matcher(held("caption")), "A cat.\nIt sleeps.")


def test_what_the_bundled_model_says_of_the_example_may_be_said() -> None:
    said = {turn["question"]: turn["answer"] for turn in ANSWERS["scene.png"]}
    for name in ("caption", "alt_text"):
        assert accepts(matcher(held(name)), said[find_task(name).prompt])


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("A cat.", "A cat."),
        ("word " * 24 + "wordy", "word " * 23 + "word…"),
        ("word " * 24 + "word.", "word " * 24 + "word."),
        ("x" * 125, "x" * 125),
        ("", ""),
    ],
)
def test_alt_text_never_ends_within_a_word(answer: str, shown: str) -> None:
    assert (alt_text(answer), len(shown) <= 125) == (shown, True)


def test_a_caption_can_be_had_in_the_eight_languages() -> None:
    asked = [find_task("caption").compose(in_language(language)) for language in LANGUAGES]
    assert (len(set(asked)), asked[1]) == (8, "Describe this image in one line.\nAnswer in German.")


def test_another_language_takes_the_place_of_the_first() -> None:
    first = in_language("Thai", "The cat only.")
    assert (first, in_language("Hindi", first)) == ("The cat only. Answer in Thai.", "The cat only. Answer in Hindi.")
    assert in_language("English", first) == "The cat only."
