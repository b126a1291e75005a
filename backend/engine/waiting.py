"""One request on its way: its events cross from the supervisor's thread to the event loop of whoever reads them."""

import asyncio
from contextlib import suppress

from backend.engine.child import Child
from backend.engine.pipe import Ask
from backend.errors import GlimpseError
from backend.types import GenerationRequest, Progress, Queued, StreamEvent

Item = tuple[StreamEvent, ...] | GlimpseError


class Waiting:
    """Made in the reader's event loop. `child` is who was asked; `begun` says whether the answer has begun."""

    def __init__(self, request: GenerationRequest) -> None:
        self.child: Child | None = None
        self.begun = False
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[Item] = asyncio.Queue()

    def ask(self, number: int, child: Child) -> None:
        """Have `child` answer."""
        self.child = child
        child.send(Ask(number, self._request))

    def put(self, item: Item) -> None:
        """Hand on what came; from any thread."""
        self.begun |= isinstance(item, tuple) and any(not isinstance(event, Progress | Queued) for event in item)
        with suppress(RuntimeError):  # the reader's loop is closed: nobody reads
            self._loop.call_soon_threadsafe(self._inbox.put_nowait, item)

    async def receive(self) -> tuple[StreamEvent, ...]:
        """The next events.

        Raises:
            GlimpseError: the answer ended with it.
        """
        item = await self._inbox.get()
        if isinstance(item, GlimpseError):
            raise item
        return item
