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
from backend.tasks.presets import receipt
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
from tests.support.chat import Runtime, failure, sha
from tests.support.messages import assistant, events, user

LETTER = (
    "“bad.png” is a text file; "
    "send a picture (PNG, JPEG, WebP, …) or a clip (MP4, MOV, WebM, MKV, AVI, MPEG-TS or Ogg)."
)


async def test_a_text_is_answered_and_kept(runtime: Runtime) -> None:
    runtime.engine.script = ["Hello there"]
    got = await events(runtime.chat.submit(runtime.id, "Hi", owner=""))
    assert got == [TextDelta("Hello"), TextDelta(" there"), Finished("stop", Usage(1, 2))]
    [turn] = runtime.history.turns(runtime.id, owner="")
    assert (turn.user, turn.answer.text, turn.finish_reason, turn.usage, turn.model, turn.error, turn.task) == (
        (user("Hi"), "Hello there", "stop", Usage(1, 2), "scripted", None, "chat")
    )
    assert runtime.engine.requests == [GenerationRequest(runtime.id, (user("Hi"),), turn.sampling)]


async def test_files_go_before_the_words_in_the_order_in_which_they_came(runtime: Runtime) -> None:
    files = [runtime.file("a.png"), runtime.file("clip.mp4"), runtime.file("b.png")]
    gate = runtime.store.gates["a.png"] = Gate()
    runtime.engine.script = ["Nice"]
    stream = runtime.chat.submit(runtime.id, "What is this?", files, video_frames=4, owner="")
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
    assert runtime.asked() == (user(*media, "What is this?"),)
    assert runtime.history.turns(runtime.id, owner="")[0].media == media


async def test_every_earlier_image_and_answer_is_still_known(runtime: Runtime) -> None:
    await runtime.says("What is this?", "A dog", runtime.file("dog.png"))
    await runtime.says("And this?", "A clip", runtime.file("clip.mp4"), system=" Be brief. ")
    await runtime.says("Which is older?", "The dog")
    await runtime.says("Sure?", "Yes", system="Be kind.")
    assert runtime.asked() == (
        Message("system", (TextPart("Be kind."),)),
        user(ImagePart(sha("dog.png")), "What is this?"),
        assistant("A dog"),
        user(VideoPart(sha("clip.mp4")), "And this?"),
        assistant("A clip"),
        user("Which is older?"),
        assistant("The dog"),
        user("Sure?"),
    )


async def test_a_preset_asks_with_its_prompt_in_its_turn_and_in_all_after_it(runtime: Runtime) -> None:
    await runtime.says("In French.", "Un chien", runtime.file("dog.png"), task="caption")
    await runtime.says("", "Ein Hund", task="caption")
    await runtime.says("Thanks", "Welcome")
    prompt = "Describe this image in one line."
    assert runtime.asked() == (
        user(ImagePart(sha("dog.png")), f"{prompt}\nIn French."),
        assistant("Un chien"),
        user(prompt),
        assistant("Ein Hund"),
        user("Thanks"),
    )
    assert [(turn.user.text, turn.task) for turn in runtime.history.turns(runtime.id, owner="")] == [
        ("In French.", "caption"),
        ("", "caption"),
        ("Thanks", "chat"),
    ]


async def test_what_a_person_corrected_is_what_the_model_reads_from_then_on(runtime: Runtime) -> None:
    wrong = '{"shop":"Comer","total":2.50}'
    await runtime.says("", f"{wrong}\n\n\n{wrong}", runtime.file("r.png"), task="receipt")
    runtime.history.correct(
        runtime.id,
        runtime.history.turns(runtime.id, owner="")[0].id,
        1,
        '{\n  "shop": "Corner",\n  "total": 2.50\n}',
        owner="",
    )
    await runtime.says("Which shop is the second?", "Corner")
    assert runtime.asked()[1] == assistant(f'{wrong}\n\n\n{{"shop":"Corner","total":2.50}}')
    assert runtime.kept()[0][1] == f"{wrong}\n\n\n{wrong}"
    await events(runtime.chat.edit(runtime.id, 1, "", owner=""))
    assert [turn.corrections for turn in runtime.history.turns(runtime.id, owner="")] == [{}]


