"""Receipt to JSON: its prompt, its grammar, and how an answer is shown and checked."""

from datetime import date
from functools import cache
from typing import Any

from backend.tasks.forms import own_schema, receipt_checks
from backend.tasks.forms.json_text import hesitations, indented, load, objects, reread_fields
from backend.tasks.forms.receipt_schema import Receipt, as_receipt
from backend.tasks.forms.reread_rules import RereadRules
from backend.tasks.result import Answer, Result
from backend.tasks.task import VERBATIM, Task, fenced
from backend.types import Grammar, Reading

PROMPT = (
    "Read this receipt and answer with JSON only: shop, address, date (YYYY-MM-DD), time (HH:MM), "
    "currency (ISO 4217), items (name, quantity, unit_price, amount), subtotal, discount, "
    "taxes (name, rate, amount), total, payment. Use null for what is not printed."
)


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
    """Make the answer's grammar of our schema, or of the one that the person wrote.

    Raises:
        InputError: what looks like a schema is not one.
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
    """Require amounts on the image for a receipt; a person's own schema need not ask for any."""
    return "amounts" if own_schema.find(text) is None else "evidence"


def _result(answer: Answer, start: int, end: int, ours: bool) -> Result:
    source = answer.text[start:end]
    value, receipt = _loaded(source), as_receipt(source)
    if value is None or (ours and receipt is None):
        return Result("json", source, whole=False)
    wrong = receipt_checks.doubts(receipt, answer.today) if ours and receipt else ()
    doubts = (*wrong, *hesitations(answer.text, start, answer.unsure))
    return Result("json", indented(value), doubts=doubts, reread=reread_fields(answer.text, start, answer.unsure))


def _failing(source: str, today: date) -> frozenset[str] | None:
    """The fields that do not fit the others; None where this is no receipt."""
    receipt = as_receipt(source)
    return None if receipt is None else frozenset(doubt.path for doubt in receipt_checks.doubts(receipt, today))


def _loaded(source: str) -> object | None:
    try:
        return load(source)  # type: ignore[no-any-return]
    except ValueError:
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
        reread=RereadRules(results, _schema, _failing),
        each=True,
        takes_schema=True,
        reading=_reading,
    ),
)
