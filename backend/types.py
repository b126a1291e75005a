"""The values that travel between the page, the backend and the engine: frozen, picklable, without torch or Gradio."""

from dataclasses import dataclass, field
from typing import Literal

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True, slots=True)
class TextPart:
    """A run of text in a message."""

    text: str


Box = tuple[int, int, int, int]
"""A part of an image in its pixels: left, top, right and bottom, the last two not in it."""


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image in the media store, or the part of it within `box`.

    `media_id` is the SHA-256 of the file as it came, in hex.
    """

    media_id: str
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class VideoPart:
    """A clip in the media store, seen as `frames` frames uniform in time over [start, end) seconds of it."""

    media_id: str
    frames: int = 64
    start: float | None = None
    end: float | None = None


Part = TextPart | ImagePart | VideoPart
MediaPart = ImagePart | VideoPart


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation, its parts in the order in which the person gave them."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """All text parts, joined by newlines."""
        return "\n".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def media(self) -> tuple[MediaPart, ...]:
        """The images and clips, in order."""
        return tuple(part for part in self.parts if not isinstance(part, TextPart))


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How tokens are drawn. None leaves a value to the model's own generation config; temperature 0 is greedy."""

    max_new_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Grammar:
    """What every token of an answer must fit: a JSON Schema as JSON text, or a grammar in llguidance's Lark."""

    kind: Literal["json", "lark"]
    text: str


Reading = Literal["none", "evidence", "amounts", "text"]
"""What is done with the text on the images of a request, which a model that works from text is given in any case.

"evidence" has it read, so that it can be said where the answer's values stand; "amounts" does so and answers with a
sentence where no amount is printed; "text" answers with the text itself where the model works from it.
"""


ReaderPolicy = Literal["auto", "always", "never"]
"""Which models are given the text on images: those trained for it; all; none, and then nothing is read at all."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What the engine is asked: the whole conversation, system prompt first where there is one, user turn last.

    `owner` is whose request it is, for the queue; "" where people do not log in, and each conversation stands alone.
    With a `grammar`, an answer that ended by itself is one of its sentences, and one that was cut begins one.
    """

    conversation_id: str
    messages: tuple[Message, ...]
    sampling: SamplingParams = field(default_factory=SamplingParams)
    task: str = "chat"
    owner: str = ""
    grammar: Grammar | None = None
    reading: Reading = "none"

    @property
    def images(self) -> int:
        """How many images the conversation shows, clips aside."""
        return sum(isinstance(part, ImagePart) for message in self.messages for part in message.parts)


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost. Times in seconds; `time_to_first_token` and `seconds` count from the start of the work.

    `left_out` counts the oldest turns that had no room, and `shown` says in words how images and clips were shown
    where all of them had none. `read` says in words what was done with the text on the images, where anything was.
    """

    prompt_tokens: int
    completion_tokens: int
    reused_tokens: int = 0
    images: int = 0
    frames: int = 0
    time_to_first_token: float = 0.0
    seconds: float = 0.0
    left_out: int = 0
    shown: str = ""
    read: str = ""

    @property
    def tokens_per_second(self) -> float:
        """Decode speed: the tokens after the first over the time after the first; 0 where that is not defined."""
        decoding = self.seconds - self.time_to_first_token
        return (self.completion_tokens - 1) / decoding if self.completion_tokens > 1 and decoding > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Queued:
    """The request waits; position 1 runs next."""

    position: int


@dataclass(frozen=True, slots=True)
class Progress:
    """Work before the first token, in words a person reads ("reading the clip"); total 0 where it is not known.

    More than a thousand of something are bytes. `left` is how many seconds it takes still, where that is known.
    """

    stage: str
    done: int = 0
    total: int = 0
    left: float | None = None

    @property
    def words(self) -> str:
        """As a person reads it: "reading the clip 23/64", "loading the model 4.0 of 10.0 GB, about 40 s left"."""
        if not self.total:
            return self.stage
        if self.total <= 1000:
            return f"{self.stage} {self.done}/{self.total}"
        unit, name = (10**9, "GB") if self.total >= 10**9 else (10**6, "MB")
        return f"{self.stage} {self.done / unit:.1f} of {self.total / unit:.1f} {name}{_left(self.left)}"


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes = round(seconds / 60)
    return f", about {minutes} min left" if minutes > 1 else f", about {round(seconds)} s left"


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer, never half a character, and how many tokens it was drawn as."""

    text: str
    tokens: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Restarted:
    """The answer begins anew, because of what is wrong with it so far; the text of all deltas before this is void."""

    why: str


@dataclass(frozen=True, slots=True)
class Unsure:
    """Characters [start, end) of an answer that the model wrote with this probability, from 0 to 1.

    `again` is whether it has read them a second time, on a closer look; what it was sure of then stands here too.
    """

    start: int
    end: int
    probability: float
    again: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of every stream that did not raise; `unsure` is filled in for requests with a grammar."""

    finish_reason: FinishReason
    usage: Usage
    unsure: tuple[Unsure, ...] = ()


StreamEvent = Queued | Progress | TextDelta | Restarted | Finished


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The loaded model as the page needs to know it. `sampling` holds the model's own defaults, all filled in.

    `canvas` is how many pixels of one image it sees at most, what is larger being shrunk; 0 where that is not known.
    `reads_text` is whether it was trained to be given the text on each image as well.
    """

    id: str
    name: str
    family: str
    context_length: int
    precision: str
    device: str
    images: bool
    video: bool
    sampling: SamplingParams
    canvas: int = 0
    reads_text: bool = False


EngineState = Literal["loading", "ready", "failed", "closed"]


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """Where the engine stands. `detail` is one line for a person; `done` of `total` counts bytes while loading.

    `left` is how many seconds the load takes still, where that is known.
    """

    state: EngineState
    detail: str = ""
    done: int = 0
    total: int = 0
    model: ModelInfo | None = None
    left: float | None = None
