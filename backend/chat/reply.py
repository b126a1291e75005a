"""The answer of one turn as it grows, written through to the history."""

import time
from collections.abc import Callable

from backend.history import History
from backend.types import FinishReason, Usage


class Reply:
    """Text that is kept about every `every` seconds while it grows, and once more at its end.

    `add_turn` adds the turn that it answers and returns its id. It is called by `begin`, or when the answer's first
    word comes or it ends well; an answer that comes to nothing before that leaves the history as it was.
    """

    def __init__(self, history: History, add_turn: Callable[[], int], every: float = 1.0) -> None:
        self._history = history
        self._add_turn = add_turn
        self._every = every
        self._turn_id: int | None = None
        self._pieces: list[str] = []
        self._kept = 0.0
        self.ended = False

    def begin(self) -> int:
        """Add the turn, once; returns its id."""
        if self._turn_id is None:
            self._turn_id = self._add_turn()
            self._kept = time.monotonic()
        return self._turn_id

    def grow(self, piece: str) -> None:
        """Take the next piece of the answer."""
        turn_id = self.begin()
        self._pieces.append(piece)
        if time.monotonic() - self._kept >= self._every:
            self._history.write_reply(turn_id, "".join(self._pieces))
            self._kept = time.monotonic()

    def finish(self, reason: FinishReason, usage: Usage, model: str | None) -> None:
        """Keep the whole answer."""
        self._end(self.begin(), reason, usage, model)

    def stop(self, model: str | None) -> None:
        """Keep the answer as far as it came, as stopped by a person."""
        if self._turn_id is not None:
            self._end(self._turn_id, "cancelled", model=model)

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
    ) -> None:
        if not self.ended:
            self._history.write_reply(turn_id, "".join(self._pieces), reason, usage, model, error)
            self.ended = True
