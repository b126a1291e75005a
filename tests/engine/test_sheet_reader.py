"""Clips read sheet by sheet: what is asked of which sheet, what the last turn is told, and what is done once only."""

from pathlib import Path

import pytest
from PIL import Image

from backend.engine.engine import LocalSpec
from backend.engine.families.mllama import SheetFamily
from backend.engine.families.native_video import VideoFamily
from backend.engine.local.engine import LocalEngine
from backend.engine.local.inference_thread import Cancelled
from backend.engine.local.sheet_reader import NOTE_TOKENS, ONE_SHEET, SheetReader, SheetSource
from backend.types import (
    Finished,
    GenerationRequest,
    ImagePart,
    Message,
    Progress,
    SamplingParams,
    StreamEvent,
    TextDelta,
    TextPart,
    Usage,
    VideoPart,
)
from tests.support.engine import GREEDY, EventSink, Store, clip, end, image, request, text
from tests.support.messages import assistant, events, user

MLLAMA = SheetFamily("mllama", side=1120)
PARTS = ["0:00 to 0:15", "0:16 to 0:31", "0:32 to 0:47", "0:48 to 1:03"]


class Scripted:
    """Answers as a script says, by the place of the request, and keeps what it was asked."""

    def __init__(self, family: SheetFamily | VideoFamily = MLLAMA) -> None:
        self.store = Store()
        self.source = SheetSource(self.store)
        self.asked: list[GenerationRequest] = []
        self.reader = SheetReader(self.answer, self.source, family)

    def answer(self, asked: GenerationRequest, sink: EventSink) -> Finished:
        self.asked.append(asked)
        sink.check()
        sink.emit(Progress("reading the conversation"))
        for piece in (f"answer {len(self.asked)},", " whole"):
            sink.emit(TextDelta(piece))
        images = sum(isinstance(part, ImagePart) for message in asked.messages for part in message.parts)
        return Finished("stop", Usage(100, 3, 10, images, 0, 1.0, 2.0))

    def ask(self, *messages: Message) -> tuple[list[StreamEvent], Finished]:
        sink = EventSink()
        finished = self.reader.answer(request(*messages), sink)
        return sink.events, finished

    @property
    def last(self) -> tuple[Message, ...]:
        return self.asked[-1].messages


def asking(part: int, question: str, before: str = "") -> str:
    start = PARTS[part].split()[0]
    return (
        f"The image is a contact sheet with the frames of a video from {PARTS[part]}, in order, "
        "row by row from the top left, each with its time in its top left corner. "
        f"It is part {part + 1} of 4 of the video.\n{before}Question about the video: {question}\n"
        f"Note in at most three short sentences what these frames show that helps to answer it, "
        f"with times like [{start}]. If they show nothing of it, write: nothing."
    )


def told(*numbers: int) -> TextPart:
    notes = "\n".join(f"[{part}] answer {number}, whole" for part, number in zip(PARTS, numbers, strict=True))
    return TextPart(
        f"Notes on a video, from its frames in order:\n{notes}\nAnswer from these notes, with times like [0:00]."
    )


def test_each_sheet_is_asked_and_one_turn_in_words_answers_from_the_notes() -> None:
    engine = Scripted()
    seen, finished = engine.ask(user(clip(64), "When does it fall?"))
    assert seen == [
        *(Progress("looking through the clip", number, 4) for number in (1, 2, 3, 4)),
        Progress("reading the conversation"),
        TextDelta("answer 5,"),
        TextDelta(" whole"),
    ]
    for number, asked in enumerate(engine.asked[:4]):
        (message,) = asked.messages
        sheet, words = message.parts
        assert isinstance(sheet, ImagePart)
        assert words == TextPart(asking(number, "When does it fall?"))
        assert asked.sampling == SamplingParams(max_new_tokens=NOTE_TOKENS, temperature=0.0)
        # Sixteen frames in a grid of four by four, the first of them the darkest.
        pixels = engine.source.image(sheet.media_id)
        assert pixels.size == (1120, 1120)
        assert pixels.getpixel((140, 140)) == (16 * number, 0, 0)
        assert pixels.getpixel((980, 980)) == (16 * number + 15, 0, 0)
    assert engine.last == (user(told(1, 2, 3, 4), "When does it fall?"),)
    assert engine.asked[-1].sampling == GREEDY
    assert finished.usage.frames == 64
    assert (finished.usage.images, finished.usage.prompt_tokens, finished.usage.reused_tokens) == (0, 500, 50)
    assert finished.usage.completion_tokens == 3
    assert finished.usage.tokens_per_second == 2.0


def test_a_follow_up_asks_the_same_sheets_and_keeps_the_notes_of_before() -> None:
    engine = Scripted()
    first = user(clip(64), "When does it fall?")
    engine.ask(first)
    sheets = [asked.messages[0].media for asked in engine.asked[:4]]
    engine.ask(first, assistant("At [0:07]."), user("Why?"))
    assert [asked.messages[0].media for asked in engine.asked[5:9]] == sheets
    before = "Said of the video before: At [0:07].\n"
    assert [asked.messages[0].text for asked in engine.asked[5:9]] == [
        asking(number, "Why?", before) for number in range(4)
    ]
    assert engine.last == (
        user(told(1, 2, 3, 4), "When does it fall?"),
        assistant("At [0:07]."),
        user(told(6, 7, 8, 9), "Why?"),
    )


