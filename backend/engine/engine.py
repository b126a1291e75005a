"""The protocol that every engine fulfils. It has one verb; to answer whole is to join the deltas of a stream."""

from collections.abc import AsyncGenerator
from typing import Protocol

from backend.types import EngineStatus, GenerationRequest, StreamEvent


class Engine(Protocol):
    """Answers requests. Used from one event loop; any number of streams may be open at once."""

    def stream(self, request: GenerationRequest) -> AsyncGenerator[StreamEvent]:
        """Yield the events of one answer, `Finished` last.

        Closing the generator (`async with contextlib.aclosing(...)`) cancels the work wherever it stands. A request
        that comes while the model loads waits, with `Progress` events.

        Raises:
            GlimpseError: with a sentence for the person; nothing else leaves an engine.
        """
        ...

    @property
    def status(self) -> EngineStatus:
        """Where the engine stands now; cheap, never blocks."""
        ...

    async def close(self) -> None:
        """Cancel every stream, free the model and end all threads and processes. Safe to call twice."""
        ...
