"""A schema of the person's own: what is one, what is none and why, and what answers it allows."""

import json
from pathlib import Path

import pytest

from backend.errors import InputError
from backend.tasks.forms import own_schema
from backend.tasks.presets import receipt
from backend.tasks.result import Answer, Result
from tests.support.grammars import accepts, matcher

SCHEMA = {"type": "object", "properties": {"plate": {"type": "string"}, "speed": {"type": "integer"}},
          "required": ["plate", "speed"], "additionalProperties": False}  # fmt: skip
TEXT = json.dumps(SCHEMA, indent=2)


@pytest.mark.parametrize("text", ["", "In Euros, please.", "the total { is what I want"])
def test_other_words_are_no_schema_and_are_asked_with_ours(text: str) -> None:
    assert own_schema.find(text) is None
    assert receipt.grammar(text) == receipt.grammar()


def test_a_pasted_schema_takes_the_place_of_ours() -> None:
    held = matcher(receipt.grammar(TEXT))
    assert accepts(held, '{"plate":"B-AB 12","speed":50}')
    assert accepts(held, '{"plate": "B-AB 12", "speed": 50}')
    assert not accepts(held, '{"plate":"B-AB 12"}')
    assert not accepts(held, '{"shop":null}')


def test_the_model_is_asked_by_the_schema_alone() -> None:
    asked = receipt.TASKS[0].compose(TEXT)
    assert asked.endswith(json.dumps(SCHEMA))
    assert "subtotal" not in asked


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"type": "object",', "Not a valid JSON Schema: Expecting property name enclosed in double quotes at line 1, "
         "column 19. Fix it or leave it out."),
        ('{"shop": "Corner", "total": 3}',
         'Not a JSON Schema of an object; one begins {"type": "object", "properties": {…}}.'),
        ('{"type": "string"}',
         'Not a JSON Schema of an object; one begins {"type": "object", "properties": {…}}.'),
        ('{"properties": {"a": {"type": "txt"}}}',
         "This JSON Schema cannot be used: Invalid type: txt."),
        ('{"properties": 3}', "This JSON Schema cannot be used: properties must be an object."),
        ('{"a":' * 19_000, "Not a valid JSON Schema: it is nested too deeply."),
    ],
)  # fmt: skip
def test_what_is_no_schema_is_refused_with_the_reason(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as error:
        receipt.grammar(text)
    assert str(error.value) == sentence


def test_a_schema_in_a_file_is_the_same_however_it_is_laid_out(tmp_path: Path) -> None:
    file = tmp_path / "my.json"
    for text in (TEXT, json.dumps(SCHEMA), f"\ufeff{TEXT}\n"):
        file.write_text(text, encoding="utf-8")
        assert own_schema.read(file, "") == json.dumps(SCHEMA)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "There is no file {}; check its name and folder."),
        (b"\xff\x00\x81", "{} is not a text file, so it holds no JSON Schema."),
        (b"", '{} holds no JSON Schema: one begins {{"type": "object", "properties": {{…}}}}.'),
        (b"[1, 2]", '{} holds no JSON Schema: one begins {{"type": "object", "properties": {{…}}}}.'),
        (b'{"type": 3', "{}: Not a valid JSON Schema: Expecting ',' delimiter at line 1, column 11. Fix it or leave "
                        "it out."),
        (b'{"shop": 3}', "{}: Not a JSON Schema of an object; one begins "
                         '{{"type": "object", "properties": {{…}}}}.'),
    ],
)  # fmt: skip
def test_a_file_without_a_schema_is_refused_with_the_reason(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    file = tmp_path / "my.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError) as error:
        own_schema.read(file, "")
    assert str(error.value) == sentence.format(file)


def test_a_schema_goes_without_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^A schema takes the place of the words; leave out either them or --schema"):
        own_schema.read(tmp_path, "In Welsh")


def test_the_result_of_an_own_schema_is_not_checked_as_a_receipt() -> None:
    answer = Answer('{"plate": "B-AB 12", "total": 3}', asked=TEXT)
    assert receipt.results(answer) == (Result("json", '{\n  "plate": "B-AB 12",\n  "total": 3\n}'),)
    assert receipt.results(Answer(answer.text))[0].whole is False


def fields(**properties: object) -> str:
    return json.dumps({"type": "object", "properties": properties})


@pytest.mark.parametrize(
    ("schema", "allowed", "refused"),
    [
        (fields(plate={"type": "string"}), ['{"plate":"A"}', "{}"], ['{"plate":"A","shop":"B"}', '{"shop":"B"}']),
        (
            fields(car={"type": "object", "properties": {"plate": {"type": "string"}}}),
            ['{"car":{"plate":"A"}}'],
            ['{"car":{"colour":"red"}}'],
        ),
        (
            fields(cars={"type": "array", "items": {"properties": {"plate": {"type": "string"}}, "type": "object"}}),
            ['{"cars":[{"plate":"A"}]}'],
            ['{"cars":[{"colour":"red"}]}'],
        ),
        (
            '{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":{"type":"integer"}}',
            ['{"a":1,"b":2}'],
            ['{"a":1,"b":"c"}'],
        ),
        (
            '{"allOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},'
            '{"type":"object","properties":{"b":{"type":"integer"}},"required":["b"]}]}',
            ['{"a":1,"b":2}'],
            ['{"a":1}'],
        ),
        (
            '{"$ref":"#/$defs/car","$defs":{"car":{"type":"object","properties":{"plate":{"type":"string"}}}}}',
            ['{"plate":"A"}'],
            ['{"colour":"red"}'],
        ),
        (fields(key={"type": "string", "format": "password"}), ['{"key":"A"}'], ['{"key":1}']),
        (fields(day={"type": "string", "format": "date"}), ['{"day":"2024-01-31"}'], ['{"day":"today"}']),
        (fields(tags={"type": "array", "items": {"type": "string"}, "uniqueItems": True}), ['{"tags":["A"]}'], []),
        (fields(sum={"type": "string", "pattern": r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"}), ['{"sum":"1.50"}'], []),
        (fields(name={"type": "string", "nullable": True}), ['{"name":null}', '{"name":"A"}'], ['{"name":1}']),
        (
            fields(**{"VAT no.": {"type": "string"}, "Unit [kg]": {"type": "number"}, "format": {"type": "string"}}),
            ['{"VAT no.":"DE1","Unit [kg]":2.5,"format":"A4"}'],
            ['{"VAT":"DE1"}'],
        ),
    ],
)
def test_an_answer_has_the_fields_that_a_schema_names_and_no_others(
    schema: str, allowed: list[str], refused: list[str]
) -> None:
    held = matcher(receipt.grammar(schema))
    assert [text for text in allowed if not accepts(held, text)] == []
    assert [text for text in refused if accepts(held, text)] == []


def test_a_pattern_that_is_none_is_refused_with_the_whole_reason() -> None:
    with pytest.raises(InputError) as refused:
        own_schema.find(fields(a={"type": "string", "pattern": "(a"}))
    assert str(refused.value) == (
        "This JSON Schema cannot be used: a pattern is no regular expression (unclosed group)."
    )


def test_a_schema_that_would_take_minutes_is_refused_by_its_length() -> None:
    values = json.dumps({"type": "object", "properties": {"a": {"enum": list(range(50_000))}}})
    with pytest.raises(InputError) as refused:
        own_schema.find(values)
    assert str(refused.value) == f"A JSON Schema may have 100,000 characters; this one has {len(values):,}."
