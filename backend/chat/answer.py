"""Makes one answer of several engine streams: one for each image, and a second try where the first is wrong.

Knows requests and events, neither history nor page.
"""

import re
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from backend.engine.engine import Engine
from backend.engine.grammars import accepts
from backend.history import History
from backend.types import (
    Finished,
    FinishReason,
    GenerationRequest,
    Grammar,
    Message,
    Part,
    PartDone,
    Progress,
    Restarted,
    StreamEvent,
    TextDelta,
    TextPart,
    Unsure,
    Usage,
)

GAP = "\n\n\n"  # between the answers to two images; no form has it inside
BY_SCHEMA = "Answer with JSON only, by this JSON Schema:"
NOT_IN_FORM = "This answer is not in the form that was asked for. Answer again, in that form alone."


async def answers(
    engine: Engine, requests: Sequence[GenerationRequest], complaint: Callable[[str], str] | None
) -> AsyncGenerator[StreamEvent]:
    """Yield the events of one answer to all requests, their texts parted by two empty lines.

    A whole text with which `complaint` finds fault goes back to the model with the complaint, once; the second text
    stands. So does a text that is not valid under its grammar, where the engine has none. Ends without `Finished`
    where a stream of the engine does.
    """
    text, parts = "", list[_Part]()
    for number, asked in enumerate(requests):
        request = asked if _holds(engine, asked.grammar) else _asked_in_words(asked)
        if number:
            text += GAP
            yield TextDelta(GAP)
        for last in (False, True):
            part = _Part(len(text))
            async with aclosing(engine.stream(request)) as events:
                async for event in events:
                    if not part.take(event):
                        yield event
            if part.finished is None:
                return
            parts.append(part)
            wrong = ""
            if part.finished.finish_reason == "stop" and not last:
                wrong = (complaint(part.text) if complaint else "") or _not_in_form(
                    part.text, asked.grammar, request.grammar
                )
            if not wrong:
                break
            yield Restarted(wrong)
            if text:
                yield TextDelta(text)
            part.void = True
            request = _told(request, part.text, wrong)
        text += part.text
    yield _joined(parts)


def _holds(engine: Engine, grammar: Grammar | None) -> bool:
    """Whether an engine can use a grammar; one that still loads a model counts as able to use any."""
    model = engine.status.model
    return grammar is None or model is None or grammar.kind in model.capabilities


def _asked_in_words(request: GenerationRequest) -> GenerationRequest:
    """Put the schema into words, for an engine that cannot use it; other forms are in the question already."""
    grammar = request.grammar
    if grammar is None or grammar.kind != "json":
        return replace(request, grammar=None)
    *before, last = request.messages
    words = TextPart(f"{BY_SCHEMA}\n{grammar.text}")
    return replace(request, grammar=None, messages=(*before, replace(last, parts=(*last.parts, words))))


def _not_in_form(text: str, wanted: Grammar | None, held: Grammar | None) -> str:
    """Say what is wrong with a text whose grammar the engine could not use; a code fence around it does not count."""
    if wanted is None or held is not None or accepts(wanted, _bare(text)):
        return ""
    return NOT_IN_FORM


def _bare(text: str) -> str:
    fenced = re.fullmatch(r"```\w*\n(.*?)\n?```", text.strip(), re.DOTALL)
    return fenced[1] if fenced else text.strip()


class _Part:
    """One stream's text and end; `start` is where its text stands in the answer, `void` whether it was taken back."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.text = ""
        self.void = False
        self.finished: Finished | None = None

    def take(self, event: StreamEvent) -> bool:
        """Note an event; whether it was the stream's last one, which is not the answer's."""
        if isinstance(event, TextDelta):
            self.text += event.text
        if isinstance(event, Finished):
            self.finished = event
        return isinstance(event, Finished)

    @property
    def unsure(self) -> list[Unsure]:
        """The doubtful stretches by their place in the whole answer."""
        known = () if self.void or self.finished is None else self.finished.unsure
        return [replace(one, start=one.start + self.start, end=one.end + self.start) for one in known]


def _told(request: GenerationRequest, text: str, wrong: str) -> GenerationRequest:
    """Make the request for a second try: the conversation, the first answer and what is wrong with it."""
    said = Message("assistant", (TextPart(text),)), Message("user", (TextPart(wrong),))
    return replace(request, messages=(*request.messages, *said))


def spent(usages: Sequence[Usage]) -> Usage:
    """Add up the usages of several streams; what was shown and the time to the first token are the first one's."""
    return replace(
        usages[0],
        prompt_tokens=sum(one.prompt_tokens for one in usages),
        completion_tokens=sum(one.completion_tokens for one in usages),
        reused_tokens=sum(one.reused_tokens for one in usages),
        seconds=sum(one.seconds for one in usages),
    )


