"""Several people and tabs at once, and the media that nobody uses any more."""

import asyncio
import random
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress

import pytest

from backend.chat.run import WAITING
from backend.engine.scripted import Gate
from backend.errors import (
    InputError,
    UnknownConversation,
)
from backend.types import (
    Finished,
    GenerationRequest,
    ImagePart,
    Progress,
    TextDelta,
    Usage,
)
from tests.backend.house import House, Reader, assistant, events, said, sha, user


async def test_conversations_side_by_side_never_mix(house: House) -> None:
    gates = {"one": Gate(), "two": Gate()}

    async def script(request: GenerationRequest) -> AsyncGenerator[object]:
        word = request.messages[-1].text
        yield f"{word} "
        yield gates[word]
        yield word

    house.engine.script = script  # type: ignore[assignment]
    other = house.history.create()
    readings = [Reader(house.chat.submit(house.id, "one")), Reader(house.chat.submit(other, "two"))]
    for gate in gates.values():
        await gate.reached.wait()
    for gate in reversed(gates.values()):
        gate.open()
    for reading in readings:
        await reading.task
    assert house.kept() == [("one", "one one", "stop", None)]
    assert house.kept(other) == [("two", "two two", "stop", None)]


async def test_a_second_tab_waits_for_the_answer_of_the_first(house: House) -> None:
    gate = Gate()
    house.engine.script = ["1", gate]
    first = Reader(house.chat.submit(house.id, "one"))
    await gate.reached.wait()
    second = Reader(house.chat.submit(house.id, "two", [house.file("dog.png")]))
    for _ in range(20):
        await asyncio.sleep(0)
    assert (len(house.engine.requests), house.kept()) == (1, [("one", "1", None, None)])
    house.engine.script = ["2"]
    gate.open()
    await first.task
    assert await second.task == [
        WAITING,
        Progress("reading the image"),
        TextDelta("2"),
        Finished("stop", Usage(3, 1, images=1)),
    ]
    assert house.asked() == (user("one"), assistant("1"), user(ImagePart(sha("dog.png")), "two"))


async def test_a_tab_that_leaves_while_it_waits_changes_nothing(house: House) -> None:
    gate = Gate()
    house.engine.script = ["1", gate]
    first = Reader(house.chat.submit(house.id, "one"))
    await gate.reached.wait()
    second, third = (Reader(house.chat.submit(house.id, text)) for text in ("two", "three"))
    await asyncio.sleep(0)
    await second.leave()
    gate.open()
    await first.task
    await third.task
    assert [text for text, *_ in house.kept()] == ["one", "three"]


async def test_retry_stops_what_is_being_written_and_what_waits(house: House) -> None:
    gate = Gate()
    house.engine.script = ["old", gate]
    first = Reader(house.chat.submit(house.id, "one"))
    await gate.reached.wait()
    waiting = Reader(house.chat.submit(house.id, "two"))
    await asyncio.sleep(0)
    house.engine.script = ["new"]
    assert await said(house.chat.retry(house.id)) == "new"
    assert await first.task == [TextDelta("old"), Finished("cancelled", Usage(0, 0))]
    assert await waiting.task == [WAITING, Finished("cancelled", Usage(0, 0))]
    assert house.kept() == [("one", "new", "stop", None)]


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_people_press_at_once_answers_belong_to_their_questions(house: House, seed: int) -> None:
    chance = random.Random(seed)

    async def script(request: GenerationRequest) -> AsyncGenerator[object]:
        for _ in range(chance.randrange(6)):
            await asyncio.sleep(0)
            yield request.messages[-1].text.splitlines()[-1] + " "  # before it may stand what was stopped unanswered

    house.engine.script = script  # type: ignore[assignment]
    conversations = [house.id, house.history.create()]

    async def press(number: int) -> None:
        conversation = chance.choice(conversations)
        verbs: list[Callable[[], Awaitable[object]]] = [
            lambda: events(house.chat.submit(conversation, f"q{number}")),
            lambda: events(house.chat.retry(conversation)),
            lambda: events(house.chat.edit(conversation, chance.randrange(1, 3), f"e{number}")),
            lambda: Reader(house.chat.submit(conversation, f"left{number}")).leave(),
            lambda: house.chat.undo(conversation),
            lambda: house.chat.stop(conversation),
        ]
        for _ in range(chance.randrange(100)):
            await asyncio.sleep(0)
        with suppress(InputError):
            await chance.choices(verbs, [9, 2, 2, 2, 1, 1])[0]()

    await asyncio.gather(*map(press, range(50)))
    for conversation in conversations:
        for asked, reply, finish_reason, error in house.kept(conversation):
            assert set(reply.split()) <= {asked}
            assert (finish_reason in ("stop", "cancelled"), error) == (True, None)
    assert (house.engine.active, house.chat._lanes._lanes) == (0, {})


