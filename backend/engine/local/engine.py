"""Runs a model in this process: joins queue, loading, prompt and generation to one `stream`."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from typing import Any

from backend.engine.engine import LocalSpec
from backend.engine.local import failures
from backend.engine.local.generator import Generator, free_memory
from backend.engine.local.inference_thread import Cancelled, GenerationJob, InferenceThread
from backend.engine.local.load import Pace, load
from backend.engine.local.sheet_reader import SheetReader, SheetSource
from backend.engine.local.vision_cache import MediaSource
from backend.errors import GlimpseError, ModelFailed
from backend.types import EngineStatus, Finished, GenerationRequest, Progress, StreamEvent

log = logging.getLogger(__name__)

LOADING = "loading the model"
WARMING = "getting ready for faster answers, once"
REPORT_EVERY = 0.1  # seconds
PACE = 1 / 60  # seconds between two pieces of an answer, at least; a page shows fewer
JOIN_TIMEOUT = 10.0  # seconds


class LocalEngine:
    """Fulfils `backend.engine.engine.Engine`. One thread loads the model and runs every request, in order.

    Construct it anywhere, then call `start`; requests may come before the model is there. When a load fails, those
    who wait get the reason, and the next request tries again: licences get accepted and networks come back.
    """

    def __init__(self, spec: LocalSpec, store: MediaSource) -> None:
        self._spec = spec
        self._store = store
        self._thread = InferenceThread(spec.queue_size)
        self._generator: Generator | None = None
        self._reader: SheetReader | None = None
        self._failed: tuple[GlimpseError, float] | None = None
        self._status = EngineStatus("loading", LOADING)
        self._reported = 0.0
        self._pace = Pace()
        self._warming = False

    def start(self) -> None:
        """Begin to load, in the background. Safe to call twice."""
        self._thread.start(self._load_first, self._warm_up)

    @property
    def status(self) -> EngineStatus:
        """The engine's state."""
        return self._status

    @property
    def model(self) -> Any:
        """The model as transformers has it; None while none is loaded."""
        return self._generator.model if self._generator else None

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[StreamEvent]:
        """Yield the events of one answer; see `Engine.stream`."""
        self.start()
        loading = self._status
        whose = request.owner or request.conversation_id
        job = self._thread.submit(lambda job: self._answer(job, request), whose, announce=loading.state == "ready")
        if loading.state == "loading":
            job.emit(Progress(LOADING, loading.done, loading.total, loading.left, "bytes"))
        elif self._warming:
            job.emit(Progress(WARMING))
        try:
            async for event in job.events():
                yield event
        finally:
            self._thread.cancel(job)

    async def close(self) -> None:
        """Cancel every stream, free the model and end the thread. Safe to call twice."""
        self._status = EngineStatus("closed", "The engine is shut down.")
        self._thread.close()
        if not await asyncio.to_thread(self._thread.join, JOIN_TIMEOUT):
            log.warning("the inference thread did not end within %.0f seconds", JOIN_TIMEOUT)
        self._generator = self._reader = None
        free_memory()

    def _answer(self, job: GenerationJob, request: GenerationRequest) -> Finished:
        if self._generator is None:
            if self._failed and job.submitted <= self._failed[1]:
                raise self._failed[0].with_traceback(None)
            self._load()
        assert self._reader is not None
        try:
            return self._reader.answer(request, job)
        except ModelFailed as error:
            if failures.is_lasting(error.__cause__):
                self._generator = self._reader = None
                self._set(EngineStatus("failed", str(error)))
            raise

    def _load_first(self) -> None:
        try:
            self._load()
        except (GlimpseError, Cancelled):
            log.info("the first load did not succeed: %s", self._status.detail)

    def _warm_up(self) -> bool:
        """Get ready for faster answers while nobody waits."""
        self._warming = True
        try:
            return self._generator is not None and self._generator.warm_up()
        finally:
            self._warming = False

    def _load(self) -> None:
        self._set(EngineStatus("loading", LOADING))
        started = time.monotonic()
        try:
            loaded, source = load(self._spec, self._report), SheetSource(self._store)
            self._generator = Generator(loaded, source, self._spec.cache_bytes, self._spec.compile, PACE)
            self._reader = SheetReader(self._generator.answer, source, loaded.family)
        except Cancelled:
            raise
        except Exception as error:
            log.exception("%s cannot be loaded", self._spec.model)
            sentence = failures.loading(error.with_traceback(None), self._spec.model)
            self._failed = sentence, time.monotonic()
            free_memory()
            self._set(EngineStatus("failed", str(sentence)))
            raise sentence from None
        log.info("%s is ready after %.1f seconds", self._spec.model, time.monotonic() - started)
        info = self._generator.info
        self._set(EngineStatus("ready", f"{info.name} is ready", model=info))

    def _report(self, done: int, total: int) -> None:
        """Update the status with the bytes of a load; raises to end it once the engine is closed."""
        if self._thread.closed:
            raise Cancelled
        if done < total and time.monotonic() - self._reported < REPORT_EVERY:
            return
        self._reported = time.monotonic()
        left = self._pace.left(done, total)
        self._set(EngineStatus("loading", LOADING, done, total, left=left))
        self._thread.broadcast(Progress(LOADING, done, total, left, "bytes"))

    def _set(self, status: EngineStatus) -> None:
        if not self._thread.closed:
            self._status = status
