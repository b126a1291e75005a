"""Gradio's shapes become values: pytest tests/ui/test_convert.py"""

from pathlib import Path
from types import SimpleNamespace

import pytest

from backend.types import SamplingParams
from ui.convert import JOINER, Controls, Posted, read_controls, read_file, read_message, turn_number


@pytest.mark.parametrize(
    ("shape", "posted"),
    [
        ({"text": "hi", "files": ["/up/a.png", "/up/b.mp4"]}, Posted("hi", (Path("/up/a.png"), Path("/up/b.mp4")))),
        ({"text": "hi", "files": [{"path": "/up/a.png", "url": None}]}, Posted("hi", (Path("/up/a.png"),))),
        ({"text": "hi", "files": [SimpleNamespace(path="/up/a.png")]}, Posted("hi", (Path("/up/a.png"),))),
        ({"text": "hi"}, Posted("hi")),
        ({"files": ["/up/a.png"]}, Posted("", (Path("/up/a.png"),))),
        ("edited", Posted("edited")),
        (f"a <{JOINER}b>", Posted("a <b>")),
        (None, Posted()),
        ({"text": None, "files": None}, Posted()),
        ({"text": 3, "files": "/etc/passwd"}, Posted()),
        ({"text": "hi", "files": [{"path": ""}, {}, None, 7]}, Posted("hi")),
    ],
)
def test_a_message_is_read_in_every_shape_that_gradio_posts(shape: object, posted: Posted) -> None:
    assert read_message(shape) == posted


def test_a_file_without_a_path_is_none() -> None:
    assert read_file({"path": None}) is None


def test_empty_fields_are_left_to_the_model() -> None:
    assert read_controls(("", *[None] * 8), 64) == Controls("", SamplingParams(), 64)


def test_filled_fields_are_taken_with_their_types() -> None:
    values = ("Be brief.", 128.0, 0, 0.9, 40.0, 0.05, 1.1, 7.0, 16.0)
    sampling = SamplingParams(128, 0.0, 0.9, 40, 0.05, 1.1, 7)
    assert read_controls(values, 64) == Controls("Be brief.", sampling, 16)
    assert isinstance(read_controls(values, 64).sampling.max_new_tokens, int)


def test_what_is_no_number_counts_as_empty() -> None:
    assert read_controls((None, "many", True, [], {}, "0.1", None, "x", "y"), 8) == Controls("", SamplingParams(), 8)


@pytest.mark.parametrize(("index", "number"), [(0, 1), (1, 1), (2, 2), ([4, 0], 3), ((5, 1), 3), (None, 0), ([], 0)])
def test_a_bubble_names_its_turn(index: object, number: int) -> None:
    assert turn_number(index) == number
