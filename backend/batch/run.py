"""Asks a preset of one file after another, the next one read while one is being answered; an error becomes a row."""

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from backend.batch.files import Source
from backend.batch.rows import FileRow, Key
from backend.chat.one_shot import OneShot, grown
from backend.chat.results import Grounded, evidence_as_data
from backend.engine.engine import Engine
from backend.errors import EngineUnavailable, GlimpseError, QueueFull, StorageError, UnsupportedMedia
from backend.media.formats import quoted
from backend.media.pages import PageReader
from backend.media.scratch import scratch_folder
from backend.types import Finished, Progress, SamplingParams

AHEAD = 2  # files under way at once: one is answered, one is read
_PATIENCE = 1.0  # seconds to wait where the engine has too much to do

Tell = Callable[[str, Progress], None]
Refuses = Callable[[Source, int | None], str | None]


@dataclass(frozen=True, slots=True)
class _Item:
    """One file or page that is still to be answered."""

    source: Source
    page: int | None = None
    pages: int | None = None
    refusal: str | None = None


class Batch:
    """Asks a preset of files one by one; `total` is how many rows there will be in all, as far as it is known.

    `text` goes to the model with every file, after the preset's prompt.
    """

    def __init__(
        self,
        once: OneShot,
        engine: Engine,
        pages: PageReader,
        preset: str,
        *,
        text: str = "",
        sampling: SamplingParams | None = None,
        video_frames: int = 64,
        evidence: bool = False,
    ) -> None:
        self._once = once
        self._engine = engine
        self._pages = pages
        self._preset = preset
        self._text = text
        self._sampling = sampling
        self._frames = video_frames
        self._evidence = evidence
        self.total = 0

    async def rows(
        self,
        sources: Sequence[Source],
        kept: Iterable[FileRow] = (),
        *,
        tell: Tell = lambda _name, _progress: None,
        refuses: Refuses = lambda _source, _page: None,
    ) -> AsyncGenerator[FileRow]:
        """Yield a row for each file and each page, in their order; those that are `kept` already are left out.

        `tell` is called with the progress before an answer; where `refuses` returns a sentence, that is the row's
        error. Closing the stream stops what is under way.

        Raises:
            GlimpseError: nothing more can be answered: the model is gone, or the disk is full.
        """
        running: deque[asyncio.Task[FileRow]] = deque()
        try:
            async with aclosing(self._items(sources, {row.key: row for row in kept}, refuses)) as items:
                async for item in items:
                    running.append(asyncio.create_task(self._row(item, tell)))
                    if len(running) == AHEAD:
                        yield await running.popleft()
            while running:
                yield await running.popleft()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _items(
        self, sources: Sequence[Source], kept: Mapping[Key, FileRow], refuses: Refuses
    ) -> AsyncGenerator[_Item]:
        pages = {row.file: row.pages for row in kept.values() if row.pages}
        self.total = sum(pages.get(source.name) or 1 for source in sources)
        for source in sources:
            if source.kind != "pdf":
                if (source.name, None) not in kept:
                    yield _Item(source, refusal=refuses(source, None))
                continue
            try:
                count = pages.get(source.name) or await self._pages.count(source.path)
            except GlimpseError as error:
                yield _Item(source, refusal=str(error))
                continue
            self.total += count - (pages.get(source.name) or 1)
            for page in range(1, count + 1):
                if (source.name, page) not in kept:
                    yield _Item(source, page, count, refuses(source, page))

    async def _row(self, item: _Item, tell: Tell) -> FileRow:
        started = time.monotonic()
        row = FileRow(item.source.name, self._preset, page=item.page, pages=item.pages, text=self._text)
        try:
            row = replace(row, sha256=await asyncio.to_thread(digest, item.source.path))
            row = replace(row, error=item.refusal) if item.refusal else await self._answered(item, row, tell)
        except GlimpseError as error:
            if isinstance(error, StorageError) or self._engine.status.state in ("failed", "closed"):
                raise
            row = replace(row, error=str(error))
        except OSError as error:
            raise StorageError(
                f"The disk cannot be written ({error.strerror}); free some space, then go on."
            ) from error
        return replace(row, seconds=round(time.monotonic() - started, 2))

    async def _answered(self, item: _Item, row: FileRow, tell: Tell) -> FileRow:
        with scratch_folder() as folder:
            file = item.source.path
            if item.page:
                file = await self._pages.draw(file, item.page, folder)
            while True:
                try:
                    return await self._asked(file, row, tell)
                except QueueFull:
                    await asyncio.sleep(_PATIENCE)

    async def _asked(self, file: Path, row: FileRow, tell: Tell) -> FileRow:
        found: list[Grounded] = []
        stream = self._once.stream(
            self._text,
            [file],
            task=self._preset,
            sampling=self._sampling,
            video_frames=self._frames,
            ground=found.extend,
        )
        answer = ""
        end: Finished | None = None
        async with aclosing(stream) as events:
            async for event in events:
                answer = grown(answer, event)
                match event:
                    case Progress():
                        tell(row.file, event)
                    case Finished():
                        end = event
        if end is None or end.finish_reason == "cancelled":
            raise EngineUnavailable("This was stopped before it was done; run it again.")
        model = self._engine.status.model
        return replace(
            row,
            answer=answer,
            finish_reason=end.finish_reason,
            model=model.id if model else None,
            tokens=end.usage.completion_tokens,
            nowhere=tuple(one.path for each in found for one in each.evidence if one.kind == "nowhere"),
            evidence=evidence_as_data(found[0]) if self._evidence and found else None,
        )


async def still_true(rows: Sequence[FileRow], sources: Sequence[Source]) -> Callable[[FileRow], FileRow | None]:
    """Find what becomes of the rows of an earlier run, of which None is answered anew.

    A row without an error stays while its file is as it was. One whose file is gone goes to a file of the same content
    that has no row yet, since it was renamed; where there is none it stays, and is marked as gone.
    """
    paths = {source.name: source.path for source in sources}
    known = {row.file for row in rows}
    renamed = any(row.file not in paths for row in rows)
    digests: dict[str, str | None] = {}
    for name in paths if renamed else known & paths.keys():
        try:
            digests[name] = await asyncio.to_thread(digest, paths[name])
        except UnsupportedMedia:
            digests[name] = None
    heirs: dict[str | None, list[str]] = {}
    for name in digests.keys() - known:
        heirs.setdefault(digests[name], []).append(name)
    gone = sorted({(row.file, row.sha256) for row in rows if row.file not in paths and row.error is None})
    named: dict[str, str] = {}
    for old, sha in gone:
        if heirs.get(sha):
            named[old] = min(heirs[sha])
            heirs[sha].remove(named[old])

    def kept(row: FileRow) -> FileRow | None:
        if row.file in digests:
            return replace(row, gone=False) if row.error is None and row.sha256 == digests[row.file] else None
        return replace(row, file=named[row.file], gone=False) if row.file in named else replace(row, gone=True)

    return kept


def digest(path: Path) -> str:
    """The file's SHA-256 in hex.

    Raises:
        UnsupportedMedia: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnsupportedMedia(
            f"{quoted(path.name)} cannot be read ({error.strerror}); check its permissions."
        ) from error