async def test_what_failed_is_left_out_and_what_was_stopped_is_not(runtime: Runtime) -> None:
    runtime.engine.script = [OutOfMemory("No memory.")]
    await failure(runtime.chat.submit(runtime.id, "failed", [runtime.file("huge.png")], owner=""))
    runtime.engine.script = ["Half an", ModelFailed("It broke.")]
    await failure(runtime.chat.submit(runtime.id, "broke", owner=""))
    runtime.engine.script = [Queued(1), Gate()]
    async with aclosing(runtime.chat.submit(runtime.id, "stopped", [runtime.file("dog.png")], owner="")) as stream:
        assert [await anext(stream), await anext(stream)] == [Progress("reading the image"), Queued(1)]
    await runtime.says("next", "Good")
    assert runtime.asked() == (
        user("broke"),
        assistant("Half an"),
        user(ImagePart(sha("dog.png")), "stopped", "next"),
    )
    assert runtime.kept() == [
        ("failed", "", None, "No memory."),
        ("broke", "Half an", None, "It broke."),
        ("stopped", "", "cancelled", None),
        ("next", "Good", "stop", None),
    ]


async def test_the_persons_settings_reach_the_engine_and_the_history(runtime: Runtime) -> None:
    wanted = SamplingParams(max_new_tokens=9, temperature=0.5, top_p=0.8, seed=7)
    await runtime.says("Hi", "Hello", sampling=wanted)
    assert runtime.engine.requests[-1].sampling == runtime.history.turns(runtime.id, owner="")[-1].sampling == wanted


async def test_a_preset_draws_in_its_own_way(runtime: Runtime) -> None:
    wanted = SamplingParams(max_new_tokens=9, temperature=0.5, repetition_penalty=1.3, seed=7)
    await runtime.says("", "{}", runtime.file("r.png"), task="receipt", sampling=wanted)
    drawn = SamplingParams(max_new_tokens=9, temperature=0.0, repetition_penalty=1.0, seed=7)
    asked = GenerationRequest(
        runtime.id, runtime.asked(), drawn, "receipt", grammar=receipt.grammar(), reading="amounts"
    )
    assert runtime.engine.requests[-1] == asked


async def test_a_seed_is_drawn_and_kept_where_none_is_set(runtime: Runtime) -> None:
    await runtime.says("Hi", "Hello")
    await runtime.says("Hi", "Hello")
    first, second = (turn.sampling.seed for turn in runtime.history.turns(runtime.id, owner=""))
    assert first is not None
    assert second is not None
    assert first != second
    assert [request.sampling.seed for request in runtime.engine.requests] == [first, second]


async def test_half_characters_from_a_browser_never_reach_the_engine(runtime: Runtime) -> None:
    await runtime.says("a\ud800", "Hello", system="b\ud800")
    assert runtime.asked() == (Message("system", (TextPart("b?"),)), user("a?"))


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
    runtime: Runtime, text: str, files: list[str], task: str, title: str
) -> None:
    await runtime.says(text, "Answer", *map(runtime.file, files), task=task)
    await runtime.says("Something else", "Answer")
    assert runtime.history.summary(runtime.id, owner="").title == title


