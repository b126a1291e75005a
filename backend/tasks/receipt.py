"""Receipt to JSON: the schema of a receipt, the question that asks for it, and how an answer is shown.

Money stays as printed, in units of the currency. What is not printed is null: never invented.
"""

import json
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, ValidationError

from backend.tasks.task import GREEDY, Task

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


def parse(answer: str) -> Receipt | None:
    """The receipt in an answer, text and code fences around the JSON ignored; None where there is no valid one."""
    start, end = answer.find("{"), answer.rfind("}")
    try:
        return Receipt.model_validate_json(answer[start : end + 1]) if 0 <= start < end else None
    except ValidationError:
        return None


def show(answer: str) -> str:
    """Valid JSON indented in a code block; anything else as it came, in a code block while it is still growing."""
    if parse(answer) is None:
        return f"```json\n{answer}\n```" if answer.lstrip().startswith("{") else answer
    value = json.loads(answer[answer.find("{") : answer.rfind("}") + 1])
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```"


TASKS = (Task("receipt", "Receipt to JSON", PROMPT, needs="image", order=20, sampling=GREEDY, show=show),)
