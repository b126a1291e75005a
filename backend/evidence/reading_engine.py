"""Wraps an engine: has the text on images read first, and puts it into the prompt of models that work from text.

It stands between the chat and any engine, so the page, the terminal, a batch and programs get the same. What is read
is kept beside the pixels, where the search for evidence finds it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

from backend.engine.engine import Engine
from backend.errors import GlimpseError
from backend.evidence.copying import copied, spoken
from backend.evidence.index import index
from backend.reader.page import Page
from backend.reader.prompt import has_words, is_page, with_text
from backend.reader.reader import Reader
from backend.types import (
    EngineStatus,
    Finished,
    GenerationRequest,
    ImagePart,
    MediaPart,
    Message,
    ModelInfo,
    Progress,
    ReaderPolicy,
    StreamEvent,
    TextDelta,
    TextPart,
    Usage,
)

log = logging.getLogger(__name__)

NO_AMOUNTS = (
    "No amount of money can be read on this image, so no receipt is made of it. "
    "Send a photo that is sharper, closer or lit better, or ask about the image in words."
)
LOADING = "loading the model"
LOOK = 0.1  # seconds between two looks at an engine that loads

NO_TEXT = "No text can be read on this image."


@dataclass(frozen=True, slots=True)
class _Read:
    """The images of a request that were read, by media id, and those that could not be, with the reason."""

    pages: Mapping[str, Page]
    failed: Mapping[str, str]

    def of(self, parts: Sequence[MediaPart]) -> list[Page | None]:
        """The pages of the images among some parts, in order; None for a part of an image."""
        return [
            self.pages.get(part.media_id) if part.box is None else None
            for part in parts
            if isinstance(part, ImagePart)
        ]


class ReadingEngine:
    """Fulfils `backend.engine.engine.Engine` around another engine, with a reader of text on images."""

    def __init__(self, engine: Engine, reader: Reader, policy: ReaderPolicy = "auto") -> None:
        self._engine = engine
        self._reader = reader
        self._policy = policy

    @property
    def status(self) -> EngineStatus:
        """The other engine's state."""
        return self._engine.status

    async def close(self) -> None:
        """Close the other engine and end the reader. Safe to call twice."""
        self._reader.close()
        await self._engine.close()

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[StreamEvent]:
        """Yield the events of one answer; see `Engine.stream`. Reading comes first, and closing ends it as well."""
        if request.images and self._policy != "never":
            async for progress in self._loading():
                yield progress
        model = self.status.model
        gives, works = self._gives(model), model is not None and model.reads_text
        wanted = _images(request.messages) if gives else _asked(request)
        read = _Read({}, {})
        if wanted and self._policy != "never":
            async with aclosing(self._reading(wanted)) as steps:
                async for step in steps:
                    if isinstance(step, _Read):
                        read = step
                    else:
                        yield step
        said = await asyncio.to_thread(_without_model, request, read, gives and works)
        if said is not None:
            yield TextDelta(said)
            yield Finished("stop", Usage(0, 0, images=request.images, read=_told(read, None)))
            return
        asked = await asyncio.to_thread(_given, request, read, works) if gives else request
        given = _put(read, request) if gives and works else read
        async with aclosing(self._engine.stream(asked)) as answers:
            async for event in answers:
                if isinstance(event, Finished) and (read.pages or read.failed):
                    event = replace(event, usage=replace(event.usage, read=_told(given, gives)))
                yield event

    async def _loading(self) -> AsyncGenerator[Progress]:
        """Yield progress until the model is known, and with it whether it works from text."""
        told: Progress | None = None
        while (status := self.status).state == "loading":
            progress = Progress(status.detail or LOADING, status.done, status.total, status.left, "bytes")
            if progress != told:
                yield progress
            told = progress
            await asyncio.sleep(LOOK)

    def _gives(self, model: ModelInfo | None) -> bool:
        if self._policy == "auto":
            return model is not None and model.reads_text
        return self._policy == "always"

    async def _reading(self, wanted: Sequence[str]) -> AsyncGenerator[Progress | _Read]:
        """Yield progress while images are read, one after another, and the pages at the end."""
        pages: dict[str, Page] = {}
        failed: dict[str, str] = {}
        for media_id in wanted:
            steps: asyncio.Queue[Progress | None] = asyncio.Queue()
            task = asyncio.create_task(self._reader.read(media_id, steps.put_nowait))
            task.add_done_callback(partial(_close, steps))
            try:
                while (step := await steps.get()) is not None:
                    yield step
                pages[media_id] = task.result()
            except GlimpseError as error:
                log.warning("an image was not read: %s", error)
                failed[media_id] = str(error)
            finally:
                task.cancel()
        yield _Read(pages, failed)


