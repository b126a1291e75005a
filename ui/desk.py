"""The side bar's listeners: open, begin, rename and delete a conversation, and follow the model while it loads."""

from typing import Any

import gradio as gr

from backend.chat import Chat
from backend.engine.engine import Engine
from backend.history import History
from ui import render
from ui.chat import View
from ui.controls import hints
from ui.errors import readable
from ui.models import ModelChoice
from ui.sidebar import FOLLOW
from ui.wiring import Answers, Updates, nothing, owner

LOOK = 20.0  # seconds between two looks at a model that is loaded


class Desk:
    """The listeners; `answers` is who else shows things in the tab."""

    def __init__(
        self, answers: Answers, chat: Chat, history: History, engine: Engine, frames: int, choice: ModelChoice
    ) -> None:
        self._answers = answers
        self._chat = chat
        self._history = history
        self._engine = engine
        self._frames = frames
        self._choice = choice

    async def resume(self, request: gr.Request, current: str) -> Updates:
        """Show what the address names, else what the browser had open; an empty page where it is gone.

        Who was quicker than the page, and has asked something already, keeps what is shown.
        """
        if self._answers.begun(request):
            return nothing()
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
            await self._chat.delete(current, owner(request))
        return *await self.begin(request), gr.Row(visible=False)

    def title(self, request: gr.Request, current: str) -> Updates:
        """The field with the current conversation's name, to be changed."""
        with readable():
            return gr.Row(visible=True), self._history.summary(current, owner(request)).title

    @property
    def drawn(self) -> str:
        """The model whose own values the settings show."""
        return repr(self._engine.status.model)

    def model(self, told: str) -> list[Any]:
        """The model that was told of, its line, the timer that has it drawn again, the way back from a load, and the
        settings' placeholders.

        The placeholders come once a model: drawing a field again could undo what is being typed into it.
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
