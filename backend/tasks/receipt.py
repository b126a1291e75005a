"""Receipt to JSON: the schema of a receipt, the question that asks for it, and how an answer is shown.

Money stays as printed, in units of the currency. What is not printed is null: never invented.
"""

from datetime import date
from decimal import Decimal
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from backend.tasks import own_schema, receipt_checks
from backend.tasks.currency import CODES
from backend.tasks.json_text import hesitations, indented, load, objects, read_again
from backend.tasks.result import Answer, Result
from backend.tasks.second_look import SecondLook
from backend.tasks.task import VERBATIM, Task, fenced
from backend.types import Grammar, Reading

PROMPT = (
    "Read this receipt and answer with JSON only: shop, address, date (YYYY-MM-DD), time (HH:MM), "
    "currency (ISO 4217), items (name, quantity, unit_price, amount), subtotal, discount, "
    "taxes (name, rate, amount), total, payment. Use null for what is not printed."
)


def _known(code: str) -> str:
    if code not in CODES:
        raise ValueError("no currency of ISO 4217")
    return code


def _number(low: int, high: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "number", "minimum": low, "maximum": high, "multipleOf": 0.001})


Money = Annotated[Decimal, _number(-10_000_000, 10_000_000)]
Quantity = Annotated[Decimal, _number(0, 100_000)]
Percent = Annotated[Decimal, _number(0, 100)]
# Bounds end an answer that would repeat itself for ever.
Words = Annotated[str, WithJsonSchema({"type": "string", "maxLength": 120})]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$")]
Currency = Annotated[str, AfterValidator(_known), WithJsonSchema({"type": "string", "enum": sorted(CODES)})]


class _Strict(BaseModel):
    # Every field is written, null where nothing is printed.
    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


class Item(_Strict):
    """One line of a receipt; `unit_price` is null where only the amount is printed."""

    name: Words
    quantity: Quantity | None = None
    unit_price: Money | None = None
    amount: Money | None = None


class Tax(_Strict):
    """One tax line; `rate` in percent."""

    name: Words | None = None
    rate: Percent | None = None
    amount: Money | None = None


class Receipt(_Strict):
    """A receipt: date ISO 8601, time HH:MM, currency ISO 4217; null where nothing is printed."""

    shop: Words | None = None
    address: Words | None = None
    date: Day | None = None
    time: Clock | None = None
    currency: Currency | None = None
    items: Annotated[tuple[Item, ...], Field(json_schema_extra={"maxItems": 100})] = ()
    subtotal: Money | None = None
    discount: Money | None = None
    taxes: Annotated[tuple[Tax, ...], Field(json_schema_extra={"maxItems": 10})] = ()
    total: Money | None = None
    payment: Words | None = None


def parse(answer: str) -> Receipt | None:
    """The first receipt in an answer, text and code fences around the JSON ignored; None without a valid one."""
    return next((receipt for start, end in objects(answer) if (receipt := _read(answer[start:end]))), None)


def show(answer: str) -> str:
    """Objects indented in code blocks, the last one as far as it came; an answer in other words as it was written."""
    pieces = [answer[start:end] for start, end in objects(answer)]
    if not pieces or (_loaded(pieces[0]) is None and not answer.lstrip().startswith("{")):
        return answer
    shown = [piece if (value := _loaded(piece)) is None else indented(value) for piece in pieces]
    return "\n\n".join(fenced(piece, "json") for piece in shown)


def results(answer: Answer) -> tuple[Result, ...]:
    """Every object in an answer, checked: what does not add up, is not plausible, or was written with doubt."""
    ours = own_schema.find(answer.asked) is None
    return tuple(_result(answer, start, end, ours) for start, end in objects(answer.text))


def grammar(text: str = "") -> Grammar:
    """What the answer is held to: our schema, or the one that the person wrote.

    Raises:
        InputError: what looks like a schema is none.
    """
    schema = own_schema.find(text)
    return _form() if schema is None else own_schema.grammar(schema)


@cache
def _form() -> Grammar:
    return own_schema.held(_schema())


@cache
def _schema() -> dict[str, Any]:
    return Receipt.model_json_schema(mode="serialization")


def _ask(text: str) -> str:
    schema = own_schema.find(text)
    return "\n".join(filter(None, (PROMPT, text))) if schema is None else own_schema.prompt(schema)


def _reading(text: str) -> Reading:
    """What a receipt is, has amounts; what a person's own schema asks for need not."""
    return "amounts" if own_schema.find(text) is None else "evidence"


def _result(answer: Answer, start: int, end: int, ours: bool) -> Result:
    source = answer.text[start:end]
    value, receipt = _loaded(source), _read(source)
    if value is None or (ours and receipt is None):
        return Result("json", source, whole=False)
    wrong = receipt_checks.doubts(receipt, answer.today) if ours and receipt else ()
    doubts = (*wrong, *hesitations(answer.text, start, answer.unsure))
    return Result("json", indented(value), doubts=doubts, again=read_again(answer.text, start, answer.unsure))


def _failing(source: str, today: date) -> frozenset[str] | None:
    """The fields that do not fit the others; None where this is no receipt."""
    receipt = _read(source)
    return None if receipt is None else frozenset(doubt.path for doubt in receipt_checks.doubts(receipt, today))


def _loaded(source: str) -> object | None:
    try:
        return load(source)  # type: ignore[no-any-return]
    except ValueError:
        return None


def _read(source: str) -> Receipt | None:
    try:
        return Receipt.model_validate(load(source, Decimal))
    except (ValueError, ArithmeticError):  # pydantic's and json's errors are ValueErrors
        return None


TASKS = (
    Task(
        "receipt",
        "Receipt to JSON",
        PROMPT,
        needs="image",
        order=20,
        sampling=VERBATIM,
        show=show,
        ask=_ask,
        grammar=grammar,
        results=results,
        again=SecondLook(results, _schema, _failing),
        each=True,
        reading=_reading,
    ),
)
