"""Runs all work on the model in one thread, first come first served and fair. Does not know what the work is.

CUDA graphs and compiled code live in thread-local state, so loading and generating happen on this one thread, which
lasts as long as the engine. Jobs come from an event loop and talk back to it; nothing polls, nothing waits for ever.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Protocol

from backend.errors import EngineUnavailable, GlimpseError, ModelFailed, QueueFull
from backend.types import Queued, StreamEvent

log = logging.getLogger(__name__)

CLOSED = "The engine is shut down; start Glimpse again."


class Cancelled(Exception):
    """Raised on the inference thread, inside the work, once nobody wants its result any more."""


Work = Callable[["GenerationJob"], StreamEvent | None]
"""Done on the thread; what it returns is the last event of its stream."""


class GenerationJob:
    """One request on its way through the thread: its work, and the events that go back to its reader.

    `owner` is whose it is, and `round` the round of the queue in which it goes.
    """

    def __init__(self, work: Work, owner: str = "", round: int = 0) -> None:
        self.submitted = time.monotonic()
        self.owner = owner
        self.round = round
        self._work: Work | None = work
        self._loop = asyncio.get_running_loop()
        self._outbox: asyncio.Queue[StreamEvent | GlimpseError | None] = asyncio.Queue()
        self._cancelled = threading.Event()

    def emit(self, item: StreamEvent | GlimpseError | None) -> None:
        """Send an event, an error or the end (None) to the reader; from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._outbox.put_nowait, item)
        except RuntimeError:  # the loop is closed: nobody reads any more
            self._cancelled.set()

    def cancel(self) -> None:
        """Make the next `check` raise; from any thread."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether nobody wants the result any more."""
        return self._cancelled.is_set()

    def check(self) -> None:
        """Raise Cancelled if nobody wants the result any more."""
        if self._cancelled.is_set():
            raise Cancelled

    def run(self) -> StreamEvent | GlimpseError | None:
        """Do the work; returns its last event, or its error, for the thread to send to the reader."""
        work, self._work = self._work, None
        try:
            self.check()
            return work(self) if work else None
        except Cancelled:
            return EngineUnavailable(CLOSED)  # read only when it was the engine that cancelled
        except GlimpseError as error:
            return error
        except BaseException as error:
            log.exception("a job on the inference thread raised")
            return ModelFailed(f"The model failed ({type(error).__name__}); the log says more. Try again.")

    async def events(self) -> AsyncGenerator[StreamEvent]:
        """Yield the events until the end; raise what the work raised."""
        while (item := await self._outbox.get()) is not None:
            if isinstance(item, GlimpseError):
                raise item
            yield item


class InferenceThread:
    """A thread, the job it runs, and at most `queue_size` jobs that wait.

    Jobs go in rounds, one of each owner in a round, and within a round first come first served: whoever sends many
    requests waits with the second until the others had their first. (Fair queueing, with every job of one size.)
    """

    def __init__(self, queue_size: int) -> None:
        self._queue_size = queue_size
        self._changed = threading.Condition()
        self._waiting: deque[GenerationJob] = deque()
        self._running: GenerationJob | None = None
        self._round = 0  # of the job that runs, or ran last
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self, chore: Callable[[], None], idle: Callable[[], bool] = lambda: False) -> None:
        """Start the thread, with `chore` as its first work. Does nothing the second time.

        `idle` is called when nothing waits, again and again as long as it says that it did something. Neither may
        raise.
        """
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._serve, args=(chore, idle), name="inference", daemon=True)
            self._thread.start()

    def submit(self, work: Work, owner: str = "", *, announce: bool = True) -> GenerationJob:
        """Put a job into the queue, and send its reader the position unless `announce` is false; never blocks.

        Raises:
            QueueFull, EngineUnavailable
        """
        with self._changed:
            if self._closed:
                raise EngineUnavailable(CLOSED)
            if len(self._waiting) >= self._queue_size:
                raise QueueFull(f"{len(self._waiting)} requests wait already; try again in a moment.")
            own = [other.round for other in (self._running, *self._waiting) if other and other.owner == owner]
            job = GenerationJob(work, owner, max(own) + 1 if own else self._round)
            place = sum(other.round <= job.round for other in self._waiting)
            self._waiting.insert(place, job)
            if announce and (self._running or len(self._waiting) > 1):
                self._announce_places(place)
            self._changed.notify()
        return job

    def cancel(self, job: GenerationJob) -> None:
        """Take a job out of the queue, or make the running one stop at its next layer or token."""
        job.cancel()
        with self._changed:
            if job in self._waiting:
                place = self._waiting.index(job)
                self._waiting.remove(job)
                self._announce_places(place)

    def broadcast(self, event: StreamEvent) -> None:
        """Send an event to the running job and to every waiting one."""
        with self._changed:
            for job in (self._running, *self._waiting):
                if job:
                    job.emit(event)

    def close(self) -> None:
        """Cancel everything and let the thread end; every reader gets EngineUnavailable."""
        with self._changed:
            self._closed = True
            for job in self._waiting:
                job.cancel()
                job.emit(EngineUnavailable(CLOSED))
            self._waiting.clear()
            if self._running:
                self._running.cancel()
            self._changed.notify()

    @property
    def closed(self) -> bool:
        """Whether `close` was called; long work that is no job looks here to stop."""
        return self._closed

    def join(self, timeout: float) -> bool:
        """Wait for the thread to end; whether it did."""
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _serve(self, chore: Callable[[], None], idle: Callable[[], bool]) -> None:
        chore()
        while self._free and idle():
            pass
        while (job := self._next()) is not None:
            outcome = job.run()
            with self._changed:
                self._running = None
            # Only now, so that who sends a next request on seeing the end of this one finds the thread free.
            if outcome is not None:
                job.emit(outcome)
            job.emit(None)
            del job, outcome
            while self._free and idle():
                pass

    @property
    def _free(self) -> bool:
        return not (self._closed or self._waiting)

    def _next(self) -> GenerationJob | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting)
            if self._closed:
                return None
            self._running = self._waiting.popleft()
            self._round = self._running.round
            self._announce_places(0)
            return self._running

    def _announce_places(self, first: int) -> None:
        for place, job in enumerate(self._waiting):
            if place >= first:
                job.emit(Queued(place + 1))


class EventSink(Protocol):
    """Receives the events of one answer, and stops the work when the reader has gone; `GenerationJob` is one."""

    def emit(self, item: StreamEvent) -> None:
        """Send an event to the reader."""
        ...

    def check(self) -> None:
        """Raise Cancelled if nobody reads any more."""
        ...
