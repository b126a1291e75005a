"""Checks grammars without a model: converts them for llguidance, finds their faults, and validates texts.

Example: `fault(Grammar("json", '{"type": "txt"}'))` is "Invalid type: txt", and
`accepts(Grammar("lark", 'start: "a"+'), "aaa")` is True.
"""

import json
from functools import cache
from typing import Any

import jsonschema
from llguidance import LLMatcher, LLParserLimits, LLTokenizer

from backend.types import Grammar

# Compact, as small models write it and as costs the fewest tokens, or with a space after each mark; bound, so that no
# answer runs off in blanks.
_SPACING = {"whitespace_flexible": False, "item_separator": ", ?", "key_separator": ": ?"}


def written(grammar: Grammar) -> str:
    """Convert a grammar to llguidance's own form.

    Raises:
        ValueError: it cannot be converted.
    """
    if grammar.kind == "lark":
        return str(LLMatcher.grammar_from_lark(grammar.text))
    return str(LLMatcher.grammar_from_json_schema(json.dumps({"x-guidance": _SPACING} | json.loads(grammar.text))))


def fault(grammar: Grammar) -> str | None:
    """Find what is wrong with a grammar, in one line; None where it can be used."""
    converted = written(grammar)
    wrong, messages = LLMatcher.validate_grammar_with_warnings(converted)
    if wrong:
        return _line(messages[0])
    matcher = LLMatcher(_bytes(), converted, log_level=0, limits=limits())  # it may still be too large
    return _line(matcher.get_error()) if matcher.is_error() else None


def _line(message: str) -> str:
    """The reason in a message: its first line, or the last where the first only says of what kind it is."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if lines[0].startswith("regex parse error"):
        return f"a pattern is no regular expression ({lines[-1].removeprefix('error: ')})"
    return lines[0]


def accepts(grammar: Grammar, text: str) -> bool:
    """Whether a text is valid under a grammar; JSON in any layout, its fields in any order."""
    if grammar.kind == "json":
        return _is_valid(text, json.loads(grammar.text))
    matcher = LLMatcher(_bytes(), written(grammar), log_level=0, limits=limits())
    data = list(text.encode("utf-8", "replace"))
    return bool(matcher.try_consume_tokens(data) == len(data) and matcher.is_accepting())


def limits() -> LLParserLimits:
    """Allow a mask ten times the library's default cost, and twenty times to begin; what needs more takes seconds."""
    return LLParserLimits(step_max_items=500_000, step_lexer_fuel=2_000_000, initial_lexer_fuel=20_000_000)


def _is_valid(text: str, schema: Any) -> bool:
    try:
        jsonschema.validate(json.loads(text), schema)
    except (ValueError, RecursionError, jsonschema.ValidationError, jsonschema.SchemaError):
        return False
    return True


@cache
def _bytes() -> LLTokenizer:
    return LLTokenizer("byte")
