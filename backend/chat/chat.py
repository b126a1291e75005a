"""Answers and changes conversations: submit, retry, edit, undo, stop, delete. Page and command line use the same.

What the model reads comes from the history, never from what a browser posts. Knows no page and no model.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from backend.chat.answer import AnswerWriter, answers
from backend.chat.conversation import (
    Draft,
    TurnOptions,
    check_length,
    check_words,
    media_in,
    new_draft,
    revised_draft,
    title_of,
    user_message,
)
from backend.chat.intake import Intake, Interval
from backend.chat.locks import WAITING, ConversationLocks, Emit, Work, follow
from backend.chat.reread import reread
from backend.chat.results import Grounded, Kept, grounded, shown_images
from backend.engine.engine import Engine
from backend.errors import GlimpseError, InputError, ModelFailed, StorageError
from backend.history import History, Turn
from backend.media.store import MediaStore
from backend.tasks.registry import find_task
from backend.tasks.result import Answer
from backend.types import Finished, GenerationRequest, Restarted, SamplingParams, StreamEvent, TextDelta

log = logging.getLogger(__name__)

UNEXPECTED = "Something went wrong while this was answered; press Retry, and look into the log if it happens again."


class Chat:
    """Runs conversations with an engine. Used from one event loop.

    Every stream ends in `Finished` or raises a GlimpseError; closing it stops the answer and keeps it as far as it
    came. The runs of one conversation never overlap: `submit` waits for those before, every other verb stops them.
    `keep_every` is how often a growing answer is written to the history, in seconds.

    Raises:
        UnknownConversation: from every verb, where the conversation is not there or another owner's.
    """

    def __init__(
        self,
        engine: Engine,
        history: History,
        store: MediaStore,
        *,
        kept: Kept = lambda _media_id: None,
        max_files: int = 10,
        keep_every: float = 1.0,
    ) -> None:
        self._engine = engine
        self._history = history
        self._store = store
        self._kept = kept
        self._intake = Intake(store, history)
        self._locks = ConversationLocks()
        self._max_files = max_files
        self._keep_every = keep_every

    @property
    def busy(self) -> frozenset[str]:
        """The conversations that are being changed now, or wait for it."""
        return self._locks.held

    def submit(
        self,
        conversation_id: str,
        text: str,
        files: Sequence[Path] = (),
        *,
        task: str = "chat",
        sampling: SamplingParams | None = None,
        system: str = "",
        video_frames: int = 64,
        interval: Interval = (None, None),
        owner: str,
    ) -> AsyncGenerator[StreamEvent]:
        """Answer a new message. Where it says nothing or a file cannot be read, no turn is added.

        Clips are shown by `video_frames` frames of an `interval`, by default of the whole. A message that names
        another one ("between 0:10 and 0:15") is shown as many frames of that, of the latest clip.

        Raises:
            GlimpseError: with a sentence for the person; what the engine raised is kept with the turn.
        """
        options = TurnOptions(conversation_id, owner, task, sampling, system, video_frames, interval)

        async def work(emit: Emit) -> None:
            check_length(text, system, self._engine.status.model)
            seen = media_in(self._history.turns(conversation_id, owner))
            self._check_count(files)
            check_words(text, len(files), seen, find_task(task))
            if self._locks.busy(conversation_id):
                emit(WAITING)
            async with self._run(conversation_id, stop_others=False):
                async with self._intake.open():
                    media = await self._intake.read(files, self._max_files, video_frames, interval, emit)
                    draft = new_draft(options, text, media, self._history.turns(conversation_id, owner))
                    await self._intake.prepare(draft.shown, emit)
                    reply = self._begin(draft)
                await self._answer(draft, reply, emit)

        return _stream(work)

    def retry(
        self,
        conversation_id: str,
        *,
        task: str | None = None,
        sampling: SamplingParams | None = None,
        system: str = "",
        video_frames: int | None = None,
        interval: Interval | None = None,
        owner: str,
    ) -> AsyncGenerator[StreamEvent]:
        """Answer the last message again, with its files. None leaves task, sampling or frames as they were.

        The old answer stays until the new one's first word, so that a retry that comes to nothing loses nothing.

        Raises:
            GlimpseError: as `submit` does; InputError where there is no message yet.
        """
        return self._redo(TurnOptions(conversation_id, owner, task, sampling, system, video_frames, interval))

    def edit(
        self,
        conversation_id: str,
        number: int,
        text: str,
        *,
        task: str | None = None,
        sampling: SamplingParams | None = None,
        system: str = "",
        video_frames: int | None = None,
        interval: Interval | None = None,
        owner: str,
    ) -> AsyncGenerator[StreamEvent]:
        """Answer turn `number` anew with `text` in the place of its words; its files stay, the turns after it go.

        What is replaced stays until the new answer's first word.

        Raises:
            GlimpseError: as `submit` does; InputError where there is no turn of that number.
        """
        return self._redo(
            TurnOptions(conversation_id, owner, task, sampling, system, video_frames, interval), number, text
        )

    async def undo(self, conversation_id: str, owner: str) -> Turn:
        """Stop what is being written, take the last turn out of the conversation and return it.

        Its files stay in the store for some minutes at least, so that they can be sent again.

        Raises:
            InputError: there is no turn.
        """
        async with self._alone(conversation_id, owner):
            turns = self._history.turns(conversation_id, owner)
            if not turns:
                raise InputError("There is no message to take back.")
            return self._history.truncate(conversation_id, turns[-1].number, owner)[0]

    async def stop(self, conversation_id: str, owner: str) -> None:
        """Stop what is being written in a conversation; returns when it is kept."""
        async with self._alone(conversation_id, owner):
            pass

    async def delete(self, conversation_id: str, owner: str, *, sweep: bool = True) -> None:
        """Delete a conversation, with what is being written in it and the media that no other one uses.

        Without `sweep` nothing else that nobody uses is looked for, so that it costs the same in a large store.
        """
        async with self._alone(conversation_id, owner):
            media = [part.media_id for turn in self._history.turns(conversation_id, owner) for part in turn.media]
            self._history.delete(conversation_id, owner)
        self._intake.collect(media, sweep=sweep)

    async def close(self) -> None:
        """Stop every answer and wait until all is kept. The engine, the history and the store stay open."""
        await self._locks.close()
        await self._intake.settled()

    def _redo(
        self, options: TurnOptions, number: int | None = None, text: str | None = None
    ) -> AsyncGenerator[StreamEvent]:
        def turns() -> list[Turn]:
            return self._history.turns(options.conversation_id, options.owner)

        async def work(emit: Emit) -> None:
            check_length(text or "", options.system, self._engine.status.model)
            revised_draft(options, number, text, turns())  # nothing is stopped for a wish that cannot be met
            async with self._run(options.conversation_id, stop_others=True):
                draft = revised_draft(options, number, text, turns())
                if options.frames is not None or options.interval is not None:
                    media = await self._intake.sample(draft.user.media, options.frames, options.interval, emit)
                    draft = replace(draft, user=user_message(draft.user.text, media))
                await self._intake.prepare(draft.shown, emit)
                await self._answer(draft, self._begin(draft), emit)

        return _stream(work)

    def grounded(self, conversation_id: str, owner: str) -> tuple[Grounded, ...]:
        """The results of the latest turn, with where their values stand on its images.

        Raises:
            UnknownConversation: see the class.
        """
        turns = self._history.turns(conversation_id, owner)
        return grounded(turns[-1], shown_images(turns), self._kept) if turns else ()

    def _begin(self, draft: Draft) -> AnswerWriter:
        """Open the writer of a draft's answer; its turn is added now, unless that would drop an answer."""

        def add_turn() -> int:
            names = () if draft.before else [self._store.name(part.media_id) for part in draft.user.media]
            return self._history.add_turn(
                draft.options.conversation_id,
                draft.user,
                draft.task.name,
                draft.sampling,
                owner=draft.options.owner,
                title=title_of(draft.user.text, names, draft.task),
                replacing=draft.replaced[0].number if draft.replaced else None,
            )

        reply = AnswerWriter(self._history, add_turn, self._keep_every)
        if not any(turn.answer.parts for turn in draft.replaced):
            reply.begin()
        return reply

    async def _answer(self, draft: Draft, reply: AnswerWriter, emit: Emit) -> None:
        try:
            with _readable():
                requests = draft.requests(self._intake.keeps)
                reply.images = sum(request.images for request in requests)
                last: StreamEvent | None = None
                async with aclosing(answers(self._engine, requests, draft.task.complaint)) as events:
                    async for last in events:
                        reply.take(last, self._model())
                        if not isinstance(last, Finished):
                            emit(last)
                if not isinstance(last, Finished):
                    raise ModelFailed("The model's answer broke off; press Retry.")
                # Whole and kept from here on: who stops the reread has the first reading.
                emit(await self._reread(draft, requests, reply, last, emit))
        except asyncio.CancelledError:
            reply.stop(self._model())
            raise
        except GlimpseError as error:
            with suppress(StorageError):  # the database has logged it, and the first error says more
                reply.fail(str(error), self._model())
            raise

    async def _reread(
        self, draft: Draft, requests: Sequence[GenerationRequest], reply: AnswerWriter, first: Finished, emit: Emit
    ) -> Finished:
        """Read the doubtful fields of a finished answer again; returns its new end, with the usage of both."""
        if draft.task.reread is None:
            return first
        read = Answer(reply.answer.text, draft.user.text, first.unsure)
        looked, usage = await reread(
            self._engine, requests, draft.task.reread, read, first, self._store.size, self._kept, emit
        )
        finished = replace(first, usage=usage, unsure=looked.unsure)
        if finished != first:
            reply.amend(looked.text, finished, self._model())
        if looked.text != read.text:
            emit(Restarted("read again, closer"))
            emit(TextDelta(looked.text))
        return finished

    def _model(self) -> str | None:
        model = self._engine.status.model
        return model.id if model else None

    def _run(self, conversation_id: str, *, stop_others: bool) -> AbstractAsyncContextManager[None]:
        return self._locks.hold(conversation_id, stop_others=stop_others, run=asyncio.current_task())

    def _alone(self, conversation_id: str, owner: str) -> AbstractAsyncContextManager[None]:
        self._history.summary(conversation_id, owner)  # nobody stops another owner's answer
        return self._locks.hold(conversation_id, stop_others=True)

    def _check_count(self, files: Sequence[Path]) -> None:
        if len(files) > self._max_files:
            raise InputError(f"Send at most {self._max_files} files in one message; this one has {len(files)}.")


def _stream(work: Work) -> AsyncGenerator[StreamEvent]:
    async def readable(emit: Emit) -> None:
        with _readable():
            await work(emit)

    return follow(readable)


@contextmanager
def _readable() -> Iterator[None]:
    """Let a person read every error: what is not meant for them goes to the log."""
    try:
        yield
    except GlimpseError:
        raise
    except Exception as error:
        log.exception("an answer failed")
        raise ModelFailed(UNEXPECTED) from error
