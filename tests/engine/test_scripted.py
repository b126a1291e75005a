"""The scripted engine plays what it is told, can be held and stopped, and says what it saw.

python -m pytest tests/engine/test_scripted.py
"""

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from backend.engine.scripted import SCRIPTED, Gate, Script, ScriptedEngine, Step, find_script
from backend.errors import EngineUnavailable, ModelFailed, ModelNotFound, QueueFull
from backend.types import (
    EngineStatus,
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


def ask(text: str, **values: object) -> GenerationRequest:
    return GenerationRequest("one", (Message("user", (TextPart(text),)),), **values)


async def play(
    engine: ScriptedEngine, request: GenerationRequest, seen: list[StreamEvent] | None = None
) -> list[StreamEvent]:
    seen = [] if seen is None else seen
    async for event in engine.stream(request):
        seen.append(event)
    return seen


def words(events: list[StreamEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, TextDelta)]


async def test_a_text_streams_word_by_word_and_ends_with_usage():
    engine = ScriptedEngine(["Two red\ncircles. "])
    assert await play(engine, ask("What is it?")) == [
        TextDelta("Two"),
        TextDelta(" red"),
        TextDelta("\ncircles."),
        TextDelta(" "),
        Finished("stop", Usage(prompt_tokens=3, completion_tokens=4)),
    ]
    assert (engine.active, engine.cancelled) == (0, 0)


async def test_events_pass_as_they_are_and_a_finished_ends_the_script():
    ending = Finished("length", Usage(7, 1))
    steps: list[Step] = [Queued(2), Progress("reading the clip", 3, 64), TextDelta("two words"), ending, "never"]
    assert await play(ScriptedEngine(steps), ask("?")) == steps[:4]


async def test_max_new_tokens_ends_an_answer_with_length():
    request = ask("?", sampling=SamplingParams(max_new_tokens=2))
    assert await play(ScriptedEngine("one two three"), request) == [
        TextDelta("one"),
        TextDelta(" two"),
        Finished("length", Usage(prompt_tokens=1, completion_tokens=2)),
    ]


async def test_usage_counts_all_media_of_the_conversation_and_the_script_s_own_time():
    user = Message("user", (ImagePart("a" * 64), VideoPart("b" * 64, frames=8), TextPart("and now?")))
    request = GenerationRequest("one", (user, Message("assistant", (TextPart("Hm."),)), user))
    engine = ScriptedEngine("a b", delay=0.001)
    assert (await play(engine, request))[-1] == Finished(
        "stop", Usage(5, 2, images=2, frames=16, time_to_first_token=0.001, seconds=0.002)
    )


async def test_a_function_answers_each_request_and_requests_are_kept():
    engine = ScriptedEngine(lambda request: [request.messages[-1].text.upper()])
    first, second = ask("one"), ask("two")
    assert [(await play(engine, request))[0] for request in (first, second)] == [TextDelta("ONE"), TextDelta("TWO")]
    assert engine.requests == [first, second]


@pytest.mark.parametrize("error", [QueueFull("Too many wait; try again soon."), RuntimeError("a bug")])
async def test_an_error_in_a_script_is_raised_after_the_text_before_it(error: Exception):
    engine = ScriptedEngine(["half", error])
    seen: list[StreamEvent] = []
    with pytest.raises(type(error), match=str(error)):
        await play(engine, ask("?"), seen)
    assert seen == [TextDelta("half")]
    assert (engine.active, engine.cancelled) == (0, 0)


async def test_a_gate_holds_the_stream_until_another_thread_opens_it():
    gate = Gate()
    engine = ScriptedEngine(["before", gate, "after"])
    running = asyncio.create_task(play(engine, ask("?")))
    await gate.reached.wait()
    assert engine.active == 1
    thread = threading.Thread(target=gate.open)
    thread.start()
    assert [event.text for event in await running if isinstance(event, TextDelta)] == ["before", "after"]
    thread.join()
    assert [event.text for event in await play(engine, ask("?")) if isinstance(event, TextDelta)] == [
        "before",
        "after",
    ]


def test_a_thread_can_wait_for_a_stream_that_runs_in_another_loop():
    gate = Gate()
    engine = ScriptedEngine([gate, "done"])
    seen: list[StreamEvent] = []
    thread = threading.Thread(target=lambda: seen.extend(asyncio.run(play(engine, ask("?")))))
    thread.start()
    gate.reached.wait_blocking()
    assert engine.active == 1
    gate.open()
    thread.join()
    assert seen == [TextDelta("done"), Finished("stop", Usage(1, 1))]


async def test_closing_a_stream_cancels_it_wherever_it_stands():
    held, ended = asyncio.Event(), asyncio.Event()

    async def script(_: GenerationRequest) -> AsyncGenerator[Step]:
        try:
            yield "one two"
            yield held
        finally:
            ended.set()

    engine = ScriptedEngine(script)
    async with aclosing(engine.stream(ask("?"))) as events:
        assert await anext(events) == TextDelta("one")
    assert (engine.active, engine.cancelled, ended.is_set()) == (0, 1, True)

    waiting = asyncio.create_task(play(ScriptedEngine([gate := Gate()]), ask("?")))
    await gate.reached.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_stream_left_after_its_last_event_does_not_count_as_cancelled():
    engine = ScriptedEngine("one")
    async with aclosing(engine.stream(ask("?"))) as events:
        assert [await anext(events), await anext(events)] == [TextDelta("one"), Finished("stop", Usage(1, 1))]
    assert engine.cancelled == 0


@pytest.mark.parametrize("script", [[Gate()], ["text"]])
async def test_closing_the_engine_ends_open_streams_and_refuses_new_ones(script: Script):
    engine = ScriptedEngine(["first", *script])
    events = engine.stream(ask("?"))
    assert await anext(events) == TextDelta("first")
    pending = asyncio.ensure_future(anext(events))
    await asyncio.sleep(0)
    await engine.close()
    await engine.close()
    with pytest.raises(EngineUnavailable):
        await pending
    with pytest.raises(EngineUnavailable):
        await play(engine, ask("?"))
    assert engine.status == EngineStatus("closed", model=SCRIPTED)


async def test_a_failed_engine_says_why():
    engine = ScriptedEngine()
    engine.status = EngineStatus("failed", "There is no such model.")
    with pytest.raises(ModelFailed, match=r"There is no such model\."):
        await play(engine, ask("?"))


async def test_the_default_script_says_what_it_saw():
    system = Message("system", (TextPart("Be brief."),))
    user = Message("user", (ImagePart("a" * 64), VideoPart("b" * 64, 8, end=2.5), TextPart("What is it?")))
    request = GenerationRequest("one", (system, user, Message("assistant", (TextPart("A cat."),)), user), task="latex")
    text = "".join(words(await play(ScriptedEngine(), request)))
    assert text == (
        "This is the scripted engine; it has no model. It saw turn 2, the preset “latex”, the system prompt “Be "
        "brief.”, the text “What is it?”, the image aaaaaaaa, 8 frames of the clip bbbbbbbb from 0 s to 2.5 s."
    )


@pytest.mark.parametrize("reference", ["", "nowhere", "nowhere:script", "backend:script", "sys:path", ":x"])
def test_a_script_that_cannot_be_found_is_refused_by_name(reference: str):
    with pytest.raises(ModelNotFound, match=f"script “{reference}”"):
        find_script(reference)


def test_a_script_is_found_by_module_and_name():
    assert find_script("backend.engine.scripted:echo") is not None
