"""Runs an engine in the child process and serves the pipe to the page's process. Started by `ProcessEngine` alone.

The event loop lives in the main thread, one task an answer; a thread reads the pipe, so that a cancel arrives while
the model works. This process ends with the page's: by a message, by the end of the pipe, or by the kernel.
"""

import asyncio
import contextlib
import ctypes
import importlib
import logging
import os
import signal
import sys
import threading
from contextlib import aclosing
from multiprocessing.connection import Connection
from pathlib import Path

from backend.engine.engine import Engine, EngineSpec, ScriptedSpec
from backend.engine.process.messages import (
    Cancel,
    Close,
    Events,
    Failed,
    Request,
    Start,
    Status,
    ToChild,
    ToPage,
    receive,
    send,
)
from backend.engine.scripted import ScriptedEngine, echo, find_script
from backend.errors import GlimpseError, ModelFailed
from backend.types import EngineStatus, Finished, GenerationRequest, StreamEvent

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
SCRIPTED_DELAY = 0.03  # seconds a word, about the pace of a small model
STATUS_INTERVAL = 0.1  # seconds between looks at the engine's status
CLOSE_TIMEOUT = 8.0  # seconds for the engine to close; the page's process kills after 10

_log = logging.getLogger(__name__)


def main() -> None:
    """Run until the page's process says so or is gone. Arguments: the pipe's descriptor, the parent's process id."""
    descriptor, parent = map(int, sys.argv[1:3])
    _end_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.set_inheritable(descriptor, False)
    pipe = Connection(descriptor)
    # A process forked from this one must not keep the pipe open, or the page would never see this one's death.
    os.register_at_fork(after_in_child=pipe.close)
    messages = receive(pipe)
    start = next(messages, None)
    if not isinstance(start, Start):
        return
    logging.basicConfig(level=max(start.log_level, logging.WARNING), format=LOG_FORMAT)
    logging.getLogger("backend").setLevel(start.log_level)
    asyncio.run(_run(pipe, start))


async def _run(pipe: Connection, start: Start) -> None:
    status = await Worker(pipe, start).run()
    sys.stdout.flush()
    sys.stderr.flush()
    # Libraries may have left threads that never end; nothing of ours is open any more.
    os._exit(status)


def _end_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent dies, however the parent dies."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel knew of it
        os._exit(0)


async def build_inside(spec: EngineSpec, store_root: Path) -> Engine:
    """Build the engine of a spec in this process; the heavy imports run in a thread.

    Raises:
        GlimpseError: it cannot be built.
    """
    if isinstance(spec, ScriptedSpec):
        return ScriptedEngine(find_script(spec.script) if spec.script else echo, delay=SCRIPTED_DELAY)
    local = await asyncio.to_thread(importlib.import_module, "backend.engine.local.engine")
    store = await asyncio.to_thread(importlib.import_module, "backend.media.store")
    engine = local.LocalEngine(spec, store.MediaStore(store_root, store.MediaLimits()))
    engine.start()
    return engine  # type: ignore[no-any-return]


class Worker:
    """Serves the requests of one pipe with one engine. Made and run in the event loop."""

    def __init__(self, pipe: Connection, start: Start) -> None:
        self._pipe = pipe
        self._engine = asyncio.ensure_future(_built(start))
        self._answers: dict[int, asyncio.Task[None]] = {}
        self._told: dict[int, list[StreamEvent]] = {}
        self._status = EngineStatus("loading")
        self._closing = asyncio.Event()
        self._exit_status = 0

    async def run(self) -> int:
        """Serve until the pipe ends, `Close` comes or the engine cannot go on; the process's exit status."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._closing.set)
        threading.Thread(target=self._read, args=(loop,), name="pipe", daemon=True).start()
        while not self._closing.is_set():
            self._look()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), STATUS_INTERVAL)
        await self._close()
        return self._exit_status

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended first
            for message in receive(self._pipe):
                loop.call_soon_threadsafe(self._take, message)
            loop.call_soon_threadsafe(self._closing.set)

    def _take(self, message: ToChild | ToPage) -> None:
        match message:
            case Request(number, request):
                self._answers[number] = asyncio.create_task(self._answer(number, request))
            case Cancel(number):
                if task := self._answers.get(number):
                    task.cancel()
            case Close():
                self._closing.set()

    async def _answer(self, number: int, request: GenerationRequest) -> None:
        try:
            # Shielded: to cancel one answer is not to cancel the building of the engine.
            engine = await asyncio.shield(self._engine)
            async with aclosing(engine.stream(request)) as events:
                async for event in events:
                    self._tell(number, event)
                    if isinstance(event, Finished):
                        return
            raise ModelFailed("The model ended without finishing its answer; press Retry.")
        except GlimpseError as error:
            _log.warning("Answer %d failed: %s", number, error, exc_info=error.__cause__)
            self._fail(number, error)
        except Exception as error:
            _log.exception("Answer %d failed.", number)
            self._fail(number, ModelFailed(f"The model failed ({type(error).__name__}); press Retry, or see the log."))
        finally:
            del self._answers[number]

    def _tell(self, number: int, event: StreamEvent) -> None:
        """Send `event` with all others that come in the same turn of the loop."""
        if not self._told:
            asyncio.get_running_loop().call_soon(self._flush)
        self._told.setdefault(number, []).append(event)

    def _flush(self) -> None:
        self._look()
        told, self._told = self._told, {}
        for number, events in told.items():
            self._send(Events(number, tuple(events)))

    def _fail(self, number: int, error: GlimpseError) -> None:
        self._flush()
        known = next(kind for kind in type(error).__mro__ if kind.__module__ == GlimpseError.__module__)
        self._send(Failed(number, known(str(error))))

    def _look(self) -> None:
        """Send the engine's status if it changed."""
        if not self._engine.done():
            return
        error = self._engine.exception()
        status = EngineStatus("failed", str(error)) if error else self._engine.result().status
        if status == self._status:
            return
        # What failed after it was ready (a CUDA error that sticks) is mended by a new process only.
        if self._status.state == "ready" and status.state == "failed":
            _log.error("The engine failed: %s", status.detail)
            self._exit_status = 1
            self._closing.set()
        self._status = status
        self._send(Status(status))

    def _send(self, message: ToPage) -> None:
        try:
            send(self._pipe, message)
        except OSError:
            self._closing.set()

    async def _close(self) -> None:
        for task in self._answers.values():
            task.cancel()
        await asyncio.gather(*self._answers.values(), return_exceptions=True)
        if self._engine.done() and not self._engine.exception():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._engine.result().close(), CLOSE_TIMEOUT)


async def _built(start: Start) -> Engine:
    try:
        return await build_inside(start.spec, Path(start.store_root))
    except GlimpseError:
        raise
    except Exception as error:
        _log.exception("The engine could not be built.")
        raise ModelFailed(f"The engine could not start ({error}); the log says more.") from error
