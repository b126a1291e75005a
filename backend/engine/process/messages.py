"""Sends messages between the page's process and the engine's: frozen values as JSON in a pipe, and nothing else.

It defines and transports the messages, and does not know what either side does with them.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Annotated, Any, get_args

from pydantic import PlainSerializer, PlainValidator, TypeAdapter

from backend.engine.engine import EngineSpec
from backend.errors import GlimpseError
from backend.types import EngineStatus, GenerationRequest, StreamEvent


@dataclass(frozen=True, slots=True)
class Start:
    """First to the child: what to load, where the media lie, and from which level on our own modules log."""

    spec: EngineSpec
    store_root: str
    log_level: int


@dataclass(frozen=True, slots=True)
class Request:
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
class Events:
    """To the page: the next events of answer `number`, as many as there were."""

    number: int
    events: tuple[StreamEvent, ...]


def _told(error: GlimpseError) -> tuple[str, str]:
    """Turn an error into its name and its sentence; a file name in it may have bytes that are no text."""
    return type(error).__name__, str(error).encode("utf-8", "replace").decode()


def _error(told: Any) -> GlimpseError:
    """Turn a name and a sentence back into the error; an error stays as it is."""
    if isinstance(told, GlimpseError):
        return told
    name, sentence = told
    if name not in _ERRORS:
        raise ValueError(f"{name} is not an error of ours")
    return _ERRORS[name](str(sentence))


@dataclass(frozen=True, slots=True)
class Failed:
    """To the page: answer `number` ended with this error, of a class of `backend.errors`."""

    number: int
    error: Annotated[GlimpseError, PlainValidator(_error), PlainSerializer(_told)]


@dataclass(frozen=True, slots=True)
class Status:
    """To the page: where the engine stands now."""

    status: EngineStatus


ToChild = Start | Request | Cancel | Close
ToPage = Events | Failed | Status

_NAMED = vars(sys.modules[GlimpseError.__module__]).items()
_ERRORS = {name: kind for name, kind in _NAMED if isinstance(kind, type) and issubclass(kind, GlimpseError)}
_MESSAGES = {kind.__name__: TypeAdapter[ToChild | ToPage](kind) for kind in (*get_args(ToChild), *get_args(ToPage))}


def send(pipe: Connection, message: ToChild | ToPage) -> None:
    """Write one message: its name, a line feed, and its fields as JSON.

    Raises:
        OSError: the other side is gone.
    """
    name = type(message).__name__
    pipe.send_bytes(name.encode() + b"\n" + _MESSAGES[name].dump_json(message))


def receive(pipe: Connection) -> Iterator[ToChild | ToPage]:
    """Yield messages until the other side closes the pipe or dies.

    Raises:
        ValueError: what came is not one of our messages: the engine's process runs models made by strangers.
    """
    while True:
        try:
            data = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        name, _, fields = data.partition(b"\n")
        if (adapter := _MESSAGES.get(name.decode("ascii", "replace"))) is None:
            raise ValueError(f"{name[:40]!r} is not a message")
        yield adapter.validate_json(fields)
