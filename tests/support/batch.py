"""What the tests of a batch share: a folder, and a batch over a scripted engine."""

from collections.abc import Iterable
from pathlib import Path

from backend.batch.files import find
from backend.batch.rows import FileRow
from backend.batch.run import Batch
from backend.chat import Chat
from backend.chat.one_shot import OneShot
from backend.engine.scripted import ScriptedEngine
from backend.history import History
from backend.media.store import MediaStore
from backend.reader.page import Page
from backend.tasks.registry import find_task
from tests.support.messages import events


class Runtime:
    """A chat with everything under it, and a folder of files beside it."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "files"
        self.folder.mkdir()
        self.engine = ScriptedEngine(["An answer."])
        self.history = History(root / "history.db")
        self.store = MediaStore(root / "media")
        self.pages: dict[str, Page] = {}
        self.chat = Chat(self.engine, self.history, self.store, kept=self.pages.get)
        self.once = OneShot(self.chat, self.history)

    def batch(self, preset: str = "caption") -> Batch:
        return Batch(self.once, self.engine, self.store.pages, preset)

    async def rows(self, preset: str = "caption", kept: Iterable[FileRow] = ()) -> list[FileRow]:
        sources = find(self.folder, find_task(preset).needs).sources
        return await events(self.batch(preset).rows(sources, kept))

    async def close(self) -> None:
        await self.chat.close()
        self.store.close()
        self.history.close()


def brief(rows: Iterable[FileRow]) -> list[tuple[str, int | None, str]]:
    """What each row is about, and its answer or its error."""
    return [(row.file, row.page, row.error or row.answer) for row in rows]
