"""The short way to write a conversation, and to read what is streamed."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

from backend.types import Message, Part, TextPart

Item = TypeVar("Item")


def user(*parts: str | Part) -> Message:
    return Message("user", tuple(TextPart(part) if isinstance(part, str) else part for part in parts))


def assistant(text: str) -> Message:
    return Message("assistant", (TextPart(text),))


def system(text: str) -> Message:
    return Message("system", (TextPart(text),))


async def events(stream: AsyncGenerator[Item]) -> list[Item]:
    """All that comes, until the stream ends."""
    async with aclosing(stream):
        return [event async for event in stream]
