"""An engine without a model: its answers are a script, so the page and the process can be driven and tested anywhere.

It ships with the product, as a mock transport ships with an HTTP client. It reads no pixels and knows no tokenizer: a
word counts as a token, and its times are those of the script, so that whole outputs can be asserted.
"""

import asyncio
import importlib
import re
import threading
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol

from backend.errors import EngineUnavailable, ModelFailed, ModelNotFound
from backend.types import (
    EngineStatus,
    Finished,
    GenerationRequest,
    ImagePart,
    MediaPart,
    ModelInfo,
    PartDone,
    Progress,
    Queued,
    Restarted,
    SamplingParams,
    StreamEvent,
    TextDelta,
    Usage,
    VideoPart,
)

SCRIPTED = ModelInfo(
    id="scripted",
    name="Scripted (no model)",
    family="scripted",
    context_length=8192,
    precision="none",
    device="cpu",
    capabilities=frozenset(("images", "video", "json", "lark")),
    sampling=SamplingParams(512, temperature=0.7, top_p=0.9, top_k=50, min_p=0.0, repetition_penalty=1.0),
)

_WORDS = re.compile(r"\s*\S+|\s+\Z")


class Waitable(Protocol):
    """A point where a script waits: an `asyncio.Event`, or a `Gate` where the test runs in another thread."""

    async def wait(self) -> object:
        """Return once the script may go on."""
        ...


Step = str | StreamEvent | Exception | Waitable
Steps = Iterable[Step] | AsyncGenerator[Step]
Script = Steps | Callable[[GenerationRequest], Steps]


