"""What crosses between the page's process and the engine's: frozen values in a pipe, and nothing else.

It knows the messages and how they travel, not what either side does with them.
"""

import io
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection

from backend.engine.spec import EngineSpec
from backend.errors import GlimpseError
from backend.types import EngineStatus, GenerationRequest, StreamEvent


@dataclass(frozen=True, slots=True)
class Start:
    """First to the child: what to load, where the media lie, and from which level on our own modules log."""

    spec: EngineSpec
    store_root: str
    log_level: int


@dataclass(frozen=True, slots=True)
class Ask:
    """To the child: answer `request`; all that follows about it carries `number`."""

    number: int
    request: GenerationRequest


@dataclass(frozen=True, slots=True)
class Cancel:
    """To the child: nobody reads answer `number` any more."""

    number: int


@dataclass(frozen=True, slots=True)
class Close:
    """To the child: cancel everything, free the model and end."""


@dataclass(frozen=True, slots=True)
class Told:
    """To the page: the next events of answer `number`, as many as there were."""

    number: int
    events: tuple[StreamEvent, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """To the page: answer `number` ended with this error."""

    number: int
    error: GlimpseError


@dataclass(frozen=True, slots=True)
class Status:
    """To the page: where the engine stands now."""

    status: EngineStatus


ToChild = Start | Ask | Cancel | Close
ToPage = Told | Failed | Status

_ROOMS = {"backend.types", "backend.errors", "backend.engine.spec", __name__}


class _Values(pickle.Unpickler):
    """Reads values of ours alone: the engine's process runs models made by strangers, the page's does not."""

    def find_class(self, module: str, name: str) -> object:
        if module not in _ROOMS or "." in name:
            raise pickle.UnpicklingError(f"{module}.{name} may not cross the pipe")
        return super().find_class(module, name)


def send(pipe: Connection, message: ToChild | ToPage) -> None:
    """Write one message.

    Raises:
        OSError: the other side is gone.
    """
    pipe.send_bytes(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))


def receive(pipe: Connection) -> Iterator[ToChild | ToPage]:
    """Yield messages until the other side closes the pipe or dies.

    Raises:
        pickle.UnpicklingError: something else than our values came.
    """
    while True:
        try:
            data = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        yield _Values(io.BytesIO(data)).load()
