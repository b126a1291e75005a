"""A form whose values can only be copied from what was read: a JSON Schema becomes a grammar over a page's words.

Strings are runs of the page's words, numbers are numbers that stand there, days and times are those that are printed,
and a currency is one whose sign or word stands there. What a model answers by such a grammar is on the image, whatever
it would rather have said. A model that works from the text alone is held to it; one that sees more than an OCR reader
had better not be.

Example: `{"type": "object", "properties": {"total": {"type": "number"}}}` over a page `TOTAL  12,90` becomes
`start: "{" "\\"total\\":" NUMBERS0 "}"` and `NUMBERS0: "12.90" | "12.9"`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

from llguidance import LLMatcher

from backend.evidence.currencies import signs
from backend.evidence.index import PageIndex, index
from backend.reader.page import Page
from backend.tasks.currency import CODES
from backend.types import Grammar

_ITEMS = 200  # of a list that says no number
_RUN = 4  # words of a row that one value with a pattern is made of
_FORMATS = {"email": r"^[^\s@]+@[^\s@]+\.[^\s@]+$", "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$"}
# What goes into one piece of a string: an escape, a letter of a script without spaces, a word, anything else.
_PIECES = re.compile(
    r"\\u[0-9a-f]{4}|\\.|[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|[^\W\u0e00-\u0e7f\u3040-\u9fff]+|."
)

_SAYS_NOTHING = {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"}
_ASIDE = {"$schema", "$id", "$comment", "$defs", "definitions", "x-guidance"}
_STRING = {"pattern", "format", "minLength", "maxLength"}
_NUMBER = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
_OTHER = {"type", "enum", "const", "items", "minItems", "maxItems", "properties", "required", "additionalProperties"}
_KNOWN = _SAYS_NOTHING | _ASIDE | _STRING | _NUMBER | _OTHER


class _Unheld(Exception):
    """A schema has a part that cannot be written as a grammar over a page."""


class _Nowhere(Exception):
    """A value that must be there stands nowhere on the page."""


def copied(grammar: Grammar, pages: Sequence[Page]) -> Grammar:
    """A JSON form held to what stands on these pages; the same grammar where it cannot be."""
    if grammar.kind != "json" or not pages:
        return grammar
    try:
        held = Grammar("lark", _Form(json.loads(grammar.text), [index(page) for page in pages]).text)
    except (_Unheld, _Nowhere, RecursionError):
        return grammar
    wrong, _ = LLMatcher.validate_grammar_with_warnings(LLMatcher.grammar_from_lark(held.text))
    return grammar if wrong else held


COUNTED = 30  # things that an answer may count without that the page says so
_DIGITS = re.compile(r"\d+(?:[.,:/\-]\d+)*")


def spoken(pages: Sequence[Page]) -> Grammar:
    """What an answer in words about pages is held to: its numbers are theirs, as printed or in another form.

    Small whole numbers are free, since things can be counted; words are free, and bounded.
    """
    printed = _Printed([index(page) for page in pages])
    runs = (run for page in pages for row in page.rows for run in _DIGITS.findall(row.text) if len(run) <= 40)
    whole = {"type": "number"}
    found = dict.fromkeys(
        [
            *(str(number) for number in range(COUNTED + 1)),
            *runs,
            *printed.numbers(whole),
            *printed.values("date"),
            *printed.values("time"),
        ]
    )
    numbers = " | ".join(_quoted(one.lstrip("-")) for one in found)
    return Grammar(
        "lark", f"start: WORDS? (NUMBER WORDS){{0,200}} NUMBER?\nWORDS: /[^0-9]{{1,400}}/\nNUMBER: {numbers}"
    )


class _Form:
    """The rules and terminals of one schema; what is referred to is a rule of its own."""

    def __init__(self, schema: Mapping[str, Any], pages: Sequence[PageIndex]) -> None:
        self._schema = schema
        self._printed = _Printed(pages)
        self._rules: dict[str, str] = {}
        self._references: dict[str, str] = {}
        self._nowhere: set[str] = set()
        self._terminals: dict[str, str] = {}  # names by what they stand for
        self._start = self._value(schema)

    @property
    def text(self) -> str:
        """The grammar."""
        rules = "\n".join(f"{name}: {rule}" for name, rule in (("start", self._start), *self._rules.items()))
        if any(re.search(rf"\b{name}\b", rules) for name in self._nowhere):
            raise _Unheld("a rule was left out that another one needs")
        return "\n".join([rules, *(f"{name}: {meaning}" for meaning, name in self._terminals.items())])

    def _value(self, schema: Any) -> str:
        """What a value of a schema may be."""
        if not isinstance(schema, dict):
            raise _Unheld(f"{schema}")
        for several in ("$ref", "anyOf", "oneOf", "allOf"):
            if several in schema:
                if schema.keys() - {several} - _SAYS_NOTHING - _ASIDE:
                    raise _Unheld(f"{several} beside {sorted(schema)}")
                return (
                    self._referred(str(schema["$ref"])) if several == "$ref" else self._any(schema[several], several)
                )
        if unknown := schema.keys() - _KNOWN:
            raise _Unheld(", ".join(unknown))
        if "const" in schema:
            return _literal(schema["const"])
        if "enum" in schema:
            return _either(_literal(one) for one in self._printed.choices(schema["enum"]))
        if isinstance(kinds := schema.get("type"), list):
            return self._any([{**schema, "type": kind} for kind in kinds], "anyOf")
        return self._of_kind(kinds, schema)

    def _of_kind(self, kind: Any, schema: Mapping[str, Any]) -> str:
        match kind:
            case "null":
                return '"null"'
            case "boolean":
                return '("true" | "false")'
            case "string":
                return self._string(schema)
            case "number" | "integer":
                return self._terminal("NUMBERS", _either(map(_quoted, self._printed.numbers(schema))))
            case "array":
                return self._list(schema)
            case "object":
                return self._object(schema)
        raise _Unheld(f"the type {kind}")

    def _any(self, schemas: Sequence[Any], word: str) -> str:
        """One of several schemas: those that have a value here."""
        if word == "allOf" and len(schemas) > 1:
            raise _Unheld(word)
        found = []
        for schema in schemas:
            try:
                found.append(self._value(schema))
            except _Nowhere:
                continue
        return _either(found)

    def _referred(self, reference: str) -> str:
        if reference in self._references:
            name = self._references[reference]
            if name in self._nowhere:
                raise _Nowhere(reference)
            return name
        name = self._references[reference] = f"form{len(self._references)}"
        self._rules[name] = ""  # where it stands in itself
        try:
            self._rules[name] = self._value(self._at(reference))
        except _Nowhere:
            self._nowhere.add(name)
            del self._rules[name]
            raise
        return name

    def _at(self, reference: str) -> Any:
        """The schema that a JSON Pointer within this schema points to."""
        found: Any = self._schema
        for step in reference.removeprefix("#").split("/")[1:]:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if not reference.startswith("#") or found is None:
            raise _Unheld(reference)
        return found

    def _object(self, schema: Mapping[str, Any]) -> str:
        entries, needed = [], schema.get("required", ())
        for name, value in schema.get("properties", {}).items():
            try:
                entries.append(f"{_quoted(json.dumps(name, ensure_ascii=False) + ':')} {self._value(value)}")
            except _Nowhere:
                if name in needed:
                    raise
        if not schema.get("properties"):
            raise _Unheld("an object of any properties")
        comma = ' "," '
        return f'"{{" {comma.join(entries)} "}}"' if entries else '"{" "}"'

    def _list(self, schema: Mapping[str, Any]) -> str:
        least, most = int(schema.get("minItems", 0)), int(schema.get("maxItems", _ITEMS))
        try:
            value = self._value(schema.get("items"))
        except _Nowhere:
            if least:
                raise
            most = 0
        if least > most:
            raise _Nowhere("items")
        if most == 0:
            return '"[" "]"'
        more = f'{value} ("," {value}){{{max(least, 1) - 1},{most - 1}}}'
        return f'"[" {more} "]"' if least else f'"[" ({more})? "]"'

    def _string(self, schema: Mapping[str, Any]) -> str:
        low, high = schema.get("minLength", 0), schema.get("maxLength")
        if "pattern" in schema or "format" in schema:
            fits = _fitting(schema)
            long_enough = (one for one in self._printed.values(schema.get("format")) if low <= len(one))
            short_enough = (one for one in long_enough if high is None or len(one) <= high)
            return self._terminal("STRINGS", _either(_literal(one) for one in short_enough if fits(one)))
        if not self._printed.pieces:
            raise _Nowhere("words")
        words = self._terminal("WORDS", f"%regex {json.dumps({'substring_chunks': self._printed.pieces})}")
        bound = "" if high is None or high >= len(self._printed.text) else high
        length = self._terminal("LENGTH", rf"/(\\(u....|[^u])|[^\\]){{{max(low, 1)},{bound}}}/")
        return self._terminal("STRING", f'"\\"" ({words} & {length}) "\\""')

    def _terminal(self, kind: str, meaning: str) -> str:
        return self._terminals.setdefault(meaning, f"{kind}{len(self._terminals)}")


class _Printed:
    """What stands on some pages, as values of a form."""

    def __init__(self, pages: Sequence[PageIndex]) -> None:
        self._pages = pages
        self.text = " ".join(word for page in pages for word in page.page.text.split())

    @cached_property
    def pieces(self) -> list[str]:
        """What a string is put together from, in order, as JSON writes it."""
        return _PIECES.findall(json.dumps(self.text, ensure_ascii=False)[1:-1])

    def choices(self, values: Sequence[Any]) -> list[Any]:
        """Of the codes of currencies those whose sign stands there; of anything else all."""
        if not all(one is None or (isinstance(one, str) and one in CODES) for one in values):
            return list(values)
        rows = [row for page in self._pages for row in page.rows]
        return [one for one in values if one is None or any(signs(one).search(row) for row in rows)]

    def values(self, form: str | None) -> Iterator[str]:
        """The days and times that are printed, and where no form says otherwise the words, alone and in runs."""
        if form in (None, "date"):
            yield from self._days
        if form in (None, "time"):
            yield from self._clocks
        if form not in ("date", "time"):
            yield from self._runs

    @cached_property
    def _days(self) -> list[str]:
        return sorted({when.isoformat() for page in self._pages for _, day in page.days for when in day.days})

    @cached_property
    def _clocks(self) -> list[str]:
        found = list[str]()
        for clock in (clock for page in self._pages for _, clock in page.clocks):
            minutes = f"{clock.hour:02}:{clock.minute:02}"
            found += [minutes] if clock.second is None else [minutes, f"{minutes}:{clock.second:02}"]
        return found

    @cached_property
    def _runs(self) -> list[str]:
        found: dict[str, None] = {}
        for row in (row for page in self._pages for row in page.page.rows):
            words = row.text.split()
            for start in range(len(words)):
                for end in range(start + 1, min(start + _RUN, len(words)) + 1):
                    run = " ".join(words[start:end])
                    found |= dict.fromkeys((run, run.strip(".,:;!?()[]{}<>#*\"'")))
        return [run for run in found if run]

    def numbers(self, schema: Mapping[str, Any]) -> Iterator[str]:
        """The numbers that a schema has room for, with either sign."""
        allowed, whole = _within(schema), schema.get("type") == "integer"
        for value in self._magnitudes:
            for signed in (value, -value):
                if allowed(signed):
                    yield from _written(signed, whole)

    @cached_property
    def _magnitudes(self) -> list[Decimal]:
        tokens = [token for page in self._pages for token in (*page.tokens, *page.misread)]
        return list(dict.fromkeys(reading.value for token in tokens for reading in token.number.readings))


def _within(schema: Mapping[str, Any]) -> Callable[[Decimal], bool]:
    least, most, above, below, step = (
        Decimal(str(schema[word])) if word in schema else None
        for word in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
    )
    return lambda value: (
        (least is None or value >= least)
        and (most is None or value <= most)
        and (above is None or value > above)
        and (below is None or value < below)
        and (not step or value % step == 0)
    )


def _fitting(schema: Mapping[str, Any]) -> Callable[[str], bool]:
    """Whether a text has a schema's pattern and format."""
    form = schema.get("format", "date")
    if form not in ("date", "time", *_FORMATS):
        raise _Unheld(f"the format {form}")
    try:
        patterns = [re.compile(pattern) for pattern in (schema.get("pattern", ""), _FORMATS.get(form, ""))]
    except re.error as error:
        raise _Unheld("a pattern of another dialect") from error
    return lambda text: all(pattern.search(text) for pattern in patterns)


def _written(value: Decimal, whole: bool) -> list[str]:
    """How JSON may have a number: with two decimals, as money is, and as short as can be."""
    short = f"{value.normalize():f}"
    if short == "-0":
        return []
    if whole:
        return [] if "." in short else [short]
    exact = value == round(value, 2)
    return list(dict.fromkeys([f"{value:.2f}", short] if exact else [short]))


def _either(choices: Iterable[str]) -> str:
    found = list(dict.fromkeys(choices))
    if not found:
        raise _Nowhere("none of these")
    return found[0] if len(found) == 1 else f"({' | '.join(found)})"


def _literal(value: Any) -> str:
    return _quoted(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
