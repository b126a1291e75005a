"""Finds JSON inside an answer, its objects and its fields by position, and lays it out, numbers as printed."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from backend.tasks.result import Doubt
from backend.types import Unsure

DOUBTFUL = 0.6  # a field with a token less probable than this is marked

_BLANK = re.compile(r"\s*")
_DECODER = json.JSONDecoder()


class Printed(str):
    """A number as the answer has it: 2.40 stays 2.40."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Leaf:
    """A field that holds no others: its path, as in `items[0].amount`, and its characters [start, end)."""

    path: str
    start: int
    end: int


def load(text: str, number: Any = Printed) -> Any:
    """The JSON value of a text, its numbers made by `number` from their text.

    Raises:
        ValueError: it is none.
    """
    try:
        return json.loads(text, parse_float=number, parse_int=number, parse_constant=number)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def objects(text: str) -> Iterator[tuple[int, int]]:
    """Find the outermost objects of a text; the last may be cut, and then ends with the text."""
    at = text.find("{")
    while at >= 0:
        try:
            end = _DECODER.raw_decode(text, at)[1]
        except (ValueError, RecursionError):
            yield at, len(text)
            return
        yield at, end
        at = text.find("{", end)


def leaves(text: str, start: int = 0) -> list[Leaf]:
    """The fields of the value that starts at `start`, in order. It is valid JSON."""
    found: list[Leaf] = []
    _walk(text, _skip(text, start), "", found)
    return found


def stretches(leaf: Leaf, unsure: Sequence[Unsure]) -> list[Unsure]:
    """The stretches that overlap a field's characters."""
    return [one for one in unsure if one.start < leaf.end and leaf.start < one.end]


def confidence(leaf: Leaf, unsure: Sequence[Unsure]) -> float:
    """The probability of a field's least probable token; 1 where the model was sure."""
    return min((one.probability for one in stretches(leaf, unsure)), default=1.0)


def hesitations(text: str, start: int, unsure: Sequence[Unsure]) -> tuple[Doubt, ...]:
    """Find the fields of the value at `start` that the model was not sure of, by its own probabilities."""
    reread = set(reread_fields(text, start, unsure))
    found = []
    for leaf in leaves(text, start):
        if (least := confidence(leaf, unsure)) < DOUBTFUL:
            twice = ", after a second look" if leaf.path in reread else ""
            found.append(Doubt(leaf.path, f"the model was only {least:.0%} sure{twice}"))
    return tuple(found)


def reread_fields(text: str, start: int, unsure: Sequence[Unsure]) -> tuple[str, ...]:
    """The fields of the value at `start` that were read a second time."""
    return tuple(leaf.path for leaf in leaves(text, start) if any(one.reread for one in stretches(leaf, unsure)))


def named(path: str) -> str:
    """A path in words: `items[0].unit_price` is "items 1, unit price"."""
    return re.sub(r"\[(\d+)\]", lambda found: f" {int(found[1]) + 1}", path).replace(".", ", ").replace("_", " ")


def indented(value: Any, margin: str = "\n") -> str:
    """The value as JSON, one entry a line, each after `margin` and two blanks."""
    inner, colon = (margin + "  ", ": ") if margin else ("", ":")
    if isinstance(value, Printed):
        return str(value)
    if isinstance(value, dict) and value:
        entries = [f"{indented(name)}{colon}{indented(entry, inner)}" for name, entry in value.items()]
        return "{" + inner + f",{inner}".join(entries) + margin + "}"
    if isinstance(value, list) and value:
        return "[" + inner + f",{inner}".join(indented(entry, inner) for entry in value) + margin + "]"
    return json.dumps(value, ensure_ascii=False)


def compact(value: Any) -> str:
    """The value as JSON without a blank, as models write it."""
    return indented(value, "")


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _walk(text: str, at: int, path: str, found: list[Leaf]) -> int:
    """Add the fields of the value at `at`; returns where it ends."""
    if text[at] not in "{[":
        end = _DECODER.raw_decode(text, at)[1]
        found.append(Leaf(path, at, end))
        return end
    named, number = text[at] == "{", 0
    at = _skip(text, at + 1)
    while text[at] not in "}]":
        if named:
            name, at = _DECODER.raw_decode(text, at)
            inner, at = f"{path}.{name}" if path else name, _skip(text, _skip(text, at) + 1)
        else:
            inner, number = f"{path}[{number}]", number + 1
        at = _skip(text, _walk(text, at, inner, found))
        at = _skip(text, at + 1) if text[at] == "," else at
    return at + 1


_FENCED = re.compile(r"```\w*\n(.*?)```", re.DOTALL)


def data_in(answer: str) -> Mapping[str, Any] | None:
    """The JSON object that the answer is, or that its first code block holds; None where it is none."""
    fenced = _FENCED.search(answer)
    try:
        value = json.loads(fenced[1] if fenced else answer, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _finite(number: str) -> float:
    return float(number) if math.isfinite(float(number)) else _refuse(number)
