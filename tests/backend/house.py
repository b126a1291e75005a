"""What the tests of a chat share: a house with an engine, a history and a store, and ways to read a stream."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from backend.chat import Chat
from backend.engine.scripted import Gate, ScriptedEngine
from backend.errors import (
    GlimpseError,
    UnsupportedMedia,
)
from backend.history import History
from backend.types import (
    ImagePart,
    Message,
    Part,
    Progress,
    StreamEvent,
    TextDelta,
    TextPart,
    VideoPart,
)


class Store:
    """Keeps names; a file that says "broken" cannot be read, and one in `gates` waits until it may be."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.gates: dict[str, Gate] = {}

    async def add(
        self, path: Path, *, frames: int = 64, progress: Callable[[Progress], None]
    ) -> ImagePart | VideoPart:
        clip = path.suffix == ".mp4"
        progress(Progress("reading the clip", 0, frames) if clip else Progress("reading the image"))
        if path.name in self.gates:
            await self.gates[path.name].wait()
        return self._keep(path, frames if clip else 0)

    def _keep(self, path: Path, frames: int) -> ImagePart | VideoPart:
        content = path.read_text()
        if content == "broken":
            raise UnsupportedMedia(f"{path.name} is broken; send another copy.")
        media_id = sha(content)
        self.names[media_id] = path.name
        return VideoPart(media_id, frames) if frames else ImagePart(media_id)

    def name(self, media_id: str) -> str:
        return self.names[media_id]

    def collect(self, used: set[str]) -> None:
        self.names = {media_id: name for media_id, name in self.names.items() if media_id in used}


class House:
    """A chat with everything under it, and one conversation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = ScriptedEngine()
        self.history = History(folder / "history.db")
        self.store = Store()
        self.chat = Chat(self.engine, self.history, self.store, keep_every=0.0)  # type: ignore[arg-type]
        self.id = self.history.create()

    def file(self, name: str, content: str | None = None) -> Path:
        path = self.folder / name
        path.write_text(name if content is None else content)
        return path

    def kept(self, conversation: str | None = None) -> list[tuple[str, str, str | None, str | None]]:
        turns = self.history.turns(conversation or self.id)
        assert [turn.number for turn in turns] == list(range(1, len(turns) + 1))
        return [(turn.user.text, turn.reply, turn.finish_reason, turn.error) for turn in turns]

    def asked(self) -> tuple[Message, ...]:
        return self.engine.requests[-1].messages

    async def says(self, text: str, reply: str, *files: Path, **options: object) -> None:
        self.engine.script = [reply]
        await events(self.chat.submit(self.id, text, files, **options))  # type: ignore[arg-type]


def sha(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def user(*parts: str | Part) -> Message:
    return Message("user", tuple(TextPart(part) if isinstance(part, str) else part for part in parts))


def assistant(text: str) -> Message:
    return Message("assistant", (TextPart(text),))


async def events(stream: AsyncGenerator[StreamEvent]) -> list[StreamEvent]:
    async with aclosing(stream):
        return [event async for event in stream]


async def said(stream: AsyncGenerator[StreamEvent]) -> str:
    return "".join(event.text for event in await events(stream) if isinstance(event, TextDelta))


async def failure(stream: AsyncGenerator[StreamEvent]) -> tuple[type[GlimpseError], str]:
    with pytest.raises(GlimpseError) as error:
        await events(stream)
    return type(error.value), str(error.value)


class Reader:
    """Reads a stream in the background, as a page does."""

    def __init__(self, stream: AsyncGenerator[StreamEvent]) -> None:
        self.task = asyncio.create_task(events(stream))

    async def leave(self) -> None:
        self.task.cancel()
        await asyncio.wait({self.task})
