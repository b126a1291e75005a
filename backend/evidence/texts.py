"""Finds words on a page: over neighbouring lines and rows, whatever stands between them in other columns.

rapidfuzz measures what is near. It is asked only around pieces of the words that stand there as they are, so that a
page of thousands of lines costs little.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from rapidfuzz import fuzz

from backend.evidence.amounts import Wanted
from backend.evidence.folding import Stream, confused, fold
from backend.evidence.index import PageIndex
from backend.evidence.places import Hit, Span

SHORT = 4  # characters: shorter words count only as they are
BOUNDED = 6  # characters: shorter words count only by themselves, and are near only where one character is confused
NEAR = 80.0  # per cent of likeness, from which on other words are near
_PIECES = 16  # characters from which on words may stand in several places
_LISTED = 100  # places of the same words
_SEEDS = 24  # places that are looked at closely
_APART = 3  # rows between two lines of one address, at most
_NAMED = 3  # words that are named as different


def find_text(page: PageIndex, value: str, wanted: Wanted) -> list[Hit]:
    """Find every place of words on a page; near ones only where they stand nowhere. They have letters or digits."""
    folded = fold(value)
    found = list(_exact(page, folded, wanted))
    if found or len(folded) < SHORT:
        return found
    hit = _in_pieces(page, folded, value) or _likened(page, folded, value)
    hit = hit or (_fuzzy(page, folded, value) if len(folded) >= BOUNDED else None)
    return [hit] if hit else []


def has_text(value: str) -> bool:
    """Whether a value has anything to look for."""
    return bool(fold(value))


def _exact(page: PageIndex, folded: str, wanted: Wanted) -> Iterator[Hit]:
    for one in page.streams:
        found = islice(one.occurrences(folded), _LISTED)
        places = [(start, end) for start, end in found if _by_itself(page, one, start, end)]
        # “TOTAL 60.30” stands in “SUBTOTAL 60.30” as well, but only where it stands nowhere else.
        whole = [place for place in places if all(_edges(page, one, *place))]
        if places:
            yield from (_hit(page, one.spans(*place), "exact", wanted) for place in whole or places)
            return


def _hit(page: PageIndex, spans: Sequence[Span], kind: str, wanted: Wanted | None = None, differs: str = "") -> Hit:
    rows = [page.row_of[line] for line, _, _ in spans]
    score = _beside(page, spans, wanted) if wanted else 0.0
    return Hit("exact" if kind == "exact" else "near", tuple(spans), min(rows), score, differs, last=max(rows))


def _beside(page: PageIndex, spans: Sequence[Span], wanted: Wanted) -> float:
    """Whether a word of the field's name stands before the words, in their row or the one above."""
    row = page.row_of[spans[0][0]]
    before = [one.text for number in (row - 1, row) if number >= 0 for one in page.labels[number]]
    return 2.0 if wanted.words & set(before) else 0.0


def _by_itself(page: PageIndex, one: Stream, start: int, end: int) -> bool:
    """Whether [start, end) is no part of other words; long ones may have lost their spaces."""
    first, last = _edges(page, one, start, end)
    if end - start < BOUNDED:
        return first and last
    head = first or not (one.text[start].isdigit() and one.text[start - 1].isdigit())
    tail = last or not (one.text[end - 1].isdigit() and one.text[end].isdigit())
    return head and tail


def _edges(page: PageIndex, one: Stream, start: int, end: int) -> tuple[bool, bool]:
    """Whether [start, end) begins where a word begins, and ends where one ends."""
    return (
        page.begins_word(one.lines[start], one.offsets[start]),
        page.ends_word(one.lines[end - 1], one.offsets[end - 1] + 1),
    )


