"""A new message: what the engine is asked, what the reader sees, what is kept, and what is refused."""

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from backend.chat.chat import UNEXPECTED
from backend.engine.scripted import Gate
from backend.errors import (
    EmptyMessage,
    GlimpseError,
    InputError,
    ModelFailed,
    OutOfMemory,
    QueueFull,
    StorageError,
    UnknownConversation,
    UnsupportedMedia,
)
from backend.tasks import receipt
from backend.types import (
    Finished,
    GenerationRequest,
    ImagePart,
    Message,
    Progress,
    Queued,
    SamplingParams,
    StreamEvent,
    TextDelta,
    TextPart,
    Usage,
    VideoPart,
)
from tests.backend.house import House, assistant, events, failure, sha, user

LETTER = (
    "“bad.png” is a text file; "
    "send a picture (PNG, JPEG, WebP, …) or a clip (MP4, MOV, WebM, MKV, AVI, MPEG-TS or Ogg)."
)


async def test_a_text_is_answered_and_kept(house: House) -> None:
    house.engine.script = ["Hello there"]
    got = await events(house.chat.submit(house.id, "Hi"))
    assert got == [TextDelta("Hello"), TextDelta(" there"), Finished("stop", Usage(1, 2))]
    [turn] = house.history.turns(house.id)
    assert (turn.user, turn.reply, turn.finish_reason, turn.usage, turn.model, turn.error, turn.task) == (
        (user("Hi"), "Hello there", "stop", Usage(1, 2), "scripted", None, "chat")
    )
    assert house.engine.requests == [GenerationRequest(house.id, (user("Hi"),), turn.sampling)]


async def test_files_go_before_the_words_in_the_order_in_which_they_came(house: House) -> None:
    files = [house.file("a.png"), house.file("clip.mp4"), house.file("b.png")]
    gate = house.store.gates["a.png"] = Gate()
    house.engine.script = ["Nice"]
    stream = house.chat.submit(house.id, "What is this?", files, video_frames=4)
    async with aclosing(stream):
        got = [await anext(stream)]
        while got[-1] != Progress("reading the clip", 4, 4):  # the files are read side by side
            got.append(await anext(stream))
        gate.open()
        got += [event async for event in stream]
    assert sorted(event.done for event in got if event.__class__ is Progress and event.total) == [0, 1, 2, 3, 4]
    assert got.count(Progress("reading the image")) == 2
    assert got[-2:] == [TextDelta("Nice"), Finished("stop", Usage(3, 1, images=2, frames=4))]
    media = (ImagePart(sha("a.png")), VideoPart(sha("clip.mp4"), 4), ImagePart(sha("b.png")))
    assert house.asked() == (user(*media, "What is this?"),)
    assert house.history.turns(house.id)[0].media == media


async def test_every_earlier_image_and_answer_is_still_known(house: House) -> None:
    await house.says("What is this?", "A dog", house.file("dog.png"))
    await house.says("And this?", "A clip", house.file("clip.mp4"), system=" Be brief. ")
    await house.says("Which is older?", "The dog")
    await house.says("Sure?", "Yes", system="Be kind.")
    assert house.asked() == (
        Message("system", (TextPart("Be kind."),)),
        user(ImagePart(sha("dog.png")), "What is this?"),
        assistant("A dog"),
        user(VideoPart(sha("clip.mp4")), "And this?"),
        assistant("A clip"),
        user("Which is older?"),
        assistant("The dog"),
        user("Sure?"),
    )


async def test_a_preset_asks_with_its_prompt_in_its_turn_and_in_all_after_it(house: House) -> None:
    await house.says("In French.", "Un chien", house.file("dog.png"), task="caption")
    await house.says("", "Ein Hund", task="caption")
    await house.says("Thanks", "Welcome")
    prompt = "Describe this image in one line."
    assert house.asked() == (
        user(ImagePart(sha("dog.png")), f"{prompt}\nIn French."),
        assistant("Un chien"),
        user(prompt),
        assistant("Ein Hund"),
        user("Thanks"),
    )
    assert [(turn.user.text, turn.task) for turn in house.history.turns(house.id)] == [
        ("In French.", "caption"),
        ("", "caption"),
        ("Thanks", "chat"),
    ]


