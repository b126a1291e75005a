"""What is a file and what is text, and how an answer looks on a terminal and in a pipe.

python -m pytest tests/backend/test_terminal.py
"""

import io
import json
from pathlib import Path

import pytest

from backend.chat.results import Grounded
from backend.errors import InputError
from backend.evidence import evidence_of_json
from backend.reader.page import Line, Page
from backend.tasks.result import Result
from backend.terminal import Terminal, sort_words
from backend.types import Finished, ImagePart, Progress, Queued, Restarted, StreamEvent, TextDelta, Usage

EVENTS: list[StreamEvent] = [
    Queued(2),
    Progress("reading the clip", 3, 64),
    Progress("loading the model", 3_000_000, 4_000_000, unit="bytes"),
    Progress("starting"),
    TextDelta("Two"),
    TextDelta(" words"),
    Finished("stop", Usage(1, 2)),
]


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(events: list[StreamEvent], err: io.StringIO, out: io.StringIO | None = None) -> str:
    out = out or io.StringIO()
    terminal = Terminal(out, err)
    for event in events:
        terminal.show(event)
    terminal.end()
    return out.getvalue()


def test_existing_paths_are_files_and_the_rest_is_text(tmp_path: Path):
    photo, other = tmp_path / "a photo.jpg", tmp_path / "notes"
    photo.touch()
    other.touch()
    words = [str(photo), "What", str(other), "is this?", str(tmp_path)]
    assert sort_words(words) == ([photo, other], f"What is this? {tmp_path}")


def test_words_may_end_in_the_name_of_a_file_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    photo = tmp_path / "photo.jpg"
    photo.touch()
    assert sort_words([str(photo), "Describe photo.jpg"]) == ([photo], "Describe photo.jpg")
    monkeypatch.chdir(tmp_path)
    assert sort_words(["What is in photo.jpg"]) == ([], "What is in photo.jpg")


def test_a_path_of_one_s_home_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "photo.jpg").touch()
    assert sort_words(["~/photo.jpg"]) == ([tmp_path / "photo.jpg"], "")


@pytest.mark.parametrize(
    "word",
    [
        *("photo.jpg", "/nowhere/Clip.MP4", "./scan.webp", "my receipt.jpg", "./My Photos/IMG 1.HEIC", "receipt.jpg "),
        *("page.tif", "page.tiff", "a.jfif", "b.mpg", "b.mpeg", "c.3gp", "d.ogv", "e.m2ts", "f.pdf"),
    ],
)
def test_a_file_that_is_not_there_is_not_taken_for_text(word: str):
    with pytest.raises(InputError) as caught:
        sort_words([word, "What is this?"])
    assert str(caught.value) == f"There is no file {word}; check its name and folder."


@pytest.mark.parametrize("text", ["what is a .jpg?", "is it 3.5 or 4.2", "x" * 5000, "null\0byte", "either/or"])
def test_text_is_text_whatever_it_looks_like(text: str):
    assert sort_words([text]) == ([], text)


def test_a_dash_is_the_text_on_standard_input():
    assert sort_words(["Sum up:", "-"], io.StringIO("one\ntwo\n")) == ([], "Sum up: one\ntwo")


def test_in_a_pipe_there_is_the_answer_and_nothing_else():
    err = io.StringIO()
    assert shown(EVENTS, err) == "Two words\n"
    assert err.getvalue() == ""


def test_a_person_sees_what_happens_before_the_answer_in_a_line_that_goes_again():
    err = Tty()
    assert shown(EVENTS, err) == "Two words\n"
    assert err.getvalue().split("\r\x1b[K") == [
        "",
        "queued as number 2",
        "reading the clip 3/64",
        "loading the model 3.0 of 4.0 MB",
        "starting",
        "",
    ]


def test_a_partial_answer_ends_with_its_line_and_a_whole_line_stays_one():
    assert shown([TextDelta("half")], io.StringIO()) == "half\n"
    assert shown([TextDelta("whole\n")], io.StringIO()) == "whole\n"
    assert shown([], io.StringIO()) == ""
    err = Tty()
    assert shown([Progress("starting")], err) == ""
    assert err.getvalue().endswith("\r\x1b[K")


def test_a_program_reads_an_answer_that_was_written_again_once():
    events = [TextDelta("one"), Progress("again"), Restarted("wrong"), TextDelta("two"), Finished("stop", Usage(1, 1))]
    out, err = io.StringIO(), io.StringIO()
    terminal = Terminal(out, err, whole=True)
    for event in events:
        terminal.show(event)
    assert out.getvalue() == ""
    terminal.end()
    assert (out.getvalue(), err.getvalue()) == ("two\n", "")
    assert shown(events, err) == "one\ntwo\n"


def test_what_is_done_after_the_first_words_leaves_them_standing():
    assert shown([TextDelta("{}"), Progress("reading total again, closer")], Tty(), Tty()) == "{}\n"


def test_an_answer_that_was_cut_says_so_apart():
    err = io.StringIO()
    assert shown([TextDelta("one"), Finished("length", Usage(1, 512))], err) == "one\n"
    assert err.getvalue() == "(cut after 512 tokens)\n"


def test_a_model_does_not_command_the_terminal_and_a_pipe_gets_every_character():
    text = "\x1b[2Jred\x07\tand\r\x9b31m blue\né"
    assert shown([TextDelta(text)], io.StringIO(), Tty()) == "[2Jred\tand31m blue\né\n"
    assert shown([TextDelta(text)], io.StringIO()) == f"{text}\n"


def found(total: str) -> Grounded:
    """A receipt of which the image has a total of 5.60."""
    page = Page(300, 100, (Line("TOTAL 5.60", ((10.0, 10.0), (110.0, 10.0), (110.0, 30.0), (10.0, 30.0))),))
    result = Result("json", f'{{"total": {total}}}')
    return Grounded(result, (ImagePart("a" * 64),), (page,), evidence_of_json(result.source, [page]))


def test_what_stands_nowhere_is_said_after_the_answer() -> None:
    out, err = io.StringIO(), io.StringIO()
    terminal = Terminal(out, err)
    terminal.show(TextDelta('{"total":9.99}'))
    terminal.ground([found("9.99"), found("5.60")])
    assert out.getvalue() == '{"total":9.99}\n'
    assert err.getvalue() == ("(0 of 1 value stands on the image)\n(total: it stands nowhere on the image)\n")


def test_the_evidence_takes_the_place_of_the_answer_where_it_is_asked_for() -> None:
    out, err = io.StringIO(), io.StringIO()
    terminal = Terminal(out, err, whole=True)
    terminal.show(TextDelta('{"total":5.60}'))
    terminal.ground([found("5.60")], written=True)
    assert json.loads(out.getvalue()) == {
        "data": {"total": 5.6},
        "evidence": {
            "total": {"kind": "exact", "places": [{"image": 0, "box": [70, 10, 110, 30], "text": "TOTAL 5.60"}]}
        },
    }
