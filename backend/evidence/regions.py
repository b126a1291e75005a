"""Finds where on a page a field should be: at its value, else at its label, its item's name or the page's head.

A value that stands nowhere may have been misread by the model or by the OCR reader; the label beside it was seldom
misread by both, and tells where to look closer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from backend.evidence.evidence import evidence_of_json
from backend.evidence.index import PageIndex, index
from backend.evidence.labels import role_of, words_of
from backend.evidence.places import Evidence
from backend.reader.page import Page, bounds
from backend.types import Box

HEAD = 8  # rows from the top, in which a shop says who and where it is
BEHIND = 2  # rows after an item's name in which its numbers may stand
MARGIN = 1.0  # of a line's height, around the rows
_OF_THE_HEAD = re.compile(r"shop|company|store|merchant|vendor|seller|supplier|business|address|location|name")
_ENTRY = re.compile(r"(.*\[\d+\])\.\w+")


def regions(source: str, paths: Sequence[str], page: Page) -> dict[str, range]:
    """Find the rows of the page to look at for fields of a JSON object; fields without any trace are left out."""
    found = {one.path: one for one in evidence_of_json(source, [page])}
    rows = {path: _rows(path, found, index(page)) for path in paths}
    return {path: each for path, each in rows.items() if each is not None}


def box_of(rows: range, page: Page) -> Box:
    """Compute the part of an image that rows of its page take, as wide as the page's text, within the image."""
    lines = [page.lines[number] for row in page.rows[rows.start : rows.stop] for number in row.lines]
    left, top, right, bottom = bounds([line.quad for line in lines])
    wide = bounds([line.quad for line in page.lines])
    if page.turn in (0, 180):
        left, right = wide[0], wide[2]
    else:
        top, bottom = wide[1], wide[3]
    margin = round(MARGIN * max(line.height for line in lines))
    return (
        max(0, left - margin),
        max(0, top - margin),
        min(page.width, right + margin),
        min(page.height, bottom + margin),
    )


def _rows(path: str, found: Mapping[str, Evidence], page: PageIndex) -> range | None:
    if standing := _standing(path, found, page):
        return standing
    if entry := _ENTRY.fullmatch(path):
        return _beside(entry[1], found, page)
    if labelled := _labelled(path, page):
        return labelled
    name = path.rpartition(".")[2]
    return range(min(HEAD, len(page.rows))) if page.rows and _OF_THE_HEAD.search(name) else None


def _standing(path: str, found: Mapping[str, Evidence], page: PageIndex) -> range | None:
    """The rows of a value's best place."""
    evidence = found.get(path)
    if evidence is None or not evidence.places:
        return None
    rows = [page.row_of[line] for line in evidence.places[0].lines]
    return range(min(rows), max(rows) + 1) if rows else None


def _beside(entry: str, found: Mapping[str, Evidence], page: PageIndex) -> range | None:
    """The rows of an item: from its name, else from whatever of it stands on the page."""
    fields = sorted(
        (path for path in found if path.startswith(f"{entry}.")), key=lambda path: not path.endswith(".name")
    )
    rows = next((rows for path in fields if (rows := _standing(path, found, page))), None)
    if rows is None:
        return None
    before = 0 if _standing(f"{entry}.name", found, page) else 1
    return range(max(0, rows.start - before), min(rows.stop + BEHIND, len(page.rows)))


def _labelled(path: str, page: PageIndex) -> range | None:
    """The row of a field's label and the one after it, in which the value may stand."""
    parent, _, name = path.rpartition(".")
    role, words = role_of(name, parent), words_of(name)
    best: tuple[int, int] | None = None
    for row, labels in enumerate(page.labels):
        for label in labels:
            if (role is not None and label.role == role) or label.text in words:
                best = max(best or (-1, -1), (label.rank, row))
    return None if best is None else range(best[1], min(best[1] + 2, len(page.rows)))
