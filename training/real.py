"""Scores receipts as a person's machine reads them: a folder of photographs and keys, through the whole program.

A folder has `img/NAME.jpg` (or .png) and `key/NAME.json` with `company`, `date`, `address` and `total`, as SROIE
(ICDAR 2019) has them. A field is right where it is the same after case, blanks and punctuation are left out; dates are
compared as days, amounts as numbers. F1 is over all fields of all receipts: right ones among those given and those
wanted.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from backend.chat.one_shot import OneShot, grown
from backend.chat.results import Grounded
from backend.errors import GlimpseError
from backend.evidence.dates import days
from backend.evidence.folding import flat
from backend.evidence.numbers import numbers
from backend.runtime import Runtime, open_runtime
from backend.settings import Settings
from backend.tasks.forms.json_text import data_in

FIELDS = {"company": "shop", "date": "date", "address": "address", "total": "total"}
"""What a key calls a field, and what the receipt preset calls it."""


def folded(text: str) -> str:
    """A text without case, accents, blanks and punctuation."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(r"[\W_]", "", "".join(one for one in plain if not unicodedata.combining(one)))


def same_day(wanted: str, given: str) -> bool:
    """Whether a printed date can be the day that was answered."""
    return any(given == day.isoformat() for found in days(flat(wanted), False) for day in found.days)


def same_amount(wanted: str, given: str) -> bool:
    """Whether a printed amount is the number that was answered."""
    try:
        amount = abs(Decimal(given))
    except InvalidOperation:
        return False
    return any(amount == reading.value for found in numbers(flat(wanted)) for reading in found.readings)


def same_words(wanted: str, given: str) -> bool:
    """Whether two texts are one after folding."""
    return folded(wanted) == folded(given)


SAME: Mapping[str, Callable[[str, str], bool]] = {
    "company": same_words, "address": same_words, "date": same_day, "total": same_amount,
}  # fmt: skip


@dataclass
class Score:
    """Counts by field, of values and of seconds."""

    right: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FIELDS, 0))
    given: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FIELDS, 0))
    wanted: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FIELDS, 0))
    values: int = 0
    nowhere: int = 0
    failed: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(self, key: Mapping[str, Any], answer: Mapping[str, Any] | None) -> list[str]:
        """Count one receipt; returns the fields that are wrong."""
        wrong = []
        self.failed += answer is None
        for name, ours in FIELDS.items():
            wanted = str(key.get(name) or "")
            value = (answer or {}).get(ours)
            given = "" if value is None else str(value)
            right = bool(wanted and given) and SAME[name](wanted, given)
            self.wanted[name] += bool(wanted)
            self.given[name] += bool(given)
            self.right[name] += right
            wrong += [] if right else [f"{name}: {given!r} for {wanted!r}"]
        return wrong

    def f1(self, *names: str) -> float:
        """The harmonic mean of precision and recall over some fields."""
        right, given, wanted = (sum(each[name] for name in names) for each in (self.right, self.given, self.wanted))
        return 2 * right / (given + wanted) if given + wanted else 0.0

    def table(self) -> dict[str, float]:
        """All figures."""
        scores = {f"F1 {name}": round(self.f1(name), 4) for name in FIELDS}
        ordered = sorted(self.seconds)
        return {
            **scores, "F1": round(self.f1(*FIELDS), 4), "receipts": len(ordered), "without JSON": self.failed,
            "values": self.values, "values that stand nowhere": self.nowhere,
            "seconds an image": round(ordered[len(ordered) // 2], 2) if ordered else 0.0,
        }  # fmt: skip


async def _read(once: OneShot, image: Path) -> tuple[Mapping[str, Any] | None, tuple[Grounded, ...]]:
    answer, found = "", list[Grounded]()
    events = once.stream("", [image], task="receipt", ground=found.extend)
    try:
        async with aclosing(events) as stream:
            async for event in stream:
                answer = grown(answer, event)
    except GlimpseError as error:
        print(f"{image.name}: {error}", flush=True)
    return data_in(answer), tuple(found)


async def _score(runtime: Runtime, folder: Path, most: int | None) -> Score:
    score, once = Score(), OneShot(runtime.chat, runtime.history)
    images = sorted(path for path in (folder / "img").iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    for image in images[:most]:
        key = json.loads((folder / "key" / f"{image.stem}.json").read_text(encoding="utf-8"))
        began = time.perf_counter()
        answer, found = await _read(once, image)
        score.seconds.append(time.perf_counter() - began)
        score.values += sum(len(one.evidence) for one in found)
        score.nowhere += sum(place.kind == "nowhere" for one in found for place in one.evidence)
        wrong = score.add(key, answer)
        print(f"{image.stem}: {'; '.join(wrong) or 'right'}", flush=True)
    return score


def score_folder(folder: Path, settings: Settings, most: int | None = None) -> dict[str, float]:
    """The figures of a folder, read by the model of some settings."""

    async def run(data: Path) -> Score:
        async with aclosing(open_runtime(settings, data)) as runtime:
            return await _score(runtime, folder, most)

    with TemporaryDirectory() as data:
        return asyncio.run(run(Path(data))).table()
