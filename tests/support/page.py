"""What the tests of the page share: an engine that plays scripts, a history, a store, and a page over them."""

import hashlib
import io
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image, ImageDraw

from backend.chat import Chat
from backend.engine.scripted import Gate, ScriptedEngine, Signal, Step, echo
from backend.history import History
from backend.media.formats import MediaLimits
from backend.media.store import MediaStore
from backend.reader.page import Page
from backend.settings import Settings
from backend.types import GenerationRequest
from ui.page import build_page, launch


class Runtime:
    """A page with everything under it; `url` once it is open."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.settings = Settings(**{"port": 0, "data_dir": folder, **settings})
        self.engine = ScriptedEngine()
        self.history = History(folder / "history.db")
        self.store = MediaStore(folder / "media", MediaLimits(file_bytes=self.settings.max_upload_bytes))
        self.pages: dict[str, Page] = {}  # what was read on images, by media id
        self.chat = Chat(self.engine, self.history, self.store, kept=self.pages.get, keep_every=0.0)
        self.page: gr.Blocks | None = None
        self.url = ""

    def open(self) -> None:
        self.page = build_page(self.chat, self.history, self.store, self.engine, self.settings, kept=self.pages.get)
        self.url, _ = launch(self.page, self.settings)

    def rest(self) -> None:
        """As it was before the first request; Gradio has one folder of uploads a process, now this page's."""
        os.environ["GRADIO_TEMP_DIR"] = str(self.settings.data_dir / "uploads")
        self.engine.script, self.engine.delay = echo, 0.0
        self.engine.requests.clear()
        self.engine.cancelled = 0
        self.pages.clear()

    def read(self, file: Path, page: Page) -> None:
        """Let this page be what was read on a file."""
        self.pages[hashlib.sha256(file.read_bytes()).hexdigest()] = page

    def hold(self, *words: str) -> Signal:
        """Let answers begin with these words and never end by themselves; returns what tells that one was ended."""
        ended = Signal()

        async def script(request: GenerationRequest) -> AsyncGenerator[Step]:
            try:
                for word in words:
                    yield word
                yield Gate()
            finally:
                ended.set()

        self.engine.script = script
        return ended

    def close(self) -> None:
        if self.page is not None:
            self.page.close(verbose=False)
        self.store.close()
        self.history.close()

    def only(self) -> str:
        """The latest conversation's id."""
        return self.history.conversations(owner="")[0].id

    def kept(self, conversation: str | None = None) -> list[tuple[str, str, str | None]]:
        """The words, the answer and the ending of every turn."""
        turns = self.history.turns(conversation or self.only(), owner="")
        return [(turn.user.text, turn.answer.text, turn.finish_reason) for turn in turns]


def picture(path: Path, colour: str = "teal", *, size: tuple[int, int] = (160, 120)) -> Path:
    """A drawn image in the format of the suffix."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).ellipse((20, 20, size[0] - 20, size[1] - 20), fill=colour)
    content = io.BytesIO()
    image.save(content, Image.registered_extensions()[path.suffix])
    path.write_bytes(content.getvalue())
    return path