async def test_what_a_person_corrected_is_what_the_model_reads_from_then_on(house: House) -> None:
    wrong = '{"shop":"Comer","total":2.50}'
    await house.says("", f"{wrong}\n\n\n{wrong}", house.file("r.png"), task="receipt")
    house.history.correct(
        house.id, house.history.turns(house.id)[0].id, 1, '{\n  "shop": "Corner",\n  "total": 2.50\n}'
    )
    await house.says("Which shop is the second?", "Corner")
    assert house.asked()[1] == assistant(f'{wrong}\n\n\n{{"shop":"Corner","total":2.50}}')
    assert house.kept()[0][1] == f"{wrong}\n\n\n{wrong}"
    await events(house.chat.edit(house.id, 1, ""))
    assert [turn.corrections for turn in house.history.turns(house.id)] == [{}]


async def test_what_failed_is_left_out_and_what_was_stopped_is_not(house: House) -> None:
    house.engine.script = [OutOfMemory("No memory.")]
    await failure(house.chat.submit(house.id, "failed", [house.file("huge.png")]))
    house.engine.script = ["Half an", ModelFailed("It broke.")]
    await failure(house.chat.submit(house.id, "broke"))
    house.engine.script = [Queued(1), Gate()]
    async with aclosing(house.chat.submit(house.id, "stopped", [house.file("dog.png")])) as stream:
        assert [await anext(stream), await anext(stream)] == [Progress("reading the image"), Queued(1)]
    await house.says("next", "Good")
    assert house.asked() == (
        user("broke"),
        assistant("Half an"),
        user(ImagePart(sha("dog.png")), "stopped", "next"),
    )
    assert house.kept() == [
        ("failed", "", None, "No memory."),
        ("broke", "Half an", None, "It broke."),
        ("stopped", "", "cancelled", None),
        ("next", "Good", "stop", None),
    ]


async def test_the_persons_settings_reach_the_engine_and_the_history(house: House) -> None:
    wanted = SamplingParams(max_new_tokens=9, temperature=0.5, top_p=0.8, seed=7)
    await house.says("Hi", "Hello", sampling=wanted)
    assert house.engine.requests[-1].sampling == house.history.turns(house.id)[-1].sampling == wanted


async def test_a_preset_draws_in_its_own_way(house: House) -> None:
    wanted = SamplingParams(max_new_tokens=9, temperature=0.5, repetition_penalty=1.3, seed=7)
    await house.says("", "{}", house.file("r.png"), task="receipt", sampling=wanted)
    drawn = SamplingParams(max_new_tokens=9, temperature=0.0, repetition_penalty=1.0, seed=7)
    asked = GenerationRequest(house.id, house.asked(), drawn, "receipt", grammar=receipt.grammar(), reading="amounts")
    assert house.engine.requests[-1] == asked


async def test_a_seed_is_drawn_and_kept_where_none_is_set(house: House) -> None:
    await house.says("Hi", "Hello")
    await house.says("Hi", "Hello")
    first, second = (turn.sampling.seed for turn in house.history.turns(house.id))
    assert first is not None
    assert second is not None
    assert first != second
    assert [request.sampling.seed for request in house.engine.requests] == [first, second]


async def test_half_characters_from_a_browser_never_reach_the_engine(house: House) -> None:
    await house.says("a\ud800", "Hello", system="b\ud800")
    assert house.asked() == (Message("system", (TextPart("b?"),)), user("a?"))


