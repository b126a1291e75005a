"""Turns become bubbles: pytest tests/ui/test_render.py"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.errors import StorageError
from backend.history import Turn
from backend.media.files import MediaFacts
from backend.models.catalog import POCKET
from backend.types import (
    EngineStatus,
    FinishReason,
    ImagePart,
    MediaPart,
    Message,
    ModelInfo,
    Part,
    PartDone,
    Progress,
    Queued,
    Restarted,
    SamplingParams,
    TextDelta,
    TextPart,
    Usage,
    VideoPart,
)
from ui import render
from ui.convert import JOINER
from ui.render import Pending

USAGE = Usage(1300, 128, 1200, 1, 64, 0.5, 4.5)


class Folder:
    """Media whose ids are their file names."""

    def original(self, media_id: str) -> Path:
        if media_id == "gone.png":
            raise StorageError("gone")
        return Path("/media") / media_id

    def preview(self, part: MediaPart) -> Path:
        return self.original(part.media_id).with_suffix(".jpg")

    def name(self, media_id: str) -> str:
        return "my " + media_id

    def thumbnails(self, part: VideoPart) -> list[tuple[float, Path]]:
        return [(float(second), Path(f"/media/{part.media_id}/{second}.jpg")) for second in range(part.frames)]

    def facts(self, media_id: str) -> MediaFacts:
        return MediaFacts("my " + media_id, "video", 9.5)

    def plays(self, media_id: str) -> bool:
        return self.original(media_id).suffix in (".mp4", ".webm")

    def note(self, media_id: str) -> str:
        return "only its start is seen" if media_id.startswith("cut") else ""


def turn(*parts: Part | str, reply: str = "", task: str = "chat", **ending: Any) -> Turn:
    words = tuple(TextPart(part) if isinstance(part, str) else part for part in parts)
    return Turn(1, 1, Message("user", words), task, Message.said(reply), **ending)


def file(path: str, name: str, mime_type: str) -> dict[str, Any]:
    data = {"path": path, "orig_name": name, "mime_type": mime_type, "meta": {"_type": "gradio.FileData"}}
    return {"type": "file", "file": data, "alt_text": name}


def test_every_turn_is_two_bubbles() -> None:
    turns = [turn("one", reply="1", finish_reason="stop"), turn("two", reply="2", finish_reason="stop")]
    assert render.conversation(turns, Folder()) == [
        {"role": "user", "content": ["one"]},
        {"role": "assistant", "content": ["1"]},
        {"role": "user", "content": ["two"]},
        {"role": "assistant", "content": ["2"]},
    ]


def test_an_answer_about_a_clip_has_its_frames_below_and_times_that_seek() -> None:
    shown = turn(VideoPart("b.mp4", 1), "when?", reply="At [0:07].", finish_reason="cancelled")
    assert render.conversation([shown], Folder())[1] == {
        "role": "assistant",
        "content": [
            'At <a class="moment" href="#t=7">0:07</a>.',
            '<div class="strip"><div class="seen">What the model saw of my b.mp4: 1 frame, 0:00 to 0:00. It does not '
            'hear the sound.</div><div class="frames"><a class="moment" href="#t=0&amp;clip=b.mp4"><img src='
            '"gradio_api/file=/media/b.mp4/0.jpg" alt="frame at 0:00" '
            'loading="lazy"><span>0:00</span></a></div></div>',
            '<span class="figures">stopped</span>',
        ],
    }


def test_a_question_shows_its_files_its_preset_and_its_words() -> None:
    asked = render.asked(
        turn(ImagePart("a.heic"), VideoPart("b.mp4"), VideoPart("c.mkv"), "why?", task="caption"), Folder()
    )
    assert asked == {
        "role": "user",
        "content": [
            file("/media/a.jpg", "my a.heic", "image/jpeg"),
            file("/media/b.mp4", "my b.mp4", "video/mp4"),
            file("/media/c.jpg", "my c.mkv", "image/jpeg"),
            '<span class="preset">Caption, one line</span>',
            "why?",
        ],
    }


def test_media_that_are_gone_leave_a_word() -> None:
    assert render.asked(turn(ImagePart("gone.png")), Folder())["content"] == [
        '<span class="note">the picture is not kept any more</span>'
    ]


def test_media_that_were_not_read_whole_say_so() -> None:
    assert render.asked(turn(VideoPart("cut.mp4")), Folder())["content"] == [
        file("/media/cut.mp4", "my cut.mp4", "video/mp4"),
        '<span class="note">only its start is seen</span>',
    ]


def test_a_message_on_its_way_shows_what_browsers_can_show() -> None:
    sent = render.sent("look", [Path("/up/a.png"), Path("/up/b.heic")], "chat")
    assert sent["content"] == [
        file("/up/a.png", "a.png", "image/png"),
        '<span class="preset">b.heic</span>',
        "look",
    ]


def test_the_persons_markup_is_shown_as_typed() -> None:
    assert render.asked(turn("what is <div>, ![a](b)?"), Folder())["content"] == [
        f"what is <{JOINER}div>, !{JOINER}[a](b)?"
    ]


@pytest.mark.parametrize(
    ("shown", "rows"),
    [
        (
            turn("q", reply="a", finish_reason="stop", usage=USAGE, model="org/Model-1B"),
            [
                "a",
                '<span class="figures">128 tokens · 31.8 tokens/s · first token 0.50 s · 1 image · 64 frames · '
                "1,200 of 1,300 tokens reused · Model-1B</span>",
            ],
        ),
        (
            turn("q", reply="a", finish_reason="cancelled", model=POCKET.id),
            ["a", '<span class="figures">stopped · Pocket</span>'],
        ),
        (turn("q", finish_reason="cancelled"), ['<span class="figures">stopped</span>']),
        (
            turn("q", reply="a", finish_reason="length", usage=Usage(1, 1)),
            ["a", '<span class="figures">cut at the token limit · 1 token · first token 0.00 s</span>'],
        ),
        (
            turn("q", reply="a", finish_reason="stop", usage=Usage(0, 0, read="no text was found on the image")),
            ["a", '<span class="figures">no text was found on the image</span>'],
        ),
        (turn("q", error="No_memory."), ['<span class="failure">No&#95;memory.</span>']),
        (turn("q", reply="a", error="Broke."), ["a", '<span class="failure">Broke.</span>']),
        (turn("q", reply="a"), ["a", '<span class="progress">being written</span>']),
        (turn("q", finish_reason="stop"), ['<span class="figures">no answer</span>']),
    ],
)
def test_an_answer_says_how_it_ended_and_what_it_cost(shown: Turn, rows: list[str]) -> None:
    assert render.answered(shown, Folder()) == {"role": "assistant", "content": rows}


def test_an_answer_shows_the_pictures_that_it_has() -> None:
    drawn = Turn(
        1,
        1,
        Message("user", (TextPart("Draw."),)),
        "chat",
        Message("assistant", (TextPart("Here."), ImagePart("a.png"))),
    )
    picture = file("/media/a.jpg", "my a.png", "image/jpeg")
    assert render.answered(replace(drawn, finish_reason="stop"), Folder())["content"] == ["Here.", picture]
    growing = Pending(pieces=("Here.",), media=(ImagePart("a.png"),))
    assert render.answering("chat", growing, Folder())["content"] == ["Here.", picture]


def test_an_answer_is_shown_as_its_preset_shows_it() -> None:
    assert render.answer("receipt", '{"total": 2.50}') == '```json\n{\n  "total": 2.50\n}\n```'
    assert render.answer("latex", "$x^2$") == "\\[x^2\\]\n\n```latex\nx^2\n```"
    assert render.answer("chat", "<b>") == f"<{JOINER}b>"
    assert render.answer("a preset that is gone", "a") == "a"


@pytest.mark.parametrize(
    ("pending", "line"),
    [
        (Pending(), "thinking"),
        (Pending(Queued(2)), "queued as number 2"),
        (Pending(Progress("reading the clip", 23, 64)), "reading the clip 23/64"),
        (
            Pending(Progress("loading the model", 4_000_000_000, 10_000_000_000, unit="bytes")),
            "loading the model 4.0 of 10.0 GB",
        ),
        (Pending(Progress("reading the image"), waited=12.4), "reading the image · 12 s"),
    ],
)
def test_a_line_says_what_happens_before_the_first_word(pending: Pending, line: str) -> None:
    assert render.progress(pending) == line


def test_the_latest_note_stands_until_text_comes_after_it() -> None:
    notes = [Queued(1), Progress("reading")]
    assert render.later(Pending(), notes, 1.0) == Pending(Progress("reading"), waited=1.0)
    assert render.later(Pending(Queued(1)), [], 2.0) == Pending(Queued(1), waited=2.0)
    assert render.later(Pending(), [*notes, TextDelta("a")], 1.0) == Pending(None, ("a",), waited=1.0)
    assert render.later(Pending(pieces=("a",)), [TextDelta("b"), Progress("again")], 1.0) == Pending(
        Progress("again"), ("a", "b"), waited=1.0
    )


def test_what_came_before_a_restart_is_gone() -> None:
    drawn = PartDone(ImagePart("a.png"))
    events = [TextDelta("a"), drawn, Restarted("wrong"), TextDelta("b"), drawn]
    assert render.later(Pending(pieces=("x",)), events, 1.0) == Pending(None, ("b",), (drawn.part,), 1.0)


def test_what_is_done_after_the_first_words_stands_under_them() -> None:
    again = Progress("reading total again, closer")
    assert render.answering("chat", Pending(again, ("Some words.",)), Folder()) == {
        "role": "assistant",
        "content": ["Some words.", '<span class="progress">reading total again, closer</span>'],
    }


def model(model_id: str, name: str) -> ModelInfo:
    return ModelInfo(model_id, name, "mllama", 4096, "float32", "cpu", frozenset({"images"}), SamplingParams())


def test_the_models_line_says_what_is_loaded() -> None:
    line = render.model_line(EngineStatus("ready", model=model("org/some-model", "some-model")), choosing=True)
    assert line == '<span class="ready">some-model</span>\n\n<span class="where">float32, cpu</span>'


@pytest.mark.parametrize(("choosing", "how"), [(True, "choose a larger one here:"), (False, "`--model ID`")])
def test_the_bundled_model_is_introduced_with_what_it_is_not(choosing: bool, how: str) -> None:
    line = render.model_line(EngineStatus("ready", model=model(POCKET.id, "pocket")), choosing=choosing)
    assert line.startswith('<span class="ready">Pocket</span>')
    assert "no general assistant" in line
    assert how in line


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (
            EngineStatus("loading", "loading the weights", 4 * 10**8, 10**9, left=95.0),
            '<span class="loading">loading the weights 0.4 of 1.0 GB, about 2 min left</span>',
        ),
        (EngineStatus("loading"), '<span class="loading">loading the model</span>'),
        (EngineStatus("failed", "There is no such model."), '<span class="failure">There is no such model.</span>'),
        (EngineStatus("closed"), '<span class="failure">the engine is shut down; start Glimpse again</span>'),
    ],
)
def test_the_models_line_follows_its_loading(status: EngineStatus, line: str) -> None:
    assert render.model_line(status, choosing=True) == line


def test_every_finish_reason_has_its_words() -> None:
    reasons: list[FinishReason] = ["stop", "length", "cancelled"]
    assert [render.figures(reason, None, None) for reason in reasons] == ["", "cut at the token limit", "stopped"]


def test_the_figures_say_what_had_no_room():
    usage = Usage(100, 1, left_out=3, shown="half of the frames")
    assert render.figures("stop", usage, None) == (
        "1 token · first token 0.00 s · half of the frames for lack of room · 3 oldest turns left out"
    )
