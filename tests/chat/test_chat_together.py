"""Several people and tabs at once, and the media that nobody uses any more."""

import asyncio
import random
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import suppress

import pytest

from backend.chat.intake import Intake
from backend.chat.locks import WAITING, ConversationLocks, Emit, follow
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
from tests.support.chat import Reader, Runtime, said, sha
from tests.support.messages import assistant, events, user


async def test_conversations_side_by_side_never_mix(runtime: Runtime) -> None:
    gates = {"one": Gate(), "two": Gate()}

    async def script(request: GenerationRequest) -> AsyncGenerator[object]:
        word = request.messages[-1].text
        yield f"{word} "
        yield gates[word]
        yield word

    runtime.engine.script = script  # type: ignore[assignment]
    other = runtime.history.create(owner="")
    readings = [
        Reader(runtime.chat.submit(runtime.id, "one", owner="")),
        Reader(runtime.chat.submit(other, "two", owner="")),
    ]
    for gate in gates.values():
        await gate.reached.wait()
    for gate in reversed(gates.values()):
        gate.open()
    for reading in readings:
        await reading.task
    assert runtime.kept() == [("one", "one one", "stop", None)]
    assert runtime.kept(other) == [("two", "two two", "stop", None)]


async def test_a_second_tab_waits_for_the_answer_of_the_first(runtime: Runtime) -> None:
    gate = Gate()
    runtime.engine.script = ["1", gate]
    first = Reader(runtime.chat.submit(runtime.id, "one", owner=""))
    await gate.reached.wait()
    second = Reader(runtime.chat.submit(runtime.id, "two", [runtime.file("dog.png")], owner=""))
    for _ in range(20):
        await asyncio.sleep(0)
    assert (len(runtime.engine.requests), runtime.kept()) == (1, [("one", "1", None, None)])
    runtime.engine.script = ["2"]
    gate.open()
    await first.task
    assert await second.task == [
        WAITING,
        Progress("reading the image"),
        TextDelta("2"),
        Finished("stop", Usage(3, 1, images=1)),
    ]
    assert runtime.asked() == (user("one"), assistant("1"), user(ImagePart(sha("dog.png")), "two"))


async def test_a_tab_that_leaves_while_it_waits_changes_nothing(runtime: Runtime) -> None:
    gate = Gate()
    runtime.engine.script = ["1", gate]
    first = Reader(runtime.chat.submit(runtime.id, "one", owner=""))
    await gate.reached.wait()
    second, third = (Reader(runtime.chat.submit(runtime.id, text, owner="")) for text in ("two", "three"))
    await asyncio.sleep(0)
    await second.leave()
    gate.open()
    await first.task
    await third.task
    assert [text for text, *_ in runtime.kept()] == ["one", "three"]


async def test_retry_stops_what_is_being_written_and_what_waits(runtime: Runtime) -> None:
    gate = Gate()
    runtime.engine.script = ["old", gate]
    first = Reader(runtime.chat.submit(runtime.id, "one", owner=""))
    await gate.reached.wait()
    waiting = Reader(runtime.chat.submit(runtime.id, "two", owner=""))
    await asyncio.sleep(0)
    runtime.engine.script = ["new"]
    assert await said(runtime.chat.retry(runtime.id, owner="")) == "new"
    assert await first.task == [TextDelta("old"), Finished("cancelled", Usage(0, 0))]
    assert await waiting.task == [WAITING, Finished("cancelled", Usage(0, 0))]
    assert runtime.kept() == [("one", "new", "stop", None)]