@pytest.mark.parametrize(
    ("text", "files", "task", "title"),
    [
        ("What is this?", ["dog.png"], "chat", "What is this?"),
        ("", ["dog.png", "cat.png"], "chat", "dog.png, cat.png"),
        ("", ["dog.png"], "receipt", "Receipt to JSON: dog.png"),
        ("In French.", ["dog.png"], "caption", "In French."),
    ],
)
async def test_a_conversation_is_named_after_its_first_message(
    house: House, text: str, files: list[str], task: str, title: str
) -> None:
    await house.says(text, "Answer", *map(house.file, files), task=task)
    await house.says("Something else", "Answer")
    assert house.history.summary(house.id).title == title


@pytest.mark.parametrize(
    ("text", "files", "options", "error", "sentence"),
    [
        ("", [], {}, EmptyMessage, "Write a message or add a picture or a video."),
        (" \n", [], {}, EmptyMessage, "Write a message or add a picture or a video."),
        ("", [], {"task": "receipt"}, EmptyMessage, "Add a picture: the preset “Receipt to JSON” reads one."),
        ("Hi", [], {"task": "receipt"}, InputError, "Add a picture: the preset “Receipt to JSON” reads one."),
        ("", ["a.png"], {"task": "describe_video"}, InputError, "Add a video: the preset “Describe video” reads one."),
        ("", ["a.mp4"], {"task": "latex"}, InputError, "Add a picture: the preset “LaTeX” reads one."),
        ("Hi", ["a.png"] * 11, {}, InputError, "Send at most 10 files in one message; this one has 11."),
        ("Hi", ["a.png", "bad.png"], {}, UnsupportedMedia, LETTER),
        ("Hi", [], {"owner": "bob"}, UnknownConversation, "This conversation is not there any more; start a new one."),
    ],
)
async def test_bad_input_is_one_sentence_and_adds_nothing(
    house: House, text: str, files: list[str], options: dict[str, str], error: type[GlimpseError], sentence: str
) -> None:
    assert await failure(house.chat.submit(house.id, text, [*map(house.file, files)], **options)) == (error, sentence)  # type: ignore[arg-type]
    await house.chat.close()
    assert (house.kept(), house.engine.requests, house.store.names) == ([], [], set())
    await house.says("Hi", "Hello")
    assert house.kept() == [("Hi", "Hello", "stop", None)]


async def test_an_unknown_preset_is_one_sentence(house: House) -> None:
    error, sentence = await failure(house.chat.submit(house.id, "Hi", task="poem"))
    assert (error, sentence.partition(";")[0]) == (InputError, "There is no preset “poem”")


async def test_a_preset_may_speak_of_an_earlier_image_without_words(house: House) -> None:
    await house.says("What is this?", "A receipt", house.file("r.png"))
    await house.says("", "{}", task="receipt")
    assert house.kept()[-1] == ("", "{}", "stop", None)


async def test_a_bad_file_ends_the_reading_of_the_others(house: House) -> None:
    gate = house.store.gates["slow.mp4"] = Gate()
    files = [house.file("slow.mp4"), house.file("bad.png")]
    assert (await failure(house.chat.submit(house.id, "Hi", files)))[0] is UnsupportedMedia
    assert gate.reached.is_set


@pytest.mark.parametrize("reply", ["", "Half an"])
async def test_an_error_reaches_the_reader_and_stays_with_the_turn(house: House, reply: str) -> None:
    house.engine.script = [reply, QueueFull("Five requests wait already; try again soon.")]
    assert await failure(house.chat.submit(house.id, "Hi")) == (
        QueueFull,
        "Five requests wait already; try again soon.",
    )
    assert house.kept() == [("Hi", reply, None, "Five requests wait already; try again soon.")]


