"""Makes drafts, turns about to be answered, of a person's options and what the conversation holds. Pure."""

import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from backend.chat.results import said
from backend.errors import EmptyMessage, InputError
from backend.history import Turn
from backend.history.values import storable
from backend.tasks.registry import find_task, tasks
from backend.tasks.task import Task
from backend.types import (
    GenerationRequest,
    ImagePart,
    MediaPart,
    Message,
    ModelInfo,
    Part,
    SamplingParams,
    TextPart,
    VideoPart,
)


@dataclass(frozen=True, slots=True)
class TurnOptions:
    """The settings that go with a message. None leaves task, sampling, frames or interval of a clip as they were."""

    conversation_id: str
    owner: str
    task: str | None
    sampling: SamplingParams | None
    system: str
    frames: int | None
    interval: tuple[float | None, float | None] | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A turn about to be answered: its message, the turns before it, and the turns that it replaces."""

    options: TurnOptions
    user: Message
    task: Task
    sampling: SamplingParams
    before: tuple[Turn, ...]
    replaced: tuple[Turn, ...] = ()

    @property
    def shown(self) -> tuple[MediaPart, ...]:
        """The images and clips that the model is shown with the turn, also an interval that its words name."""
        return shown_last(self.before, self.user)

    def requests(self, keeps: Callable[[MediaPart], bool]) -> tuple[GenerationRequest, ...]:
        """Make the engine's requests, of the media that the store still `keeps`: one, or one for each image."""
        images = [part for part in self.user.media if isinstance(part, ImagePart)]
        if self.task.each and len(images) > 1:
            return tuple(self._request((), user_message(self.user.text, [image]), keeps) for image in images)
        return (self._request(self.before, self.user, keeps),)

    def _request(self, before: Sequence[Turn], user: Message, keeps: Callable[[MediaPart], bool]) -> GenerationRequest:
        return GenerationRequest(
            self.options.conversation_id,
            transcript(before, user, self.task, self.options.system, keeps),
            self.sampling,
            self.task.name,
            owner=self.options.owner,
            grammar=self.task.grammar(user.text),
            reading=self.task.reading(user.text),
        )


def new_draft(options: TurnOptions, text: str, media: Sequence[MediaPart], before: Sequence[Turn]) -> Draft:
    """Make the draft of a new message with this text and media, after these turns.

    Raises:
        InputError: there is no such preset, or it does not fit the message; EmptyMessage where that says nothing.
    """
    task = find_task(options.task or "chat")
    seen = media_in(before)
    check_words(text, len(media), seen, task)
    check_media(text, (*seen, *media), task)
    sampling = task.sample(options.sampling or SamplingParams())
    if sampling.seed is None:  # drawn here, so that the history knows with which seed an answer can be had again
        sampling = replace(sampling, seed=secrets.randbelow(2**31))
    return Draft(options, user_message(text, media), task, sampling, tuple(before))


def revised_draft(options: TurnOptions, number: int | None, text: str | None, turns: Sequence[Turn]) -> Draft:
    """Make the draft that replaces turn `number` and all after it; None means the last turn, and its own words.

    Raises:
        InputError: there is no turn of that number, and as `new_draft` does.
    """
    at = len(turns) if number is None else number
    if not 1 <= at <= len(turns):
        raise InputError("This message is not in the conversation any more; reload the page.")
    old = turns[at - 1]
    # The seed that was drawn for the old answer would only draw it again.
    sampling = options.sampling or replace(old.sampling, seed=None)
    options = replace(options, task=options.task or old.task, sampling=sampling)
    draft = new_draft(options, old.user.text if text is None else text, old.user.media, turns[: at - 1])
    return replace(draft, replaced=tuple(turns[at - 1 :]))


SHOWN = "[a picture]"  # what a model reads of an answer without words

CHARACTERS_PER_TOKEN = 16
MAX_CHARACTERS = 500_000  # while no model is loaded

_KINDS: dict[str, tuple[type, str]] = {"image": (ImagePart, "picture"), "video": (VideoPart, "video")}


def user_message(text: str, media: Iterable[MediaPart]) -> Message:
    """Make a person's message as it is kept: media before text, since models see only what comes before the words."""
    words = (TextPart(storable(text)),) if text.strip() else ()
    return Message("user", (*media, *words))


def title_of(text: str, names: Sequence[str], task: Task) -> str:
    """Make a conversation's title from its first message: the person's words, or the files' names and the preset."""
    wanted = f"{task.title}: " if task.prompt else ""
    return text.strip() or (wanted + ", ".join(names) if names else task.title)


