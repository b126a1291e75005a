"""Stop, retry, edit and undo: what is kept, what is asked again, and that nothing is lost."""

import asyncio
from contextlib import aclosing

import pytest

from backend.engine.scripted import Gate
from backend.errors import (
    InputError,
    ModelFailed,
    OutOfMemory,
    QueueFull,
    UnknownConversation,
)
from backend.history import INTERRUPTED
from backend.types import (
    Finished,
    ImagePart,
    Message,
    Progress,
    Queued,
    SamplingParams,
    StreamEvent,
    TextPart,
    Usage,
    VideoPart,
)
from tests.support.chat import Reader, Runtime, failure, said, sha
from tests.support.messages import assistant, events, user


async def test_an_answer_is_kept_while_it_grows(runtime: Runtime) -> None:
    gate = Gate()
    runtime.engine.script = ["Hello there", gate, " you"]
    reading = Reader(runtime.chat.submit(runtime.id, "Hi", owner=""))
    await gate.reached.wait()
    assert runtime.kept() == [("Hi", "Hello there", None, None)]
    gate.open()
    await reading.task
    assert runtime.kept() == [("Hi", "Hello there you", "stop", None)]


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ([], ("Hi", "", "cancelled", None)),
        ([Queued(2), Progress("loading")], ("Hi", "", "cancelled", None)),
        (["Hello", " there"], ("Hi", "Hello there", "cancelled", None)),
    ],
)
@pytest.mark.parametrize("way", ["reader cancelled", "stream closed", "stopped by another"])
async def test_stopping_keeps_the_answer_as_far_as_it_came(
    runtime: Runtime, before: list[StreamEvent], kept: tuple[str, str, str | None, str | None], way: str
) -> None:
    gate = Gate()
    runtime.engine.script = [*before, gate, "never"]
    stream = runtime.chat.submit(runtime.id, "Hi", owner="")
    if way == "stream closed":
        for _ in before:
            await anext(stream)
        if not before:
            await Reader(stream).leave()
        await stream.aclose()
    else:
        reading = Reader(stream)
        await gate.reached.wait()
        if way == "reader cancelled":
            await reading.leave()
            assert reading.task.cancelled()
        else:
            await runtime.chat.stop(runtime.id, owner="")
            assert (await reading.task)[-1] == Finished("cancelled", Usage(0, 0))
    assert runtime.kept() == ([kept] if before or way != "stream closed" else [])
    assert (runtime.engine.active, runtime.chat.busy) == (0, frozenset())
    await runtime.says("Next", "Yes")
    assert runtime.kept()[-1] == ("Next", "Yes", "stop", None)


async def test_stopping_while_files_are_read_adds_nothing_and_lets_the_files_go(runtime: Runtime) -> None:
    gate = runtime.store.gates["slow.mp4"] = Gate()
    reading = Reader(
        runtime.chat.submit(runtime.id, "Hi", [runtime.file("a.png"), runtime.file("slow.mp4")], owner="")
    )
    await gate.reached.wait()
    await reading.leave()
    await runtime.chat.close()
    assert (runtime.kept(), runtime.store.names, runtime.engine.requests) == ([], set(), [])


async def test_closing_after_the_end_changes_nothing(runtime: Runtime) -> None:
    runtime.engine.script = ["Hello"]
    async with aclosing(runtime.chat.submit(runtime.id, "Hi", owner="")) as stream:
        async for event in stream:
            if isinstance(event, Finished):
                break
    assert runtime.kept() == [("Hi", "Hello", "stop", None)]


async def test_a_stream_that_nobody_reads_does_nothing(runtime: Runtime) -> None:
    await runtime.chat.submit(runtime.id, "Hi", owner="").aclose()
    assert runtime.kept() == []


async def test_nobody_stops_anothers_answer(runtime: Runtime) -> None:
    gate = Gate()
    runtime.engine.script = ["Hello", gate]
    reading = Reader(runtime.chat.submit(runtime.id, "Hi", owner=""))
    await gate.reached.wait()
    for attempt in (runtime.chat.stop, runtime.chat.undo, runtime.chat.delete):
        with pytest.raises(UnknownConversation):
            await attempt(runtime.id, "bob")
    for stream in (runtime.chat.retry(runtime.id, owner="bob"), runtime.chat.edit(runtime.id, 1, "x", owner="bob")):
        assert (await failure(stream))[0] is UnknownConversation
    gate.open()
    assert (await reading.task)[-1] == Finished("stop", Usage(1, 1))


