"""A closer look at what is doubtful in an answer: its fields are asked again, each of the part of the image it is in.

Where that is says what was read on the image: the value's place, else its label's. An image that was not read is not
looked at again. Knows requests and events, neither history nor page.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from backend.chat.asking import spent
from backend.chat.grounds import Kept
from backend.chat.run import Emit
from backend.engine.engine import Engine
from backend.errors import GlimpseError
from backend.evidence import evidence_of_json
from backend.evidence.regions import box_of, regions
from backend.reader.page import Page
from backend.tasks.json_text import named
from backend.tasks.result import Answer
from backend.tasks.second_look import Field, SecondLook
from backend.types import (
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
GAIN = 0.7  # of the image's pixels: a part that is larger shows hardly more than the whole
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
    kept: Kept,
    emit: Emit,
) -> tuple[Answer, Usage]:
    """The answer to all requests after a second look at what is doubtful in it, and what it has cost by then.

    Only where the model has room for more than it was shown: where it shrinks the image, and was not short of memory.
    An error ends it early, since there is an answer already.
    """
    usages = [first.usage]
    if first.finish_reason != "stop" or first.usage.shown or len(look.objects(answer)) != len(requests):
        return answer, first.usage
    try:
        for number, request in enumerate(requests):
            shown = _shown(engine, request, size, kept)
            if shown is None:
                continue
            for crop, asked in _crops(shown, look, answer, number):
                emit(Progress(f"reading {_names(asked)} again, closer"))
                words, grammar = look.ask(answer, asked)
                closer = replace(
                    request,
                    conversation_id=f"{request.conversation_id} closer",  # what is kept of the real one stays
                    messages=(Message("user", (crop, TextPart(words))),),
                    grammar=grammar,
                    reading="none",
                )
                text, finished = await _read(engine, closer, emit)
                usages.append(finished.usage)
                if finished.finish_reason == "stop" and not finished.usage.shown:
                    reading = replace(answer, text=text, unsure=finished.unsure)
                    answer = look.merge(answer, asked, reading, stands=partial(_stands, shown.page))
    except GlimpseError as error:
        log.warning("a second look came to nothing: %s", error)
    return answer, spent(usages)


@dataclass(frozen=True, slots=True)
class _Shown:
    """An image that a model sees shrunk, and what was read on it."""

    image: ImagePart
    page: Page
    pixels: int


def _shown(engine: Engine, request: GenerationRequest, size: Size, kept: Kept) -> _Shown | None:
    """The one image of a request, where a part of it would show more; None where it has several, or was not read."""
    model = engine.status.model
    media = next((message.media for message in reversed(request.messages) if message.media), ())
    if model is None or len(media) != 1 or not isinstance(media[0], ImagePart):
        return None
    page = kept(media[0].media_id)
    width, height = size(media[0].media_id)
    if page is None or not page.lines or model.canvas < LEAST or width * height <= model.canvas:
        return None
    return _Shown(media[0], page, width * height)


def _crops(shown: _Shown, look: SecondLook, answer: Answer, number: int) -> list[tuple[ImagePart, Sequence[Field]]]:
    """The parts of an image in which what is doubtful in object `number` should be, with these fields."""
    start, end = look.objects(answer)[number]
    source = answer.text[start:end]
    nowhere = [one.path for one in evidence_of_json(source, [shown.page]) if one.kind == "nowhere"]
    fields = look.fields(answer, number, nowhere)
    rows = regions(source, [one.path for one in fields], shown.page)
    groups = _grouped({one: rows[one.path] for one in fields if one.path in rows}, shown.page)
    crops = [(box_of(span, shown.page), asked) for span, asked in groups]
    return [
        (replace(shown.image, box=box), asked[:FIELDS])
        for box, asked in crops
        if (box[2] - box[0]) * (box[3] - box[1]) <= GAIN * shown.pixels
    ]


def _grouped(rows: Mapping[Field, range], page: Page) -> list[tuple[range, list[Field]]]:
    """Fields that are near each other together, in as many groups as there are reads at most."""
    groups: list[tuple[range, list[Field]]] = []
    for one, span in sorted(rows.items(), key=lambda each: each[1].start):
        if groups and span.start <= groups[-1][0].stop:
            before, asked = groups[-1]
            groups[-1] = range(before.start, max(before.stop, span.stop)), [*asked, one]
        else:
            groups.append((span, [one]))
    while len(groups) > READS:
        gaps = [after[0].start - before[0].stop for before, after in pairwise(groups)]
        at = gaps.index(min(gaps))
        (first, some), (last, others) = groups[at], groups[at + 1]
        groups[at : at + 2] = [(range(first.start, last.stop), [*some, *others])]
    return groups


def _stands(page: Page, path: str, value: str) -> bool:
    """Whether a value of a field stands on the page."""
    return all(one.kind == "exact" for one in evidence_of_json(f'{{"{path.rpartition(".")[2]}":{value}}}', [page]))


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
