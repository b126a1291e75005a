"""Reads the results out of a turn's answer, with a person's corrections in place. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backend.chat.answer import GAP
from backend.evidence import (
    Evidence,
    Place,
    evidence_of_csv,
    evidence_of_json,
    evidence_of_quote,
    evidence_of_text,
    summary,
    values_of_quote,
)
from backend.history import Turn
from backend.reader.page import Page, bounds
from backend.tasks.forms.export import Row
from backend.tasks.forms.json_text import compact, hesitations, indented, leaves, load, objects
from backend.tasks.registry import tasks
from backend.tasks.result import Answer, Doubt, Result
from backend.tasks.task import Task
from backend.types import ImagePart


def results(turn: Turn) -> tuple[Result, ...]:
    """Read the results of a turn that has ended: as corrected, checked anew; else as the model wrote them.

    An answer that was cut at the token limit is not whole, even where it looks so by chance, and stays as it is.
    """
    task = tasks().get(turn.task)
    if task is None or turn.finish_reason not in ("stop", "length"):
        return ()
    found = task.results(Answer(turn.answer.text, turn.user.text, turn.unsure))
    cut = turn.finish_reason == "length"
    if cut and all(one.whole for one in found):
        found = (*found[:-1], *(replace(one, whole=False) for one in found[-1:]))
    return tuple(
        one if cut and not one.whole else _corrected(task, turn, number, one) for number, one in enumerate(found)
    )


def said(turn: Turn) -> str:
    """Return the answer's text for later turns: with its corrections, in the form in which models write it."""
    found = results(turn) if turn.corrections else ()
    return GAP.join(map(_written, found)) or turn.answer.text


def _corrected(task: Task, turn: Turn, number: int, result: Result) -> Result:
    source = turn.corrections.get(number)
    if source is None:
        return result
    checked = task.results(Answer(source, turn.user.text))
    if not checked:
        return replace(result, source=source, doubts=())
    return _with_doubts(turn, number, result, checked[0]) if result.kind == "json" else checked[0]


def _with_doubts(turn: Turn, number: int, before: Result, after: Result) -> Result:
    """Add to a corrected result the model's doubts about the fields that nobody changed."""
    start, _ = list(objects(turn.answer.text))[number]
    old, new = (
        {leaf.path: one.source[leaf.start : leaf.end] for leaf in leaves(one.source)} for one in (before, after)
    )
    doubted = [
        one for one in hesitations(turn.answer.text, start, turn.unsure) if old.get(one.path) == new.get(one.path)
    ]
    reread = tuple(path for path in before.reread if old.get(path) == new.get(path))
    return replace(after, doubts=(*after.doubts, *doubted), reread=reread)


def _written(result: Result) -> str:
    return compact(load(result.source)) if result.kind == "json" and result.whole else result.source


Kept = Callable[[str], Page | None]
"""What was read on an image, by its media id; None where nothing was."""

NOWHERE = "it stands nowhere on the image"


