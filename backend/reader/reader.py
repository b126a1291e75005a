"""Reads the text on kept images, each once: the page that comes of it is kept beside the image's pixels."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from PIL import Image

from backend.errors import ReadingFailed, StorageError
from backend.media.store import MediaStore
from backend.reader.page import Page, page_from_json, page_to_json
from backend.reader.process import FAILED, ReaderProcess
from backend.types import Progress

log = logging.getLogger(__name__)

Listener = Callable[[Progress], None]

STAGE = "reading the text"
VERSION = 1  # of what is kept; a page of another version is read anew
SECONDS = 300.0  # that one image may take: 2,000 lines on a slow machine
REMEMBERED = 64  # pages kept in memory


class Reader(Protocol):
    """Reads what is written on images of the media store."""

    async def read(self, media_id: str, progress: Listener | None = None) -> Page:
        """Read an image to a page. Cancelling the task ends the work, unless somebody else waits for the same.

        Raises:
            ReadingFailed: it cannot be read, or takes too long.
            StorageError: the image is no longer kept.
        """
        ...

    def kept(self, media_id: str) -> Page | None:
        """The page of an image that was read before; None where it was not. Quick, never raises."""
        ...

    def close(self) -> None:
        """End the work and all processes. Safe to call twice."""
        ...


@dataclass
class _Shared:
    """One image that is being read, and who waits for it."""

    task: asyncio.Task[Page]
    listeners: list[Listener] = field(default_factory=list)
    waiting: int = 0


class OcrReader:
    """Fulfils `Reader` with a child process. `read` is used from one event loop, `kept` from anywhere."""

    def __init__(self, store: MediaStore, process: ReaderProcess | None = None, seconds: float = SECONDS) -> None:
        self._store = store
        self._process = process or ReaderProcess()
        self._seconds = seconds
        self._turn = asyncio.Lock()  # one image after another, so that whoever stops ends no work but his own
        self._closed = False
        self._shared: dict[str, _Shared] = {}
        self._remembered: OrderedDict[str, Page] = OrderedDict()
        self._lock = threading.Lock()

    async def read(self, media_id: str, progress: Listener | None = None) -> Page:
        """The page of an image, from what is kept or from the child; see `Reader.read`."""
        if (page := self.kept(media_id)) is not None:
            return page
        shared = self._shared.get(media_id)
        if shared is None:
            shared = self._shared[media_id] = _Shared(asyncio.create_task(self._read(media_id)))
            shared.task.add_done_callback(lambda _: self._forget(media_id, shared))
        if progress:
            shared.listeners.append(progress)
        shared.waiting += 1
        try:
            return await asyncio.shield(shared.task)
        finally:
            shared.waiting -= 1
            if progress:
                shared.listeners.remove(progress)
            if not shared.waiting:
                # Who asks from now on begins anew.
                self._forget(media_id, shared)
                shared.task.cancel()

    def kept(self, media_id: str) -> Page | None:
        """The page that was read before; see `Reader.kept`."""
        with self._lock:
            if media_id in self._remembered:
                self._remembered.move_to_end(media_id)
                return self._remembered[media_id]
        try:
            content = json.loads(self._store.page_file(media_id).read_text(encoding="utf-8"))
            page = page_from_json(content["page"]) if content["version"] == VERSION else None
        except (OSError, ValueError, TypeError, LookupError, RecursionError, StorageError):
            return None
        return self._remember(media_id, page) if page is not None else None

    def close(self) -> None:
        """End the child; what is not read yet fails. Safe to call twice."""
        self._closed = True
        self._process.end()

    async def _read(self, media_id: str) -> Page:
        image = await asyncio.to_thread(self._store.image, media_id)
        self._tell(media_id, Progress(STAGE))
        async with self._turn:
            page = await self._read_now(media_id, image)
        self._keep(media_id, page)
        return self._remember(media_id, page)

    async def _read_now(self, media_id: str, image: Image.Image) -> Page:
        loop, stop = asyncio.get_running_loop(), threading.Event()

        def tell(done: int, total: int) -> None:
            loop.call_soon_threadsafe(self._tell, media_id, Progress(STAGE, done, total))

        if self._closed:
            raise ReadingFailed(FAILED)
        work = asyncio.ensure_future(asyncio.to_thread(self._process.read, image, tell, stop))
        work.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            return await asyncio.wait_for(asyncio.shield(work), self._seconds)
        except TimeoutError:
            log.warning("an image took longer than %.0f s to read", self._seconds)
            raise ReadingFailed(FAILED) from None
        finally:
            if not work.done():
                stop.set()
                await asyncio.to_thread(self._process.end)
                await asyncio.wait([work])

    def _forget(self, media_id: str, shared: _Shared) -> None:
        if self._shared.get(media_id) is shared:
            del self._shared[media_id]

    def _tell(self, media_id: str, progress: Progress) -> None:
        shared = self._shared.get(media_id)
        for listener in shared.listeners if shared else ():
            listener(progress)

    def _keep(self, media_id: str, page: Page) -> None:
        """Write the page beside the image, whole or not at all; where that fails, it is read again some day."""
        content = json.dumps({"version": VERSION, "page": page_to_json(page)}, ensure_ascii=False)
        try:
            _write(self._store.page_file(media_id), content)
        except (OSError, StorageError):
            log.warning("what was read on an image could not be kept", exc_info=True)

    def _remember(self, media_id: str, page: Page) -> Page:
        with self._lock:
            self._remembered[media_id] = page
            while len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)
        return page


def _write(path: Path, content: str) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        part.write_text(content, encoding="utf-8")
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
