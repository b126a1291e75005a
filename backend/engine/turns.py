"""A conversation as turns, before any model sees it: what follows what, and which images are shown when. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from backend.types import MediaPart, Message, TextPart


@dataclass(frozen=True)
class Turn:
    """What a person sent, the images and clips shown with it, and the replies."""

    user: Message
    replies: tuple[Message, ...] = ()
    media: tuple[MediaPart, ...] = ()

    @property
    def messages(self) -> tuple[Message, ...]:
        """The turn as messages: media before text, as vision models are trained."""
        text = (TextPart(self.user.text),) if self.user.text else ()
        return (Message("user", (*self.media, *text)), *self.replies)


def split(messages: Sequence[Message]) -> tuple[str, list[Turn]]:
    """The system prompt, empty if there is none, and the turns, oldest first.

    Messages without content are left out (an answer stopped before its first token), and neighbours of one role
    become one message, since many chat templates refuse anything but user and assistant in turns.
    """
    system = "\n\n".join(message.text for message in messages if message.role == "system" and message.text)
    turns: list[Turn] = []
    for message in messages:
        if message.role == "system" or not (message.text or message.media):
            continue
        if message.role == "assistant":
            if turns:
                turns[-1] = replace(turns[-1], replies=_joined(turns[-1].replies, message))
        elif turns and not turns[-1].replies:
            user = Message("user", turns[-1].user.parts + message.parts)
            turns[-1] = Turn(user, media=user.media)
        else:
            turns.append(Turn(message, media=message.media))
    return system, turns


def _joined(replies: tuple[Message, ...], reply: Message) -> tuple[Message, ...]:
    parts = [part for message in (*replies, reply) for part in message.parts]
    return (Message("assistant", tuple(parts)),)


def with_earlier_media(turns: Sequence[Turn], left_out: int, repeat: int, sizes: dict[MediaPart, int]) -> list[Turn]:
    """The turns from `left_out` on, with earlier media shown again for models that see only the latest run of images.

    In Mllama a text token attends to the latest run of consecutive images alone, so after a new image the ones before
    it are out of sight. A turn that brings new media therefore shows the newest of the earlier ones again, right
    before its own: oldest first, newest last, at most `repeat` images (`sizes`: images of each), a clip whole or not
    at all, nothing twice, and of a clip only the part that was shown last. What a turn shows depends on it and the
    turns before it alone, so a conversation that grows keeps the prompt it had as a prefix. Where the oldest turns are
    left out, the first one kept counts as bringing new media, and so keeps in sight what was left out with them.
    """
    laid: list[Turn] = []
    for index, turn in enumerate(turns[left_out:], left_out):
        brings = bool(turn.media) or index == left_out
        earlier = _latest(turns[:index], turn.media, repeat, sizes) if brings else ()
        laid.append(replace(turn, media=earlier + turn.media))
    return laid


def _latest(
    turns: Sequence[Turn], own: Sequence[MediaPart], room: int, sizes: dict[MediaPart, int]
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
