"""Proof on drawn receipts: one wrong value is marked every time, right ones hardly ever."""

import pytest

from backend.evidence import evidence_of_json
from tests.support.pages import as_json, planted, receipt

SEEDS = range(50)


@pytest.mark.parametrize("kind", ["amount", "date", "shop", "item"])
def test_a_wrong_value_is_marked_every_time(kind: str) -> None:
    unmarked, marked, right = [], [], 0
    for seed in SEEDS:
        drawn, path = planted(seed, kind)
        for one in evidence_of_json(as_json(drawn.truth), [drawn.page]):
            wrong, stands = one.path == path, one.kind == "exact"
            right += not wrong
            unmarked += [(seed, path)] if wrong and stands else []
            marked += [(seed, one.path)] if not wrong and not stands else []
    assert unmarked == []
    assert len(marked) <= 0.02 * right, marked


def test_right_values_are_not_marked() -> None:
    found = [
        (seed, one.path, one.kind)
        for seed in range(100, 200)
        for one in evidence_of_json(as_json(receipt(seed).truth), [receipt(seed).page])
    ]
    wrong = [one for one in found if one[2] != "exact"]
    assert len(wrong) <= 0.02 * len(found), wrong


def test_right_values_stand_where_their_labels_are() -> None:
    apart = []
    for seed in range(200, 250):
        drawn = receipt(seed)
        found = {one.path: one for one in evidence_of_json(as_json(drawn.truth), [drawn.page])}
        for path in ("subtotal", "total"):
            rows = {row.text for place in found[path].places for row in drawn.page.rows if place.lines[0] in row.lines}
            apart += [(seed, path, rows)] if len(rows) != 1 or drawn.labels[path] not in rows.pop() else []
    assert apart == []