def test_a_retry_takes_no_notes_again() -> None:
    engine = Scripted()
    engine.ask(user(clip(64), "When?"))
    _, finished = engine.ask(user(clip(64), "When?"))
    assert len(engine.asked) == 6
    assert engine.last == (user(told(1, 2, 3, 4), "When?"),)
    assert (finished.usage.prompt_tokens, finished.usage.frames) == (100, 64)


@pytest.mark.parametrize(
    "question",
    ["What is this video about?", "Summarize it.", "What is the mood overall?", "Describe it in one sentence"],
)
def test_a_question_about_the_whole_is_answered_from_one_sheet(question: str) -> None:
    engine = Scripted()
    _, finished = engine.ask(user(clip(64), question))
    (message,) = engine.last
    sheet, explained, words = message.parts
    assert isinstance(sheet, ImagePart)
    assert (explained, words) == (TextPart(ONE_SHEET), TextPart(question))
    assert engine.source.image(sheet.media_id).getpixel((1050, 1050)) == (63, 0, 0)
    assert (len(engine.asked), finished.usage.frames, finished.usage.images) == (1, 64, 0)


def test_a_clip_beside_a_picture_is_one_sheet_so_that_both_are_seen() -> None:
    engine = Scripted()
    _, finished = engine.ask(user(clip(64), image("red"), "Is this in it?"))
    (message,) = engine.last
    assert [type(part) for part in message.parts] == [ImagePart, TextPart, ImagePart, TextPart]
    assert (finished.usage.frames, finished.usage.images) == (64, 1)


def test_after_a_new_picture_the_clip_before_it_is_one_sheet() -> None:
    engine = Scripted()
    engine.ask(user(clip(64), "When?"), assistant("At 0:07."), user(image("red"), "And this?"))
    assert len(engine.asked) == 1
    assert len(engine.last[0].media) == 1


def test_what_was_noted_before_a_restart_is_told_in_the_answers_alone() -> None:
    engine = Scripted()
    engine.ask(user(clip(64), "When?"), assistant("At 0:07."), user("Why?"))
    assert engine.last == (user("When?"), assistant("At 0:07."), user(told(1, 2, 3, 4), "Why?"))


def test_a_clip_of_one_sheet_and_a_talk_without_clips_go_as_they_are() -> None:
    engine = Scripted()
    for message in (user(clip(16), "When?"), user(image("red"), "What?"), user("Hi")):
        engine.ask(message)
        assert engine.last == (message,)


def test_models_that_read_clips_otherwise_get_them_as_they_are() -> None:
    for family in (SheetFamily("mllama", note=""), VideoFamily("qwen")):
        engine = Scripted(family)
        engine.ask(user(clip(64), "When?"))
        assert engine.last == (user(clip(64), "When?"),)
        assert engine.store.read == []


def test_a_cancel_ends_the_reading_at_the_next_sheet() -> None:
    engine = Scripted()
    sink = EventSink(lambda sink: len(sink.events) == 2)
    with pytest.raises(Cancelled):
        engine.reader.answer(request(user(clip(64), "When?")), sink)
    assert len(engine.asked) == 2


@pytest.mark.slow
async def test_a_tiny_mllama_reads_a_clip_and_answers_two_questions(checkpoints: dict[str, Path]) -> None:
    engine = LocalEngine(LocalSpec(str(checkpoints["mllama"])), Store())
    try:
        first = await events(engine.stream(request(user(clip(40), "When?"))))
        looks = [event for event in first if isinstance(event, Progress) and event.stage == "looking through the clip"]
        assert looks == [Progress("looking through the clip", number, 3) for number in (1, 2, 3)]
        assert (end(first).usage.frames, end(first).usage.images) == (40, 0)
        second = await events(engine.stream(request(user(clip(40), "When?"), assistant(text(first)), user("Why?"))))
        assert end(second).usage.frames == 40
        assert end(second).usage.reused_tokens > end(first).usage.prompt_tokens // 2
        whole = await events(engine.stream(request(user(clip(40), "What is it about?"))))
        assert (end(whole).usage.frames, end(whole).usage.images) == (40, 0)
    finally:
        await engine.close()


def test_a_sheet_is_drawn_from_the_very_frames() -> None:
    source = SheetSource(Store())
    (sheet,) = source.sheets(VideoPart("clip", 8), 16, 90)
    assert (sheet.first, sheet.last, sheet.times) == (0, 7, (0.0, 7.0))
    assert source.image(sheet.part.media_id).size == (90, 90)
    assert source.image("red").getpixel((0, 0)) == Image.new("RGB", (1, 1), "red").getpixel((0, 0))
