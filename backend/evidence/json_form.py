"""Turns a JSON Schema into a grammar over a page: its values are what is printed there, its keys are fixed.

Strings are runs of the page's words, a shop and an address runs of its lines. Numbers are numbers that stand there, a
total one beside a word for it where there is one. Days and times are those that are printed, and a currency is one
whose sign or word stands there.

Example: `{"type": "object", "properties": {"total": {"type": "number"}}}` over a page `TOTAL  12,90` becomes
`start: "{" "\\"total\\":" NUMBERS0 "}"` and `NUMBERS0: "12.90" | "12.9"`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from backend.evidence.goods import MOST, GoodsRow, lists_goods
from backend.evidence.labels import role_of
from backend.evidence.printed import Printed
from backend.tasks.forms.receipt_schema import CODES

_ITEMS = 200  # of a list that says no number
_SHOP = 80  # characters of a shop's name; what is longer has run on into its address
_FORMATS = {"email": r"^[^\s@]+@[^\s@]+\.[^\s@]+$", "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$"}
# Fields that tills print on lines of their own.
_OF_LINES = frozenset(
    ("shop", "store", "merchant", "company", "vendor", "seller", "supplier", "business", "address", "location")
)

# Fields that are days and times, besides those that `role_of` knows.
_OF_DAYS = frozenset(("day", "issued"))
_OF_TIMES = frozenset(("time", "printed", "clock"))

_SAYS_NOTHING = {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"}
_ASIDE = {"$schema", "$id", "$comment", "$defs", "definitions", "x-guidance"}
_STRING = {"pattern", "format", "minLength", "maxLength"}
_NUMBER = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
_OTHER = {"type", "enum", "const", "items", "minItems", "maxItems", "properties", "required", "additionalProperties"}
_KNOWN = _SAYS_NOTHING | _ASIDE | _STRING | _NUMBER | _OTHER


class Unheld(Exception):
    """A schema has a part that cannot be written as a grammar over a page."""


class Nowhere(Exception):
    """A value that must be there stands nowhere on the page."""


class Form:
    """Builds the rules and terminals of one schema; each `$ref` becomes a rule of its own."""

    def __init__(self, schema: Mapping[str, Any], printed: Printed) -> None:
        self._schema = schema
        self._printed = printed
        self._of_till = any(role_of(name) == "total" for name in schema.get("properties", ()))
        self._rules: dict[str, str] = {}
        self._references: dict[tuple[str, bool, str | bool, bool, GoodsRow | None], str] = {}
        self._nowhere: set[str] = set()
        self._terminals: dict[str, str] = {}  # names by what they stand for
        self._listed = False  # whether a value is within a list
        self._of_taxes = False  # whether a value is within a list of taxes
        self._may_be_null = False  # a value that is no more than words
        self._row: GoodsRow | None = None  # where the item stands that a value is part of
        self._start = self._value(schema)

    @property
    def text(self) -> str:
        """The grammar."""
        rules = "\n".join(f"{name}: {rule}" for name, rule in (("start", self._start), *self._rules.items()))
        if any(re.search(rf"\b{name}\b", rules) for name in self._nowhere):
            raise Unheld("a rule was left out that another one needs")
        return "\n".join([rules, *(f"{name}: {meaning}" for meaning, name in self._terminals.items())])

    def _value(self, schema: Any, name: str = "") -> str:
        """Make the expression of a schema's value; `name` is the name of its field."""
        if not isinstance(schema, dict):
            raise Unheld(f"{schema}")
        for several in ("$ref", "anyOf", "oneOf", "allOf"):
            if several in schema:
                if schema.keys() - {several} - _SAYS_NOTHING - _ASIDE:
                    raise Unheld(f"{several} beside {sorted(schema)}")
                return (
                    self._referred(str(schema["$ref"]), name)
                    if several == "$ref"
                    else self._any(schema[several], several, name)
                )
        if unknown := schema.keys() - _KNOWN:
            raise Unheld(", ".join(unknown))
        if "const" in schema:
            return _literal(schema["const"])
        if "enum" in schema:
            return _either(_literal(one) for one in self._printed.choices(schema["enum"]))
        if isinstance(kinds := schema.get("type"), list):
            return self._any([{**schema, "type": kind} for kind in kinds], "anyOf", name)
        return self._of_kind(kinds, schema, name)

    def _of_kind(self, kind: Any, schema: Mapping[str, Any], name: str) -> str:
        match kind:
            case "null":
                return '"null"'
            case "boolean":
                return '("true" | "false")'
            case "string":
                return self._string(schema, name)
            case "number" | "integer":
                return self._terminal("NUMBERS", _either(map(quoted, self._numbers(schema, name))))
            case "array":
                return self._list(schema, name)
            case "object":
                return self._object(schema)
        raise Unheld(f"the type {kind}")

    def _any(self, schemas: Sequence[Any], word: str, name: str) -> str:
        """Make alternatives of several schemas, those that have a value on the page."""
        if word == "allOf" and len(schemas) > 1:
            raise Unheld(word)
        found, outside = [], self._may_be_null
        self._may_be_null = any(isinstance(schema, dict) and schema.get("type") == "null" for schema in schemas)
        for schema in schemas:
            if self._is_told(name) and schema.get("type") == "null":
                continue
            try:
                found.append(self._value(schema, name))
            except Nowhere:
                continue
        self._may_be_null = outside
        return _either(found)

    def _is_told(self, name: str) -> bool:
        """Whether a field's value is known to be printed, so that it is not null."""
        if self._row:
            return self._row.tells(name)
        told = {"discount": self._printed.discounts, "total": self._printed.totals} if self._of_till else {}
        return not self._listed and bool(told.get(role_of(name) or ""))

    def _referred(self, reference: str, name: str) -> str:
        of_lines = self._is_of_lines(name) and ("address" if _of_address(name) else "name")
        key = reference, role_of(name) == "total", of_lines, self._listed, self._row
        if key in self._references:
            rule = self._references[key]
            if rule in self._nowhere:
                raise Nowhere(reference)
            return rule
        rule = self._references[key] = f"form{len(self._references)}"
        self._rules[rule] = ""  # where it stands in itself
        try:
            self._rules[rule] = self._value(self._at(reference), name)
        except Nowhere:
            self._nowhere.add(rule)
            del self._rules[rule]
            raise
        return rule

    def _at(self, reference: str) -> Any:
        """The schema that a JSON Pointer within this schema points to."""
        found: Any = self._schema
        for step in reference.removeprefix("#").split("/")[1:]:
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if not reference.startswith("#") or found is None:
            raise Unheld(reference)
        return found

    def _object(self, schema: Mapping[str, Any]) -> str:
        entries, needed = [], schema.get("required", ())
        for name, value in schema.get("properties", {}).items():
            try:
                entries.append(f"{quoted(json.dumps(name, ensure_ascii=False) + ':')} {self._value(value, name)}")
            except Nowhere:
                if name in needed:
                    raise
        if not schema.get("properties"):
            raise Unheld("an object of any properties")
        comma = ' "," '
        return f'"{{" {comma.join(entries)} "}}"' if entries else '"{" "}"'

    def _numbers(self, schema: Mapping[str, Any], name: str) -> Iterator[str]:
        if self._row is None:
            return numbers(self._printed, schema, role_of(name), self._of_till and not self._listed)
        price = role_of(name) == "price" and self._row.product
        return allowed(self._row.of(name), {**schema, "minimum": 0} if price else schema)

    def _goods(self, schema: Mapping[str, Any]) -> str:
        """Make a list of what was bought, named above the amounts or below them, in one way throughout.

        A way in which fewer of the certain rows have a name is none.
        """
        ways = [self._in_order(schema, rows) for rows in self._printed.goods]
        most = max(certain for _, certain in ways)
        return f'"[" {_either(way for way, certain in ways if certain == most)} "]"'

    def _in_order(self, schema: Mapping[str, Any], rows: Sequence[GoodsRow]) -> tuple[str, int]:
        """Make items in the order of their rows, each row once; those that are certain at all events, and counted."""
        items = list[tuple[str, bool]]()
        later, must = "", False  # the items from some row on, and whether there must be any
        for row in rows:
            self._row, self._listed = row, True
            try:
                items.append((self._value(schema["items"]), row.certain))
            except Nowhere:
                continue
            finally:
                self._row, self._listed = None, False
        for item, certain in reversed(items):
            name = f"goods{len(self._rules)}"
            more = f' ("," {later})' + ("" if must else "?") if later else ""
            self._rules[name] = f"{item}{more}" if certain or not later else f"{item}{more} | {later}"
            later, must = name, must or certain
        return f"{later}{'' if must else '?'}" if later else '""', sum(certain for _, certain in items)

    def _list(self, schema: Mapping[str, Any], name: str) -> str:
        least, most = int(schema.get("minItems", 0)), int(schema.get("maxItems", _ITEMS))
        held = self._of_till and not self._listed and not least and lists_goods(name) and schema.get("items")
        if held and 0 < max(map(len, self._printed.goods)) <= min(most, MOST):
            return self._goods(schema)
        if self._of_till and not least:  # each stands in a row of its own; a model that goes round in circles ends
            most = min(most, self._printed.rows_of_money or most)
        outside, self._listed = self._listed, True
        self._of_taxes = self._of_till and not outside and role_of(name) == "tax"
        try:
            value = self._value(schema.get("items"))
        except Nowhere:
            if least:
                raise
            most = 0
        finally:
            self._listed, self._of_taxes = outside, False
        if least > most:
            raise Nowhere("items")
        if most == 0:
            return '"[" "]"'
        more = f'{value} ("," {value}){{{max(least, 1) - 1},{most - 1}}}' if most > 1 else value
        return f'"[" {more} "]"' if least else f'"[" ({more})? "]"'

    def _string(self, schema: Mapping[str, Any], name: str) -> str:
        low, high = schema.get("minLength", 0), schema.get("maxLength")
        if "pattern" in schema or "format" in schema:
            fits = _fitting(schema)
            long_enough = (one for one in self._printed.values(schema.get("format")) if low <= len(one))
            short_enough = (one for one in long_enough if high is None or len(one) <= high)
            return self._terminal("STRINGS", _either(_literal(one) for one in short_enough if fits(one)))
        if self._row:
            named = (one for one in self._row.names if low <= len(one) and (high is None or len(one) <= high))
            return self._terminal("NAMES", _either(map(_literal, named)))
        if self._of_taxes and self._printed.tax_names:
            return self._terminal("NAMES", _either(map(_literal, self._printed.tax_names)))
        words = self._words(name)
        if self._is_of_lines(name) and not _of_address(name):
            high = min(high or _SHOP, _SHOP)
        bound = "" if high is None or high >= len(self._printed.text) else high
        compared = self._compared(name, low, high)
        length = self._terminal("LENGTH", rf"/(\\(u....|[^u])|[^\\]){{{max(low, 1)},{bound}}}/")
        trimmed = self._terminal("TRIMMED", r"/[^ \n](.*[^ \n])?/")
        printed = self._terminal("STRING", f'"\\"" ({words} & {length} & {trimmed}) "\\""')
        return _either([*map(_literal, compared), printed])

    def _compared(self, name: str, low: int, high: int | None) -> list[str]:
        """List what a text may be besides printed words, by its field's name: a day in ISO 8601, a currency's code."""
        words = set(re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()))
        role = role_of(name)
        found = list[str]()
        if role == "date" or words & _OF_DAYS:
            found = list(self._printed.values("date"))
        elif role == "time" or words & _OF_TIMES:
            found = list(self._printed.values("time"))
        elif "currency" in words:
            found = self._printed.choices(list(CODES))
        return [one for one in found if low <= len(one) and (high is None or len(one) <= high)]

    def _words(self, name: str) -> str:
        """Make the expression of a string: a run of lines for a shop, of two rows' words for an item, else words."""
        printed = self._printed
        if not printed.pieces:
            raise Nowhere("words")
        if self._of_till and self._listed:
            kinds = [printed.pairs_of_rows(first) for first in (0, 1)]
        else:
            lines = printed.lines if _of_address(name) else printed.names
            if self._is_of_lines(name) and not lines and self._may_be_null:
                raise Nowhere("lines")
            kinds = [(lines if self._is_of_lines(name) else None) or printed.pieces]
        runs = [self._terminal("WORDS", f"%regex {json.dumps({'substring_chunks': pieces})}") for pieces in kinds]
        return f"({' | '.join(runs)})"

    def _is_of_lines(self, name: str) -> bool:
        """Whether a field is called as what tills print on lines of its own, in the form of a receipt."""
        return self._of_till and not _OF_LINES.isdisjoint(re.split(r"[^a-z]+", name.lower()))

    def _terminal(self, kind: str, meaning: str) -> str:
        return self._terminals.setdefault(meaning, f"{kind}{len(self._terminals)}")


