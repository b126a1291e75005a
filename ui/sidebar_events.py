"""The side bar's listeners: open, begin, rename and delete a conversation, and follow the model while it loads."""

import asyncio
from collections.abc import Callable
from typing import Any

import gradio as gr

from backend.chat import Chat
from backend.engine.engine import Engine
from backend.history import History
from ui import render
from ui.chat_events import ChatEvents, Updates, nothing, owner
from ui.chat_verbs import View
from ui.errors import readable
from ui.model_picker import ModelChoice
from ui.sidebar import FOLLOW, hints

LOOK = 20.0  # seconds between two looks at a model that is loaded


Forget = Callable[[str, set[str]], None]
"""Removes the files of a deleted conversation, given the ids of its media, from outside the media store."""


class SidebarEvents:
    """The side bar's listeners; `answers` has the chat's listeners, which show things in the same tab."""

    def __init__(
        self,
        answers: ChatEvents,
        chat: Chat,
        history: History,
        engine: Engine,
        frames: int,
        choice: ModelChoice,
        forget: Forget = lambda *_: None,
    ) -> None:
        self._answers = answers
        self._chat = chat
        self._history = history
        self._engine = engine
        self._frames = frames
        self._choice = choice
        self._forget = forget

    async def resume(self, request: gr.Request, current: str) -> Updates:
        """Show the conversation in the address, else the one the browser had open; an empty page if it is gone.

        A person who was quicker than the page, and has asked something already, keeps what is shown.
        """
        if self._answers.begun(request):
            return nothing()
        if self._history.notice:
            gr.Warning(self._history.notice, duration=None, title="Your history was damaged")
        wanted = request.query_params.get("chat") or current
        return await self._show(request, self._answers.opened(request, wanted))

    async def open(self, request: gr.Request, chosen: gr.SelectData) -> Updates:
        """Show the conversation that was chosen in the list."""
        return await self._show(request, self._answers.opened(request, str(chosen.value)))

    async def begin(self, request: gr.Request) -> Updates:
        """Show an empty page; the conversation begins with its first message."""
        return await self._show(request, View("", []))

    def rename(self, request: gr.Request, current: str, title: str) -> Updates:
        """Name the current conversation and put the field away."""
        with readable():
            self._history.rename(current, title, owner(request))
        return *self._answers.listing(owner(request), current), gr.Row(visible=False)

    async def delete(self, request: gr.Request, current: str) -> Updates:
        """Delete the current conversation and show an empty page."""
        await self._answers.take(request)
        with readable():
            media = {part.media_id for turn in self._history.turns(current, owner(request)) for part in turn.media}
            await self._chat.delete(current, owner(request))
        await asyncio.to_thread(self._forget, current, media)
        return *await self.begin(request), gr.Row(visible=False)

    def title(self, request: gr.Request, current: str) -> Updates:
        """Show the field with the current conversation's name, to be changed."""
        with readable():
            return gr.Row(visible=True), self._history.summary(current, owner(request)).title

    @property
    def drawn(self) -> str:
        """The model whose own values the settings show."""
        return repr(self._engine.status.model)

    def model(self, told: str) -> list[Any]:
        """Update the model's line; `told` is the model shown before.

        Returns the model now shown, its line, the timer for the next update, the button that ends a load, and the
        settings' placeholders. These change once a model: drawing a field again could undo what is being typed into
        it.
        """
        status = self._engine.status
        timer = gr.Timer(FOLLOW if status.state == "loading" else LOOK)
        name = self.drawn
        fresh = hints(self._frames, status.model)
        fields = fresh if name != told else [gr.skip() for _ in fresh]
        line = render.model_line(status, choosing=self._choice.offered)
        return [name, line, timer, self._choice.instead(), *fields]

    async def _show(self, request: gr.Request, view: View) -> Updates:
        await self._answers.take(request)
        return self._answers.paint(view, owner(request))
