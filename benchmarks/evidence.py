"""What it takes to find the places of 62 values on a receipt of 40 lines that was never seen."""

import json
import statistics
import time

from backend.evidence import evidence_of_json, summary
from backend.reader.page import Line, Page, Quad

LINES = 40
ITEMS = 18
RUNS = 15


def measure(quick: bool = False) -> dict[str, float]:
    """evidence_ms: milliseconds for the index of the page and all values."""
    return {"evidence_ms": 1000 * statistics.median(_once(run) for run in range(3 if quick else RUNS))}


def _once(run: int) -> float:
    page, source = _page(run), json.dumps(_truth(run))
    # The time of this thread alone: it never waits, so another program on the machine does not count.
    began = time.thread_time()
    found = evidence_of_json(source, [page])
    spent = time.thread_time() - began
    standing, values = summary(found)
    if not values * 0.8 < standing < values:
        raise RuntimeError("the values were not found")
    return spent


def _page(run: int) -> Page:
    rows = [
        ("Golden Harbour Hardware Sdn Bhd", ""),
        (f"{run}, Jalan Melati 7/4,", ""),
        ("81200 Johor Bahru, Johor", ""),
        ("19/10/2018 20:49:59", "#01"),
    ]
    for item in range(ITEMS):
        price = 350 + 117 * item
        rows += [(f"2 Item Number {_name(item)}", f"{price * 2 / 100:.2f}")]
    rows += [("SUB TOTAL", "921.20"), ("GST 6%", "55.27"), ("TOTAL RM", "976.47"), ("CASH", "1,000.00")]
    rows += [(f"Goods sold are not returnable {number}", "") for number in range(LINES - len(rows))]
    lines = []
    for number, (left, right) in enumerate(rows):
        lines.append(Line(left, _quad(20, number * 24, left)))
        if right:
            lines.append(Line(right, _quad(420, number * 24, right)))
    return Page(560, 24 * len(rows), tuple(lines))


def _truth(run: int) -> dict[str, object]:
    items = [
        {"name": f"Item Number {_name(item)}", "quantity": 2, "amount": (350 + 117 * item) * 2 / 100}
        for item in range(ITEMS)
    ]
    return {
        "shop": "Golden Harbor Hardware Sdn Bhd",
        "address": f"{run}, Jalan Melati 7/4, 81200 Johor Bahru, Johor",
        "date": "2018-10-19",
        "time": "20:49",
        "currency": "MYR",
        "items": items,
        "total": 976.47,
        "payment": "cash",
    }


def _name(item: int) -> str:
    return "".join(chr(ord("A") + (item * 7 + at * 5) % 26) for at in range(6))


def _quad(x: float, y: float, text: str) -> Quad:
    width = len(text) * 10.0
    return (x, y), (x + width, y), (x + width, y + 20.0), (x, y + 20.0)


if __name__ == "__main__":
    print(json.dumps(measure()))