@dataclass(frozen=True, slots=True)
class Grounded:
    """A result, the images that it was read from, what was read on each, and where its values stand on them.

    `evidence` is empty where none of the images was read; its places count `images`. `result` has a doubt for every
    value that stands nowhere or only nearly, before the doubts that it had. `sources` are the images of the result,
    those that were not read included.
    """

    result: Result
    images: tuple[ImagePart, ...] = ()
    pages: tuple[Page, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    sources: tuple[ImagePart, ...] = ()

    @property
    def own_doubts(self) -> tuple[Doubt, ...]:
        """The doubts of the result but for those that say where its values stand."""
        return self.result.doubts[sum(one.kind != "exact" for one in self.evidence) :]

    def source_of(self, place: Place) -> int:
        """The number, from 0, of the image of the result on which a place is."""
        image = self.images[place.page]
        return self.sources.index(image) if image in self.sources else place.page

    @property
    def summary(self) -> str:
        """Say how much of the result stands on its images; "" where nothing can be said."""
        standing, all_ = summary(self.evidence)
        if not all_:
            return ""
        values = "values stand" if all_ != 1 else "value stands"
        image = "image" if len(self.images) < 2 else "images"
        return f"{standing} of {all_} {values} on the {image}"


def grounded(turn: Turn, images: Sequence[ImagePart], kept: Kept) -> tuple[Grounded, ...]:
    """Read the results of a turn, as `results` does, with their evidence.

    `images` are those that the model was shown with the turn, the latest last. Where the turn brought as many images
    as there are results, each result belongs to one image; else it may stand on any of them.
    """
    return tuple(ground(turn, number, images, kept) for number in range(len(results(turn))))


def ground(turn: Turn, number: int, images: Sequence[ImagePart], kept: Kept) -> Grounded:
    """The result of that number, from 0, with its evidence; the rest as in `grounded`.

    Raises:
        IndexError: the turn has no such result.
    """
    found = results(turn)
    own = [part for part in turn.user.media if isinstance(part, ImagePart)]
    each = len(own) > 1 and len(own) == len(found)
    return _grounded(turn, found[number], (own[number],) if each else tuple(images), kept)


def shown_images(turns: Sequence[Turn]) -> tuple[ImagePart, ...]:
    """The images that a preset in the latest turn reads: those sent with it, else the latest that were sent."""
    for turn in reversed(turns):
        if images := tuple(part for part in turn.media if isinstance(part, ImagePart)):
            return images
    return ()


def _grounded(turn: Turn, result: Result, sources: tuple[ImagePart, ...], kept: Kept) -> Grounded:
    read = [(image, page) for image in sources if (page := kept(image.media_id)) is not None]
    images, pages = tuple(image for image, _ in read), tuple(page for _, page in read)
    evidence = evidence_of(result, pages) if pages and result.whole else ()
    doubts = [
        Doubt(one.path, NOWHERE if one.kind == "nowhere" else one.differs) for one in evidence if one.kind != "exact"
    ]
    return Grounded(replace(result, doubts=(*doubts, *result.doubts)), images, pages, evidence, sources)


def evidence_of(result: Result, pages: Sequence[Page]) -> tuple[Evidence, ...]:
    """Find where the values of a result stand on these pages."""
    match result.kind:
        case "json":
            return evidence_of_json(result.source, pages)
        case "csv":
            return evidence_of_csv(result.source, pages)
        case "text":
            return evidence_of_text(result.source, pages)
        case "quote":
            return evidence_of_quote(result.source, pages)
    return ()


def values_of(result: Result) -> dict[str, str]:
    """List the values of a whole result as they are printed, by their paths; see `Evidence.path`."""
    match result.kind:
        case "json":
            return {leaf.path: _printed(result.source[leaf.start : leaf.end]) for leaf in leaves(result.source)}
        case "csv":
            lines = enumerate(csv.reader(io.StringIO(result.source)))
            return {f"[{row}][{column}]": cell for row, line in lines for column, cell in enumerate(line)}
        case "text":
            return {f"[{number}]": line for number, line in enumerate(result.source.splitlines())}
        case "quote":
            return values_of_quote(result.source)
    return {}


def evidence_as_data(found: Grounded) -> dict[str, Any]:
    """The evidence as JSON has it, by the values' paths: its kind, its places, and what a near one differs by.

    A place is the number of its image from 0, its upright box in that image's pixels, and the text of its rows.
    """
    return {
        one.path: {
            "kind": one.kind,
            **({"differs": one.differs} if one.differs else {}),
            "places": [
                {"image": found.source_of(place), "box": list(bounds(place.quads)), "text": _text(found, place)}
                for place in one.places
            ],
        }
        for one in found.evidence
    }


def json_with_evidence(found: Grounded) -> str:
    """A whole JSON result and its evidence as one JSON text, numbers as printed."""
    data = indented(load(found.result.source), "\n  ")
    lines = [
        f"{json.dumps(path)}: {json.dumps(one, ensure_ascii=False)}" for path, one in evidence_as_data(found).items()
    ]
    evidence = ",\n    ".join(lines)
    return f'{{\n  "data": {data},\n  "evidence": {{\n    {evidence}\n  }}\n}}'


def evidence_as_text(found: Grounded) -> dict[str, str]:
    """The evidence in a few words by the values' paths: `exact: “TOTAL 60.30” at 12, 840, 260, 866`."""
    return {one.path: _in_words(found, one) for one in found.evidence}


def evidence_as_rows(found: Grounded) -> list[Row]:
    """The evidence as lines for a spreadsheet: one for each place, and one for each value that has none."""
    values = values_of(found.result)
    lines: list[Row] = []
    for one in found.evidence:
        head = {"field": one.path, "value": values.get(one.path), "kind": one.kind, "differs": one.differs or None}
        places = [_place_cells(found, place) for place in one.places]
        lines += [{**head, **cells} for cells in places or [dict.fromkeys(_PLACE)]]
    return lines


_PLACE = ("image", "text", "left", "top", "right", "bottom")


def _place_cells(found: Grounded, place: Place) -> dict[str, str | int | None]:
    cells = (found.source_of(place) + 1, _text(found, place), *bounds(place.quads))
    return dict(zip(_PLACE, cells, strict=True))


def _in_words(found: Grounded, one: Evidence) -> str:
    kind = f"{one.kind} ({one.differs})" if one.differs else one.kind
    several = len(found.sources or found.images) > 1
    places = [
        f"“{_text(found, place)}” at {', '.join(map(str, bounds(place.quads)))}"
        + (f" on image {found.source_of(place) + 1}" if several else "")
        for place in one.places
    ]
    return f"{kind}: {'; '.join(places)}" if places else kind


def _text(found: Grounded, place: Place) -> str:
    """The text of the rows that a place is in: "TOTAL 60.30"."""
    rows = found.pages[place.page].rows
    return " ".join(" ".join(row.text.split()) for row in rows if not set(place.lines).isdisjoint(row.lines))


def _printed(source: str) -> str:
    """A field of a JSON text as a person reads it: text without quotes, numbers as they are."""
    value = json.loads(source) if source.startswith('"') else source
    return str(value)
