"""A media store and an outlet in memory, and the short way to write a conversation."""

from collections.abc import Callable

from PIL import Image

from backend.engine.local.generator import Generator
from backend.engine.local.inference_thread import Cancelled
from backend.media.clip import Frame
from backend.types import (
    Finished,
    GenerationRequest,
    ImagePart,
    Message,
    SamplingParams,
    StreamEvent,
    TextDelta,
    Usage,
    VideoPart,
)

PARITY = SamplingParams(max_new_tokens=8, temperature=0)
GREEDY = SamplingParams(max_new_tokens=12, temperature=0)


class Store:
    """Each image is a plain colour named by its id; each clip has as many frames as it says, one a second."""

    def __init__(self, size: tuple[int, int] = (60, 40)) -> None:
        self.read: list[str] = []
        self._size = size

    def image(self, media_id: str) -> Image.Image:
        self.read.append(media_id)
        return Image.new("RGB", self._size, media_id)

    def frames(self, part: VideoPart) -> list[Frame]:
        self.read.append(part.media_id)
        return [Frame(float(second), Image.new("RGB", (64, 48), (second, 0, 0))) for second in range(part.frames)]


class EventSink:
    """Keeps events; wants no more once `enough` says so."""

    def __init__(self, enough: Callable[["EventSink"], bool] = lambda _: False) -> None:
        self.events: list[StreamEvent] = []
        self._enough = enough

    def emit(self, item: StreamEvent) -> None:
        self.events.append(item)

    def check(self) -> None:
        if self._enough(self):
            raise Cancelled


def image(color: str) -> ImagePart:
    return ImagePart(color)


def clip(frames: int, media_id: str = "clip") -> VideoPart:
    return VideoPart(media_id, frames)


def request(*messages: Message, sampling: SamplingParams = GREEDY) -> GenerationRequest:
    return GenerationRequest("conversation", messages, sampling)


def text(found: list[StreamEvent]) -> str:
    return "".join(event.text for event in found if isinstance(event, TextDelta))


def end(found: list[StreamEvent]) -> Finished:
    assert isinstance(found[-1], Finished)
    return found[-1]


class Recorded(Generator):
    """Remembers the tokens of each answer."""

    def _generate(self, *arguments):
        streamer = super()._generate(*arguments)
        self.drawn = streamer.tokens
        return streamer


def answered(generator: Recorded, asked: GenerationRequest) -> tuple[list[int], Usage]:
    sink = EventSink()
    sink.emit(generator.answer(asked, sink))
    return generator.drawn, end(sink.events).usage
