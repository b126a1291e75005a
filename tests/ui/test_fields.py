"""What the settings say: pytest tests/ui/test_fields.py"""

import pytest

from backend.errors import InputError
from backend.types import ModelInfo, SamplingParams
from ui.fields import FIELDS, Controls, placeholders, read_controls

EMPTY = ("", *[""] * 10)


def test_empty_fields_are_left_to_the_model() -> None:
    assert read_controls(EMPTY, 64) == Controls("", SamplingParams(), 64)
    assert read_controls((None, *[None] * 10), 64) == Controls("", SamplingParams(), 64)


@pytest.mark.parametrize("as_typed", [str, float])
def test_filled_fields_are_taken_with_their_types(as_typed: type) -> None:
    numbers = [as_typed(number) for number in (128, 0, 0.9, 40, 0.05, 1.1, 7, 16, 10, 15.5)]
    controls = read_controls(("Be brief.", *numbers), 64)
    assert controls == Controls("Be brief.", SamplingParams(128, 0.0, 0.9, 40, 0.05, 1.1, 7), 16, (10.0, 15.5), True)
    assert isinstance(controls.sampling.max_new_tokens, int)
    assert isinstance(controls.frames, int)


def test_a_decimal_comma_is_a_decimal_point() -> None:
    assert FIELDS[1].read(" 0,7 ") == 0.7


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        (0, "many", "Max new tokens is a whole number from 1 to 32768, not “many”."),
        (0, "0", "Max new tokens is a whole number from 1 to 32768, not “0”."),
        (0, "1.5", "Max new tokens is a whole number from 1 to 32768, not “1.5”."),
        (1, "-1", "Temperature is a number from 0 to 5, not “-1”."),
        (1, "nan", "Temperature is a number from 0 to 5, not “nan”."),
        (1, "inf", "Temperature is a number from 0 to 5, not “inf”."),
        (2, True, "Top-p is a number from 0 to 1, not “True”."),
        (6, "99999999999", "Seed is a whole number from 0 to 2147483647, not “99999999999”."),
        (8, "soon", "Video from is a time like 0:10, or a number from 0 to 21600, not “soon”."),
        (9, "1:2:3:4", "Video to is a time like 0:10, or a number from 0 to 21600, not “1:2:3:4”."),
        (7, "600", "Video frames is a whole number from 1 to 512, not “600”."),
    ],
)
def test_what_a_field_cannot_hold_is_one_sentence(field: int, value: object, sentence: str) -> None:
    with pytest.raises(InputError) as error:
        FIELDS[field].read(value)
    assert str(error.value) == sentence


def test_an_empty_field_shows_what_the_model_would_use() -> None:
    sampling = SamplingParams(512, 0.6, 0.9, 50, None, 1.0)
    model = ModelInfo("id", "name", "family", 4096, "none", "cpu", frozenset(), sampling)
    assert placeholders(64, model) == [
        "512",
        "0.6",
        "0.9",
        "50",
        "model's own",
        "1",
        "random",
        "64",
        "its start",
        "its end",
    ]
    assert placeholders(64, None) == [*["model's own"] * 6, "random", "64", "its start", "its end"]


@pytest.mark.parametrize(
    ("typed", "seconds"), [("75", 75), ("1:15", 75), ("0:01:15.5", 75.5), ("1,5", 1.5), ("", None)]
)
def test_an_interval_is_typed_as_a_player_shows_it(typed: str, seconds: float | None) -> None:
    assert read_controls((*EMPTY[:-1], typed), 64).interval == (None, seconds)


def test_a_field_about_clips_says_that_a_person_set_it() -> None:
    assert [read_controls((*EMPTY[:8], *filled), 64).of_clips for filled in (("9", "", ""), ("", "9", ""))] == [
        True
    ] * 2
    assert not read_controls(EMPTY, 64).of_clips


def test_an_interval_that_ends_before_it_starts_is_one_sentence() -> None:
    with pytest.raises(InputError) as error:
        read_controls((*EMPTY[:-2], "0:10", "0:10"), 64)
    assert str(error.value) == "“Video to” is not later than “Video from”; set it to a later time, or empty it."