async def test_closing_the_chat_stops_every_answer_and_keeps_them(runtime: Runtime) -> None:
    gate, other = Gate(), runtime.history.create(owner="")
    runtime.engine.script = ["Hello", gate]
    readings = [Reader(runtime.chat.submit(id, "Hi", owner="")) for id in (runtime.id, other)]
    await gate.reached.wait()
    await asyncio.sleep(0)
    await runtime.chat.close()
    assert [(await reading.task)[-1] for reading in readings] == [Finished("cancelled", Usage(0, 0))] * 2
    assert runtime.kept() == runtime.kept(other) == [("Hi", "Hello", "cancelled", None)]


async def test_retry_answers_the_same_message_with_its_files_and_settings_anew(runtime: Runtime) -> None:
    await runtime.says("Before", "Yes")
    await runtime.says("In French.", "Un", runtime.file("dog.png"), task="caption", sampling=SamplingParams(5, seed=1))
    first = runtime.engine.requests[-1]
    runtime.engine.script = ["Deux"]
    assert await said(runtime.chat.retry(runtime.id, owner="")) == "Deux"
    again = runtime.engine.requests[-1]
    assert (again.messages, again.task, again.sampling.max_new_tokens) == (first.messages, "caption", 5)
    assert again.sampling.seed != 1
    assert runtime.kept() == [("Before", "Yes", "stop", None), ("In French.", "Deux", "stop", None)]
    assert runtime.history.turns(runtime.id, owner="")[-1].media == (ImagePart(sha("dog.png")),)


async def test_retry_takes_another_preset_and_other_settings(runtime: Runtime) -> None:
    await runtime.says("", "A page", runtime.file("r.png"), task="caption")
    runtime.engine.script = ["{}"]
    await events(
        runtime.chat.retry(runtime.id, task="receipt", sampling=SamplingParams(seed=3), system="Be exact.", owner="")
    )
    request = runtime.engine.requests[-1]
    assert (request.task, request.sampling) == (
        "receipt",
        SamplingParams(temperature=0.0, repetition_penalty=1.0, seed=3),
    )
    assert request.messages[0] == Message("system", (TextPart("Be exact."),))


@pytest.mark.parametrize("verb", ["retry", "edit"])
@pytest.mark.parametrize("way", ["error", "stop"])
async def test_an_answer_is_not_lost_to_a_new_one_that_comes_to_nothing(runtime: Runtime, verb: str, way: str) -> None:
    await runtime.says("one", "1")
    await runtime.says("two", "2")
    before = runtime.history.turns(runtime.id, owner="")
    gate = Gate()
    runtime.engine.script = [Queued(1), QueueFull("Too many wait.")] if way == "error" else [Queued(1), gate]
    stream = (
        runtime.chat.retry(runtime.id, owner="")
        if verb == "retry"
        else runtime.chat.edit(runtime.id, 1, "uno", owner="")
    )
    if way == "error":
        assert await failure(stream) == (QueueFull, "Too many wait.")
    else:
        reading = Reader(stream)
        await gate.reached.wait()
        await reading.leave()
    assert runtime.history.turns(runtime.id, owner="") == before


async def test_a_new_answer_takes_the_place_of_the_old_one_with_its_first_word(runtime: Runtime) -> None:
    await runtime.says("one", "1")
    await runtime.says("two", "2")
    gate = Gate()
    runtime.engine.script = ["eins", gate, ModelFailed("It broke.")]
    reading = Reader(runtime.chat.edit(runtime.id, 1, "uno", owner=""))
    await gate.reached.wait()
    assert runtime.kept() == [("uno", "eins", None, None)]
    gate.open()
    with pytest.raises(ModelFailed):
        await reading.task
    assert runtime.kept() == [("uno", "eins", None, "It broke.")]


async def test_retry_after_an_error_shows_the_latest_error(runtime: Runtime) -> None:
    runtime.engine.script = [QueueFull("Too many wait.")]
    await failure(runtime.chat.submit(runtime.id, "Hi", [runtime.file("dog.png")], owner=""))
    runtime.engine.script = [OutOfMemory("No memory.")]
    await failure(runtime.chat.retry(runtime.id, owner=""))
    assert runtime.kept() == [("Hi", "", None, "No memory.")]
    runtime.engine.script = ["Hello"]
    await events(runtime.chat.retry(runtime.id, owner=""))
    assert runtime.kept() == [("Hi", "Hello", "stop", None)]
    assert runtime.asked() == (user(ImagePart(sha("dog.png")), "Hi"),)


