"""A form whose values can only be copied from what was read: a JSON Schema becomes a grammar over a page's words.

Strings are runs of the page's words, numbers are numbers that stand there, days and times are those that are printed,
and a currency is one whose sign or word stands there. What a model answers by such a grammar is on the image, whatever
it would rather have said. A model that works from the text alone is held to it; one that sees more than an OCR reader
had better not be.

Example: `{"type": "object", "properties": {"total": {"type": "number"}}}` over a page `TOTAL  12,90` becomes
`start: "{\\"total\\":" ("12.90" | "12.9") "}"`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

from backend.evidence.currencies import signs
from backend.evidence.index import PageIndex, index
from backend.reader.page import Page
from backend.types import Grammar

_MOST = 4000  # numbers of one grammar; more would make it slow
_DAY = "2024-02-29"
_CLOCKS = ("12:34", "12:34:56")


class Unheld(Exception):
    """A schema has a part that cannot be written as a grammar over a page; it is held as it is."""


def copied(grammar: Grammar, pages: Sequence[Page]) -> Grammar:
    """A JSON form held to what stands on these pages; the same grammar where it cannot be."""
    if grammar.kind != "json" or not pages:
        return grammar
    try:
        schema = json.loads(grammar.text)
        return Grammar("lark", _Form(schema, [index(page) for page in pages]).text)
    except Unheld:
        return grammar


class _Form:
    """The rules of one schema, as they are collected; every object of the schema is one rule."""

    def __init__(self, schema: Mapping[str, Any], pages: Sequence[PageIndex]) -> None:
        self._definitions = schema.get("$defs", {})
        self._pages = pages
        self._rules: dict[str, str] = {}
        self._rules["start"] = self._value(schema)

    @property
    def text(self) -> str:
        """The grammar."""
        words = " ".join(" ".join(page.page.text.split()) for page in self._pages)
        escaped = json.dumps(words, ensure_ascii=False)[1:-1]
        rules = [f"{name}: {rule}" for name, rule in self._rules.items()]
        copy = f'string: "\\"" WORDS "\\""\nWORDS: %regex {json.dumps({"substring_words": escaped})}'
        return "\n".join([*rules, copy])

    def _value(self, schema: Mapping[str, Any]) -> str:
        """What a value of a schema may be."""
        if "$ref" in schema:
            name = str(schema["$ref"]).rpartition("/")[2]
            rule = f"def_{name.lower()}"
            if rule not in self._rules:
                self._rules[rule] = ""  # where it stands in itself
                self._rules[rule] = self._value(self._definitions[name])
            return rule
        if "enum" in schema:
            return _either(_literal(one) for one in self._printed(schema["enum"]))
        if "const" in schema:
            return _literal(schema["const"])
        for union in ("anyOf", "oneOf"):
            if union in schema:
                return _either(self._value(one) for one in schema[union])
        kind = schema.get("type")
        if isinstance(kind, list):
            return _either(self._value({**schema, "type": one}) for one in kind)
        match kind:
            case "null":
                return '"null"'
            case "boolean":
                return '("true" | "false")'
            case "string":
                return self._string(schema)
            case "number" | "integer":
                return _either(f'"{number}"' for number in self._numbers(schema))
            case "array":
                return self._list(schema)
            case "object" if schema.get("properties"):
                return self._object(schema["properties"])
        raise Unheld(str(schema))

    def _object(self, properties: Mapping[str, Any]) -> str:
        entries = []
        for number, (name, schema) in enumerate(properties.items()):
            head = ("," if number else "{") + json.dumps(name, ensure_ascii=False) + ":"
            entries.append(f"{_quoted(head)} {self._value(schema)}")
        return " ".join([*entries, '"}"'])

    def _list(self, schema: Mapping[str, Any]) -> str:
        if not isinstance(schema.get("items"), dict):
            raise Unheld("items")
        value, most = self._value(schema["items"]), int(schema.get("maxItems", 200))
        more = f' ("," {value}){{0,{most - 1}}}' if most > 1 else ""
        inner = f"{value}{more}"
        return f'"[" {inner} "]"' if schema.get("minItems") else f'"[" ({inner})? "]"'

    def _string(self, schema: Mapping[str, Any]) -> str:
        pattern = schema.get("pattern")
        if pattern is None and schema.get("format") not in ("date", "time"):
            return "string"
        fits = re.compile(pattern or ".*").search
        if schema.get("format") == "date" or (pattern and fits(_DAY)):
            return _either(_literal(day) for day in self._days if fits(day))
        if schema.get("format") == "time" or any(map(fits, _CLOCKS)):
            return _either(_literal(clock) for clock in self._clocks if fits(clock))
        raise Unheld("pattern")

    def _printed(self, values: Sequence[Any]) -> list[Any]:
        """Of the codes of currencies those whose sign stands there; of any other list all."""
        if not all(isinstance(one, str) and re.fullmatch("[A-Z]{3}", one) for one in values):
            return list(values)
        return [one for one in values if any(signs(one).search(row) for page in self._pages for row in page.rows)]

    @cached_property
    def _days(self) -> list[str]:
        days = [when.isoformat() for page in self._pages for _, day in page.days for when in day.days]
        return sorted(set(days))

    @cached_property
    def _clocks(self) -> list[str]:
        found = list[str]()
        for clock in (clock for page in self._pages for _, clock in page.clocks):
            minutes = f"{clock.hour:02}:{clock.minute:02}"
            found += [minutes] if clock.second is None else [minutes, f"{minutes}:{clock.second:02}"]
        return list(dict.fromkeys(found))

    def _numbers(self, schema: Mapping[str, Any]) -> list[str]:
        least = Decimal(str(schema.get("minimum", "-Infinity")))
        most = Decimal(str(schema.get("maximum", "Infinity")))
        whole = schema.get("type") == "integer"
        found: dict[str, None] = {}
        for value in self._magnitudes:
            for signed in (value, -value):
                if least <= signed <= most:
                    found |= dict.fromkeys(_written(signed, whole))
        return list(found)[:_MOST]

    @cached_property
    def _magnitudes(self) -> list[Decimal]:
        tokens = [token for page in self._pages for token in (*page.tokens, *page.misread)]
        return list(dict.fromkeys(reading.value for token in tokens for reading in token.number.readings))


def _written(value: Decimal, whole: bool) -> list[str]:
    """How JSON may have a number: with two decimals, as money is, and as short as can be."""
    short = f"{value.normalize():f}"
    if short in ("-0", "0"):
        return ["0", "0.00"] if not whole else ["0"]
    if "." in short:
        return (
            [] if whole else list(dict.fromkeys([f"{value:.2f}" if -value.as_tuple().exponent <= 2 else short, short]))
        )
    return [short] if whole else [f"{short}.00", short]


def _either(choices: Iterable[str]) -> str:
    found = list(dict.fromkeys(choices))
    if not found:
        return NOTHING
    return found[0] if len(found) == 1 else f"({' | '.join(one for one in found if one != NOTHING) or NOTHING})"


NOTHING = '"\\u0000"'
"""What no answer can hold: a value that stands nowhere."""


def _literal(value: Any) -> str:
    return _quoted(json.dumps(value, ensure_ascii=False))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
