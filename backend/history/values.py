"""Defines what the history returns, and converts messages, usage and sampling to JSON in the database and back."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, field

from pydantic import TypeAdapter

from backend.types import (
    FinishReason,
    ImagePart,
    MediaPart,
    Message,
    Part,
    SamplingParams,
    TextPart,
    Unsure,
    Usage,
    VideoPart,
)

log = logging.getLogger(__name__)

INTERRUPTED = "Glimpse ended before this answer was whole; press Retry to have it written again."
DAMAGED = "(This message is damaged in the history and cannot be shown.)"

_KINDS: dict[str, type[TextPart] | type[ImagePart] | type[VideoPart]] = {
    "text": TextPart,
    "image": ImagePart,
    "video": VideoPart,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_PARTS = {name: TypeAdapter[Part](kind) for name, kind in _KINDS.items()}
_USAGE = TypeAdapter(Usage)
_SAMPLING = TypeAdapter(SamplingParams)


@dataclass(frozen=True, slots=True)
class Summary:
    """One line of the list of conversations; `updated` in seconds since the epoch, `turns` how many there are."""

    id: str
    title: str
    updated: float
    turns: int


NOTHING_SAID = Message("assistant", ())


@dataclass(frozen=True, slots=True)
class Turn:
    """A person's message and its answer, each as parts. `user` has the words without the preset's prompt.

    Numbers count from 1 within a conversation; ids are never used twice. While an answer is being written,
    `finish_reason` and `error` are both None; one that was never finished has `INTERRUPTED` as its error. `sampling`
    is what the tokens were drawn with, the seed included; `created` in seconds since the epoch. `unsure` is where the
    model was not sure of what it wrote, for answers with a grammar. `corrections` are what a person made of the
    answer's results, by their number from 0; the answer itself stays as the model wrote it.
    """

    id: int
    number: int
    user: Message
    task: str
    answer: Message = NOTHING_SAID
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    model: str | None = None
    error: str | None = None
    sampling: SamplingParams = field(default_factory=SamplingParams)
    created: float = 0.0
    unsure: tuple[Unsure, ...] = ()
    corrections: Mapping[int, str] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether the answer is being written now."""
        return self.finish_reason is None and self.error is None

    @property
    def media(self) -> tuple[MediaPart, ...]:
        """The images and clips of this turn: what the person sent, then what the answer has."""
        return (*self.user.media, *self.answer.media)


def storable(text: str) -> str:
    """The text as UTF-8 can hold it: half characters, which browsers and models can send, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def first_words(text: str, limit: int = 60) -> str:
    """The start of a text on one line, at most `limit` characters, cut between words where it has any."""
    line = " ".join(text[: 4 * limit].split())
    if len(line) <= limit:
        return line
    kept = line[: limit - 1]
    return f"{kept.rsplit(' ', 1)[0]}…"


def parts_to_json(parts: tuple[Part, ...]) -> str:
    """A message's parts as a JSON list."""
    return storable(json.dumps([{"kind": _NAMES[type(part)], **asdict(part)} for part in parts], ensure_ascii=False))


def parts_from_json(text: str) -> tuple[Part, ...]:
    """The parts that `parts_to_json` wrote; a sentence in place of what cannot be read any more."""
    try:
        return tuple(_PARTS[item.pop("kind")].validate_python(item) for item in json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError):
        log.exception("a message of the history cannot be read")
        return (TextPart(DAMAGED),)


def usage_to_json(usage: Usage | None) -> str | None:
    """Usage as a JSON object."""
    return None if usage is None else _USAGE.dump_json(usage).decode()


def usage_from_json(text: str | None) -> Usage | None:
    """The usage that `usage_to_json` wrote."""
    return None if text is None else _USAGE.validate_json(text)


def sampling_to_json(sampling: SamplingParams) -> str:
    """Sampling as a JSON object of what is set."""
    return _SAMPLING.dump_json(sampling, exclude_none=True).decode()


def sampling_from_json(text: str) -> SamplingParams:
    """The sampling that `sampling_to_json` wrote."""
    return _SAMPLING.validate_json(text)


def unsure_to_json(unsure: tuple[Unsure, ...]) -> str:
    """Stretches as a JSON list of [start, end, probability]."""
    return json.dumps([astuple(one) for one in unsure])


def unsure_from_json(text: str) -> tuple[Unsure, ...]:
    """The stretches that `unsure_to_json` wrote."""
    return tuple(Unsure(*one) for one in json.loads(text))


def corrections_to_json(corrections: Mapping[int, str]) -> str:
    """Corrections as a JSON object."""
    return storable(json.dumps({str(number): text for number, text in corrections.items()}, ensure_ascii=False))


def corrections_from_json(text: str) -> dict[int, str]:
    """The corrections that `corrections_to_json` wrote."""
    return {int(number): source for number, source in json.loads(text).items()}