async def test_a_run_that_is_stopped_twice_may_tidy_up_undisturbed() -> None:
    locks, tidying, gate = ConversationLocks(), asyncio.Event(), asyncio.Event()
    done: list[str] = []

    async def work(emit: Emit) -> None:
        async with locks.hold("one", stop_others=False, run=asyncio.current_task()):
            try:
                emit(Progress("begun"))
                await asyncio.Event().wait()
            finally:
                tidying.set()
                await gate.wait()
                done.append("tidied up")

    stream = follow(work)
    assert await anext(stream) == Progress("begun")
    leaving = asyncio.create_task(stream.aclose())
    await tidying.wait()
    stopping = asyncio.create_task(locks.close())
    await asyncio.sleep(0)  # now it has been stopped a second time
    gate.set()
    await asyncio.gather(leaving, stopping)
    assert (done, locks.busy("one")) == (["tidied up"], False)


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_people_press_at_once_answers_belong_to_their_questions(runtime: Runtime, seed: int) -> None:
    chance = random.Random(seed)

    async def script(request: GenerationRequest) -> AsyncGenerator[object]:
        for _ in range(chance.randrange(6)):
            await asyncio.sleep(0)
            yield request.messages[-1].text.splitlines()[-1] + " "  # before it may stand what was stopped unanswered

    runtime.engine.script = script  # type: ignore[assignment]
    conversations = [runtime.id, runtime.history.create(owner="")]

    async def press(number: int) -> None:
        conversation = chance.choice(conversations)
        verbs: list[Callable[[], Awaitable[object]]] = [
            lambda: events(runtime.chat.submit(conversation, f"q{number}", owner="")),
            lambda: events(runtime.chat.retry(conversation, owner="")),
            lambda: events(runtime.chat.edit(conversation, chance.randrange(1, 3), f"e{number}", owner="")),
            lambda: Reader(runtime.chat.submit(conversation, f"left{number}", owner="")).leave(),
            lambda: runtime.chat.undo(conversation, owner=""),
            lambda: runtime.chat.stop(conversation, owner=""),
        ]
        for _ in range(chance.randrange(100)):
            await asyncio.sleep(0)
        with suppress(InputError):
            await chance.choices(verbs, [9, 2, 2, 2, 1, 1])[0]()

    await asyncio.gather(*map(press, range(50)))
    for conversation in conversations:
        for asked, reply, finish_reason, error in runtime.kept(conversation):
            assert set(reply.split()) <= {asked}
            assert (finish_reason in ("stop", "cancelled"), error) == (True, None)
    assert (runtime.engine.active, runtime.chat.busy) == (0, frozenset())


async def test_deleting_removes_the_media_that_nobody_else_uses(runtime: Runtime) -> None:
    runtime.store.grace = 600.0
    other = runtime.history.create(owner="")
    await runtime.says("one", "1", runtime.file("shared.png"), runtime.file("own.png"))
    await events(runtime.chat.submit(other, "two", [runtime.file("shared.png")], owner=""))
    await runtime.chat.delete(runtime.id, owner="")
    await runtime.chat.close()
    assert runtime.store.names == {"shared.png"}
    with pytest.raises(UnknownConversation):
        runtime.history.turns(runtime.id, owner="")


async def test_deleting_stops_what_is_being_written(runtime: Runtime) -> None:
    gate = Gate()
    runtime.engine.script = ["Hel", gate]
    reading = Reader(runtime.chat.submit(runtime.id, "Hi", owner=""))
    await gate.reached.wait()
    await runtime.chat.delete(runtime.id, owner="")
    assert (await reading.task)[-1] == Finished("cancelled", Usage(0, 0))
    assert runtime.engine.active == 0


async def test_nothing_is_collected_while_files_are_added(runtime: Runtime) -> None:
    gate = runtime.store.gates["slow.png"] = Gate()
    other = runtime.history.create(owner="")
    await runtime.says("one", "1", runtime.file("old.png"))
    files = [runtime.file("new.png"), runtime.file("slow.png")]
    await runtime.store.add(files[0])
    reading = Reader(runtime.chat.submit(other, "two", files, owner=""))
    await gate.reached.wait()
    await runtime.chat.delete(runtime.id, owner="")
    assert runtime.store.names == {"old.png", "new.png"}
    gate.open()
    await reading.task
    await runtime.chat.close()
    assert runtime.store.names == {"new.png", "slow.png"}


