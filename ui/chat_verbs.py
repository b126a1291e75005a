"""Runs the verbs of the page, a message, retry, edit, undo and stop, and yields views of what it shows.

What is shown comes from the history, like what the model reads. Knows no component: `chat_events.py` wires the verbs
to them.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.chat import Chat
from backend.chat.conversation import user_message
from backend.errors import GlimpseError, InputError
from backend.history import History, Turn
from backend.types import PartDone, StreamEvent, TextDelta
from ui import render
from ui.convert import Posted
from ui.fields import Controls
from ui.render import Bubble, Pending
from ui.throttle import throttled

if TYPE_CHECKING:
    from backend.media.store import MediaStore


log = logging.getLogger(__name__)

UNEXPECTED = "Something went wrong in Glimpse itself; try again, and look into the log if it happens again."


@dataclass(frozen=True, slots=True)
class View:
    """What the page shows. `composer` is what the composer shall hold, None to leave it; `reply` is the bare answer.

    `error` is the sentence of what went wrong, which stands among the bubbles already; `task` is the preset that goes
    with the composer, None to leave it.
    """

    conversation: str
    bubbles: list[Bubble]
    composer: Posted | None = None
    running: bool = False
    reply: str = ""
    error: str = ""
    task: str | None = None


@dataclass(frozen=True, slots=True)
class _Run:
    """One answer under way: after which turns, to what, and what goes back to the composer if it is refused."""

    conversation: str
    owner: str
    before: Sequence[Turn]
    asked: Bubble
    task: str
    posted: Posted | None = None


Sent = Callable[[str, Sequence[Path]], None]
"""Is told which files were sent in a conversation."""


class ChatVerbs:
    """Runs the verbs on conversations; its streams never raise for what a person did or what a model did."""

    def __init__(self, chat: Chat, history: History, store: "MediaStore", sent: Sent = lambda *_: None) -> None:
        self._chat = chat
        self._sent = sent
        self._history = history
        self._store = store

    def open(self, conversation: str, owner: str) -> View:
        """Return the view of a conversation as it is kept; an empty one where it is gone."""
        turns = self._turns(conversation, owner)
        known = conversation if turns else ""
        return View(known, render.conversation(turns, self._store))

    async def submit(
        self, conversation: str, posted: Posted, task: str, controls: Controls, owner: str
    ) -> AsyncGenerator[View]:
        """Answer a message. One that is refused comes back to the composer and leaves no trace."""
        try:
            here = conversation or self._history.create(owner)
            self._sent(here, posted.files)
            before = self._turns(here, owner)
            events = self._chat.submit(
                here,
                posted.text,
                posted.files,
                task=task,
                sampling=controls.sampling,
                system=controls.system,
                video_frames=controls.frames,
                interval=controls.interval,
                owner=owner,
            )
        except GlimpseError as error:
            yield View(conversation, render.refused(*_sent(posted), task, str(error)), posted, error=str(error))
            return
        run = _Run(here, owner, before, render.sent(*_sent(posted), task), task, posted)
        async with aclosing(self._follow(run, events)) as views:
            async for view in views:
                yield view

    async def retry(self, conversation: str, controls: Controls, owner: str) -> AsyncGenerator[View]:
        """Answer the last message again, by the settings as they are now."""
        turns = self._turns(conversation, owner)
        if not turns:
            yield self.open(conversation, owner)
            return
        events = self._chat.retry(conversation, **_set_anew(controls), owner=owner)
        run = _Run(conversation, owner, turns[:-1], render.asked(turns[-1], self._store), turns[-1].task)
        async with aclosing(self._follow(run, events)) as views:
            async for view in views:
                yield view

    async def edit(
        self, conversation: str, number: int, text: str, before: str, controls: Controls, owner: str
    ) -> AsyncGenerator[View]:
        """Answer turn `number` with other words; `before` is what the page showed in their place."""
        turns = self._turns(conversation, owner)
        old = turns[number - 1] if 1 <= number <= len(turns) else None
        if old is None or old.user.text.strip() != before.strip():
            why = "This message has changed since you opened it; look at the conversation and edit it again."
            shown = self.open(conversation, owner)
            yield replace(
                shown, bubbles=[*shown.bubbles, *render.refused(text, (), "chat", why)], composer=Posted(text)
            )
            return
        events = self._chat.edit(conversation, number, text, **_set_anew(controls), owner=owner)
        asked = render.asked(replace(old, user=user_message(text, old.user.media)), self._store)
        run = _Run(conversation, owner, turns[: number - 1], asked, old.task)
        async with aclosing(self._follow(run, events)) as views:
            async for view in views:
                yield view

    async def undo(self, conversation: str, owner: str) -> View:
        """Take the last message back into the composer, with its files."""
        try:
            turn = await self._chat.undo(conversation, owner)
        except InputError:
            return self.open(conversation, owner)
        ids = [part.media_id for part in turn.user.media]
        files, names = map(self._store.original, ids), map(self._store.name, ids)
        shown = self.open(conversation, owner)
        composer = Posted(turn.user.text, tuple(files), tuple(names))
        return replace(shown, conversation=conversation, composer=composer, task=turn.task)

    async def stop(self, conversation: str, owner: str) -> None:
        """Stop what is being written; the answer is kept as far as it came."""
        try:
            await self._chat.stop(conversation, owner)
        except GlimpseError as error:
            log.info("nothing to stop: %s", error)

    async def _follow(self, run: _Run, events: AsyncGenerator[StreamEvent]) -> AsyncGenerator[View]:
        """Yield the views from the question to the end of its answer, whichever end it is."""
        error = ""
        try:
            async with aclosing(self._answering(run, events)) as views:
                async for view in views:
                    yield view
        except GlimpseError as refused:
            error = str(refused)
        except Exception:
            log.exception("the page failed while an answer was written")
            error = UNEXPECTED
        except (GeneratorExit, asyncio.CancelledError):  # the reader is gone
            self._unless_empty(run)
            raise
        yield self._ended(run, error)

    async def _answering(self, run: _Run, events: AsyncGenerator[StreamEvent]) -> AsyncGenerator[View]:
        kept = render.conversation(run.before, self._store)
        asked, pending, since = run.asked, Pending(), time.monotonic()
        yield View(run.conversation, [*kept, asked, render.answering(run.task, pending, self._store)], Posted(), True)
        async with aclosing(throttled(events)) as batches:
            async for batch in batches:
                if pending.empty and any(isinstance(event, TextDelta | PartDone) for event in batch):
                    asked = self._kept(run) or asked
                pending = render.later(pending, batch, time.monotonic() - since)
                bubbles = [*kept, asked, render.answering(run.task, pending, self._store)]
                yield View(run.conversation, bubbles, None, True, pending.text)

    def _kept(self, run: _Run) -> Bubble | None:
        """Return the bubble of the question as the history has it, once its files are read; None before."""
        turns = self._turns(run.conversation, run.owner)
        return render.asked(turns[-1], self._store) if len(turns) > len(run.before) else None

    def _ended(self, run: _Run, error: str) -> View:
        turns = self._turns(run.conversation, run.owner)
        bubbles = render.conversation(turns, self._store)
        reply = turns[-1].answer.text if turns else ""
        if not error or (turns and turns[-1].error == error):
            return View(run.conversation, bubbles, reply=reply, error=error)
        if run.posted is not None:
            bubbles += render.refused(*_sent(run.posted), run.task, error)
            return View(self._unless_empty(run), bubbles, run.posted, error=error)
        if bubbles:
            bubbles[-1] = {**bubbles[-1], "content": [*bubbles[-1]["content"], render.failure(error)]}
        return View(run.conversation, bubbles, error=error)

    def _unless_empty(self, run: _Run) -> str:
        """Return the run's conversation; delete one that was begun for a refused message, and return ""."""
        if run.before or self._turns(run.conversation, run.owner):
            return run.conversation
        try:
            self._history.delete(run.conversation, run.owner)
        except GlimpseError:
            log.info("the conversation %s was gone already", run.conversation)
        return ""

    def _turns(self, conversation: str, owner: str) -> list[Turn]:
        try:
            return self._history.turns(conversation, owner) if conversation else []
        except GlimpseError:
            return []


def _sent(posted: Posted) -> tuple[str, tuple[Path, ...]]:
    return posted.text, posted.files


def _set_anew(controls: Controls) -> dict[str, Any]:
    """Make the options of a retry or an edit; a clip's frames stay unless the settings name others."""
    anew = {"sampling": controls.sampling, "system": controls.system}
    return anew | ({"video_frames": controls.frames, "interval": controls.interval} if controls.of_clips else {})
