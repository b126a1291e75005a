"""A media store and an outlet in memory, and the short way to write a conversation."""

from collections.abc import Callable

from PIL import Image

from backend.engine.inference_thread import Cancelled
from backend.engine.local import LocalEngine
from backend.media.frame import Frame
from backend.types import (
    Finished,
    GenerationRequest,
    ImagePart,
    Message,
    Part,
    SamplingParams,
    StreamEvent,
    TextDelta,
    TextPart,
    VideoPart,
)

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


class Outlet:
    """Keeps events; wants no more once `enough` says so."""

    def __init__(self, enough: Callable[["Outlet"], bool] = lambda _: False) -> None:
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


def user(*parts: Part | str) -> Message:
    return Message("user", tuple(TextPart(part) if isinstance(part, str) else part for part in parts))


def reply(text: str) -> Message:
    return Message("assistant", (TextPart(text),))


def system(text: str) -> Message:
    return Message("system", (TextPart(text),))


def request(*messages: Message, sampling: SamplingParams = GREEDY) -> GenerationRequest:
    return GenerationRequest("conversation", messages, sampling)


async def events(engine: LocalEngine, asked: GenerationRequest) -> list[StreamEvent]:
    return [event async for event in engine.stream(asked)]


def text(found: list[StreamEvent]) -> str:
    return "".join(event.text for event in found if isinstance(event, TextDelta))


def end(found: list[StreamEvent]) -> Finished:
    assert isinstance(found[-1], Finished)
    return found[-1]
