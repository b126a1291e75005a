"""Runs an engine in a supervised child process, so that the page's process never imports torch.

One thread lives with the child: it starts it, reads its pipe, and when it dies fails what was running and starts the
next, with growing pauses. It does not know which engine runs in the child, nor what a model is.
"""

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from backend.engine.engine import EngineSpec
from backend.engine.process.child import Child
from backend.engine.process.messages import Cancel, Close, Events, Failed, Request, Start, Status, ToChild, ToPage
from backend.errors import EngineUnavailable, GlimpseError
from backend.types import EngineStatus, Finished, GenerationRequest, Progress, Queued, StreamEvent

Delivery = tuple[StreamEvent, ...] | GlimpseError


class PendingStream:
    """Delivers the events of one answer to its reader. Made in the reader's event loop.

    `child` is the process that was asked, None while the request waits; `begun` says whether the answer has begun.
    """

    def __init__(self, request: GenerationRequest) -> None:
        self.child: Child | None = None
        self.begun = False
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[Delivery] = asyncio.Queue()

    def ask(self, number: int, child: Child) -> None:
        """Send the request to `child`."""
        self.child = child
        child.send(Request(number, self._request))

    def put(self, item: Delivery) -> None:
        """Queue events, or the error that ends the answer, for the reader; from any thread."""
        self.begun |= isinstance(item, tuple) and any(not isinstance(event, Progress | Queued) for event in item)
        with suppress(RuntimeError):  # the reader's loop is closed: nobody reads
            self._loop.call_soon_threadsafe(self._inbox.put_nowait, item)

    async def receive(self) -> tuple[StreamEvent, ...]:
        """Wait for the next events.

        Raises:
            GlimpseError: the answer ended with it.
        """
        item = await self._inbox.get()
        if isinstance(item, GlimpseError):
            raise item
        return item