def transcript(
    turns: Iterable[Turn], user: Message, task: Task, system: str, keeps: Callable[[MediaPart], bool]
) -> tuple[Message, ...]:
    """List the messages that the model reads: the system prompt, the turns before, and the new message.

    A turn that failed without an answer is left out, so that what could not be answered once does not spoil every
    turn after it. One that was stopped before its first word still counts: its parts go before the next question's.
    An answer that a person has corrected is read as corrected: what is asked next is asked of what is right. Media of
    an answer come with the message after it.
    Media of earlier turns that the store no longer `keeps` are named in words, so that the conversation can go on.
    """
    counting = [turn for turn in turns if _counts(turn)]
    *earlier, latest = shown_with([*map(_sent, counting), (user.text, user.media)])
    messages = [Message("system", (TextPart(storable(system.strip())),))] if system.strip() else []
    unanswered: tuple[Part, ...] = ()
    for turn, media in zip(counting, earlier, strict=True):
        kept = [_kept(part, keeps) for part in media]
        asked = (*unanswered, *kept, *_words(turn.user.text, tasks().get(turn.task)))
        if turn.answer.parts:
            messages += Message("user", asked), Message.said(said(turn) or SHOWN)
        # Models look at what a user sends: what an answer showed goes before the next question.
        unanswered = tuple(_kept(part, keeps) for part in turn.answer.media) if turn.answer.parts else asked
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


def check_length(text: str, system: str, model: ModelInfo | None) -> None:
    """Raise for words that the model could not read, before a tokenizer spends minutes on them.

    Raises:
        InputError: with how many characters there may be, counted generously: most tokens have fewer.
    """
    most = CHARACTERS_PER_TOKEN * model.context_length if model else MAX_CHARACTERS
    for words, name in ((text, "message"), (system, "system prompt")):
        if len(words) > most:
            raise InputError(
                f"This {name} has {len(words):,} characters, and the model reads {most:,} at most; "
                "shorten it or send it in parts."
            )


def check_words(text: str, files: int, seen: Sequence[MediaPart], task: Task) -> None:
    """Raise unless a message of this text and so many files can be answered, before its files are read.

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
    """Raise unless the preset finds what it reads among these media.

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
    return turn.error is None or bool(turn.answer.parts)


def _sent(turn: Turn) -> tuple[str, tuple[MediaPart, ...]]:
    return turn.user.text, turn.user.media


def _words(text: str, task: Task | None) -> tuple[Part, ...]:
    words = task.compose(text) if task is not None else text
    return (TextPart(words),) if words else ()


def _kept(part: MediaPart, keeps: Callable[[MediaPart], bool]) -> Part:
    if keeps(part):
        return part
    noun = "picture" if isinstance(part, ImagePart) else "video"
    return TextPart(f"[a {noun} that is no longer kept]")


_CLOCK = r"(?:(\d{1,2}):)?(\d{1,2}):([0-5]\d)(?!\d|:\d)"
_CLOCKS = re.compile(rf"(?<![\d:]){_CLOCK}\]?\s*(?:[-–—]|\w{{1,6}})\s*\[?{_CLOCK}")
_SECONDS = re.compile(
    r"(?<![\d.,:])(\d+(?:\.\d+)?)(?:\s*(?:s|secs?|seconds?))?\s*(?:-|–|—|to|and|until|till)\s*(\d+(?:\.\d+)?)\s*"
    r"(?:s|secs?|seconds?)\b"
    r"|\bseconds?\s+(\d+(?:\.\d+)?)\s*(?:-|–|—|to|and|until|till)\s*(\d+(?:\.\d+)?)(?![\d:])",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"\b(?:whole|entire|full|complete)\s+(?:clip|video|film|movie|recording)\b", re.IGNORECASE)


def named_interval(text: str) -> tuple[float, float] | None:
    """The first interval that a text names, in seconds: "0:10 to 0:15", "between 10 and 15 seconds"; None without."""
    if found := _CLOCKS.search(text):
        hours, minutes, seconds, *last = (int(group or 0) for group in found.groups())
        start, end = 3600.0 * hours + 60 * minutes + seconds, 3600.0 * last[0] + 60 * last[1] + last[2]
    elif found := _SECONDS.search(text):
        start, end = (float(group) for group in found.groups() if group is not None)
    else:
        return None
    return (start, end) if start < end else None


def shown_with(messages: Iterable[tuple[str, Sequence[MediaPart]]]) -> list[tuple[MediaPart, ...]]:
    """Choose for each message (its words, the files sent with it) the images and clips that the model is shown.

    Those are the files themselves, but of the clip that an interval is named for, only that interval: the last clip
    of the message, else the last one before it. The whole clip is shown again where the words ask for it.
    """
    shown: list[tuple[MediaPart, ...]] = []
    sent: VideoPart | None = None
    view: VideoPart | None = None
    for text, media in messages:
        own = next((part for part in reversed(media) if isinstance(part, VideoPart)), None)
        sent, before = own or sent, None if own else view
        view = _view(text, sent, before) if sent else None
        if own:
            shown.append(tuple(view if part is own and view else part for part in media))
        else:
            shown.append((*media, *([view] if view and view != before else [])))
    return shown


def _view(text: str, sent: VideoPart, before: VideoPart | None) -> VideoPart:
    """Choose what is shown of a clip: the interval named, else what was shown before, else what was sent."""
    if interval := named_interval(text):
        return replace(sent, start=interval[0], end=interval[1])
    return sent if before is None or _WHOLE.search(text) else before
