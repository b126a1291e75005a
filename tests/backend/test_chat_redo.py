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
from tests.backend.house import House, Reader, assistant, events, failure, said, sha, user


async def test_an_answer_is_kept_while_it_grows(house: House) -> None:
    gate = Gate()
    house.engine.script = ["Hello there", gate, " you"]
    reading = Reader(house.chat.submit(house.id, "Hi"))
    await gate.reached.wait()
    assert house.kept() == [("Hi", "Hello there", None, None)]
    gate.open()
    await reading.task
    assert house.kept() == [("Hi", "Hello there you", "stop", None)]


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
    house: House, before: list[StreamEvent], kept: tuple[str, str, str | None, str | None], way: str
) -> None:
    gate = Gate()
    house.engine.script = [*before, gate, "never"]
    stream = house.chat.submit(house.id, "Hi")
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
            await house.chat.stop(house.id)
            assert (await reading.task)[-1] == Finished("cancelled", Usage(0, 0))
    assert house.kept() == ([kept] if before or way != "stream closed" else [])
    assert (house.engine.active, house.chat._lanes.busy(house.id)) == (0, False)
    await house.says("Next", "Yes")
    assert house.kept()[-1] == ("Next", "Yes", "stop", None)


async def test_stopping_while_files_are_read_adds_nothing_and_lets_the_files_go(house: House) -> None:
    gate = house.store.gates["slow.mp4"] = Gate()
    reading = Reader(house.chat.submit(house.id, "Hi", [house.file("a.png"), house.file("slow.mp4")]))
    await gate.reached.wait()
    await reading.leave()
    await house.chat.close()
    assert (house.kept(), house.store.names, house.engine.requests) == ([], set(), [])


async def test_closing_after_the_end_changes_nothing(house: House) -> None:
    house.engine.script = ["Hello"]
    async with aclosing(house.chat.submit(house.id, "Hi")) as stream:
        async for event in stream:
            if isinstance(event, Finished):
                break
    assert house.kept() == [("Hi", "Hello", "stop", None)]


async def test_a_stream_that_nobody_reads_does_nothing(house: House) -> None:
    await house.chat.submit(house.id, "Hi").aclose()
    assert house.kept() == []


async def test_nobody_stops_anothers_answer(house: House) -> None:
    gate = Gate()
    house.engine.script = ["Hello", gate]
    reading = Reader(house.chat.submit(house.id, "Hi"))
    await gate.reached.wait()
    for attempt in (house.chat.stop, house.chat.undo, house.chat.delete):
        with pytest.raises(UnknownConversation):
            await attempt(house.id, "bob")
    for stream in (house.chat.retry(house.id, owner="bob"), house.chat.edit(house.id, 1, "x", owner="bob")):
        assert (await failure(stream))[0] is UnknownConversation
    gate.open()
    assert (await reading.task)[-1] == Finished("stop", Usage(1, 1))


async def test_closing_the_chat_stops_every_answer_and_keeps_them(house: House) -> None:
    gate, other = Gate(), house.history.create()
    house.engine.script = ["Hello", gate]
    readings = [Reader(house.chat.submit(id, "Hi")) for id in (house.id, other)]
    await gate.reached.wait()
    await asyncio.sleep(0)
    await house.chat.close()
    assert [(await reading.task)[-1] for reading in readings] == [Finished("cancelled", Usage(0, 0))] * 2
    assert house.kept() == house.kept(other) == [("Hi", "Hello", "cancelled", None)]


async def test_retry_answers_the_same_message_with_its_files_and_settings_anew(house: House) -> None:
    await house.says("Before", "Yes")
    await house.says("In French.", "Un", house.file("dog.png"), task="caption", sampling=SamplingParams(5, seed=1))
    first = house.engine.requests[-1]
    house.engine.script = ["Deux"]
    assert await said(house.chat.retry(house.id)) == "Deux"
    again = house.engine.requests[-1]
    assert (again.messages, again.task, again.sampling.max_new_tokens) == (first.messages, "caption", 5)
    assert again.sampling.seed != 1
    assert house.kept() == [("Before", "Yes", "stop", None), ("In French.", "Deux", "stop", None)]
    assert house.history.turns(house.id)[-1].media == (ImagePart(sha("dog.png")),)


async def test_retry_takes_another_preset_and_other_settings(house: House) -> None:
    await house.says("", "A page", house.file("r.png"), task="caption")
    house.engine.script = ["{}"]
    await events(house.chat.retry(house.id, task="receipt", sampling=SamplingParams(seed=3), system="Be exact."))
    request = house.engine.requests[-1]
    assert (request.task, request.sampling) == (
        "receipt",
        SamplingParams(temperature=0.0, repetition_penalty=1.0, seed=3),
    )
    assert request.messages[0] == Message("system", (TextPart("Be exact."),))


@pytest.mark.parametrize("verb", ["retry", "edit"])
@pytest.mark.parametrize("way", ["error", "stop"])
async def test_an_answer_is_not_lost_to_a_new_one_that_comes_to_nothing(house: House, verb: str, way: str) -> None:
    await house.says("one", "1")
    await house.says("two", "2")
    before = house.history.turns(house.id)
    gate = Gate()
    house.engine.script = [Queued(1), QueueFull("Too many wait.")] if way == "error" else [Queued(1), gate]
    stream = house.chat.retry(house.id) if verb == "retry" else house.chat.edit(house.id, 1, "uno")
    if way == "error":
        assert await failure(stream) == (QueueFull, "Too many wait.")
    else:
        reading = Reader(stream)
        await gate.reached.wait()
        await reading.leave()
    assert house.history.turns(house.id) == before


