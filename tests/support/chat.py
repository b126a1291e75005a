"""What the tests of a chat share: a runtime with an engine, a history and a store, and ways to read a stream."""

import asyncio
import hashlib
import io
from collections.abc import AsyncGenerator
from functools import cache
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from backend.chat import Chat
from backend.engine.scripted import Gate, ScriptedEngine
from backend.errors import GlimpseError
from backend.history import History
from backend.media.store import MediaStore
from backend.reader.page import Page
from backend.types import ImagePart, Message, StreamEvent, TextDelta, VideoPart
from tests.support.messages import events


class Store(MediaStore):
    """A store in which files whose names are in `gates` wait, and no file is too young to be collected."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.gates: dict[str, Gate] = {}
        self.grace = 0.0

    async def add(self, path: Path, **options: Any) -> ImagePart | VideoPart:
        if path.name in self.gates:
            await self.gates[path.name].wait()
        return await super().add(path, **options)

    def collect(self, in_use: set[str], *, grace: float = 600.0, since: float = 0.0) -> int:
        return super().collect(in_use, grace=self.grace, since=since)

    @property
    def names(self) -> set[str]:
        return {self.name(folder.name) for folder in self.root.glob("[0-9a-f][0-9a-f]/*")}


class Runtime:
    """A chat with everything under it, and one conversation."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = ScriptedEngine()
        self.history = History(folder / "history.db")
        self.store = Store(folder / "media")
        self.pages: dict[str, Page] = {}
        """What was read on images, by media id, as a reader keeps it."""
        self.chat = Chat(self.engine, self.history, self.store, kept=self.pages.get, keep_every=0.0)
        self.id = self.history.create(owner="")

    def close(self) -> None:
        self.history.close()
        self.store.close()

    def file(self, name: str) -> Path:
        path = self.folder / name
        path.write_bytes(content(name))
        return path

    def kept(self, conversation: str | None = None) -> list[tuple[str, str, str | None, str | None]]:
        turns = self.history.turns(conversation or self.id, owner="")
        assert [turn.number for turn in turns] == list(range(1, len(turns) + 1))
        return [(turn.user.text, turn.answer.text, turn.finish_reason, turn.error) for turn in turns]

    def asked(self) -> tuple[Message, ...]:
        return self.engine.requests[-1].messages

    async def says(self, text: str, reply: str, *files: Path, **options: object) -> None:
        self.engine.script = [reply]
        await events(self.chat.submit(self.id, text, files, **{"owner": "", **options}))  # type: ignore[arg-type]


@cache
def content(name: str) -> bytes:
    """A picture or a clip of a colour of its own; text where the name begins with "bad"."""
    red, green, blue = hashlib.sha256(name.encode()).digest()[:3]
    image = Image.new("RGB", (32, 32), (red, green, blue))
    file = io.BytesIO()
    if name.startswith("bad"):
        return b"This is a letter."
    if not name.endswith(".mp4"):
        image.save(file, "PNG")
        return file.getvalue()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=4)
        stream.width, stream.height = image.size
        for _ in range(8):
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode(None))
    return file.getvalue()


def sha(name: str) -> str:
    return hashlib.sha256(content(name)).hexdigest()


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
