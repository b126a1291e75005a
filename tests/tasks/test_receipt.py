"""The receipt preset: the schema of an answer and how it is shown, whole and growing."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.tasks.forms.receipt_schema import Item, Receipt, Tax, parse
from backend.tasks.presets import receipt
from backend.tasks.presets.receipt import show

ANSWER = (
    '{"shop": "Café Müller", "date": "2026-11-21", "currency": "EUR", '
    '"items": [{"name": "Tea", "quantity": 2, "amount": 2.40}], "subtotal": null, '
    '"taxes": [{"rate": 19, "amount": 0.38}], "total": 12345678901234567.80}'
)
RECEIPT = Receipt(
    shop="Café Müller",
    date="2026-11-21",
    currency="EUR",
    items=(Item(name="Tea", quantity=Decimal(2), amount=Decimal("2.40")),),
    taxes=(Tax(rate=Decimal(19), amount=Decimal("0.38")),),
    total=Decimal("12345678901234567.80"),
)
SHOWN = """```json
{
  "shop": "Café Müller",
  "date": "2026-11-21",
  "currency": "EUR",
  "items": [
    {
      "name": "Tea",
      "quantity": 2,
      "amount": 2.40
    }
  ],
  "subtotal": null,
  "taxes": [
    {
      "rate": 19,
      "amount": 0.38
    }
  ],
  "total": 12345678901234567.80
}
```"""


@pytest.mark.parametrize("answer", [ANSWER, f"```json\n{ANSWER}\n```", f"Here it is:\n{ANSWER}\nAnything else?"])
def test_a_receipt_is_found_in_an_answer(answer: str) -> None:
    assert parse(answer) == RECEIPT


def test_money_keeps_its_printed_digits() -> None:
    found = parse(ANSWER)
    assert found is not None
    assert (str(found.items[0].amount), str(found.total)) == ("2.40", "12345678901234567.80")


@pytest.mark.parametrize("answer", [ANSWER, f"```json\n{ANSWER}\n```"])
def test_a_valid_receipt_is_shown_indented_with_its_money_as_printed(answer: str) -> None:
    assert show(answer) == SHOWN


def test_empty_lists_and_quotes_are_shown_as_json() -> None:
    assert show('{"items": [], "shop": "\\"A\\""}') == '```json\n{\n  "items": [],\n  "shop": "\\"A\\""\n}\n```'


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "No receipt here.",
        '{"total": NaN}',
        '{"total": 1e9999999999999999999}',
        '{"total": true}',
        '{"colour": "red"}',
        '{"items": [{"amount": 1}]}',
        "[" * 100_000,
        '{"items": ' + "[" * 100_000 + "}",
        '{"total": ' + "9" * 5000 + "e}",
    ],
)
def test_what_is_no_receipt_is_none(answer: str) -> None:
    assert parse(answer) is None


def test_a_growing_answer_stands_in_a_code_block() -> None:
    assert show('{"shop": "A') == '```json\n{"shop": "A\n```'
    assert show('{"shop": "```') == '````json\n{"shop": "```\n````'


def test_words_are_shown_as_written() -> None:
    assert show("I see no receipt.") == "I see no receipt."


amounts = st.decimals(min_value=0, max_value=10**9, places=2) | st.none()
receipts = st.builds(
    Receipt,
    shop=st.text() | st.none(),
    items=st.lists(st.builds(Item, name=st.text(), quantity=amounts, unit_price=amounts, amount=amounts)).map(tuple),
    total=amounts,
)


@given(receipts)
def test_what_is_shown_reads_back_as_the_same_receipt(receipt: Receipt) -> None:
    answer = json.dumps(receipt.model_dump(), default=str)
    assert parse(show(answer)) == receipt


@given(st.text() | st.text(alphabet='{}[]":,.0123456789eE-+ \\ntrufalsnN`'))
def test_any_text_is_accepted(answer: str) -> None:
    assert isinstance(show(answer), str)


@given(st.integers(0, len(ANSWER)))
def test_every_start_of_an_answer_is_shown_in_a_code_block(end: int) -> None:
    assert show(ANSWER[:end]).startswith("```json\n") or end == 0


def test_a_receipt_has_amounts_and_a_schema_of_ones_own_need_not() -> None:
    reading = receipt.TASKS[0].reading
    assert reading("") == reading("in Welsh") == "amounts"
    assert reading('{"type": "object", "properties": {"plate": {"type": "string"}}}') == "evidence"
