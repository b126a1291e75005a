"""Connects Gradio's events to the verbs of `ui.chat_verbs`, and their views to the components.

Knows the components and no conversation. A tab shows one thing at a time: whoever takes it over ends what ran in it.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
from cachetools import LRUCache

from backend.errors import GlimpseError
from backend.history import History
from ui import render
from ui.chat_verbs import ChatVerbs, View
from ui.chat_view import Example
from ui.convert import Posted, read_message, turn_number
from ui.errors import readable
from ui.fields import Controls, read_controls
from ui.sidebar import choices

log = logging.getLogger(__name__)

Updates = tuple[Any, ...]

Session = tuple[str, str]

TABS = (
    2000  # tabs whose latest run is remembered; one that is closed is forgotten, but not every program closes its own
)
TAKEOVER = 5.0  # seconds that a tab waits for the end of what ran in it


@dataclass(slots=True)
class _Tab:
    """A browser tab's latest run.

    `conversation` is where it writes, `answering` whether its answer still grows, `taken` whether something else is
    shown in the tab by now; `over` is set at its end.
    """

    conversation: str
    answering: bool = True
    taken: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)


class ChatEvents:
    """The listeners that start an answer, each with updates for the chat, the composer and the list."""

    def __init__(self, verbs: ChatVerbs, history: History, frames: int, examples: tuple[Example, ...]) -> None:
        self._verbs = verbs
        self._history = history
        self._frames = frames
        self._examples = examples
        self._tabs: LRUCache[Session, _Tab] = LRUCache(TABS)

    @property
    def offers_examples(self) -> bool:
        """Whether there are example chips to click."""
        return bool(self._examples)

    async def submit(
        self, request: gr.Request, message: object, current: str, task: str, *values: object
    ) -> AsyncGenerator[Updates]:
        """Answer a message from the composer. While an answer is being written, it stays in the composer."""
        if self._answering(request):
            gr.Info("Your message waits in the box: send it when the answer is there, or stop the answer.", duration=4)
            yield nothing()
            return
        controls = self._controls(values)
        async for updates in self._run(
            request, current, self._verbs.submit(current, read_message(message), task, controls, owner(request))
        ):
            yield updates

    async def example(
        self, request: gr.Request, chosen: gr.SelectData, current: str, *values: object
    ) -> AsyncGenerator[Updates]:
        """Answer the example of a clicked chip; the browser sends only its index. A second click does nothing."""
        if self._answering(request):
            yield nothing()
            return
        chip = self._examples[int(chosen.index) % len(self._examples)]
        controls = self._controls(values)
        views = self._verbs.submit(current, chip.posted, chip.task, controls, owner(request))
        async for updates in self._run(request, current, views):
            yield updates

    async def retry(self, request: gr.Request, current: str, *values: object) -> AsyncGenerator[Updates]:
        """Answer the last message again."""
        views = self._verbs.retry(current, self._controls(values), owner(request))
        async for updates in self._run(request, current, views):
            yield updates

    async def edit(
        self, request: gr.Request, edited: gr.EditData, current: str, *values: object
    ) -> AsyncGenerator[Updates]:
        """Answer an edited message."""
        controls = self._controls(values)
        words = (read_message(edited.value).text, read_message(edited.previous_value).text)
        views = self._verbs.edit(current, turn_number(edited.index), *words, controls, owner(request))
        async for updates in self._run(request, current, views):
            yield updates

    async def undo(self, request: gr.Request, current: str) -> Updates:
        """Take the last message back into the composer."""
        await self.take(request)
        with readable():
            return self.paint(await self._verbs.undo(current, owner(request)), owner(request))

    async def stop(self, request: gr.Request) -> None:
        """End what runs in the tab; the run itself shows what is kept of it."""
        tab = self._tabs.get(session(request))
        if tab is not None and not tab.over.is_set():
            await self._verbs.stop(tab.conversation, owner(request))

    async def take(self, request: gr.Request) -> None:
        """End what runs in the tab, and show nothing more of it."""
        tab = self._tabs.get(session(request))
        if tab is None or tab.over.is_set():
            return
        tab.taken = True
        await self._verbs.stop(tab.conversation, owner(request))
        with suppress(TimeoutError):
            async with asyncio.timeout(TAKEOVER):
                await tab.over.wait()

    def begun(self, request: gr.Request) -> bool:
        """Whether something was asked in the tab already."""
        return session(request) in self._tabs

    def forget(self, request: gr.Request) -> None:
        """Forget a tab that was closed."""
        self._tabs.pop(session(request), None)

    def paint(self, view: View, name: str) -> Updates:
        """Make the updates that show a view: chat, composer, its preset, current conversation, list."""
        preset = gr.skip() if view.task is None else view.task
        return (view.bubbles, _composer(view), preset, view.conversation, *self.listing(name, view.conversation))

    def listing(self, name: str, current: str) -> Updates:
        """Make the updates of an owner's list of conversations, the current one marked, and of the buttons for it."""
        try:
            lines = choices(self._history.conversations(name))
        except GlimpseError:
            log.exception("the conversations cannot be listed")
            return gr.skip(), gr.skip()
        known = any(value == current for _, value in lines)
        return gr.Radio(choices=lines, value=current if known else None), gr.Row(visible=known)

    def opened(self, request: gr.Request, conversation: str) -> View:
        """Return the view of a conversation as it is kept."""
        return self._verbs.open(conversation or "", owner(request))

    def _answering(self, request: gr.Request) -> bool:
        tab = self._tabs.get(session(request))
        return tab is not None and tab.answering

    def _controls(self, values: Sequence[object]) -> Controls:
        with readable():
            return read_controls(values, self._frames)

    async def _run(self, request: gr.Request, current: str, views: AsyncGenerator[View]) -> AsyncGenerator[Updates]:
        await self.take(request)
        tab = self._tabs[session(request)] = _Tab(current)
        begun, whole = time.monotonic(), False
        try:
            async with aclosing(views):
                async for view in views:
                    tab.conversation, tab.answering = view.conversation, view.running
                    if tab.taken:
                        yield nothing()
                    elif view.running and view.composer is None:
                        yield (view.bubbles, *nothing()[1:])
                    else:
                        yield self.paint(view, owner(request))
            whole = True
        finally:
            tab.answering = False
            tab.over.set()
            ended = "taken over" if tab.taken else "over" if whole else "left"
            log.info("%s: an answer, %s after %.1f s", owner(request) or "somebody", ended, time.monotonic() - begun)


def owner(request: gr.Request) -> str:
    """Return the owner of the conversations: the login name, "" where there is no login."""
    return request.username or ""


def session(request: gr.Request) -> Session:
    """Return the tab that a request says it comes from, with its owner: another person's cannot be named."""
    return owner(request), request.session_hash or ""


def nothing() -> Updates:
    """Updates that leave all as it is."""
    return (gr.skip(),) * 6


def _composer(view: View) -> Any:
    buttons: dict[str, Any] = {"submit_btn": not view.running, "stop_btn": view.running}
    if view.composer is None:
        return gr.MultimodalTextbox(**buttons)
    return gr.MultimodalTextbox(value=_held(view.composer), **buttons)


def _held(posted: Posted) -> dict[str, Any]:
    return {"text": posted.text, "files": [render.file_data(path, name) for path, name in posted.named]}