@pytest.mark.parametrize(
    ("text", "files", "options", "error", "sentence"),
    [
        ("", [], {}, EmptyMessage, "Write a message or add a picture or a video."),
        (" \n", [], {}, EmptyMessage, "Write a message or add a picture or a video."),
        ("", [], {"task": "receipt"}, EmptyMessage, "Add a picture: the preset “Receipt to JSON” reads one."),
        ("Hi", [], {"task": "receipt"}, InputError, "Add a picture: the preset “Receipt to JSON” reads one."),
        ("", ["a.png"], {"task": "describe_video"}, InputError, "Add a video: the preset “Describe video” reads one."),
        ("", ["a.mp4"], {"task": "latex"}, InputError, "Add a picture: the preset “LaTeX” reads one."),
        (
            *("x" * 131_073, [], {}, InputError),
            "This message has 131,073 characters, and the model reads 131,072 at most; "
            "shorten it or send it in parts.",
        ),
        (
            *("Hi", [], {"system": "x" * 200_000}, InputError),
            "This system prompt has 200,000 characters, and the model reads 131,072 at most; "
            "shorten it or send it in parts.",
        ),
        ("Hi", ["a.png"] * 11, {}, InputError, "Send at most 10 files in one message; this one has 11."),
        ("Hi", ["a.png", "bad.png"], {}, UnsupportedMedia, LETTER),
        ("Hi", [], {"owner": "bob"}, UnknownConversation, "This conversation is not there any more; start a new one."),
    ],
)
async def test_bad_input_is_one_sentence_and_adds_nothing(
    runtime: Runtime, text: str, files: list[str], options: dict[str, str], error: type[GlimpseError], sentence: str
) -> None:
    sent = [*map(runtime.file, files)]
    assert await failure(runtime.chat.submit(runtime.id, text, sent, **{"owner": "", **options})) == (
        error,
        sentence,
    )  # type: ignore[arg-type]
    await runtime.chat.close()
    assert (runtime.kept(), runtime.engine.requests, runtime.store.names) == ([], [], set())
    await runtime.says("Hi", "Hello")
    assert runtime.kept() == [("Hi", "Hello", "stop", None)]


async def test_an_unknown_preset_is_one_sentence(runtime: Runtime) -> None:
    error, sentence = await failure(runtime.chat.submit(runtime.id, "Hi", task="poem", owner=""))
    assert (error, sentence.partition(";")[0]) == (InputError, "There is no preset “poem”")


async def test_a_preset_may_speak_of_an_earlier_image_without_words(runtime: Runtime) -> None:
    await runtime.says("What is this?", "A receipt", runtime.file("r.png"))
    await runtime.says("", "{}", task="receipt")
    assert runtime.kept()[-1] == ("", "{}", "stop", None)


async def test_a_bad_file_ends_the_reading_of_the_others(runtime: Runtime) -> None:
    gate = runtime.store.gates["slow.mp4"] = Gate()
    files = [runtime.file("slow.mp4"), runtime.file("bad.png")]
    assert (await failure(runtime.chat.submit(runtime.id, "Hi", files, owner="")))[0] is UnsupportedMedia
    assert gate.reached.is_set


@pytest.mark.parametrize("reply", ["", "Half an"])
async def test_an_error_reaches_the_reader_and_stays_with_the_turn(runtime: Runtime, reply: str) -> None:
    runtime.engine.script = [reply, QueueFull("Five requests wait already; try again soon.")]
    assert await failure(runtime.chat.submit(runtime.id, "Hi", owner="")) == (
        QueueFull,
        "Five requests wait already; try again soon.",
    )
    assert runtime.kept() == [("Hi", reply, None, "Five requests wait already; try again soon.")]


