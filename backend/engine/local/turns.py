"""Splits a conversation into turns, decides which images each turn shows, and renders the chat template. Pure."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import TemplateError

from backend.types import MediaPart, Message, TextPart


@dataclass(frozen=True)
class PromptTurn:
    """One turn: what a person sent, the images and clips shown with it, and the replies."""

    user: Message
    replies: tuple[Message, ...] = ()
    media: tuple[MediaPart, ...] = ()

    @property
    def messages(self) -> tuple[Message, ...]:
        """The turn as messages: media before text, as vision models are trained."""
        text = (TextPart(self.user.text),) if self.user.text else ()
        return (Message("user", (*self.media, *text)), *self.replies)


def split(messages: Sequence[Message]) -> tuple[str, list[PromptTurn]]:
    """Split messages into the system prompt, empty if there is none, and the turns, oldest first.

    Messages without content are left out (an answer stopped before its first token), and neighbours of one role
    become one message, since many chat templates refuse anything but user and assistant in turns.
    """
    system = "\n\n".join(message.text for message in messages if message.role == "system" and message.text)
    turns: list[PromptTurn] = []
    for message in messages:
        if message.role == "system" or not (message.text or message.media):
            continue
        if message.role == "assistant":
            if turns:
                turns[-1] = replace(turns[-1], replies=_joined(turns[-1].replies, message))
        elif turns and not turns[-1].replies:
            user = Message("user", turns[-1].user.parts + message.parts)
            turns[-1] = PromptTurn(user, media=user.media)
        else:
            turns.append(PromptTurn(message, media=message.media))
    return system, turns


def _joined(replies: tuple[Message, ...], reply: Message) -> tuple[Message, ...]:
    parts = [part for message in (*replies, reply) for part in message.parts]
    return (Message("assistant", tuple(parts)),)


def with_earlier_media(
    turns: Sequence[PromptTurn], left_out: int, repeat: int, sizes: dict[MediaPart, int]
) -> list[PromptTurn]:
    """The turns from `left_out` on, with earlier media shown again for models that see only the latest run of images.

    In Mllama a text token attends to the latest run of consecutive images alone, so after a new image the ones before
    it are out of sight. A turn that brings new media therefore shows the newest of the earlier ones again, right
    before its own: oldest first, newest last, at most `repeat` images (`sizes`: images of each), a clip whole or not
    at all, nothing twice, and of a clip only the part that was shown last. What a turn shows depends on it and the
    turns before it alone, so a conversation that grows keeps the prompt it had as a prefix. Where the oldest turns are
    left out, the first one kept counts as bringing new media, and so keeps in sight what was left out with them.
    """
    laid: list[PromptTurn] = []
    for index, turn in enumerate(turns[left_out:], left_out):
        brings = bool(turn.media) or index == left_out
        earlier = _latest(turns[:index], turn.media, repeat, sizes) if brings else ()
        laid.append(replace(turn, media=earlier + turn.media))
    return laid


def _latest(
    turns: Sequence[PromptTurn], own: Sequence[MediaPart], room: int, sizes: dict[MediaPart, int]
) -> tuple[MediaPart, ...]:
    found: list[MediaPart] = []
    for turn in reversed(turns):
        for part in reversed(turn.media):
            if part.media_id in [later.media_id for later in (*own, *found)]:
                continue
            if sizes[part] > room:
                return tuple(reversed(found))
            room -= sizes[part]
            found.append(part)
    return tuple(reversed(found))


ChatMessage = dict[str, Any]


def render(processor: Any, system: str, messages: list[ChatMessage], reads_images: bool) -> str:
    """Render a conversation as text up to where the answer begins, with the system prompt unless it is empty.

    `processor` is a processor, or the tokenizer of a model that reads text alone; the first message is the user's.
    """
    bare = _apply(processor, messages, reads_images)
    if not system.strip():
        return bare
    # Some templates take the system prompt as a string and write a list as Python would; some take lists alone.
    parts = [{"type": "text", "text": system}]
    for content in (system, parts):
        with contextlib.suppress(TemplateError, ValueError, TypeError):
            text = _apply(processor, [{"role": "system", "content": content}, *messages], reads_images)
            if text.count(system.strip()) > bare.count(system.strip()) and repr(parts) not in text:
                return text
    # Some know no system prompt at all, and Llama 3.2's refuses one beside images.
    return _apply(processor, [_with_system(messages[0], system), *messages[1:]], reads_images)


def _apply(processor: Any, messages: list[ChatMessage], reads_images: bool) -> str:
    if not reads_images:
        messages = [{**message, "content": _text(message["content"])} for message in messages]
    return str(processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))


def _with_system(message: ChatMessage, system: str) -> ChatMessage:
    """A user message that begins with the system prompt, after its images."""
    content = list(message["content"])
    last = content.pop()["text"] if content and content[-1]["type"] == "text" else ""
    return {**message, "content": [*content, {"type": "text", "text": f"{system}\n\n{last}".rstrip()}]}


def _text(content: str | list[dict[str, Any]]) -> str:
    return content if isinstance(content, str) else "\n".join(part["text"] for part in content)
