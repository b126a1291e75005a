"""Finds a person's own JSON Schema in what they wrote, checks it, and makes its prompt and grammar."""

import json
from pathlib import Path
from typing import Any

from backend.engine.grammars import fault
from backend.errors import InputError
from backend.types import Grammar

LONGEST = 100_000  # characters; a grammar of 4 million took 40 seconds and 800 MB

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
    _check(schema)
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
    """Make the answer's grammar; a schema that leaves the type open still means an object."""
    return held({"type": "object", **schema} if "properties" in schema else schema)


def prompt(schema: dict[str, Any]) -> str:
    """Make the prompt that asks for this schema."""
    return (
        "Read this image and answer with JSON only, by this JSON Schema. "
        f"Use null for what is not there, where the schema allows it.\n{json.dumps(schema, ensure_ascii=False)}"
    )


def _check(schema: dict[str, Any]) -> None:
    if wrong := fault(held(schema)):
        raise InputError(f"This JSON Schema cannot be used: {wrong}.")
