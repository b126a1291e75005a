"""What the model reads of a conversation, and whether a new turn says anything. Pure: no store, no engine."""

from collections.abc import Callable, Iterable, Sequence

from backend.chat.intervals import shown_with
from backend.chat.results import said
from backend.errors import EmptyMessage, InputError
from backend.history import Turn
from backend.history.values import storable
from backend.tasks.registry import tasks
from backend.tasks.task import Task
from backend.types import ImagePart, MediaPart, Message, Part, TextPart, VideoPart

_KINDS: dict[str, tuple[type, str]] = {"image": (ImagePart, "picture"), "video": (VideoPart, "video")}


def user_message(text: str, media: Iterable[MediaPart]) -> Message:
    """A person's message as it is kept: what was sent first, since models see only what comes before the words."""
    words = (TextPart(storable(text)),) if text.strip() else ()
    return Message("user", (*media, *words))


def title_of(text: str, names: Sequence[str], task: Task) -> str:
    """What a conversation that starts so is called: the person's words, or the files' names and what was wanted."""
    wanted = f"{task.title}: " if task.prompt else ""
    return text.strip() or (wanted + ", ".join(names) if names else task.title)


def transcript(
    turns: Iterable[Turn], user: Message, task: Task, system: str, keeps: Callable[[MediaPart], bool]
) -> tuple[Message, ...]:
    """The messages that the model reads: the system prompt, what went before, and the new message.

    A turn that failed without an answer is left out, so that what could not be answered once does not spoil every
    turn after it. One that was stopped before its first word still counts: its parts go before the next question's.
    An answer that a person has corrected is read as corrected: what is asked next is asked of what is right.
    Media of earlier turns that the store no longer `keeps` are named in words, so that the conversation can go on.
    """
    counting = [turn for turn in turns if _counts(turn)]
    *earlier, latest = shown_with([*map(_sent, counting), (user.text, user.media)])
    messages = [Message("system", (TextPart(storable(system.strip())),))] if system.strip() else []
    unanswered: tuple[Part, ...] = ()
    for turn, media in zip(counting, earlier, strict=True):
        kept = [_kept(part, keeps) for part in media]
        asked = (*unanswered, *kept, *_words(turn.user.text, tasks().get(turn.task)))
        unanswered = () if turn.reply else asked
        if turn.reply:
            messages += Message("user", asked), Message("assistant", (TextPart(said(turn)),))
    return (*messages, Message("user", (*unanswered, *latest, *_words(user.text, task))))


def shown_last(turns: Iterable[Turn], user: Message) -> tuple[MediaPart, ...]:
    """The images and clips that the model is shown with a new message after these turns."""
    return shown_with([*map(_sent, filter(_counts, turns)), (user.text, user.media)])[-1]


def shown_in(turns: Sequence[Turn]) -> list[tuple[MediaPart, ...]]:
    """The images and clips that the model was shown with each turn; nothing with one that failed."""
    shown = iter(shown_with(_sent(turn) for turn in turns if _counts(turn)))
    return [next(shown) if _counts(turn) else () for turn in turns]


def media_in(turns: Iterable[Turn]) -> tuple[MediaPart, ...]:
    """The images and clips that the model sees in these turns, in order."""
    return tuple(part for turn in turns if _counts(turn) for part in turn.media)


def check_words(text: str, files: int, seen: Sequence[MediaPart], task: Task) -> None:
    """Whether a message of this text, so many files, and what was sent before, is worth reading the files for.

    Raises:
        EmptyMessage: it says nothing.
        InputError: the preset reads a picture or a video, and there is none, or a schema, and this is none.
    """
    task.grammar(text)
    if not files:
        check_media(text, seen, task)
    if not text.strip() and not files and not (task.prompt and seen):
        raise EmptyMessage("Write a message or add a picture or a video.")


def check_media(text: str, media: Sequence[MediaPart], task: Task) -> None:
    """Whether the preset has what it reads among these media.

    Raises:
        EmptyMessage, InputError: it has not; the first where there is no text either.
    """
    if task.needs == "nothing":
        return
    kind, noun = _KINDS[task.needs]
    if not any(isinstance(part, kind) for part in media):
        error = InputError if text.strip() or media else EmptyMessage
        raise error(f"Add a {noun}: the preset “{task.title}” reads one.")


def _counts(turn: Turn) -> bool:
    return turn.error is None or bool(turn.reply)


def _sent(turn: Turn) -> tuple[str, tuple[MediaPart, ...]]:
    return turn.user.text, turn.media


def _words(text: str, task: Task | None) -> tuple[Part, ...]:
    words = task.compose(text) if task is not None else text
    return (TextPart(words),) if words else ()


def _kept(part: MediaPart, keeps: Callable[[MediaPart], bool]) -> Part:
    if keeps(part):
        return part
    noun = "picture" if isinstance(part, ImagePart) else "video"
    return TextPart(f"[a {noun} that is no longer kept]")
