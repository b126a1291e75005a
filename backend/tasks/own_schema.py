"""A person's own JSON Schema in place of ours: found in what they wrote, checked, and put to the model."""

import json
from pathlib import Path
from typing import Any

from llguidance import LLMatcher

from backend.errors import InputError
from backend.types import Grammar

# Compact, as small models write it and as costs the fewest tokens, or with a space after each mark.
_SPACING = {"whitespace_flexible": False, "item_separator": ", ?", "key_separator": ": ?"}
_SHAPES = ("properties", "anyOf", "oneOf", "allOf", "$ref", "additionalProperties", "patternProperties")


def find(text: str) -> dict[str, Any] | None:
    """The schema that a text is; None for a text that is in other words.

    Raises:
        InputError: it begins like one and is no schema that an answer can be held to.
    """
    if not text.lstrip().startswith("{"):
        return None
    try:
        schema = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"This is no JSON Schema: {error.msg} at {where}. Mend it, or leave it out.") from None
    except RecursionError:
        raise InputError("This is no JSON Schema: it is nested too deeply.") from None
    if schema.get("type", "object") != "object" or not any(shape in schema for shape in _SHAPES):
        raise InputError('This is no JSON Schema of an object: it begins {"type": "object", "properties": {…}}.')
    _check(schema)
    return schema  # type: ignore[no-any-return]


def read(path: Path, preset: str, words: str) -> str:
    """The schema in a file, as the words that a preset is asked with; the same however the file is laid out.

    Raises:
        InputError: the file cannot be read or holds no schema, or the preset takes none, or has other words already.
    """
    if preset != "receipt":
        raise InputError("A schema goes with the preset receipt; add --preset receipt, or leave out --schema.")
    if words:
        raise InputError("A schema takes the place of the words; leave out either them or --schema.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"There is no file {path}; check its name and folder.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); look at its rights.") from error
    except ValueError:
        raise InputError(f"{path} is no text, so it holds no JSON Schema.") from None
    try:
        schema = find(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    if schema is None:
        raise InputError(f'{path} holds no JSON Schema: one begins {{"type": "object", "properties": {{…}}}}.')
    return json.dumps(schema, ensure_ascii=False)


def held(schema: dict[str, Any]) -> Grammar:
    """A schema as a grammar, its spacing bound so that no answer runs off in blanks."""
    return Grammar("json", json.dumps({**schema, "x-guidance": _SPACING}))


def grammar(schema: dict[str, Any]) -> Grammar:
    """What the answer is held to; a schema that leaves the type open still means an object."""
    return held({"type": "object", **schema} if "properties" in schema else schema)


def prompt(schema: dict[str, Any]) -> str:
    """What the model is asked."""
    return (
        "Read this image and answer with JSON only, by this JSON Schema. "
        f"Use null for what is not there, where the schema allows it.\n{json.dumps(schema, ensure_ascii=False)}"
    )


def _check(schema: dict[str, Any]) -> None:
    written = LLMatcher.grammar_from_json_schema(held(schema).text)
    wrong, messages = LLMatcher.validate_grammar_with_warnings(written)
    if wrong:
        raise InputError(f"An answer cannot be held to this JSON Schema: {messages[0].splitlines()[0]}.")