async def test_a_collection_goes_no_further_once_files_are_being_added(runtime: Runtime) -> None:
    collecting, gate = threading.Event(), threading.Event()
    collections: list[str] = []

    class Users:
        begun = 0.0

        def media_ids(self) -> set[str]:
            collections.append("collection")
            collecting.set()
            assert gate.wait(10)
            return set()

        def in_use(self, media_ids: Collection[str]) -> set[str]:
            return set()

    intake = Intake(runtime.store, Users())

    async def add() -> list[str]:
        async with intake.open():
            await intake.settled()
            return list(collections)

    intake.collect()
    await asyncio.to_thread(collecting.wait, 10)
    adding = asyncio.create_task(add())
    await asyncio.sleep(0)  # now it waits for the first collection to end
    intake.collect()
    gate.set()
    assert await adding == ["collection"]
    await intake.settled()
    assert collections == ["collection"] * 2


async def test_a_message_waits_until_what_is_being_collected_is_gone(runtime: Runtime) -> None:
    collecting, gate = threading.Event(), threading.Event()
    collect = runtime.store.collect

    def slowly(used: set[str], *, since: float) -> int:
        collecting.set()
        assert gate.wait(10)
        return collect(used, since=since)

    runtime.store.collect = slowly  # type: ignore[method-assign]
    await runtime.says("one", "1", runtime.file("dog.png"))
    other = runtime.history.create(owner="")
    await runtime.chat.delete(runtime.id, owner="")
    await asyncio.to_thread(collecting.wait, 10)
    reading = Reader(runtime.chat.submit(other, "two", [runtime.file("dog.png")], owner=""))
    for _ in range(10):
        await asyncio.sleep(0)
    gate.set()
    await reading.task
    await runtime.chat.close()
    assert runtime.store.names == {"dog.png"}


async def test_a_collection_that_fails_is_logged_and_harms_nothing(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: set[str], *, since: float) -> None:
        raise OSError("no such disk")

    monkeypatch.setattr(runtime.store, "collect", fail)
    await runtime.chat.delete(runtime.id, owner="")
    await runtime.chat.close()
    assert "no such disk" in caplog.text


async def test_a_conversation_goes_on_when_its_earlier_media_are_gone_from_the_disk(runtime: Runtime) -> None:
    await runtime.says(
        "one", "1", runtime.file("dog.png"), runtime.file("cat.png"), runtime.file("clip.mp4"), video_frames=2
    )
    runtime.store.remove(sha("dog.png"))
    runtime.store.remove(sha("clip.mp4"))
    await runtime.says("two", "2")
    cat = ImagePart(sha("cat.png"))
    gone = "[a picture that is no longer kept]", "[a video that is no longer kept]"
    assert runtime.asked() == (user(gone[0], cat, gone[1], "one"), assistant("1"), user("two"))


async def test_conversations_deleted_in_a_row_all_lose_their_media(runtime: Runtime) -> None:
    names = ["a.png", "b.png", "c.png"]
    conversations = [runtime.history.create(owner="") for _ in names]
    for conversation, name in zip(conversations, names, strict=True):
        await events(runtime.chat.submit(conversation, "Hi", [runtime.file(name)], owner=""))
    runtime.store.grace = 600.0
    for conversation in conversations:
        await runtime.chat.delete(conversation, owner="")
        await asyncio.sleep(0)
    await runtime.chat.close()
    assert runtime.store.names == set()


async def test_what_an_ended_process_left_is_collected_after_the_first_message(runtime: Runtime) -> None:
    await runtime.store.add(runtime.file("left.png"))
    await runtime.says("one", "1", runtime.file("dog.png"))
    await runtime.chat.close()
    assert runtime.store.names == {"dog.png"}
