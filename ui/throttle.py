"""Throttles events for a page: batches them, at most so many a second, with a heartbeat. Knows no Gradio."""

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeVar

Event = TypeVar("Event")

INTERVAL = 1 / 20  # seconds between two batches; each costs the page some milliseconds, however little is in it
# Gradio notices that a reader is gone only when something is yielded.
HEARTBEAT = 0.4  # seconds until an empty batch


async def throttled(
    events: AsyncGenerator[Event], interval: float = INTERVAL, heartbeat: float = HEARTBEAT
) -> AsyncGenerator[list[Event]]:
    """Yield batches of events, in order; an empty one when nothing came for `heartbeat` seconds.

    Closing it closes `events`, wherever they stand. What `events` raises is raised after the last batch.
    """
    now = asyncio.get_running_loop().time
    upcoming: asyncio.Task[Event | None] | None = None
    batch: list[Event] = []
    due = now()
    try:
        while True:
            upcoming = upcoming or asyncio.create_task(_next(events))
            await asyncio.wait({upcoming}, timeout=max(0.0, due - now()) if batch else heartbeat)
            if upcoming.done():
                event, upcoming = await _outcome(upcoming), None
                if event is not None and not isinstance(event, Exception):
                    batch.append(event)
                if event is None or isinstance(event, Exception):
                    break
                if now() < due:
                    continue
            began = now()
            yield batch
            # Showing a long conversation takes its time; at most a third of all time goes into it.
            batch, due = [], began + max(interval, 3 * (now() - began))
        if batch:
            yield batch
        if event is not None:
            raise event
    finally:
        if upcoming is not None:
            upcoming.cancel()
            await asyncio.wait({upcoming})
        await events.aclose()


async def _next(events: AsyncGenerator[Event]) -> Event | None:
    return await anext(events, None)


async def _outcome(task: asyncio.Task[Event | None]) -> Event | Exception | None:
    """What a finished task returned, or the exception it raised."""
    try:
        return await task
    except Exception as error:
        return error
