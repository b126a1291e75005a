"""Where the events of an answer go, and from where its end may come: what the work on a model knows of its reader."""

from typing import Protocol

from backend.types import StreamEvent


class Outlet(Protocol):
    """One answer's reader; `inference_thread.Job` is one."""

    def emit(self, item: StreamEvent) -> None:
        """Send an event to the reader."""
        ...

    def check(self) -> None:
        """Raise Cancelled if nobody reads any more."""
        ...
