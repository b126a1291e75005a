"""Reads what a person types into a cell of a result as a value that its field may have. Pure.

`12,75`, `£12.75`, `06.01.2021` and `2:05 pm` are understood; what may mean two things, or nothing, is refused.
"""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import jsonschema

from backend.errors import InputError
from backend.evidence.dates import whole_clock as whole_time
from backend.evidence.dates import whole_day
from backend.evidence.folding import flat
from backend.evidence.numbers import whole as whole_number
from backend.tasks.forms.json_text import Printed, named

Key = str | int
Schema = Mapping[str, Any]

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_SHOWN = 8  # of the values that a field may have, in a sentence
_MOST = 20_000  # characters in a cell


def read_cell(text: str, before: Any, field: Schema | None = None) -> Any:
    """The value of a cell: of a kind that the field's schema allows, else of the kind that was there `before`.

    An empty cell is null, or the empty list or object that was there.

    Raises:
        InputError: the field cannot have it; the sentence says how to write it.
    """
    text = text.strip()
    if len(text) > _MOST:
        raise InputError(f"A value may have {_MOST:,} characters; this one has {len(text):,}.")
    if not text:
        return [] if before == [] else {} if before == {} else None
    kinds = _kinds(field) or _kinds_before(before)
    if before in ([], {}):
        return before  # a list is not typed into one cell
    if kinds <= {"boolean", "null"} and "boolean" in kinds:
        return _boolean(text)
    if "number" in kinds and (number := _number(text, as_json="string" in kinds)) is not None:
        return number
    if "string" in kinds:
        return _words(text, field)
    raise InputError(f"“{text}” is no number; write it as 12.75.")


def field_at(schema: Any, keys: Sequence[Key]) -> Schema | None:
    """Find the schema of the field at these keys; None where the schema does not say."""
    found = schema
    for key in keys:
        found = _inside(_resolved(found, schema), key)
    if found is None:
        return None
    resolved = _resolved(found, schema)
    options = [_resolved(one, schema) for one in resolved.get("anyOf", resolved.get("oneOf", ()))]
    return {**resolved, "anyOf": options} if options else resolved


def check_value(source: str, before: str, schema: Schema) -> None:
    """Raise where a JSON text has a fault by its schema that it had not before.

    Raises:
        InputError: which field it is, and what it may be.
    """
    known = {tuple(error.absolute_path) for error in _faults(before, schema)}
    for error in _faults(source, schema):
        if tuple(error.absolute_path) not in known:
            raise InputError(_sentence(error))


def _faults(source: str, schema: Schema) -> list[jsonschema.ValidationError]:
    # Decimals, since 2.3 is no multiple of 0.001 among binary fractions.
    exact = json.loads(json.dumps(schema), parse_float=Decimal)
    validator = jsonschema.Draft202012Validator(exact, format_checker=jsonschema.FormatChecker())
    found = validator.iter_errors(json.loads(source, parse_float=Decimal))
    return [_innermost(error) for error in found]


def _innermost(error: jsonschema.ValidationError) -> jsonschema.ValidationError:
    """Of a choice that nothing fits, what is wrong with the part that is not null."""
    inner = [one for one in error.context or () if one.validator != "type"]
    return _innermost(inner[0]) if inner else error


def _sentence(error: jsonschema.ValidationError) -> str:
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in error.absolute_path)
    field, value, limit = named(path.removeprefix(".")), error.instance, error.validator_value
    if value is None:
        return f"The field “{field}” cannot be empty; to leave a row out, empty all of its cells."
    if error.validator == "enum":
        shown = ", ".join(map(str, limit[:_SHOWN])) + (", …" if len(limit) > _SHOWN else "")
        return f"“{value}” cannot be in the field “{field}”; it takes one of {shown}."
    why = {"minimum": f"at least {limit}", "maximum": f"at most {limit}", "maxLength": f"at most {limit} characters"}
    expected = why.get(str(error.validator), "another form; see what stood there before")
    return f"“{value}” cannot be in the field “{field}”; it takes {expected}."


def is_number(text: str) -> bool:
    """Whether a text is a number as JSON writes it."""
    return bool(_NUMBER.fullmatch(text))


def _resolved(schema: Any, root: Any) -> dict[str, Any]:
    for _ in range(8):
        where = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(where, str) or not where.startswith("#/"):
            break
        schema = root
        for name in where[2:].split("/"):
            schema = schema.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(schema, dict) else None
    return schema if isinstance(schema, dict) else {}


def _inside(schema: dict[str, Any], key: Key) -> Any:
    if isinstance(key, int):
        return schema.get("items")
    return (schema.get("properties") or {}).get(key)


def _kinds(field: Schema | None) -> frozenset[str]:
    """The kinds of values that a schema allows, integers as numbers; none where it does not say."""
    if field is None:
        return frozenset()
    named = field.get("type", ())
    kinds = {named} if isinstance(named, str) else set(named)
    for one in field.get("anyOf", ()):
        kinds |= _kinds(one)
    return frozenset("number" if kind == "integer" else kind for kind in kinds)


def _kinds_before(before: Any) -> frozenset[str]:
    if isinstance(before, bool):
        return frozenset({"boolean"})
    if isinstance(before, Printed):
        return frozenset({"number"})
    return frozenset({"string"}) if isinstance(before, str) else frozenset({"number", "string"})


def _boolean(text: str) -> bool:
    said = {"true": True, "yes": True, "false": False, "no": False}.get(text.lower())
    if said is None:
        raise InputError(f"“{text}” is neither true nor false; write one of these.")
    return said


def _number(text: str, *, as_json: bool) -> Printed | None:
    """The number that a text is, in any usual form or only as JSON writes it."""
    if is_number(text):
        return Printed(text)
    if as_json:
        return None
    if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,2})?", text, re.ASCII | re.IGNORECASE):
        return Printed(format(Decimal(text), "f"))
    found = whole_number(flat(text))
    if found is None:
        return None
    # Three digits after a comma are thousands: "1,234" is no amount with three decimals.
    value = next((one.value for one in found.readings if one.places != 3), found.value)
    return Printed(format(-value if found.minus or (found.minus is None and "(" in text) else value, "f"))


def _words(text: str, field: Schema | None) -> str:
    if field and _holds(field, "date", "2021-01-31", "31.01.2021"):
        return _day(text)
    if field and _holds(field, "time", "14:05", "2:05 pm"):
        return _time(text)
    return text


def _holds(field: Schema, form: str, right: str, wrong: str) -> bool:
    """Whether a schema has its text in a form: it names that, or its pattern takes one example and not the other."""
    pattern = field.get("pattern")
    if field.get("format") == form:
        return True
    if isinstance(pattern, str) and re.search(pattern, right) and not re.search(pattern, wrong):
        return True
    return any(_holds(one, form, right, wrong) for one in field.get("anyOf", ()))


def _day(text: str) -> str:
    days = whole_day(flat(text))
    first = re.match(r"\d{1,2}(?=\.)", text)  # who parts them by full stops writes the day first
    if len(days) > 1 and first:
        days = frozenset(one for one in days if one.day == int(first[0])) or days
    if len(days) > 1:
        raise InputError(f"“{text}” can be two days; write it as {min(days).isoformat()}.")
    if not days:
        raise InputError(f"“{text}” is no day; write it as 2021-01-31.")
    return next(iter(days)).isoformat()


def _time(text: str) -> str:
    found = whole_time(flat(text))
    if found is None:
        raise InputError(f"“{text}” is no time; write it as 14:05.")
    seconds = "" if found.second is None else f":{found.second:02}"
    return f"{found.hour:02}:{found.minute:02}{seconds}"