STARTING = "starting the engine"
RESTARTING = "The engine stopped unexpectedly and is starting again"
CHANGED = "The model was changed before this answer was done; press Retry."
CLOSED = "The engine is shut down; start Glimpse again."
CLOSE_GRACE = 10.0  # seconds for the engine to close when asked

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Sets how long to wait before a dead engine is started again, and when to give up.

    The pause is `first` seconds and doubles up to `longest`. After `tries` deaths in a row before the model was ready
    it is given up. An engine that answered, or was ready for `steady` seconds, resets the count.
    """

    first: float = 0.5
    longest: float = 30.0
    tries: int = 5
    steady: float = 30.0

    def pause(self, deaths: int) -> float:
        """Seconds to wait after that many deaths in a row."""
        return min(self.first * 2.0 ** min(deaths - 1, 32), self.longest)


class ProcessEngine:
    """Fulfils `Engine` with a child process.

    `start` or the first request starts the child, `switch` replaces it, `close` ends it.

    Streams may be opened from any event loop.
    """

    def __init__(self, spec: EngineSpec, store_root: Path, *, backoff: Backoff | None = None) -> None:
        self._spec = spec
        self._store_root = store_root
        self._backoff = backoff or Backoff()
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._streams: dict[int, PendingStream] = {}
        self._child: Child | None = None
        self._supervisor: threading.Thread | None = None
        self._closing = threading.Event()
        self._changed = threading.Event()  # since the last child was started; or the engine is closing
        self._status = EngineStatus("loading", STARTING)
        self._over: str | None = None  # why no child will be started any more

    def start(self) -> None:
        """Start the child and return at once; a second call does nothing."""
        with self._lock:
            if self._supervisor is None and not self._closing.is_set():
                self._supervisor = threading.Thread(target=self._supervise, name="engine supervisor", daemon=True)
                self._supervisor.start()

    @property
    def spec(self) -> EngineSpec:
        """The spec of the model that runs or is being loaded."""
        return self._spec

    def switch(self, spec: EngineSpec) -> None:
        """Run `spec` from now on; returns at once. A load that is still going on ends too.

        The child ends first, with the answers that it had begun, and the next one starts when it is gone: so all of
        its memory is free again, which a model that is freed within a process leaves in pieces. A request whose answer
        has not begun waits for the next one.

        Raises:
            EngineUnavailable: the engine is closed.
        """
        with self._lock:
            if self._closing.is_set():
                raise EngineUnavailable(CLOSED)
            grace = CLOSE_GRACE if self._status.state == "ready" else 0.0
            self._spec, self._over, self._status = spec, None, EngineStatus("loading", STARTING)
            child, self._child = self._child, None
            for stream in self._streams.values():
                stream.child = stream.child if stream.begun else None
            self._changed.set()
        self._fail(EngineUnavailable(CHANGED), begun=True)
        if child:
            child.send(Close())
            threading.Thread(target=child.end, args=(grace,), name="engine switch", daemon=True).start()
        self.start()

    @property
    def status(self) -> EngineStatus:
        """The state of the engine in the child; `loading` while a child is started again."""
        return self._status

    @property
    def process_id(self) -> int | None:
        """The child's, while there is one."""
        child = self._child
        return child.process.pid if child else None

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[StreamEvent]:
        """Yield the events of one answer; see `Engine.stream`.

        Raises:
            EngineUnavailable: the child died, could not be kept alive, or the engine is closed.
        """
        self.start()
        number, stream = self._open(request)
        try:
            if self._status.state == "loading":
                yield Progress(STARTING)
            while True:
                for event in await stream.receive():
                    yield event
                    if isinstance(event, Finished):
                        return
        finally:
            self._leave(number)

    async def close(self) -> None:
        """End the streams and the child: ask, wait 10 s, terminate, kill. Safe to call twice."""
        self._closing.set()
        self._changed.set()
        supervisor = self._supervisor
        self._finish(EngineStatus("closed"), CLOSED)
        if supervisor:
            await asyncio.to_thread(self._end, supervisor)

    def _end(self, supervisor: threading.Thread) -> None:
        while supervisor.is_alive():
            if child := self._child:
                child.send(Close())
                child.end(CLOSE_GRACE)
            supervisor.join(0.1)

    def _open(self, request: GenerationRequest) -> tuple[int, PendingStream]:
        with self._lock:
            if self._over:
                raise EngineUnavailable(self._over)
            number, stream = next(self._numbers), PendingStream(request)
            self._streams[number] = stream
            if self._child:
                stream.ask(number, self._child)
            return number, stream

    def _leave(self, number: int) -> None:
        """Cancel a stream whose reader has gone; one that ended is not listed any more."""
        with self._lock:
            stream = self._streams.pop(number, None)
            if stream and stream.child:
                stream.child.send(Cancel(number))

    def _supervise(self) -> None:
        while True:
            final = EngineStatus("failed", "The engine cannot be started; the log says why.")
            try:
                final = self._keep_alive()
            except Exception:
                _log.exception("The engine's supervisor failed.")
            with self._lock:
                if self._changed.is_set() and not self._closing.is_set():  # at the last moment
                    continue
                self._supervisor = None
                self._finish(final, final.detail)
            return

    def _keep_alive(self) -> EngineStatus:
        """Run one child after the other until the engine is closed or has died too often."""
        deaths = 0
        while True:
            life = self._live()
            if self._closing.is_set():
                return EngineStatus("closed")
            if self._changed.is_set():
                deaths = 0
                continue
            deaths = 1 if life.useful else deaths + 1
            if deaths >= self._backoff.tries and not life.ready:
                detail = f"The engine {life.end} while it started, {deaths} times in a row; the log says more."
                _log.error(detail)
                return EngineStatus("failed", detail)
            pause = self._backoff.pause(deaths)
            _log.error("The engine %s; starting it again in %.1f s.", life.end, pause)
            with self._lock:
                if not self._changed.is_set():
                    self._status = EngineStatus("loading", f"{RESTARTING}.")
            self._fail(EngineUnavailable(f"{RESTARTING}; press Retry."), begun=True)
            self._changed.wait(pause)

    def _live(self) -> "_Life":
        """Start a child and deliver its messages until it is gone."""
        life = _Life()
        with self._lock:
            spec = self._spec
            if not self._closing.is_set():
                self._changed.clear()
        try:
            child = Child(Start(spec, str(self._store_root), logging.getLogger("backend").getEffectiveLevel()))
        except OSError as error:
            life.end = f"could not be started ({error.strerror})"
            return life
        try:
            if not self._attach(child, spec):
                child.end(0.0)
            for message in child.messages():
                self._take(message, child, life)
        except ValueError:
            _log.exception("The engine sent what may not cross the pipe.")
        finally:
            with self._lock:
                self._child = None
            life.end = child.reap()
        life.useful |= life.ready_at is not None and time.monotonic() - life.ready_at >= self._backoff.steady
        return life

    def _attach(self, child: Child, spec: EngineSpec) -> bool:
        """Send `child` all requests from now on, those that waited first, if it is still wanted."""
        with self._lock:
            if spec is not self._spec:
                return False
            self._child = child
            if not self._closing.is_set():
                self._changed.clear()  # to the same model once more, while it was started
            for number, stream in self._streams.items():
                if not stream.child:
                    stream.ask(number, child)
            return True

    def _take(self, message: ToPage | ToChild, child: Child, life: "_Life") -> None:
        """Deliver a message of the child; drop it where another child has taken its place."""
        with self._lock:
            if child is not self._child:
                return
            match message:
                case Events(number, events):
                    ended = isinstance(events[-1], Finished)
                    life.useful |= ended
                    self._deliver(number, events, ended)
                case Failed(number, error):
                    self._deliver(number, error, True)
                case Status(status):
                    if status.state == "ready" and life.ready_at is None:
                        life.ready_at = time.monotonic()
                    self._status = self._status if self._over else status

    def _deliver(self, number: int, item: Delivery, ended: bool) -> None:
        stream = self._streams.pop(number, None) if ended else self._streams.get(number)
        if stream:
            stream.put(item)

    def _fail(self, error: GlimpseError, *, begun: bool) -> None:
        """End streams with `error`: with `begun` those that a child was asked for, else all."""
        with self._lock:
            numbers = [number for number, stream in self._streams.items() if stream.child or not begun]
            streams = [self._streams.pop(number) for number in numbers]
        for stream in streams:
            stream.put(error)

    def _finish(self, status: EngineStatus, sentence: str) -> None:
        """Give up for good: set the last status and end all streams with `sentence`."""
        with self._lock:
            if not self._over:
                self._status, self._over = status, sentence
        self._fail(EngineUnavailable(self._over), begun=False)


@dataclass(slots=True)
class _Life:
    """Records when one child was ready, whether it finished an answer, and how it ended ("was killed ...")."""

    ready_at: float | None = None
    useful: bool = False
    end: str = ""

    @property
    def ready(self) -> bool:
        return self.ready_at is not None