class Signal:
    """An event that is set once, by any thread, and awaited from any thread or event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flag = threading.Event()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    @property
    def is_set(self) -> bool:
        """Whether it has been set."""
        return self._flag.is_set()

    def set(self) -> None:
        """Wake all who wait, now and later."""
        with self._lock:
            self._flag.set()
            for loop, event in self._waiting:
                loop.call_soon_threadsafe(event.set)

    async def wait(self) -> None:
        """Wait in an event loop."""
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            if self.is_set:
                return
            self._waiting.append(entry)
        try:
            await entry[1].wait()
        finally:
            with self._lock:
                self._waiting.remove(entry)

    def wait_blocking(self, timeout: float = 10.0) -> None:
        """Wait in a thread.

        Raises:
            TimeoutError: it was not set within `timeout` seconds.
        """
        if not self._flag.wait(timeout):
            raise TimeoutError(f"not set within {timeout} s")


class Gate:
    """A step that holds a stream until the test opens it; `reached` tells the test that the stream stands there."""

    def __init__(self) -> None:
        self.reached = Signal()
        self._opened = Signal()

    def open(self) -> None:
        """Let every stream through."""
        self._opened.set()

    async def wait(self) -> None:
        """Stand at the gate until it is open."""
        self.reached.set()
        await self._opened.wait()


def echo(request: GenerationRequest) -> list[Step]:
    """The default script: say what came in, so that a page without a model still shows what it sent."""
    turn = sum(message.role == "user" for message in request.messages)
    seen = [f"turn {turn}"]
    if request.task != "chat":
        seen.append(f"the preset “{request.task}”")
    if system := [message.text for message in request.messages if message.role == "system"]:
        seen.append(f"the system prompt “{' '.join(system)}”")
    last = request.messages[-1]
    seen.append(f"the text “{last.text}”" if last.text else "no text")
    seen += [_describe(part) for part in last.media]
    return [f"This is the scripted engine; it has no model. It saw {', '.join(seen)}."]


def _describe(part: MediaPart) -> str:
    if isinstance(part, ImagePart):
        return f"the image {part.media_id[:8]}"
    end = "its end" if part.end is None else f"{part.end:g} s"
    stretch = "" if part.start is None and part.end is None else f" from {part.start or 0:g} s to {end}"
    return f"{part.frames} frames of the clip {part.media_id[:8]}{stretch}"


def find_script(reference: str) -> Callable[[GenerationRequest], Steps]:
    """The script that `reference` names, as "package.module:function".

    Raises:
        ModelNotFound: it cannot be imported or is no function.
    """
    module, _, name = reference.partition(":")
    try:
        script = getattr(importlib.import_module(module), name)
    except (ImportError, ValueError, AttributeError) as error:
        raise ModelNotFound(f"There is no script “{reference}”; name one as package.module:function.") from error
    if not callable(script):
        raise ModelNotFound(f"The script “{reference}” is not a function; name one as package.module:function.")
    return script  # type: ignore[no-any-return]


class ScriptedEngine:
    """Plays `script` for every request. Fulfils `Engine`.

    A script is a list of steps, or a function (an async generator too) from the request to them. A step is

    - a text: streamed word by word, `delay` seconds before each word; or a `TextDelta`, sent whole;
    - `Queued` or `Progress`: sent as it is; `Finished`: ends the stream in place of the usual ending;
    - an exception: raised;
    - a `Gate` or an `asyncio.Event`: the stream waits there.

    `script` and `status` may be set anew between requests. `requests` holds every request that came, `active` counts
    the streams now open, and `cancelled` those that were closed before their end.
    """

    def __init__(self, script: Script = echo, *, model: ModelInfo = SCRIPTED, delay: float = 0.0) -> None:
        self.script = script
        self.delay = delay
        self.status = EngineStatus("ready", model=model)
        self.requests: list[GenerationRequest] = []
        self.active = 0
        self.cancelled = 0
        self._closing = Signal()

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[StreamEvent]:
        """Yield the events of the script, `Finished` last."""
        self._check()
        self.requests.append(request)
        self.active += 1
        ended = False
        try:
            async with aclosing(self._play(request)) as events:
                async for event in events:
                    ended = isinstance(event, Finished)
                    yield event
        except Exception:
            ended = True
            raise
        finally:
            self.active -= 1
            self.cancelled += not ended

    async def close(self) -> None:
        """End every stream at its next step."""
        self.status = replace(self.status, state="closed")
        self._closing.set()

    def _check(self) -> None:
        if self.status.state == "closed":
            raise EngineUnavailable("The engine is shut down; start Glimpse again.")
        if self.status.state == "failed":
            raise ModelFailed(self.status.detail)

    async def _play(self, request: GenerationRequest) -> AsyncGenerator[StreamEvent]:
        words = 0
        async with aclosing(_walk(self.script, request)) as steps:
            async for step in steps:
                event = await self._perform(step)
                if isinstance(event, TextDelta):
                    if words == request.sampling.max_new_tokens:
                        yield Finished("length", self._usage(request, words))
                        return
                    words += 1
                if event:
                    yield event
                if isinstance(event, Finished):
                    return
        yield Finished("stop", self._usage(request, words))

    async def _perform(self, step: Step) -> StreamEvent | None:
        event: StreamEvent | None = None
        match step:
            case Exception():
                raise step
            case str():
                await asyncio.sleep(self.delay)
                event = TextDelta(step)
            case TextDelta() | PartDone() | Queued() | Progress() | Restarted() | Finished():
                event = step
            case _:
                await self._wait(step)
        self._check()
        return event

    async def _wait(self, gate: Waitable) -> None:
        """Stand at `gate` until it opens or the engine closes."""
        tasks = {asyncio.ensure_future(gate.wait()), asyncio.ensure_future(self._closing.wait())}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    def _usage(self, request: GenerationRequest, words: int) -> Usage:
        parts = [part for message in request.messages for part in message.parts]
        return Usage(
            prompt_tokens=sum(len(message.text.split()) for message in request.messages),
            completion_tokens=words,
            images=sum(isinstance(part, ImagePart) for part in parts),
            frames=sum(part.frames for part in parts if isinstance(part, VideoPart)),
            time_to_first_token=self.delay if words else 0.0,
            seconds=self.delay * words,
        )


async def _walk(script: Script, request: GenerationRequest) -> AsyncGenerator[Step]:
    """The steps of a script one by one, its texts cut into words."""
    steps = script(request) if callable(script) else script
    if isinstance(steps, AsyncGenerator):
        async with aclosing(steps):
            async for step in steps:
                for piece in _pieces(step):
                    yield piece
    elif isinstance(steps, Iterable):
        for step in [steps] if isinstance(steps, str) else steps:
            for piece in _pieces(step):
                yield piece


def _pieces(step: Step) -> Iterable[Step]:
    return _WORDS.findall(step) if isinstance(step, str) else (step,)