async def test_a_new_answer_takes_the_place_of_the_old_one_with_its_first_word(house: House) -> None:
    await house.says("one", "1")
    await house.says("two", "2")
    gate = Gate()
    house.engine.script = ["eins", gate, ModelFailed("It broke.")]
    reading = Reader(house.chat.edit(house.id, 1, "uno"))
    await gate.reached.wait()
    assert house.kept() == [("uno", "eins", None, None)]
    gate.open()
    with pytest.raises(ModelFailed):
        await reading.task
    assert house.kept() == [("uno", "eins", None, "It broke.")]


async def test_retry_after_an_error_shows_the_latest_error(house: House) -> None:
    house.engine.script = [QueueFull("Too many wait.")]
    await failure(house.chat.submit(house.id, "Hi", [house.file("dog.png")]))
    house.engine.script = [OutOfMemory("No memory.")]
    await failure(house.chat.retry(house.id))
    assert house.kept() == [("Hi", "", None, "No memory.")]
    house.engine.script = ["Hello"]
    await events(house.chat.retry(house.id))
    assert house.kept() == [("Hi", "Hello", "stop", None)]
    assert house.asked() == (user(ImagePart(sha("dog.png")), "Hi"),)


@pytest.mark.parametrize("verb", ["retry", "edit"])
async def test_a_clip_is_seen_in_as_many_frames_as_are_set_now(house: House, verb: str) -> None:
    await house.says("What?", "A clip", house.file("clip.mp4"), house.file("dog.png"), video_frames=8)
    house.engine.script = ["Again"]
    if verb == "retry":
        got = await events(house.chat.retry(house.id, video_frames=2))
    else:
        got = await events(house.chat.edit(house.id, 1, "What?", video_frames=2))
    media = (VideoPart(sha("clip.mp4"), 2), ImagePart(sha("dog.png")))
    assert (house.asked(), house.history.turns(house.id)[0].media) == ((user(*media, "What?"),), media)
    assert got[0] == Progress("reading the clip", 0, 2)
    assert len(house.store.frames(media[0])) == 2
    house.engine.script = ["As before"]
    await events(house.chat.retry(house.id))
    assert house.asked() == (user(*media, "What?"),)


async def test_edit_keeps_the_files_and_drops_what_came_after(house: House) -> None:
    await house.says("one", "1")
    await house.says("two", "2", house.file("dog.png"), task="caption")
    await house.says("three", "3", house.file("cat.png"))
    house.engine.script = ["zwei"]
    assert await said(house.chat.edit(house.id, 2, "deux")) == "zwei"
    assert house.asked() == (
        user("one"),
        assistant("1"),
        user(ImagePart(sha("dog.png")), "Describe this image in one line.\ndeux"),
    )
    assert house.kept() == [("one", "1", "stop", None), ("deux", "zwei", "stop", None)]


async def test_editing_the_first_message_renames_the_conversation(house: House) -> None:
    await house.says("one", "1")
    house.engine.script = ["2"]
    await events(house.chat.edit(house.id, 1, "two"))
    assert house.history.summary(house.id).title == "two"


async def test_words_may_be_taken_out_where_a_file_is_left(house: House) -> None:
    await house.says("one", "1", house.file("dog.png"))
    house.engine.script = ["2"]
    await events(house.chat.edit(house.id, 1, " "))
    assert house.asked() == (user(ImagePart(sha("dog.png"))),)


@pytest.mark.parametrize(("number", "text"), [(0, "x"), (3, "x"), (-1, "x"), (2**70, "x"), (1, "")])
async def test_an_edit_that_cannot_be_is_a_sentence_and_changes_nothing(house: House, number: int, text: str) -> None:
    await house.says("one", "1")
    await house.says("two", "2")
    before = house.history.turns(house.id)
    error, _ = await failure(house.chat.edit(house.id, number, text))
    assert issubclass(error, InputError)
    assert house.history.turns(house.id) == before


async def test_undo_gives_the_last_turn_back(house: House) -> None:
    await house.says("one", "1")
    await house.says("two", "2", house.file("dog.png"))
    last = house.history.turns(house.id)[-1]
    assert await house.chat.undo(house.id) == last
    assert house.kept() == [("one", "1", "stop", None)]
    assert house.store.names == {"dog.png"}


async def test_undo_takes_back_what_is_being_written(house: House) -> None:
    gate = Gate()
    house.engine.script = ["Hel", gate]
    reading = Reader(house.chat.submit(house.id, "Hi"))
    await gate.reached.wait()
    turn = await house.chat.undo(house.id)
    assert (turn.user.text, turn.reply, turn.finish_reason) == ("Hi", "Hel", "cancelled")
    assert (await reading.task)[-1] == Finished("cancelled", Usage(0, 0))
    assert (house.kept(), house.engine.active) == ([], 0)


async def test_an_empty_conversation_has_nothing_to_retry_edit_or_undo(house: House) -> None:
    assert (await failure(house.chat.retry(house.id)))[0] is InputError
    assert (await failure(house.chat.edit(house.id, 1, "Hi")))[0] is InputError
    with pytest.raises(InputError):
        await house.chat.undo(house.id)


async def test_an_answer_cut_off_by_a_kill_can_be_had_again(house: House) -> None:
    gate = Gate()
    house.engine.script = ["Hel", gate]
    reading = Reader(house.chat.submit(house.id, "Hi", [house.file("dog.png")]))
    await gate.reached.wait()
    reborn = House(house.folder)  # what another process finds on the disk at this moment
    reborn.id = house.id
    assert reborn.kept() == [("Hi", "Hel", None, INTERRUPTED)]
    await reborn.says("Go on", "lo")
    assert reborn.asked() == (user(ImagePart(sha("dog.png")), "Hi"), assistant("Hel"), user("Go on"))
    reborn.close()
    await reading.leave()
