"""Events come at the pace of a page: pytest tests/ui/test_throttle.py"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from backend.errors import ModelFailed
from backend.types import Finished, Progress, StreamEvent, TextDelta, Usage
from ui.throttle import throttled

END = Finished("stop", Usage(1, 1))


async def stream(*steps: StreamEvent | Exception | asyncio.Event) -> AsyncGenerator[StreamEvent]:
    for step in steps:
        if isinstance(step, asyncio.Event):
            await step.wait()
        elif isinstance(step, Exception):
            raise step
        else:
            yield step


async def test_all_events_come_in_order() -> None:
    events = [Progress("reading"), *[TextDelta(str(number)) for number in range(100)], END]
    async with aclosing(throttled(stream(*events), interval=0.001)) as batches:
        assert [event async for batch in batches for event in batch] == events


async def test_what_comes_between_two_batches_comes_at_once() -> None:
    async with aclosing(throttled(stream(*[TextDelta("x")] * 1000), interval=60.0)) as batches:
        assert [len(batch) async for batch in batches] == [1, 999]


async def test_a_page_that_is_slow_to_show_is_asked_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: clock)
    sizes = []
    async with aclosing(throttled(stream(*[TextDelta("x")] * 1000), interval=0.03)) as batches:
        async for batch in batches:
            sizes.append(len(batch))
            clock += 1.0
    assert sizes == [1, 999]


async def test_a_silence_is_filled_with_empty_batches() -> None:
    gate = asyncio.Event()
    async with aclosing(throttled(stream(gate, END), heartbeat=0.001)) as batches:
        assert [await anext(batches), await anext(batches)] == [[], []]
        gate.set()
        assert [event async for batch in batches for event in batch] == [END]


async def test_an_error_comes_after_what_was_said_before_it() -> None:
    batches = throttled(stream(TextDelta("a"), TextDelta("b"), ModelFailed("no")), interval=60.0)
    assert [await anext(batches), await anext(batches)] == [[TextDelta("a")], [TextDelta("b")]]
    with pytest.raises(ModelFailed, match="no"):
        await anext(batches)


async def test_closing_it_closes_the_events_where_they_stand() -> None:
    closed = asyncio.Event()

    async def waiting() -> AsyncGenerator[StreamEvent]:
        try:
            yield TextDelta("a")
            await asyncio.Event().wait()
        finally:
            closed.set()

    batches = throttled(waiting(), heartbeat=0.001)
    assert [await anext(batches), await anext(batches)] == [[TextDelta("a")], []]
    await batches.aclose()
    assert closed.is_set()
