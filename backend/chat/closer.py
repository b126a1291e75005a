"""A closer look at what is doubtful in an answer: its fields are asked again, each of the part of the image it is in.

Nobody knows where on an image a field was read, but an answer has its fields in the order in which they are printed.
So an image is cut into bands from top to bottom that overlap, and a field is looked for in the one it should be in.
Knows requests and events, neither history nor page.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from backend.chat.asking import spent
from backend.chat.run import Emit
from backend.engine.engine import Engine
from backend.errors import GlimpseError
from backend.tasks.json_text import named
from backend.tasks.result import Answer
from backend.tasks.second_look import Field, SecondLook
from backend.types import (
    Box,
    Finished,
    GenerationRequest,
    ImagePart,
    Message,
    Progress,
    Queued,
    TextDelta,
    TextPart,
    Usage,
)

log = logging.getLogger(__name__)

READS = 3  # at most, for one image
FIELDS = 12  # asked in one read at most: an answer that is doubtful all over is not mended by a second look
OVERLAP = 0.2  # of a band's height, into each of its neighbours
LEAST = 512 * 512  # pixels; a model that sees less than that was not made for print, nor for parts of images

Size = Callable[[str], tuple[int, int]]
"""Width and height of an image of the store in pixels; raises StorageError where it is no longer kept."""


async def look_closer(
    engine: Engine,
    requests: Sequence[GenerationRequest],
    look: SecondLook,
    answer: Answer,
    first: Finished,
    size: Size,
    emit: Emit,
) -> tuple[Answer, Usage]:
    """The answer to all requests after a second look at what is doubtful in it, and what it has cost by then.

    Only where the model has room for more than it was shown: where it shrinks the image, and was not short of memory.
    An error ends it early, since there is an answer already.
    """
    usages = [first.usage]
    doubtful = look.fields(answer) if first.finish_reason == "stop" and not first.usage.shown else ()
    if len(doubtful) != len(requests):  # more objects than images, or fewer: nobody knows which is of which
        return answer, first.usage
    try:
        for request, fields in zip(requests, doubtful, strict=True):
            for crop, asked in _crops(engine, request, fields, size):
                emit(Progress(f"reading {_names(asked)} again, closer"))
                words, grammar = look.ask(answer, asked)
                closer = replace(
                    request,
                    conversation_id=f"{request.conversation_id} closer",  # what is kept of the real one stays
                    messages=(Message("user", (crop, TextPart(words))),),
                    grammar=grammar,
                )
                text, finished = await _read(engine, closer, emit)
                usages.append(finished.usage)
                if finished.finish_reason == "stop" and not finished.usage.shown:
                    answer = look.merge(answer, asked, replace(answer, text=text, unsure=finished.unsure))
    except GlimpseError as error:
        log.warning("a second look came to nothing: %s", error)
    return answer, spent(usages)


def bands(size: tuple[int, int], canvas: int) -> tuple[Box, ...]:
    """An image in parts from top to bottom, as many as show it whole, up to a few; none where it is seen whole."""
    width, height = size
    if canvas < LEAST or width * height <= canvas:
        return ()
    count = min(READS, -(-width * height // canvas))
    edges = [((at - OVERLAP) / count, (at + 1 + OVERLAP) / count) for at in range(count)]
    return tuple((0, round(max(0, top) * height), width, round(min(1, end) * height)) for top, end in edges)


def _crops(
    engine: Engine, request: GenerationRequest, fields: Sequence[Field], size: Size
) -> list[tuple[ImagePart, Sequence[Field]]]:
    """The parts of a request's image in which some of the fields should be, with these; none where it has several."""
    model = engine.status.model
    media = next((message.media for message in reversed(request.messages) if message.media), ())
    if model is None or not fields or len(media) != 1 or not isinstance(media[0], ImagePart):
        return []
    boxes = bands(size(media[0].media_id), model.canvas)
    found = [
        (replace(media[0], box=box), [one for one in fields if int(one.place * len(boxes)) == at][:FIELDS])
        for at, box in enumerate(boxes)
    ]
    return [(crop, asked) for crop, asked in found if asked]


async def _read(engine: Engine, request: GenerationRequest, emit: Emit) -> tuple[str, Finished]:
    """The whole reply to a request; of what happens before it, only that it waits is told."""
    text = ""
    async with aclosing(engine.stream(request)) as events:
        async for event in events:
            match event:
                case TextDelta(piece):
                    text += piece
                case Queued():
                    emit(event)
                case Finished():
                    return text, event
    return "", Finished("cancelled", Usage(0, 0))


def _names(asked: Sequence[Field]) -> str:
    names = [named(one.path) for one in asked]
    return " and ".join(names) if len(names) < 3 else f"{len(names)} fields"
