"""Rereads the doubtful fields of a JSON answer: chooses them, asks for them again, merges the reply. Pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from backend.tasks.forms import own_schema
from backend.tasks.forms.json_text import Leaf, confidence, leaves, load, objects, stretches
from backend.tasks.result import Answer, Result
from backend.types import Grammar, Unsure

_PROMPT = (
    "This is a part of the receipt. Read these of its fields again and answer with JSON only:\n{fields}\n"
    "Use null for what is not printed in this part."
)
_ENTRY = re.compile(r"(\w+\[\d+\])\.(\w+)")


@dataclass(frozen=True, slots=True)
class RereadField:
    """A field of object `number` of an answer."""

    number: int
    path: str


@dataclass(frozen=True, slots=True)
class RereadRules:
    """How one task rereads doubtful fields.

    `results` reads an answer with its doubts; `schema` is the form of one object; `failing` are the paths of an
    object's fields that do not fit the others by that day, None where the object is none of the task's.
    """

    results: Callable[[Answer], tuple[Result, ...]]
    schema: Callable[[], dict[str, Any]]
    failing: Callable[[str, date], frozenset[str] | None]

    def objects(self, answer: Answer) -> list[tuple[int, int]]:
        """Find the objects of an answer; none in answers by a person's own schema."""
        return [] if own_schema.find(answer.asked) is not None else list(objects(answer.text))

    def fields(self, answer: Answer, number: int, also: Sequence[str] = ()) -> tuple[RereadField, ...]:
        """Choose the doubtful fields of an object of an answer, and those in `also`, in order."""
        start, _ = self.objects(answer)[number]
        result = self.results(answer)[number]
        doubted = {doubt.path for doubt in result.doubts} | set(also)
        if not result.whole:
            return ()
        return tuple(RereadField(number, leaf.path) for leaf in leaves(answer.text, start) if leaf.path in doubted)

    def ask(self, answer: Answer, asked: Sequence[RereadField]) -> tuple[str, Grammar]:
        """Make the prompt that asks for some fields again, and the grammar of the reply: each path with its value."""
        schema = self.schema()
        form = {
            "type": "object",
            "properties": {one.path: {"anyOf": [_form(schema, one.path), {"type": "null"}]} for one in asked},
            "required": [one.path for one in asked],
            "additionalProperties": False,
            "$defs": schema.get("$defs", {}),
        }
        lines = [f"- {one.path}{_beside(answer.text, one)}" for one in asked]
        return _PROMPT.format(fields="\n".join(lines)), own_schema.held(form)

    def merge(
        self,
        answer: Answer,
        asked: Sequence[RereadField],
        reading: Answer,
        stands: Callable[[str, str], bool] = lambda _path, _value: False,
    ) -> Answer:
        """Merge the second reading of fields into the answer, where that is to be trusted more.

        That is where more of the object adds up with it; or as much, and it alone `stands` on the image, or both or
        none do and the model was surer of it. A field that was not seen in the second place stays as it was.
        """
        try:
            load(reading.text)
        except ValueError:  # cut
            return answer
        second = {leaf.path: leaf for leaf in leaves(reading.text)}
        for one in asked:
            leaf = second.get(one.path)
            value = reading.text[leaf.start : leaf.end] if leaf else "null"
            if leaf and value != "null":
                answer = self._surer(answer, one, value, confidence(leaf, reading.unsure), stands)
        return answer

    def _surer(
        self, answer: Answer, one: RereadField, value: str, probability: float, stands: Callable[[str, str], bool]
    ) -> Answer:
        leaf = _leaf(answer.text, one)
        written, first = answer.text[leaf.start : leaf.end], confidence(leaf, answer.unsure)
        as_it_was = _put(answer, leaf, written, first)
        other = _put(answer, leaf, value, probability)
        before, after = self._failing(as_it_was, one.number), self._failing(other, one.number)
        if before is None or after is None:
            return as_it_was
        surer = (stands(one.path, value), probability) > (stands(one.path, written), first)
        return other if after < before or (after <= before and surer) else as_it_was

    def _failing(self, answer: Answer, number: int) -> frozenset[str] | None:
        start, end = list(objects(answer.text))[number]
        return self.failing(answer.text[start:end], answer.today)


def _leaf(text: str, one: RereadField) -> Leaf:
    start, _ = list(objects(text))[one.number]
    return next(leaf for leaf in leaves(text, start) if leaf.path == one.path)


def _put(answer: Answer, leaf: Leaf, value: str, probability: float) -> Answer:
    """The answer with another value of a field, which the model has now read again, with this probability."""
    text = answer.text[: leaf.start] + value + answer.text[leaf.end :]
    further = len(value) - (leaf.end - leaf.start)
    own = stretches(leaf, answer.unsure)
    # A token may end a field and begin the next: what it knows of its neighbours is kept with those.
    edges = [replace(one, end=leaf.start) for one in own if one.start < leaf.start]
    edges += [replace(one, start=leaf.end) for one in own if one.end > leaf.end]
    others = [one for one in answer.unsure if one not in own]
    moved = [
        one if one.end <= leaf.start else replace(one, start=one.start + further, end=one.end + further)
        for one in (*others, *edges)
    ]
    here = Unsure(leaf.start, leaf.start + len(value), probability, reread=True)
    return replace(answer, text=text, unsure=tuple(sorted((*moved, here), key=lambda one: one.start)))


def _form(schema: dict[str, Any], path: str) -> dict[str, Any]:
    """The schema of the field at a path, which may be one of an entry of a list: `items[0].amount`."""
    name, _, inner = path.partition(".")
    if not inner:
        return dict(schema["properties"][name])
    entry = schema["properties"][name.partition("[")[0]]["items"]["$ref"].rpartition("/")[2]
    return dict(schema["$defs"][entry]["properties"][inner])


def _beside(text: str, one: RereadField) -> str:
    """Name a line of a list for the model, as it was read, so that it is not taken for another."""
    if not (entry := _ENTRY.fullmatch(one.path)) or entry[2] == "name":
        return ""
    start, _ = list(objects(text))[one.number]
    name = next((leaf for leaf in leaves(text, start) if leaf.path == f"{entry[1]}.name"), None)
    said = text[name.start : name.end] if name else "null"
    return "" if said == "null" else f": the {entry[2].replace('_', ' ')} of {said}"
