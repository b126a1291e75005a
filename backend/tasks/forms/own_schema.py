"""Finds a person's own JSON Schema in what they wrote, checks it, and makes its prompt and grammar."""

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from backend.engine.grammars import fault
from backend.errors import InputError
from backend.types import Grammar

LONGEST = 100_000  # characters; a grammar of 4 million took 40 seconds and 800 MB

_ASSERTION = re.compile(r"\(\?<?[=!]|\\[bB1-9]")

_SHAPES = ("properties", "anyOf", "oneOf", "allOf", "$ref", "additionalProperties", "patternProperties")


def find(text: str) -> dict[str, Any] | None:
    """Read a text as a schema; None where it is not one but other words.

    Raises:
        InputError: it begins like one, but cannot be used as a grammar.
    """
    if not text.lstrip().startswith("{"):
        return None
    if len(text) > LONGEST:
        raise InputError(f"A JSON Schema may have {LONGEST:,} characters; this one has {len(text):,}.")
    try:
        schema = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"Not a valid JSON Schema: {error.msg} at {where}. Fix it or leave it out.") from None
    except RecursionError:
        raise InputError("Not a valid JSON Schema: it is nested too deeply.") from None
    if schema.get("type", "object") != "object" or not any(shape in schema for shape in _SHAPES):
        raise InputError('Not a JSON Schema of an object; one begins {"type": "object", "properties": {…}}.')
    _check(grammar(schema))
    return schema  # type: ignore[no-any-return]


def read(path: Path, words: str) -> str:
    """The schema in a file, as the words that a preset is asked with; the same however the file is laid out.

    Raises:
        InputError: the file cannot be read or holds no schema, or there are other words already.
    """
    if words:
        raise InputError("A schema takes the place of the words; leave out either them or --schema.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"There is no file {path}; check its name and folder.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its permissions.") from error
    except ValueError:
        raise InputError(f"{path} is not a text file, so it holds no JSON Schema.") from None
    try:
        schema = find(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    if schema is None:
        raise InputError(f'{path} holds no JSON Schema: one begins {{"type": "object", "properties": {{…}}}}.')
    return json.dumps(schema, ensure_ascii=False)


def held(schema: dict[str, Any]) -> Grammar:
    """Make a grammar of a schema, as it is."""
    return Grammar("json", json.dumps(schema))


def grammar(schema: dict[str, Any]) -> Grammar:
    """Make the answer's grammar: an object, with the fields that the schema names and no others.

    Open objects let a model invent fields, so each is closed that does not say otherwise. What a grammar cannot hold
    an answer to and the standard lets a reader leave out, is left out. OpenAPI's `nullable` allows null.
    """
    return held(_held({"type": "object", **schema} if "properties" in schema else schema, closing=True))


def prompt(schema: dict[str, Any]) -> str:
    """Make the prompt that asks for this schema."""
    return (
        "Read this image and answer with JSON only, by this JSON Schema. "
        f"Use null for what is not there, where the schema allows it.\n{json.dumps(schema, ensure_ascii=False)}"
    )


# Keywords whose value is a schema, a list of schemas, or schemas by name.
_ONE = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")
_LIST = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_OPEN = ("additionalProperties", "patternProperties", "unevaluatedProperties", "allOf", "$ref", "anyOf", "oneOf")
_UNHELD = (
    "uniqueItems",
    "contentEncoding",
    "contentMediaType",
    "readOnly",
    "writeOnly",
    "deprecated",
    "discriminator",
)


def _held(schema: Any, *, closing: bool) -> Any:
    """The same schema as a grammar can hold an answer to it; parts of an `allOf` are not closed against each other."""
    if not isinstance(schema, dict):
        return schema
    made = {key: value for key, value in schema.items() if key not in _UNHELD}
    for key in made:
        if key in _ONE:
            made[key] = _held(made[key], closing=closing)
        elif key in _LIST and isinstance(made[key], list):
            made[key] = [_held(one, closing=closing and key != "allOf") for one in made[key]]
        elif key in _NAMED and isinstance(made[key], dict):
            made[key] = {name: _held(one, closing=closing) for name, one in made[key].items()}
    for key in ("format", "pattern"):
        if isinstance(made.get(key), str) and not _known(key, made[key]):
            del made[key]
    if closing and isinstance(made.get("properties"), dict) and not any(key in made for key in _OPEN):
        made["additionalProperties"] = False
    return _nullable(made)


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.pop("nullable", False) is True and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
    return schema


def _known(key: str, value: str) -> bool:
    """Whether a format is one that a grammar knows, and a pattern without the assertions that none can hold."""
    if key == "pattern" and not _ASSERTION.search(value):
        return True
    return _fault(held({"type": "string", key: value})) is None


@lru_cache(maxsize=256)
def _fault(made: Grammar) -> str | None:
    """What is wrong with a grammar; a message asks it of the same schema again and again."""
    return fault(made)


def _check(made: Grammar) -> None:
    if wrong := _fault(made):
        raise InputError(f"This JSON Schema cannot be used: {wrong}.")
