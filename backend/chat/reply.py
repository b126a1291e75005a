"""The answer of one turn as it grows, written through to the history."""

import time
from collections.abc import Callable

from backend.history import History
from backend.types import Finished, FinishReason, Progress, Restarted, StreamEvent, TextDelta, Unsure, Usage


class Reply:
    """Text that is kept about every `every` seconds while it grows, and once more at its end.

    `add_turn` adds the turn that it answers and returns its id. It is called by `begin`, or when the answer's first
    word comes or it ends well; an answer that comes to nothing before that leaves the history as it was.
    `clock` tells the time in seconds.
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
            case Restarted():
                self._pieces.clear()
            case Finished(reason, usage, unsure):
                self._end(self.begin(), reason, usage, model, unsure=unsure)

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(self._pieces)

    def _grow(self, piece: str, tokens: int) -> None:
        turn_id, now = self.begin(), self._clock()
        self._pieces.append(piece)
        self._tokens += tokens
        began, first = (*self._times, now, now)[:2]
        self._times = [began, first, now]
        if now - self._kept >= self._every:
            self._history.write_reply(turn_id, self.text)
            self._kept = now

    def amend(self, text: str, finished: Finished, model: str | None) -> None:
        """Put another whole answer in the place of one that has ended, as a second look leaves it."""
        reason, usage, unsure = finished.finish_reason, finished.usage, finished.unsure
        self._history.write_reply(self.begin(), text, reason, usage, model, None, unsure)

    def stop(self, model: str | None) -> None:
        """Keep the answer as far as it came, as stopped by a person, with the figures that are known by then."""
        if self._turn_id is not None:
            self._end(self._turn_id, "cancelled", self._so_far(), model)

    def _so_far(self) -> Usage | None:
        """The engine's own figures come with the end of an answer, and this one has none."""
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
            self._history.write_reply(turn_id, self.text, reason, usage, model, error, unsure)
            self.ended = True
