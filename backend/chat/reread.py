"""Rereads the doubtful fields of an answer: asks the model again, of the part of the image where they should be.

What the OCR reader read on the image says where: at the value, else at its label. An image that was not read is not
reread. Knows requests and events, neither history nor page.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from backend.chat.answer import spent
from backend.chat.locks import Emit
from backend.chat.results import Kept
from backend.engine.engine import Engine
from backend.errors import GlimpseError
from backend.evidence import evidence_of_json
from backend.evidence.regions import box_of, regions
from backend.reader.page import Page
from backend.tasks.forms.json_text import named
from backend.tasks.forms.reread_rules import RereadField, RereadRules
from backend.tasks.result import Answer
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
FIELDS = 12  # asked in one read at most: an answer that is doubtful all over is not mended by a reread
GAIN = 0.7  # of the image's pixels: a part that is larger shows hardly more than the whole
LEAST = 512 * 512  # pixels; a model that sees less than that was not made for print, nor for parts of images

Size = Callable[[str], tuple[int, int]]
"""Width and height of an image of the store in pixels; raises StorageError where it is no longer kept."""


async def reread(
    engine: Engine,
    requests: Sequence[GenerationRequest],
    look: RereadRules,
    answer: Answer,
    first: Finished,
    size: Size,
    kept: Kept,
    emit: Emit,
) -> tuple[Answer, Usage]:
    """Return the answer after its doubtful fields were read again, and its end with what that cost in all.

    Only where the model can see more than it saw: where it shrinks the image, and was not short of memory. An error
    ends it early, since there is an answer already.
    """
    usages = [first.usage]
    if first.finish_reason != "stop" or first.usage.detail or len(look.objects(answer)) != len(requests):
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
                    cache_key=f"{request.conversation_id} reread",  # what is kept of the conversation stays
                    messages=(Message("user", (crop, TextPart(words))),),
                    grammar=grammar,
                    reading="none",
                )
                text, finished = await _read(engine, closer, emit)
                usages.append(finished.usage)
                if finished.finish_reason == "stop" and not finished.usage.detail:
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


def _crops(
    shown: _Shown, look: RereadRules, answer: Answer, number: int
) -> list[tuple[ImagePart, Sequence[RereadField]]]:
    """Choose the parts of an image in which the doubtful fields of object `number` should be."""
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


def _grouped(rows: Mapping[RereadField, range], page: Page) -> list[tuple[range, list[RereadField]]]:
    """Group fields that are near each other, in at most READS groups."""
    groups: list[tuple[range, list[RereadField]]] = []
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
    """Read the whole reply to a request; of its events only `Queued` is passed on."""
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


def _names(asked: Sequence[RereadField]) -> str:
    names = [named(one.path) for one in asked]
    return " and ".join(names) if len(names) < 3 else f"{len(names)} fields"
