"""Adds files to the media store, and removes those that nobody uses any more; never both at once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from backend.errors import MediaTooLarge
from backend.media.formats import quoted, sniff
from backend.media.scratch import scratch_folder
from backend.media.store import MediaStore
from backend.types import MediaPart, Progress, VideoPart

log = logging.getLogger(__name__)

Interval = tuple[float | None, float | None]
"""Seconds of a clip, from and to; None is its beginning or its end."""
Tell = Callable[[Progress], None]


class Users(Protocol):
    """Knows which media are used; `backend.history.History` fulfils it."""

    @property
    def begun(self) -> float:
        """When it began to know, in seconds since the epoch; of older media it says nothing."""
        ...

    def media_ids(self) -> set[str]:
        """All that are used."""
        ...

    def in_use(self, media_ids: Collection[str]) -> set[str]:
        """Those of some that are used, however many others there are."""
        ...


class Intake:
    """Adds files, and removes what nobody uses any more. Used from one event loop."""

    def __init__(self, store: MediaStore, users: Users) -> None:
        self._store = store
        self._users = users
        self._lock = asyncio.Lock()
        self._open = 0
        self._due = self._sweep = True  # a process before this one may have left something
        self._gone: set[str] = set()
        self._collection: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Hold off `collect` while the block runs; files belong to a turn by its end, or are removed after it."""
        async with self._lock:
            self._open += 1
        try:
            yield
        except BaseException:
            self._due = self._sweep = True
            raise
        finally:
            self._open -= 1
            if self._due:
                self.collect(sweep=self._sweep)

    async def read(
        self, files: Sequence[Path], most: int, frames: int, interval: Interval, progress: Tell
    ) -> tuple[MediaPart, ...]:
        """Add files, several at a time, clips by so many frames of an interval; returns their parts in order.

        Every page of a PDF counts as a picture; there may be `most` in all.

        Raises:
            UnsupportedMedia, MediaTooLarge, StorageError: the first file that cannot be taken; the others are let go.
        """
        with scratch_folder() as folder:
            files = await self._paged(files, most, folder, progress)
            try:
                async with asyncio.TaskGroup() as group:
                    add = partial(
                        self._store.add, frames=frames, start=interval[0], end=interval[1], progress=progress
                    )
                    tasks = [group.create_task(add(file)) for file in files]
            except ExceptionGroup as errors:
                raise errors.exceptions[0] from None
        return tuple(task.result() for task in tasks)

    async def _paged(self, files: Sequence[Path], most: int, folder: Path, progress: Tell) -> list[Path]:
        """Replace each PDF among the files by its pages, drawn in `folder`."""
        paged: list[Path] = []
        for number, file in enumerate(files):
            if not await asyncio.to_thread(_is_pdf, file):
                paged.append(file)
                continue
            count = await self._store.pages.count(file)
            if len(paged) + count + len(files) - number - 1 > most:
                raise MediaTooLarge(
                    f"{quoted(file.name)} has {count} pages, and a message holds {most} pictures; "
                    "send some of its pages, or ask of each page with “Many files” or glimpse batch."
                )
            own = folder / str(number)
            own.mkdir()
            for page in range(count):
                progress(Progress("reading the pages", page, count))
                paged.append(await self._store.pages.draw(file, page + 1, own))
        return paged

    async def sample(
        self,
        media: Sequence[MediaPart],
        frames: int | None,
        interval: Interval | None,
        progress: Tell,
    ) -> tuple[MediaPart, ...]:
        """The same media, their clips with other frames, of another interval, where given; raises as `read` does."""

        def wanted(clip: VideoPart) -> VideoPart:
            start, end = (clip.start, clip.end) if interval is None else interval
            return replace(clip, frames=frames or clip.frames, start=start, end=end)

        parts = [wanted(part) if isinstance(part, VideoPart) else part for part in media]
        await self.prepare(parts, progress)
        return tuple(parts)

    async def prepare(self, media: Sequence[MediaPart], progress: Tell) -> None:
        """Sample the frames of all clips that are still kept; raises as `read` does."""
        for part in media:
            if isinstance(part, VideoPart) and self._store.holds(part.media_id):
                await self._store.sample(part, progress)

    def keeps(self, part: MediaPart) -> bool:
        """Whether the store still has the pixels of a part."""
        return self._store.sampled(part) if isinstance(part, VideoPart) else self._store.holds(part.media_id)

    def collect(self, gone: Iterable[str] = (), *, sweep: bool = True) -> None:
        """Remove what nobody uses from the store, as soon as no files are being added.

        What is `gone` from a conversation goes at once. With `sweep` the whole store is looked through as well,
        but for what is too young to tell.
        """
        self._due, self._sweep = True, self._sweep or sweep
        self._gone.update(gone)
        if not self._open and (self._collection is None or self._collection.done()):
            self._collection = asyncio.create_task(self._collect())

    async def settled(self) -> None:
        """Wait until the collection under way is over."""
        if self._collection is not None:
            await asyncio.wait({self._collection})

    async def _collect(self) -> None:
        while self._due:
            async with self._lock:
                if self._open:  # the last that leaves collects
                    return
                gone, self._gone, self._due = self._gone, set(), False
                sweep, self._sweep = self._sweep, False
                try:
                    await asyncio.to_thread(self._remove_unused, gone, sweep)
                except Exception:
                    log.exception("media that nobody uses could not be removed")

    def _remove_unused(self, gone: set[str], sweep: bool) -> None:
        for media_id in gone - self._users.in_use(gone):
            self._store.remove(media_id)
        if sweep:
            self._store.collect(self._users.media_ids(), since=self._users.begun)


def _is_pdf(file: Path) -> bool:
    try:
        return sniff(file).suffix == ".pdf"
    except OSError:  # whoever adds it says so
        return False