def _in_pieces(page: PageIndex, folded: str, value: str) -> Hit | None:
    """Find words that whole lines make up, with other lines between them: an address beside a number."""
    if len(folded) < _PIECES:
        return None
    parts = []
    for line, (text, _) in enumerate(page.folded):
        if len(text) < SHORT or len(text) > len(folded) + 2:
            continue
        at = folded.find(text)
        found = fuzz.partial_ratio_alignment(text, folded, score_cutoff=NEAR) if at < 0 and len(text) > 6 else None
        at = found.dest_start if found else at
        if at >= 0:
            parts.append((at, line, text))
    parts = _together(page, sorted(parts))
    joined = "".join(text for _, _, text in parts)
    spans = [(line, 0, len(page.flat(line))) for _, line, _ in parts]
    if joined == folded:
        return _hit(page, spans, "exact")
    if len(parts) > 1 and fuzz.ratio(joined, folded) >= NEAR:
        return _hit(page, spans, "near", differs=_differs(page, spans, value))
    return None


def _together(page: PageIndex, parts: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Choose, of the lines that are parts of the words, the largest group in neighbouring rows, none of them twice."""
    best: list[tuple[int, int, str]] = []
    for first in parts:
        group = [first]
        for part in parts:
            end = group[-1][0] + len(group[-1][2])
            gap = page.row_of[part[1]] - page.row_of[group[-1][1]]
            if part[0] >= end - 2 and 0 <= gap <= _APART and part != group[-1]:
                group.append(part)
        if sum(len(text) for _, _, text in group) > sum(len(text) for _, _, text in best):
            best = group
    return best


def _likened(page: PageIndex, folded: str, value: str) -> Hit | None:
    """Find the words where the OCR reader may have confused characters: O for 0."""
    for one in page.streams:
        for start, end in one.occurrences(confused(folded), likened=True):
            if _by_itself(page, one, start, end):
                spans = page.widened(one.spans(start, end))
                return _hit(
                    page, spans, "near", differs=_instead(one.text[start:end], folded) or _differs(page, spans, value)
                )
    return None


def _fuzzy(page: PageIndex, folded: str, value: str) -> Hit | None:
    best: tuple[float, tuple[Span, ...]] | None = None
    asked = confused(folded)
    for one in page.streams:
        for low, high in _windows(one.likened, asked):
            window = one.likened[low:high]
            if len(window) < len(asked):
                score, start, end = fuzz.ratio(asked, window), 0, len(window)
            else:
                found = fuzz.partial_ratio_alignment(asked, window, score_cutoff=NEAR)
                score, start, end = (found.score, found.dest_start, found.dest_end) if found else (0.0, 0, 0)
            if score >= NEAR and (best is None or score > best[0]):
                best = score, one.spans(low + start, low + end)
    if best is None:
        return None
    spans = page.widened(best[1])
    return _hit(page, spans, "near", differs=_differs(page, spans, value))


def _windows(text: str, asked: str) -> Iterator[tuple[int, int]]:
    """Yield the parts of a text that share a piece with the words searched; near words always do."""
    size = max(3, min(8, len(asked) // 4))
    slack = max(2, len(asked) // 5)
    seen: list[int] = []
    for offset in range(0, len(asked) - size + 1, size):
        at = text.find(asked[offset : offset + size])
        while at >= 0 and len(seen) < _SEEDS:
            low = at - offset
            if not any(abs(low - other) <= slack // 2 for other in seen):
                seen.append(low)
                yield max(0, low - slack), min(len(text), low + len(asked) + slack)
            at = text.find(asked[offset : offset + size], at + 1)


def _instead(printed: str, folded: str) -> str:
    """The one character that another stands for; "" where there are more."""
    pairs = {(one.upper(), other.upper()) for one, other in zip(printed, folded, strict=False) if one != other}
    return "the image has {} instead of {}".format(*pairs.pop()) if len(pairs) == 1 else ""


def _differs(page: PageIndex, spans: Sequence[Span], value: str) -> str:
    """The words of the image that the value has not, or else those that the image lacks."""
    printed = page.written(spans).split()
    asked, there = fold(value), fold(" ".join(printed))
    other = [word for word in printed if fold(word) and fold(word) not in asked]
    if other:
        return f"the image has “{' '.join(other[:_NAMED])}”"
    lacking = [word for word in re.split(r"\s+", value) if fold(word) and fold(word) not in there]
    return f"the image lacks “{' '.join(lacking[:_NAMED])}”" if lacking else f"the image has “{' '.join(printed)}”"
