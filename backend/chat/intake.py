"""The way of files into the media store, and out of it when nobody uses them any more; never both at once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from backend.types import MediaPart, Progress

if TYPE_CHECKING:
    from backend.media.store import MediaStore

log = logging.getLogger(__name__)


class Intake:
    """Adds files and collects what is not in `used()`. Used from one event loop."""

    def __init__(self, store: "MediaStore", used: Callable[[], set[str]]) -> None:
        self._store = store
        self._used = used
        self._lock = asyncio.Lock()
        self._open = 0
        self._due = False
        self._collection: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """While the block runs, nothing is collected; files belong to a turn by its end, or are collected after it."""
        async with self._lock:
            self._open += 1
        try:
            yield
        except BaseException:
            self._due = True
            raise
        finally:
            self._open -= 1
            if self._due:
                self.collect()

    async def read(
        self, files: Sequence[Path], frames: int, progress: Callable[[Progress], None]
    ) -> tuple[MediaPart, ...]:
        """Add the files side by side; their parts in the files' order.

        Raises:
            UnsupportedMedia, MediaTooLarge, StorageError: the first file that cannot be taken; the others are let go.
        """
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._store.add(file, frames=frames, progress=progress)) for file in files]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return tuple(task.result() for task in tasks)

    def collect(self) -> None:
        """Remove what nobody uses from the store, as soon as no files are being added."""
        self._due = True
        if not self._open and (self._collection is None or self._collection.done()):
            self._collection = asyncio.create_task(self._collect())

    async def settled(self) -> None:
        """Wait until the collection under way is over."""
        if self._collection is not None:
            await asyncio.wait({self._collection})

    async def _collect(self) -> None:
        async with self._lock:
            if self._open:
                return
            self._due = False
            try:
                await asyncio.to_thread(lambda: self._store.collect(self._used()))
            except Exception:
                log.exception("media that nobody uses could not be removed")
