"""Questions about a part of a clip: pytest tests/chat/test_conversation.py"""

import pytest

from backend.chat.conversation import named_interval, shown_with
from backend.types import ImagePart, VideoPart

CLIP, PHOTO = VideoPart("clip", 64), ImagePart("photo")


def part(start: float, end: float, media_id: str = "clip") -> VideoPart:
    return VideoPart(media_id, 64, start, end)


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("What happens between 0:10 and 0:15?", (10, 15)),
        ("from 1:02:03 to 1:02:10", (3723, 3730)),
        ("Look at [0:10]–[0:15]", (10, 15)),
        ("0:10-0:15", (10, 15)),
        ("0:10 – 0:15, please", (10, 15)),
        ("Was passiert zwischen 0:10 und 0:15?", (10, 15)),
        ("between 10 and 15 seconds", (10, 15)),
        ("between 2.5s and 4 s", (2.5, 4)),
        ("seconds 10 to 15", (10, 15)),
        ("What happens at 0:10?", None),
        ("Is the ball at 0:10 the same as the one at 0:50?", None),
        ("from 0:15 to 0:10", None),
        ("0:75 to 0:80", None),
        ("Are there between 10 and 15 people?", None),
        ("12:30:15:20 and 1:2", None),
        ("", None),
    ],
)
def test_an_interval_is_read_from_a_question(text: str, interval: tuple[float, float] | None) -> None:
    assert named_interval(text) == interval


def test_a_question_about_an_interval_is_shown_that_interval() -> None:
    assert shown_with([("What?", [PHOTO, CLIP]), ("And from 0:10 to 0:15?", [])]) == [(PHOTO, CLIP), (part(10, 15),)]


def test_an_interval_named_with_the_clip_is_all_that_is_shown_of_it() -> None:
    assert shown_with([("What happens 0:10-0:15?", [CLIP, PHOTO])]) == [(part(10, 15), PHOTO)]


def test_what_was_shown_last_is_not_shown_again() -> None:
    questions = [
        "What?",
        "Sure?",
        "0:10-0:15?",
        "What colour is it?",
        "0:10 to 0:15, I said",
        "And in the whole clip?",
    ]
    assert shown_with([(text, [] if index else [CLIP]) for index, text in enumerate(questions)]) == [
        (CLIP,), (), (part(10, 15),), (), (), (CLIP,),
    ]  # fmt: skip


def test_the_interval_is_of_the_clip_that_came_last() -> None:
    later = VideoPart("later", 64)
    assert shown_with([("", [CLIP, later]), ("0:01-0:02", [])])[1] == (part(1, 2, "later"),)
    assert shown_with([("", [CLIP]), ("", [later]), ("0:01-0:02", [])])[2] == (part(1, 2, "later"),)
    assert shown_with([("", [CLIP]), ("0:01-0:02", [PHOTO])])[1] == (PHOTO, part(1, 2))


def test_without_a_clip_times_are_words() -> None:
    assert shown_with([("Open 9:00-17:00?", [PHOTO]), ("0:10 to 0:15", [])]) == [(PHOTO,), ()]