async def test_deleting_removes_the_media_that_nobody_else_uses(house: House) -> None:
    house.store.grace = 600.0
    other = house.history.create()
    await house.says("one", "1", house.file("shared.png"), house.file("own.png"))
    await events(house.chat.submit(other, "two", [house.file("shared.png")]))
    await house.chat.delete(house.id)
    await house.chat.close()
    assert house.store.names == {"shared.png"}
    with pytest.raises(UnknownConversation):
        house.history.turns(house.id)


async def test_deleting_stops_what_is_being_written(house: House) -> None:
    gate = Gate()
    house.engine.script = ["Hel", gate]
    reading = Reader(house.chat.submit(house.id, "Hi"))
    await gate.reached.wait()
    await house.chat.delete(house.id)
    assert (await reading.task)[-1] == Finished("cancelled", Usage(0, 0))
    assert house.engine.active == 0


async def test_nothing_is_collected_while_files_are_added(house: House) -> None:
    gate = house.store.gates["slow.png"] = Gate()
    other = house.history.create()
    await house.says("one", "1", house.file("old.png"))
    files = [house.file("new.png"), house.file("slow.png")]
    await house.store.add(files[0])
    reading = Reader(house.chat.submit(other, "two", files))
    await gate.reached.wait()
    await house.chat.delete(house.id)
    assert house.store.names == {"old.png", "new.png"}
    gate.open()
    await reading.task
    await house.chat.close()
    assert house.store.names == {"new.png", "slow.png"}


async def test_a_message_waits_until_what_is_being_collected_is_gone(house: House) -> None:
    collecting, gate = threading.Event(), threading.Event()
    collect = house.store.collect

    def slowly(used: set[str]) -> int:
        collecting.set()
        assert gate.wait(10)
        return collect(used)

    house.store.collect = slowly  # type: ignore[method-assign]
    await house.says("one", "1", house.file("dog.png"))
    other = house.history.create()
    await house.chat.delete(house.id)
    await asyncio.to_thread(collecting.wait, 10)
    reading = Reader(house.chat.submit(other, "two", [house.file("dog.png")]))
    for _ in range(10):
        await asyncio.sleep(0)
    gate.set()
    await reading.task
    await house.chat.close()
    assert house.store.names == {"dog.png"}


async def test_a_collection_that_fails_is_logged_and_harms_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: set[str]) -> None:
        raise OSError("no such disk")

    monkeypatch.setattr(house.store, "collect", fail)
    await house.chat.delete(house.id)
    await house.chat.close()
    assert "no such disk" in caplog.text


async def test_a_conversation_goes_on_when_its_earlier_media_are_gone_from_the_disk(house: House) -> None:
    await house.says("one", "1", house.file("dog.png"), house.file("cat.png"), house.file("clip.mp4"), video_frames=2)
    house.store.remove(sha("dog.png"))
    house.store.remove(sha("clip.mp4"))
    await house.says("two", "2")
    cat = ImagePart(sha("cat.png"))
    gone = "[a picture that is no longer kept]", "[a video that is no longer kept]"
    assert house.asked() == (user(gone[0], cat, gone[1], "one"), assistant("1"), user("two"))


async def test_conversations_deleted_in_a_row_all_lose_their_media(house: House) -> None:
    names = ["a.png", "b.png", "c.png"]
    conversations = [house.history.create() for _ in names]
    for conversation, name in zip(conversations, names, strict=True):
        await events(house.chat.submit(conversation, "Hi", [house.file(name)]))
    house.store.grace = 600.0
    for conversation in conversations:
        await house.chat.delete(conversation)
        await asyncio.sleep(0)
    await house.chat.close()
    assert house.store.names == set()


async def test_what_an_ended_process_left_is_collected_after_the_first_message(house: House) -> None:
    await house.store.add(house.file("left.png"))
    await house.says("one", "1", house.file("dog.png"))
    await house.chat.close()
    assert house.store.names == {"dog.png"}
