"""A schema of the person's own: what is one, what is none and why, and what answers it allows."""

import json

import pytest

from backend.errors import InputError
from backend.tasks import own_schema, receipt
from backend.tasks.result import Answer, Result
from tests.tasks.held import accepts, matcher

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
        ('{"type": "object",', "This is no JSON Schema: Expecting property name enclosed in double quotes at line 1, "
         "column 19. Mend it, or leave it out."),
        ('{"shop": "Corner", "total": 3}',
         'This is no JSON Schema of an object: it begins {"type": "object", "properties": {…}}.'),
        ('{"type": "string"}',
         'This is no JSON Schema of an object: it begins {"type": "object", "properties": {…}}.'),
        ('{"properties": {"a": {"type": "txt"}}}',
         "An answer cannot be held to this JSON Schema: Invalid type: txt."),
        ('{"properties": 3}', "An answer cannot be held to this JSON Schema: properties must be an object."),
        ('{"a":' * 100_000, "This is no JSON Schema: it is nested too deeply."),
    ],
)  # fmt: skip
def test_what_is_no_schema_is_refused_with_the_reason(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as error:
        receipt.grammar(text)
    assert str(error.value) == sentence


def test_the_result_of_an_own_schema_is_not_checked_as_a_receipt() -> None:
    answer = Answer('{"plate": "B-AB 12", "total": 3}', asked=TEXT)
    assert receipt.results(answer) == (Result("json", '{\n  "plate": "B-AB 12",\n  "total": 3\n}'),)
    assert receipt.results(Answer(answer.text))[0].whole is False