@pytest.mark.parametrize("verb", ["retry", "edit"])
async def test_a_clip_is_seen_in_as_many_frames_as_are_set_now(runtime: Runtime, verb: str) -> None:
    await runtime.says("What?", "A clip", runtime.file("clip.mp4"), runtime.file("dog.png"), video_frames=8)
    runtime.engine.script = ["Again"]
    if verb == "retry":
        got = await events(runtime.chat.retry(runtime.id, video_frames=2, owner=""))
    else:
        got = await events(runtime.chat.edit(runtime.id, 1, "What?", video_frames=2, owner=""))
    media = (VideoPart(sha("clip.mp4"), 2), ImagePart(sha("dog.png")))
    assert (runtime.asked(), runtime.history.turns(runtime.id, owner="")[0].media) == ((user(*media, "What?"),), media)
    assert got[0] == Progress("reading the clip", 0, 2)
    assert len(runtime.store.frames(media[0])) == 2
    runtime.engine.script = ["As before"]
    await events(runtime.chat.retry(runtime.id, owner=""))
    assert runtime.asked() == (user(*media, "What?"),)


async def test_edit_keeps_the_files_and_drops_what_came_after(runtime: Runtime) -> None:
    await runtime.says("one", "1")
    await runtime.says("two", "2", runtime.file("dog.png"), task="caption")
    await runtime.says("three", "3", runtime.file("cat.png"))
    runtime.engine.script = ["zwei"]
    assert await said(runtime.chat.edit(runtime.id, 2, "deux", owner="")) == "zwei"
    assert runtime.asked() == (
        user("one"),
        assistant("1"),
        user(ImagePart(sha("dog.png")), "Describe this image in one line.\ndeux"),
    )
    assert runtime.kept() == [("one", "1", "stop", None), ("deux", "zwei", "stop", None)]


async def test_editing_the_first_message_renames_the_conversation(runtime: Runtime) -> None:
    await runtime.says("one", "1")
    runtime.engine.script = ["2"]
    await events(runtime.chat.edit(runtime.id, 1, "two", owner=""))
    assert runtime.history.summary(runtime.id, owner="").title == "two"


async def test_words_may_be_taken_out_where_a_file_is_left(runtime: Runtime) -> None:
    await runtime.says("one", "1", runtime.file("dog.png"))
    runtime.engine.script = ["2"]
    await events(runtime.chat.edit(runtime.id, 1, " ", owner=""))
    assert runtime.asked() == (user(ImagePart(sha("dog.png"))),)


@pytest.mark.parametrize(("number", "text"), [(0, "x"), (3, "x"), (-1, "x"), (2**70, "x"), (1, "")])
async def test_an_edit_that_cannot_be_is_a_sentence_and_changes_nothing(
    runtime: Runtime, number: int, text: str
) -> None:
    await runtime.says("one", "1")
    await runtime.says("two", "2")
    before = runtime.history.turns(runtime.id, owner="")
    error, _ = await failure(runtime.chat.edit(runtime.id, number, text, owner=""))
    assert issubclass(error, InputError)
    assert runtime.history.turns(runtime.id, owner="") == before


async def test_undo_gives_the_last_turn_back(runtime: Runtime) -> None:
    await runtime.says("one", "1")
    await runtime.says("two", "2", runtime.file("dog.png"))
    last = runtime.history.turns(runtime.id, owner="")[-1]
    assert await runtime.chat.undo(runtime.id, owner="") == last
    assert runtime.kept() == [("one", "1", "stop", None)]
    assert runtime.store.names == {"dog.png"}


async def test_undo_takes_back_what_is_being_written(runtime: Runtime) -> None:
    gate = Gate()
    runtime.engine.script = ["Hel", gate]
    reading = Reader(runtime.chat.submit(runtime.id, "Hi", owner=""))
    await gate.reached.wait()
    turn = await runtime.chat.undo(runtime.id, owner="")
    assert (turn.user.text, turn.answer.text, turn.finish_reason) == ("Hi", "Hel", "cancelled")
    assert (await reading.task)[-1] == Finished("cancelled", Usage(0, 0))
    assert (runtime.kept(), runtime.engine.active) == ([], 0)


async def test_an_empty_conversation_has_nothing_to_retry_edit_or_undo(runtime: Runtime) -> None:
    assert (await failure(runtime.chat.retry(runtime.id, owner="")))[0] is InputError
    assert (await failure(runtime.chat.edit(runtime.id, 1, "Hi", owner="")))[0] is InputError
    with pytest.raises(InputError):
        await runtime.chat.undo(runtime.id, owner="")


async def test_an_answer_cut_off_by_a_kill_can_be_had_again(runtime: Runtime) -> None:
    gate = Gate()
    runtime.engine.script = ["Hel", gate]
    reading = Reader(runtime.chat.submit(runtime.id, "Hi", [runtime.file("dog.png")], owner=""))
    await gate.reached.wait()
    reborn = Runtime(runtime.folder)  # what another process finds on the disk at this moment
    reborn.id = runtime.id
    assert reborn.kept() == [("Hi", "Hel", None, INTERRUPTED)]
    await reborn.says("Go on", "lo")
    assert reborn.asked() == (user(ImagePart(sha("dog.png")), "Hi"), assistant("Hel"), user("Go on"))
    reborn.close()
    await reading.leave()
