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

    `media_id` is a SHA-256 in hex: of the file as it came or, for a sheet that an engine draws, of what is on it.
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

    @classmethod
    def said(cls, text: str) -> "Message":
        """Make an answer of a text; an empty text makes one without parts."""
        return cls("assistant", (TextPart(text),) if text else ())

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
    """Sets how tokens are sampled. None leaves a value to the model's generation config; temperature 0 is greedy."""

    max_new_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Grammar:
    """Constrains an answer: a JSON Schema as JSON text, or a grammar in llguidance's Lark.

    `copies`: the grammar allows only text that was read on an image. A token's probability is then taken among the
    allowed tokens, since what else the model would have said is no sign of doubt.
    """

    kind: Literal["json", "lark"]
    text: str
    copies: bool = False


Reading = Literal["none", "evidence", "amounts", "text"]
"""How the text on the images of a request is used; a model that works from text gets it in its prompt in any case.

"evidence" has it read, to find where the answer's values stand; "amounts" does so and answers with a sentence where no
amount is printed; "text" answers with the text itself where the model works from it.
"""


ReaderPolicy = Literal["auto", "always", "never"]
"""Which models get the text on images in their prompt: those trained for it; all; none, and then no text is read."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """Asks the engine for one answer: the whole conversation, system prompt first if there is one, user turn last.

    `owner` is who sent it, for a fair queue; "" where nobody logs in, and each conversation counts as one owner. With
    a `grammar`, a finished answer is valid under it, and one that was cut by the token limit is a valid prefix.
    `cache_key` names the prefix cache to continue on and to keep; None takes the conversation's own.
    """

    conversation_id: str
    messages: tuple[Message, ...]
    sampling: SamplingParams = field(default_factory=SamplingParams)
    task: str = "chat"
    owner: str = ""
    grammar: Grammar | None = None
    reading: Reading = "none"
    cache_key: str | None = None

    @property
    def images(self) -> int:
        """Count the images that the conversation shows, clips aside."""
        return sum(isinstance(part, ImagePart) for message in self.messages for part in message.parts)


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts what an answer cost.

    Times are in seconds; `time_to_first_token` and `seconds` count from the start of the work. `left_out` is how many
    of the oldest turns were dropped to fit the context. `detail` is by how many steps images and clips were reduced to
    fit, 0 where they were not, and `shown` says how, e.g. "images in one tile". `read` says what was done with the
    text on the images, where anything was. Sentences are for people, numbers for code.
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
    detail: int = 0

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

    `unit` is what is counted. `left` is how many seconds it takes still, where that is known.
    """

    stage: str
    done: int = 0
    total: int = 0
    left: float | None = None
    unit: Literal["", "bytes"] = ""

    @property
    def words(self) -> str:
        """Put it in words: "reading the clip 23/64", "loading the model 4.0 of 10.0 GB, about 40 s left"."""
        if not self.total:
            return self.stage
        if self.unit != "bytes":
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
    """The next piece of the answer's text, never half a character, and how many tokens it took."""

    text: str
    tokens: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class PartDone:
    """Adds a finished part that is not text to the answer: a picture or a clip that the media store already holds."""

    part: MediaPart


@dataclass(frozen=True, slots=True)
class Restarted:
    """Voids all deltas and parts so far: the answer begins anew, because of `why`."""

    why: str


@dataclass(frozen=True, slots=True)
class Unsure:
    """Marks characters [start, end) of an answer with the probability that the model gave them, from 0 to 1.

    `reread`: the model has read this field a second time, larger; it is listed then even where the model was sure.
    """

    start: int
    end: int
    probability: float
    reread: bool = False


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of every stream that did not raise; `unsure` is filled in for requests with a grammar."""

    finish_reason: FinishReason
    usage: Usage
    unsure: tuple[Unsure, ...] = ()


StreamEvent = Queued | Progress | TextDelta | PartDone | Restarted | Finished


Capability = Literal["images", "video", "json", "lark", "probabilities", "reads_text"]
"""Names what an engine can do with a model: show it images, and clips as video; constrain an answer by a JSON Schema,
or by a grammar in Lark; give each token's probability. "reads_text": the model was trained to read the text on images
in its prompt.
"""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The loaded model as the page needs to know it. `sampling` holds the model's own defaults, all filled in.

    `canvas` is the most pixels of one image that it sees, larger images being shrunk; 0 where that is not known.
    """

    id: str
    name: str
    family: str
    context_length: int
    precision: str
    device: str
    capabilities: frozenset[Capability]
    sampling: SamplingParams
    canvas: int = 0

    @property
    def reads_text(self) -> bool:
        """Whether the model was trained to find the text of each image in its prompt."""
        return "reads_text" in self.capabilities


EngineState = Literal["loading", "ready", "failed", "closed"]


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """The state of the engine. `detail` is one line for a person; `done` of `total` counts bytes while loading.

    `left` is how many seconds the load takes still, where that is known.
    """

    state: EngineState
    detail: str = ""
    done: int = 0
    total: int = 0
    model: ModelInfo | None = None
    left: float | None = None
