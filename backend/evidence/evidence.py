"""Finds where every value of a result stands on the pages read: exact, near with what differs, or nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from backend.evidence import fields
from backend.evidence.amounts import Anchor, Wanted, stands_in
from backend.evidence.fields import FieldValue, Labels
from backend.evidence.index import PageIndex, index
from backend.evidence.places import Evidence, Hit, settled
from backend.reader.page import Page

_BEHIND = 5  # rows after an item's name that may be its own
_AHEAD = 1  # and before: "2 x 3.50" above it
_OF_ITEMS = frozenset({"amount", "price", "quantity", "total"})  # roles whose numbers stand in their item's rows
_QUOTE = ">"


def evidence_of_json(source: str, pages: Sequence[Page], words: Labels | None = None) -> tuple[Evidence, ...]:
    """Find the evidence of a JSON result, field by field; none where it is not JSON.

    null, true, false and empty texts have none: they are not printed by nature. `words` names further labels by
    field, as a person's own schema may describe them.
    """
    return _found(fields.of_json(source, words), pages)


def evidence_of_csv(source: str, pages: Sequence[Page]) -> tuple[Evidence, ...]:
    """Find the evidence of a table, cell by cell; empty cells have none."""
    return _found(fields.of_csv(source), pages)


def evidence_of_text(source: str, pages: Sequence[Page]) -> tuple[Evidence, ...]:
    """Find the evidence of read text, line by line; lines without a letter or digit have none."""
    return _found(fields.of_lines(source), pages)


def evidence_of_quote(source: str, pages: Sequence[Page]) -> tuple[Evidence, ...]:
    """Find the evidence of a document's answer: `quote` for its quoted words, `answer[n]` for numbers and dates."""
    return _found(_of_quote(source), pages)


def values_of_quote(source: str) -> dict[str, str]:
    """The quoted words, numbers and dates of an answer from a document as it says them, by the same paths."""
    return {field.path: field.text for field in _of_quote(source)}


def _of_quote(source: str) -> list[FieldValue]:
    lines = source.splitlines()
    quoted = " ".join(line.lstrip(" >") for line in lines if line.startswith(_QUOTE))
    said = " ".join(line for line in lines if not line.startswith(_QUOTE))
    quote = fields.of_text("quote", quoted, Wanted())
    return [*fields.of_sentence(said, "answer"), *([quote] if quote else [])]


def _found(asked: Sequence[FieldValue], pages: Sequence[Page]) -> tuple[Evidence, ...]:
    indexed = [index(page) for page in pages]
    texts = {field.path: _hits(field, indexed) for field in asked if field.kind == "text"}
    groups: dict[str, list[FieldValue]] = {}
    for field in asked:
        if field.group:
            groups.setdefault(field.group, []).append(field)
    anchors = _anchors(groups, texts, indexed)
    found = []
    for field in asked:
        anchor = anchors.get(field.group)
        hits = _named(field, texts[field.path], anchor) if field.kind == "text" else _hits(field, indexed, anchor)
        found.append(settled(field.path, hits, pages))
    return tuple(found)


def _hits(field: FieldValue, pages: Sequence[PageIndex], anchor: Anchor | None = None) -> list[Hit]:
    found = []
    for number, page in enumerate(pages):
        here = anchor if anchor and anchor.page == number else None
        found += [replace(hit, page=number) for hit in field.find(page, replace(field.wanted, anchor=here))]
    return found


def _named(field: FieldValue, hits: Sequence[Hit], anchor: Anchor | None) -> list[Hit]:
    """Raise the score of the hits of words that are in the rows of their item."""
    if anchor is None:
        return list(hits)
    return [replace(hit, score=hit.score + 5.0 * (hit.page == anchor.page and hit.row in anchor.rows)) for hit in hits]


def _anchors(
    groups: Mapping[str, Sequence[FieldValue]], texts: Mapping[str, list[Hit]], pages: Sequence[PageIndex]
) -> dict[str, Anchor]:
    """Find where each item stands: by its first words that are found, each place taken once."""
    taken: set[tuple[int, int]] = set()
    found: dict[str, tuple[FieldValue, Hit]] = {}
    for group, members in groups.items():
        field = next((field for field in members if texts.get(field.path)), None)
        if field:
            free = [hit for hit in texts[field.path] if (hit.page, hit.row) not in taken] or texts[field.path]
            hit = max(free, key=lambda hit: (hit.kind == "exact", _company(hit, members, pages), -hit.page, -hit.row))
            taken.add((hit.page, hit.row))
            found[group] = field, hit
        elif numbered := _by_numbers(members, pages):
            found[group] = members[0], numbered
    return _with_blocks(found, groups, pages)


def _company(hit: Hit, members: Iterable[FieldValue], pages: Sequence[PageIndex]) -> int:
    """Count the numbers of an item that stand in the rows around a place; those beside it count twice."""
    ranges = (hit.rows, _block(hit, []))
    return sum(_inside(field, rows, pages[hit.page]) for field in members for rows in ranges)


def _inside(field: FieldValue, rows: range, page: PageIndex) -> bool:
    return field.number is not None and stands_in(page, field.number, rows)


def _by_numbers(members: Sequence[FieldValue], pages: Sequence[PageIndex]) -> Hit | None:
    """The row in which most of an item's numbers stand, where its name stands nowhere."""
    hits = [hit for field in members if field.kind == "number" for hit in _hits(field, pages)]
    rows = [(hit.page, hit.row) for hit in hits if hit.kind == "exact"]
    most = max(((rows.count(row), row) for row in rows), default=(0, (0, 0)), key=lambda one: one[0])
    return Hit("exact", (), most[1][1], page=most[1][0]) if most[0] > 1 else None


def _block(hit: Hit, others: Iterable[Hit]) -> range:
    """The rows of an item: from just above its name to before the next one's."""
    after = [other.row for other in others if other.page == hit.page and other.row > hit.rows[-1]]
    end = min([hit.rows[-1] + _BEHIND + 1, *after])
    return range(max(0, hit.row - _AHEAD), end)


def _with_blocks(
    found: Mapping[str, tuple[FieldValue, Hit]], groups: Mapping[str, Sequence[FieldValue]], pages: Sequence[PageIndex]
) -> dict[str, Anchor]:
    """Make the anchors with their rows; strict in a list of items most of which have their numbers beside them."""
    anchors = {}
    for group, (field, hit) in found.items():
        others = [other for other_field, other in found.values() if other_field.family == field.family]
        anchors[group] = Anchor(hit.page, hit.rows, _block(hit, others), field.text)
    for family in {field.family for field, _ in found.values()}:
        of_items = [
            group
            for group, anchor in anchors.items()
            if _is_item(family, *found[group]) and _OF_ITEMS & _roles(groups[group])
        ]
        beside = [
            group
            for group in of_items
            if any(_inside(one, anchors[group].block, pages[anchors[group].page]) for one in _counted(groups[group]))
        ]
        if 2 * len(beside) > len(of_items):
            anchors |= {group: replace(anchors[group], strict=True) for group in of_items}
    return anchors


def _is_item(family: str, field: FieldValue, hit: Hit) -> bool:
    """Whether an item of a list stands by its own name."""
    return field.family == family != "" and hit.kind == "exact" and bool(hit.spans)


def _counted(members: Iterable[FieldValue]) -> list[FieldValue]:
    return [field for field in members if field.kind == "number" and field.wanted.role in _OF_ITEMS]


def _roles(members: Iterable[FieldValue]) -> frozenset[str]:
    return frozenset(field.wanted.role for field in members if field.wanted.role)