def _of_address(name: str) -> bool:
    return re.search("address|location", name, re.IGNORECASE) is not None


def numbers(
    printed: Printed, schema: Mapping[str, Any], role: str | None = None, of_till: bool = False
) -> Iterator[str]:
    """Yield the numbers that a schema allows, with either sign; for a total those beside a word for it, if any.

    `of_till` is for a sum of a receipt: a subtotal then stands beside a word for it, or nowhere.
    """
    if of_till and role == "subtotal":
        return allowed(printed.subtotals, schema)
    few = {"total": printed.totals, "rate": printed.rates, "discount": printed.discounts if of_till else None}
    return allowed(few.get(role or "") or printed.magnitudes, schema)


def allowed(values: Iterable[Decimal], schema: Mapping[str, Any]) -> Iterator[str]:
    """Yield those of some numbers that a schema allows, with either sign, as JSON may write them."""
    fits, whole = _within(schema), schema.get("type") == "integer"
    for value in values:
        for signed in (value, -value):
            if fits(signed):
                yield from _written(signed, whole)


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
        raise Unheld(f"the format {form}")
    try:
        patterns = [re.compile(pattern) for pattern in (schema.get("pattern", ""), _FORMATS.get(form, ""))]
    except re.error as error:
        raise Unheld("a pattern of another dialect") from error
    return lambda text: all(pattern.search(text) for pattern in patterns)


def _written(value: Decimal, whole: bool) -> list[str]:
    """List the ways in which JSON may write a number: with two decimals, as money, and as short as possible."""
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
        raise Nowhere("none of these")
    return found[0] if len(found) == 1 else f"({' | '.join(found)})"


def _literal(value: Any) -> str:
    return quoted(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
