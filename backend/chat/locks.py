"""Runs work that one reader follows as a stream of events, and that anybody may stop.

A run is a task of its own, so that it can be stopped while its reader waits; closing the stream stops it too. The runs
of one conversation go one at a time, in the order in which they came. Knows neither history nor engine.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

from backend.types import Finished, Progress, StreamEvent, Usage

Emit = Callable[[StreamEvent], None]
Work = Callable[[Emit], Coroutine[None, None, None]]

WAITING = Progress("waiting for the answer before this one")


async def follow(work: Work) -> AsyncGenerator[StreamEvent]:
    """Do the work in a task of its own and yield what it emits; what it raises is raised here.

    Work that somebody else stops ends in `Finished("cancelled")` without figures.
    """
    events: asyncio.Queue[StreamEvent | None] = asyncio.Queue()
    task = asyncio.create_task(work(events.put_nowait))
    task.add_done_callback(lambda _: events.put_nowait(None))
    last: StreamEvent | None = None
    try:
        while (event := await events.get()) is not None:
            last = event
            yield event
        if not task.cancelled():
            task.result()
        elif not isinstance(last, Finished):
            yield Finished("cancelled", Usage(0, 0))
    finally:
        _cancel(task)
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # looked at, or asyncio would log an error that nobody waits for


def _cancel(task: asyncio.Task[None]) -> None:
    """Cancel a task, once: a second time would cut off what the first lets it tidy up."""
    if not task.cancelling():
        task.cancel()


class _Lock:
    """One conversation's lock, and who holds it or waits for it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.holders = 0
        self.runs: set[asyncio.Task[None]] = set()


class ConversationLocks:
    """Keeps the runs of one conversation apart. Used from one event loop."""

    def __init__(self) -> None:
        self._locks: dict[str, _Lock] = {}

    @asynccontextmanager
    async def hold(
        self, conversation_id: str, *, stop_others: bool, run: asyncio.Task[None] | None = None
    ) -> AsyncIterator[None]:
        """Lock the conversation for the block, once its earlier runs are over or, with `stop_others`, stopped.

        `run` is the task to cancel when somebody later wants to stop this one.
        """
        held = self._locks.setdefault(conversation_id, _Lock())
        if stop_others:
            for earlier in held.runs:
                _cancel(earlier)
        mine = {run} if run is not None else set()
        held.holders += 1
        held.runs |= mine
        try:
            async with held.lock:
                yield
        finally:
            held.runs -= mine
            held.holders -= 1
            if not held.holders:
                del self._locks[conversation_id]

    @property
    def held(self) -> frozenset[str]:
        """The conversations that somebody holds or waits for now."""
        return frozenset(self._locks)

    def busy(self, conversation_id: str) -> bool:
        """Whether somebody holds the conversation now."""
        return conversation_id in self._locks

    async def close(self) -> None:
        """Stop every run of every conversation and wait until they are over."""
        runs = [run for held in self._locks.values() for run in held.runs]
        for run in runs:
            _cancel(run)
        await asyncio.gather(*runs, return_exceptions=True)
