"""Receipt to JSON: the schema of a receipt, the question that asks for it, and how an answer is shown.

Money stays as printed, in units of the currency. What is not printed is null: never invented.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict

from backend.tasks.task import VERBATIM, Task, fenced

PROMPT = (
    "Read this receipt and answer with JSON only: shop, address, date (YYYY-MM-DD), time (HH:MM), "
    "currency (ISO 4217), items (name, quantity, unit_price, amount), subtotal, discount, "
    "taxes (name, rate, amount), total, payment. Use null for what is not printed."
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Item(_Strict):
    """One line of a receipt; `unit_price` is null where only the amount is printed."""

    name: str
    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    amount: Decimal | None = None


class Tax(_Strict):
    """One tax line; `rate` in percent."""

    name: str | None = None
    rate: Decimal | None = None
    amount: Decimal | None = None


class Receipt(_Strict):
    """A receipt: date ISO 8601, time HH:MM, currency ISO 4217; null where nothing is printed."""

    shop: str | None = None
    address: str | None = None
    date: str | None = None
    time: str | None = None
    currency: str | None = None
    items: tuple[Item, ...] = ()
    subtotal: Decimal | None = None
    discount: Decimal | None = None
    taxes: tuple[Tax, ...] = ()
    total: Decimal | None = None
    payment: str | None = None


class _Printed(str):
    """A number as the answer has it: 2.40 stays 2.40."""

    __slots__ = ()


def parse(answer: str) -> Receipt | None:
    """The receipt in an answer, text and code fences around the JSON ignored; None where there is no valid one."""
    try:
        return Receipt.model_validate(_load(answer, Decimal))
    except (ValueError, ArithmeticError):  # pydantic's and json's errors are ValueErrors
        return None


def show(answer: str) -> str:
    """Valid JSON indented in a code block; anything else as it came, in a code block while it is still growing."""
    if parse(answer) is None:
        return fenced(answer, "json") if answer.lstrip().startswith("{") else answer
    return fenced(_indented(_load(answer, _Printed)), "json")


def _load(answer: str, number: Callable[[str], Any]) -> Any:
    """The JSON value in an answer, its numbers made by `number` from their text."""
    start, end = answer.find("{"), answer.rfind("}")
    try:
        return json.loads(answer[start : end + 1], parse_float=number, parse_int=number, parse_constant=number)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _indented(value: Any, margin: str = "\n") -> str:
    """The value as JSON, one entry a line."""
    inner = margin + "  "
    if isinstance(value, _Printed):
        return str(value)
    if isinstance(value, dict) and value:
        entries = [f"{_indented(name)}: {_indented(entry, inner)}" for name, entry in value.items()]
        return "{" + inner + f",{inner}".join(entries) + margin + "}"
    if isinstance(value, list) and value:
        return "[" + inner + f",{inner}".join(_indented(entry, inner) for entry in value) + margin + "]"
    return json.dumps(value, ensure_ascii=False)


TASKS = (Task("receipt", "Receipt to JSON", PROMPT, needs="image", order=20, sampling=VERBATIM, show=show),)