async def test_an_unexpected_error_is_a_sentence_for_the_reader_and_a_traceback_in_the_log(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.engine.script = ["Half", ZeroDivisionError("secret")]
    with caplog.at_level(logging.ERROR):
        assert await failure(house.chat.submit(house.id, "Hi")) == (ModelFailed, UNEXPECTED)
    assert house.kept() == [("Hi", "Half", None, UNEXPECTED)]
    assert "ZeroDivisionError: secret" in caplog.text


async def test_a_stream_that_only_ends_is_an_error(house: House) -> None:
    async def silent(_: GenerationRequest) -> AsyncGenerator[StreamEvent]:
        yield TextDelta("Half")

    house.engine.stream = silent  # type: ignore[method-assign]
    assert await failure(house.chat.submit(house.id, "Hi")) == (
        ModelFailed,
        "The model's answer broke off; press Retry.",
    )
    assert house.kept() == [("Hi", "Half", None, "The model's answer broke off; press Retry.")]


async def test_a_full_disk_ends_the_answer_with_its_own_sentence(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("The disk is full.")

    house.engine.script = ["Hello"]
    monkeypatch.setattr(house.history, "write_reply", full)
    assert await failure(house.chat.submit(house.id, "Hi")) == (StorageError, "The disk is full.")
    assert house.engine.active == 0
    monkeypatch.undo()
    await house.says("Again", "Hello")


async def test_a_question_about_an_interval_is_shown_frames_of_that_interval(house: House) -> None:
    await house.says("What happens?", "A lot", house.file("clip.mp4"), video_frames=4)
    house.engine.script = ["Little"]
    got = await events(house.chat.submit(house.id, "And between 0:00 and 0:01?"))
    close = VideoPart(sha("clip.mp4"), 4, 0.0, 1.0)
    assert got[0] == Progress("reading the clip", 0, 4)
    assert house.asked() == (
        user(VideoPart(sha("clip.mp4"), 4), "What happens?"),
        assistant("A lot"),
        user(close, "And between 0:00 and 0:01?"),
    )
    assert [frame.time for frame in house.store.frames(close)] == [0.0, 0.25, 0.5, 0.75]
    assert house.history.turns(house.id)[1].media == ()
    await house.says("Sure?", "Yes")
    assert house.asked()[2:] == (user(close, "And between 0:00 and 0:01?"), assistant("Little"), user("Sure?"))


async def test_an_edit_of_the_words_moves_the_interval(house: House) -> None:
    await house.says("From 0:00 to 0:01?", "A lot", house.file("clip.mp4"), video_frames=2)
    assert house.asked() == (user(VideoPart(sha("clip.mp4"), 2, 0.0, 1.0), "From 0:00 to 0:01?"),)
    await events(house.chat.edit(house.id, 1, "From 0:01 to 0:02?"))
    close = VideoPart(sha("clip.mp4"), 2, 1.0, 2.0)
    assert house.asked() == (user(close, "From 0:01 to 0:02?"),)
    assert [frame.time for frame in house.store.frames(close)] == [1.25, 1.75]


async def test_an_interval_outside_of_the_clip_is_said_and_no_turn_added(house: House) -> None:
    await house.says("What happens?", "A lot", house.file("clip.mp4"), video_frames=2)
    assert await failure(house.chat.submit(house.id, "And from 1:10 to 1:15?")) == (
        UnsupportedMedia,
        "“clip.mp4” is only 0:02 long; choose an interval that lies inside of it.",
    )
    assert len(house.kept()) == 1


async def test_a_clip_can_be_sent_with_an_interval_of_it(house: House) -> None:
    await house.says("What happens?", "A lot", house.file("clip.mp4"), video_frames=2, interval=(0.5, 1.0))
    assert house.asked() == (user(VideoPart(sha("clip.mp4"), 2, 0.5, 1.0), "What happens?"),)


async def test_a_retry_can_take_another_interval_of_the_clip(house: House) -> None:
    await house.says("What happens?", "A lot", house.file("clip.mp4"), video_frames=2)
    await events(house.chat.retry(house.id, interval=(1.0, None)))
    assert house.asked() == (user(VideoPart(sha("clip.mp4"), 2, 1.0), "What happens?"),)
    await events(house.chat.retry(house.id, video_frames=3))
    assert house.asked() == (user(VideoPart(sha("clip.mp4"), 3, 1.0), "What happens?"),)
