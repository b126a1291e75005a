"""What stands under an answer about a clip: pytest tests/ui/test_frame_strip.py"""

import re
from pathlib import Path

import pytest

from backend.errors import StorageError
from backend.history import Turn
from backend.media.files import MediaFacts
from backend.types import ImagePart, MediaPart, Message, Usage, VideoPart
from ui.frame_strip import Seen, seen
from ui.safe_markdown import neutralise

CLIP = VideoPart("abc", 64)


class Folder:
    """Clips of 75 seconds; one that is called "gone" is not kept any more."""

    def thumbnails(self, part: VideoPart) -> list[tuple[float, Path]]:
        self.facts(part.media_id)
        start, end = part.start or 0.0, part.end or 75.0
        step = (end - start) / part.frames
        return [(start + (n + 0.5) * step, Path(f"/my media/{n}.jpg")) for n in range(part.frames)]

    def facts(self, media_id: str) -> MediaFacts:
        if media_id == "gone":
            raise StorageError("gone")
        return MediaFacts(f"<{media_id}>.mp4", "video", 75.0)


def found(*shown: tuple[MediaPart, ...], usage: Usage | None = None) -> list[Seen]:
    turns = [Turn(n, n, Message("user", ()), "chat", "a", usage=usage) for n, _ in enumerate(shown, 1)]
    return seen(turns, shown, Folder())


def pictures(strip: str) -> list[str]:
    return re.findall(r'<a class="moment" href="#([^"]*)"><img src="([^"]*)"', strip)


def test_a_strip_has_every_frame_with_its_time_and_its_clip() -> None:
    ((strip,),) = [each.strips for each in found((VideoPart("abc", 3),))]
    assert strip == (
        '<div class="strip"><div class="seen">What the model saw of &#60;abc&#62;.mp4: 3 frames, 0:12 to 1:02. '
        'It does not hear the sound.</div><div class="frames">'
        '<a class="moment" href="#t=12.5&amp;clip=abc"><img src="gradio_api/file=/my%20media/0.jpg" '
        'alt="frame at 0:12" loading="lazy"><span>0:12</span></a>'
        '<a class="moment" href="#t=37.5&amp;clip=abc"><img src="gradio_api/file=/my%20media/1.jpg" '
        'alt="frame at 0:37" loading="lazy"><span>0:37</span></a>'
        '<a class="moment" href="#t=62.5&amp;clip=abc"><img src="gradio_api/file=/my%20media/2.jpg" '
        'alt="frame at 1:02" loading="lazy"><span>1:02</span></a></div></div>'
    )


def test_frames_less_than_a_second_apart_have_times_that_differ() -> None:
    (only,) = found((VideoPart("abc", 4, 10.0, 11.0),))
    assert re.findall("<span>(.*?)</span>", only.strips[0]) == ["0:10.1", "0:10.3", "0:10.6", "0:10.8"]


def test_a_frame_leads_to_a_moment_at_which_a_player_shows_it_already() -> None:
    (only,) = found((VideoPart("abc", 3, 0.0, 1.0),))  # at 1/6, 1/2 and 5/6 of a second
    targets = [target for target, _ in pictures(only.strips[0])]
    assert targets == ["t=0.167&amp;clip=abc", "t=0.5&amp;clip=abc", "t=0.834&amp;clip=abc"]


def test_each_answer_has_the_strips_of_what_went_with_its_question() -> None:
    close = VideoPart("abc", 8, 10.0, 15.0)
    counts = [
        [len(pictures(strip)) for strip in each.strips] for each in found((CLIP, ImagePart("x")), (), (close, CLIP))
    ]
    assert counts == [[64], [], [8, 64]]


def test_a_model_that_had_no_room_for_all_frames_has_only_its_own_in_the_strip() -> None:
    (only,) = found((CLIP,), usage=Usage(9, 9, frames=32))
    assert [path[-6:] for _, path in pictures(only.strips[0])][:3] == ["/0.jpg", "/2.jpg", "/4.jpg"]
    assert only.strips[0].startswith(
        '<div class="strip"><div class="seen">What the model saw of &#60;abc&#62;.mp4: 32 frames,'
    )
    first, _ = found((CLIP,), (VideoPart("later", 64),), usage=Usage(9, 9, frames=32))
    assert len(pictures(first.strips[0])) == 64


def test_a_clip_that_is_gone_has_no_strip_and_no_times() -> None:
    assert found((VideoPart("gone"),)) == [Seen()]


def test_times_go_on_being_links_in_later_answers() -> None:
    assert [each.until for each in found((ImagePart("x"),), (CLIP,), (), (ImagePart("y"),))] == [0.0, 75.0, 75.0, 75.0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("At [0:07] it", "At <0:07=7> it"),
        ("At 0:07, 1:15.", "At <0:07=7>, <1:15=75>."),
        ("[0:07-0:09] and (0:10–0:12)", "[<0:07=7>-<0:09=9>] and (<0:10=10>–<0:12=12>)"),
        ("[0:07]: it moves, 0:08: it stops", "<0:07=7>: it moves, <0:08=8>: it stops"),
        ("[0:07 to 0:09]", "[<0:07=7> to <0:09=9>]"),
        ("0:01:15", "<0:01:15=75>"),
        ("At 1:16 or 14:30", "At 1:16 or 14:30"),
        ("`[0:07]` and\n```\n[0:07]\n```", "`[0:07]` and\n```\n[0:07]\n```"),
        ("\\(0:07\\)", "\\(0:07\\)"),
        ("[0:07](https://a.b)", "[0:07](https://a.b)"),
        ("[see 0:07](https://a.b)", "[see 0:07](https://a.b)"),
        ("https://a.b/0:07 and 10:0:07:1", "https://a.b/0:07 and 10:0:07:1"),
        ("in 0:07.5 s or a ratio of 1:2", "in 0:07.5 s or a ratio of 1:2"),
        ("**0:07** *1:00*", "**<0:07=7>** *<1:00=60>*"),
    ],
)
def test_times_inside_of_the_clip_are_links(text: str, shown: str) -> None:
    marked = neutralise(text, Seen(until=75.0).mark)
    assert re.sub(r'<a class="moment" href="#t=(\d+)">([\d:]+)</a>', r"<\2=\1>", marked) == shown
    assert neutralise(text, Seen().mark) == text