def _close(steps: asyncio.Queue[Progress | None], _: asyncio.Task[Page]) -> None:
    steps.put_nowait(None)


def _images(messages: Sequence[Message]) -> list[str]:
    """The images of a conversation, each once."""
    parts = [part for message in messages for part in message.parts if isinstance(part, ImagePart)]
    return list(dict.fromkeys(part.media_id for part in parts if part.box is None))


def _asked(request: GenerationRequest) -> list[str]:
    """List the images of the latest message with media, where the request has their text read."""
    latest = next((message for message in reversed(request.messages) if message.media), None)
    return _images([latest]) if latest is not None and request.reading != "none" else []


def _without_model(request: GenerationRequest, read: _Read, copies: bool) -> str | None:
    """Answer from the text alone where that can be: there is no receipt, or the text is all that was asked for.

    `copies` is whether the model would do no more than copy the text.
    """
    pages = _all_pages(request, read)
    if request.reading == "amounts" and pages and not any(index(page).has_amounts for page in pages):
        return NO_AMOUNTS
    if request.reading == "text" and pages and copies:
        return "\n\n".join(page.text or NO_TEXT for page in pages)
    return None


def _given(request: GenerationRequest, read: _Read, copies: bool) -> GenerationRequest:
    """Add to a request the text on each image, after the image.

    A model that `copies` gets the text in the place of an image that is a page of it, and a grammar under which its
    form, or the numbers in its words, are copied from it; one that sees more than the reader keeps its own grammar.
    """
    put = partial(_in_place, of_text=_of_text(request)) if copies else _with_text
    messages = tuple(put(message, read) for message in request.messages)
    if request.grammar is None and copies and read.pages and not any(message.media for message in messages):
        said = spoken(request.messages[-1].text, list(read.pages.values()))
        return replace(request, messages=messages, grammar=said)
    if request.grammar is None or request.reading == "none" or not copies:
        return replace(request, messages=messages)
    question = request.messages[-1].text
    return replace(request, messages=messages, grammar=copied(request.grammar, _all_pages(request, read), question))


def _all_pages(request: GenerationRequest, read: _Read) -> list[Page]:
    """List the pages of the images that are asked about; none where one of them could not be read."""
    pages = [read.pages.get(media_id) for media_id in _asked(request)]
    found = [page for page in pages if page is not None]
    return found if len(found) == len(pages) else []


def _in_place(message: Message, read: _Read, of_text: Callable[[Page], bool]) -> Message:
    """Replace the images that are `of_text` by their text; others stay, without their text.

    Measured on photographs of receipts, Pocket gets a tenth more of their fields right without the image, which shows
    it nothing that the text does not say.
    """
    pages = [page if page and of_text(page) else None for page in read.of(message.media)]
    if not any(pages):
        return message
    seen = iter(pages)
    media = [part for part in message.media if not (isinstance(part, ImagePart) and next(seen))]
    return replace(message, parts=(*media, TextPart(with_text(pages, message.text))))


def _of_text(request: GenerationRequest) -> Callable[[Page], bool]:
    """Choose images to replace by their text: all with text if that is asked for, else pages and, in a chat, signs.

    A preset that does not read text is about what an image shows: a clock with a maker's name stays a clock.
    """
    if request.reading != "none":
        return lambda page: bool(page.lines)
    return is_page if request.grammar else lambda page: is_page(page) or has_words(page)


def _with_text(message: Message, read: _Read) -> Message:
    pages = read.of(message.media)
    if not any(page is not None and page.lines for page in pages):
        return message
    return replace(message, parts=(*message.media, TextPart(with_text(pages, message.text))))


def _put(read: _Read, request: GenerationRequest) -> _Read:
    """Leave out the pages of images that are shown to the model instead of their text."""
    of_text = _of_text(request)
    return replace(read, pages={name: page for name, page in read.pages.items() if of_text(page)})


def _told(read: _Read, gives: bool | None) -> str:
    """Say what was done with the text; a failure first. `gives` is None where no model was asked."""
    if read.failed:
        return next(iter(read.failed.values()))
    lines = sum(len(page.lines) for page in read.pages.values())
    if not lines:
        return "" if gives and not read.pages else "no text was found on the image"
    shown = {True: "the model was given", False: "read beside the model's answer:", None: "read without a model:"}[
        gives
    ]
    return f"{shown} {lines} line{'s' if lines > 1 else ''} of text from the image"