async def test_an_unexpected_error_is_a_sentence_for_the_reader_and_a_traceback_in_the_log(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    runtime.engine.script = ["Half", ZeroDivisionError("secret")]
    with caplog.at_level(logging.ERROR):
        assert await failure(runtime.chat.submit(runtime.id, "Hi", owner="")) == (ModelFailed, UNEXPECTED)
    assert runtime.kept() == [("Hi", "Half", None, UNEXPECTED)]
    assert "ZeroDivisionError: secret" in caplog.text


async def test_a_stream_that_only_ends_is_an_error(runtime: Runtime) -> None:
    async def silent(_: GenerationRequest) -> AsyncGenerator[StreamEvent]:
        yield TextDelta("Half")

    runtime.engine.stream = silent  # type: ignore[method-assign]
    assert await failure(runtime.chat.submit(runtime.id, "Hi", owner="")) == (
        ModelFailed,
        "The model's answer broke off; press Retry.",
    )
    assert runtime.kept() == [("Hi", "Half", None, "The model's answer broke off; press Retry.")]


async def test_a_full_disk_ends_the_answer_with_its_own_sentence(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("The disk is full.")

    runtime.engine.script = ["Hello"]
    monkeypatch.setattr(runtime.history, "write_answer", full)
    assert await failure(runtime.chat.submit(runtime.id, "Hi", owner="")) == (StorageError, "The disk is full.")
    assert runtime.engine.active == 0
    monkeypatch.undo()
    await runtime.says("Again", "Hello")


async def test_a_question_about_an_interval_is_shown_frames_of_that_interval(runtime: Runtime) -> None:
    await runtime.says("What happens?", "A lot", runtime.file("clip.mp4"), video_frames=4)
    runtime.engine.script = ["Little"]
    got = await events(runtime.chat.submit(runtime.id, "And between 0:00 and 0:01?", owner=""))
    close = VideoPart(sha("clip.mp4"), 4, 0.0, 1.0)
    assert got[0] == Progress("reading the clip", 0, 4)
    assert runtime.asked() == (
        user(VideoPart(sha("clip.mp4"), 4), "What happens?"),
        assistant("A lot"),
        user(close, "And between 0:00 and 0:01?"),
    )
    assert [frame.time for frame in runtime.store.frames(close)] == [0.0, 0.25, 0.5, 0.75]
    assert runtime.history.turns(runtime.id, owner="")[1].media == ()
    await runtime.says("Sure?", "Yes")
    assert runtime.asked()[2:] == (user(close, "And between 0:00 and 0:01?"), assistant("Little"), user("Sure?"))


async def test_an_edit_of_the_words_moves_the_interval(runtime: Runtime) -> None:
    await runtime.says("From 0:00 to 0:01?", "A lot", runtime.file("clip.mp4"), video_frames=2)
    assert runtime.asked() == (user(VideoPart(sha("clip.mp4"), 2, 0.0, 1.0), "From 0:00 to 0:01?"),)
    await events(runtime.chat.edit(runtime.id, 1, "From 0:01 to 0:02?", owner=""))
    close = VideoPart(sha("clip.mp4"), 2, 1.0, 2.0)
    assert runtime.asked() == (user(close, "From 0:01 to 0:02?"),)
    assert [frame.time for frame in runtime.store.frames(close)] == [1.25, 1.75]


async def test_an_interval_outside_of_the_clip_is_said_and_no_turn_added(runtime: Runtime) -> None:
    await runtime.says("What happens?", "A lot", runtime.file("clip.mp4"), video_frames=2)
    assert await failure(runtime.chat.submit(runtime.id, "And from 1:10 to 1:15?", owner="")) == (
        UnsupportedMedia,
        "“clip.mp4” is only 0:02 long; choose an interval that lies inside of it.",
    )
    assert len(runtime.kept()) == 1


async def test_a_clip_can_be_sent_with_an_interval_of_it(runtime: Runtime) -> None:
    await runtime.says("What happens?", "A lot", runtime.file("clip.mp4"), video_frames=2, interval=(0.5, 1.0))
    assert runtime.asked() == (user(VideoPart(sha("clip.mp4"), 2, 0.5, 1.0), "What happens?"),)


async def test_a_retry_can_take_another_interval_of_the_clip(runtime: Runtime) -> None:
    await runtime.says("What happens?", "A lot", runtime.file("clip.mp4"), video_frames=2)
    await events(runtime.chat.retry(runtime.id, interval=(1.0, None), owner=""))
    assert runtime.asked() == (user(VideoPart(sha("clip.mp4"), 2, 1.0), "What happens?"),)
    await events(runtime.chat.retry(runtime.id, video_frames=3, owner=""))
    assert runtime.asked() == (user(VideoPart(sha("clip.mp4"), 3, 1.0), "What happens?"),)
