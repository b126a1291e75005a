"""Shows where the values of a result stand: boxes on images, signs in tables, a sentence. Pure.

Every box and every sign says in words what its colour and its line say.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from backend.chat.results import Grounded, values_of
from backend.evidence import Evidence
from backend.reader.page import Page, Quad, bounds
from backend.tasks.forms.json_text import named
from backend.tasks.result import Result
from ui.result_tables import CHECK, ResultTable, sheet

Look = Literal["exact", "near", "row"]
"""How a box is drawn: a value as it stands, a value that nearly stands there, a row of text that was read."""

EXACT, NEAR, NOWHERE = "✓", "≈", "✗"
SHOWN = 80  # characters of a value that its box says


@dataclass(frozen=True, slots=True)
class Box:
    """Quads on an image, in its pixels, and what they say. Boxes with the same `key` belong to one thing.

    `image` is the number of the image from 0. The key is a value's path, or of a row of text `image/row`.
    """

    key: str
    image: int
    look: Look
    quads: tuple[Quad, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Links:
    """Tells the page's script, beside the boxes, in which cell of which table each value is.

    `fields` are the paths of the table of fields, row by row, `items` those of the items, cell by cell. `nowhere` has
    the labels of the values without a box, by their paths.
    """

    fields: tuple[str, ...] = ()
    items: tuple[tuple[str, ...], ...] = ()
    nowhere: tuple[tuple[str, str], ...] = ()


def sentence(found: Grounded) -> str:
    """Say how much of a result stands on its images; "" where nothing can be said."""
    if not found.summary:
        return ""
    kinds = [one.kind for one in found.evidence]
    counts = [f"{kinds.count('near')} nearly"] if "near" in kinds else []
    if "nowhere" in kinds:
        counts.append(f"{kinds.count('nowhere')} nowhere")
    return " · ".join([found.summary, *counts])


def boxes(found: Grounded) -> tuple[Box, ...]:
    """Make the boxes of all values that stand somewhere, by image and from top to bottom."""
    labels = _labels(found)
    drawn = [
        Box(one.path, found.source_of(place), one.kind, place.quads, labels[one.path])
        for one in found.evidence
        if one.kind != "nowhere"
        for place in one.places
    ]
    return tuple(sorted(drawn, key=_reading_order))


def links(found: Grounded) -> Links:
    """Make the links of values to cells, and the words for values that stand nowhere."""
    if not found.evidence:
        return Links()
    shown, labels = sheet(found.result), _labels(found)
    nowhere = [one.path for one in found.evidence if one.kind == "nowhere"]
    return Links(
        tuple(row[0] for row in shown.fields),
        tuple(tuple(row) for row in shown.paths),
        tuple((path, labels[path]) for path in nowhere),
    )


def checked(shown: ResultTable, found: Grounded) -> ResultTable:
    """Add each value's evidence to the column CHECK of the tables, before its doubts."""
    if not found.evidence:
        return shown
    known = {one.path: one for one in found.evidence}
    fields = [[path, value, _of_field(found, known.get(path), doubt)] for path, value, doubt in shown.fields]
    items = [
        [*_padded(row, len(shown.names)), _of_row(found, shown.names, paths, known, row[-1] if shown.checked else "")]
        for row, paths in zip(shown.items, shown.paths, strict=True)
    ]
    columns = (*shown.names, CHECK) if shown.columns else ()
    return replace(shown, fields=fields, items=items, columns=columns, checked=bool(columns))


def names(result: Result) -> Callable[[str], str]:
    """Return a function that names a value by its path: "items 1, amount"; in a table "Amount, row 1"."""
    shown = sheet(result) if result.whole else ResultTable([])
    known = {} if shown.listed else _of_table(shown)
    head = dict(zip((f"[0][{number}]" for number in range(len(shown.names))), shown.names, strict=True))
    return lambda path: known.get(path) or (f"head, {head[path]}" if path in head else named(path))


def rows_of(pages: Sequence[tuple[int, Page]]) -> tuple[Box, ...]:
    """Make the boxes of the rows of text that were read, each page with the number of its image."""
    return tuple(
        Box(f"{image}/{number}", image, "row", tuple(page.lines[line].quad for line in row.lines), row.text)
        for image, page in pages
        for number, row in enumerate(page.rows)
    )


def first_image(drawn: Sequence[Box], count: int) -> int:
    """Choose the image to show first of `count`: the one with most boxes, else the last."""
    numbers = [box.image for box in drawn]
    return max(set(numbers), key=lambda number: (numbers.count(number), -number), default=max(0, count - 1))


def _padded(row: Sequence[str], count: int) -> list[str]:
    return [*row[:count], *[""] * (count - len(row))]


def _of_field(found: Grounded, one: Evidence | None, doubt: str) -> str:
    """The cell of a field: a sign, in words where something is amiss, and which of several images it is on."""
    if one is None:
        return doubt
    sign = {"exact": EXACT, "near": f"{NEAR} nearly", "nowhere": f"{NOWHERE} nowhere"}[one.kind]
    return " ".join(filter(None, (sign, _where(found, [one]), doubt)))


def _of_row(
    found: Grounded, names: Sequence[str], paths: Sequence[str], known: Mapping[str, Evidence], doubt: str
) -> str:
    """The cell of an item: a sign if all of it stands there, else which of its values do not."""
    own = [(name, known[path]) for name, path in zip(names, paths, strict=False) if path in known]
    near, nowhere = ([name for name, one in own if one.kind == kind] for kind in ("near", "nowhere"))
    signs = [f"{sign} {', '.join(fields)}" for sign, fields in ((NOWHERE, nowhere), (NEAR, near)) if fields]
    if own and not signs:
        signs = [EXACT]
    where = _where(found, [one for _, one in own])
    return " ".join(filter(None, (*signs, where, doubt)))


def _where(found: Grounded, evidence: Sequence[Evidence]) -> str:
    """On which images values are; nothing where there is only one image."""
    images = sorted({found.source_of(place) + 1 for one in evidence for place in one.places})
    return f"on image {', '.join(map(str, images))}" if len(found.sources) > 1 and images else ""


def _labels(found: Grounded) -> dict[str, str]:
    """Label each value: `total: 60.30 — stands on the image`."""
    if not found.evidence:
        return {}
    values, called = values_of(found.result), names(found.result)
    return {
        one.path: f"{called(one.path)}: {_shortened(values.get(one.path, ''))} — {_said(one)}"
        for one in found.evidence
    }


def _said(one: Evidence) -> str:
    match one.kind:
        case "exact":
            return "stands on the image"
        case "near":
            return f"nearly: {one.differs}" if one.differs else "stands nearly so on the image"
    return "nowhere on the image"


def _of_table(shown: ResultTable) -> dict[str, str]:
    """The names of the values of a table, by column and row, or by line where there is one column."""
    one_column = len(shown.names) == 1
    return {
        path: f"line {number}" if one_column else f"{name}, row {number}"
        for number, row in enumerate(shown.paths, 1)
        for name, path in zip(shown.names, row, strict=False)
    }


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def _reading_order(box: Box) -> tuple[int, int, int]:
    left, top, _, _ = bounds(box.quads)
    return box.image, top, left