def _joined(parts: Sequence[_Part]) -> Finished:
    ends = [part.finished for part in parts if part.finished is not None]
    cut: FinishReason = next((end.finish_reason for end in ends if end.finish_reason != "stop"), "stop")
    standing = [part.finished.usage for part in parts if part.finished and not part.void]
    usage = replace(
        spent([end.usage for end in ends]),
        images=sum(one.images for one in standing),
        frames=sum(one.frames for one in standing),
        left_out=max(one.left_out for one in standing),
        shown=next((one.shown for one in standing if one.shown), ""),
        detail=max(one.detail for one in standing),
    )
    return Finished(cut, usage, tuple(one for part in parts for one in part.unsure))


class AnswerWriter:
    """Saves a growing answer to the history about every `every` seconds, and once more at its end.

    `add_turn` adds the turn that it answers and returns its id. It is called by `begin`, or when the answer's first
    word comes or it ends well; an answer that fails before that leaves the history as it was. `clock` returns the time
    in seconds.
    """

    def __init__(
        self,
        history: History,
        add_turn: Callable[[], int],
        every: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._history = history
        self._add_turn = add_turn
        self._every = every
        self._clock = clock
        self._turn_id: int | None = None
        self._parts: list[Part] = []  # before the text that grows
        self._pieces: list[str] = []
        self._kept = 0.0
        self._tokens = 0
        self._times: list[float] = []  # when the work began, when the first word came, when the latest
        self.images = 0  # that the conversation shows
        self.ended = False

    def begin(self) -> int:
        """Add the turn, once; returns its id."""
        if self._turn_id is None:
            self._turn_id = self._add_turn()
            self._kept = self._clock()
        return self._turn_id

    def take(self, event: StreamEvent, model: str | None) -> None:
        """Take the next event of the answer; `model` is who gives it."""
        match event:
            case Progress() if not self._times:  # while it waits in the queue, no work is done on it
                self._times = [self._clock()]
            case TextDelta(text, tokens):
                self._grow(text, tokens)
            case PartDone(part):
                self._parts = [*self.answer.parts, part]
                self._pieces.clear()
                self._history.write_answer(self.begin(), self.answer)
            case Restarted():
                self._parts.clear()
                self._pieces.clear()
            case Finished(reason, usage, unsure):
                self._end(self.begin(), reason, usage, model, unsure=unsure)

    @property
    def answer(self) -> Message:
        """The answer so far."""
        text = "".join(self._pieces)
        return Message("assistant", (*self._parts, *((TextPart(text),) if text else ())))

    def _grow(self, piece: str, tokens: int) -> None:
        turn_id, now = self.begin(), self._clock()
        self._pieces.append(piece)
        self._tokens += tokens
        began = self._times[0] if self._times else now
        first = self._times[1] if len(self._times) > 1 else now
        self._times = [began, first, now]
        if now - self._kept >= self._every:
            self._history.write_answer(turn_id, self.answer)
            self._kept = now

    def amend(self, text: str, finished: Finished, model: str | None) -> None:
        """Replace an answer that has ended by the one that a reread leaves."""
        reason, usage, unsure = finished.finish_reason, finished.usage, finished.unsure
        self._history.write_answer(self.begin(), Message.said(text), reason, usage, model, None, unsure)

    def stop(self, model: str | None) -> None:
        """Keep the answer as far as it came, as stopped by a person, with the figures that are known by then."""
        if self._turn_id is not None:
            self._end(self._turn_id, "cancelled", self._so_far(), model)

    def _so_far(self) -> Usage | None:
        """Count the usage so far: the engine's own figures come only with the end of an answer."""
        if not self._tokens:
            return None
        began, first, latest = self._times
        return Usage(0, self._tokens, images=self.images, time_to_first_token=first - began, seconds=latest - began)

    def fail(self, error: str, model: str | None) -> None:
        """Keep the answer as far as it came, with the sentence that says why it ended."""
        if self._turn_id is not None:
            self._end(self._turn_id, error=error, model=model)

    def _end(
        self,
        turn_id: int,
        reason: FinishReason | None = None,
        usage: Usage | None = None,
        model: str | None = None,
        error: str | None = None,
        unsure: tuple[Unsure, ...] = (),
    ) -> None:
        if not self.ended:
            self._history.write_answer(turn_id, self.answer, reason, usage, model, error, unsure)
            self.ended = True
