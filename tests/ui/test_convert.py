"""Gradio's shapes become values: pytest tests/ui/test_convert.py"""

from pathlib import Path
from types import SimpleNamespace

import pytest

from ui.convert import JOINER, Posted, read_file, read_message, turn_number


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


@pytest.mark.parametrize(("index", "number"), [(0, 1), (1, 1), (2, 2), ([4, 0], 3), ((5, 1), 3), (None, 0), ([], 0)])
def test_a_bubble_names_its_turn(index: object, number: int) -> None:
    assert turn_number(index) == number
