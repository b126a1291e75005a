"""What is said about a receipt of which the text is known: its JSON, a person's own form of it, and questions."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass

from backend.evidence.asked import NO_DATE, NOT_PRINTED
from backend.tasks.forms import own_schema
from backend.tasks.presets import document
from training import page_receipts, prompts
from training.page_receipts import Receipt
from training.pages import joined
from training.values import Answer, Piece, Turn, say

Asker = Callable[[Receipt, random.Random], Turn | None]

UNKNOWN = "I do not understand the question. Ask about what is written or shown there."


def money(cents: int) -> str:
    """Cents as JSON has them: two decimals and a point."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def quoted(piece: Piece) -> list[Piece | str]:
    """A piece as a JSON string; what JSON escapes is escaped, mark for mark."""
    text, marks = "", list[int]()
    for character, mark in zip(piece.text, piece.marks, strict=True):
        escaped = json.dumps(character, ensure_ascii=False)[1:-1]
        text, marks = text + escaped, [*marks, *[mark] * len(escaped)]
    return ['"', Piece(text, tuple(marks), piece.drawing), '"']


def _text(receipt: Receipt, role: str) -> list[Piece | str]:
    return quoted(receipt.page.copy(role)) if role in receipt.page.fields else ["null"]


def _told(receipt: Receipt, role: str, text: str | None) -> list[Piece | str]:
    return ["null"] if text is None or role not in receipt.page.fields else [receipt.page.told(role, text)]


def _amount(receipt: Receipt, role: str, cents: int | None) -> list[Piece | str]:
    return _told(receipt, role, None if cents is None else money(cents))


def _item(receipt: Receipt, number: int) -> list[Piece | str]:
    goods, role = receipt.goods[number], f"item{number}"
    quantity = None if goods.quantity is None else str(goods.quantity)
    return [
        '{"name":', *_text(receipt, f"{role}.name"), ',"quantity":', *_told(receipt, f"{role}.quantity", quantity),
        ',"unit_price":', *_amount(receipt, f"{role}.unit", goods.unit),
        ',"amount":', *_amount(receipt, f"{role}.amount", goods.cents), "}",
    ]  # fmt: skip


def _tax(receipt: Receipt, number: int) -> list[Piece | str]:
    tax, role = receipt.taxes[number], f"tax{number}"
    return [
        '{"name":', *_text(receipt, f"{role}.name"), ',"rate":', *_told(receipt, f"{role}.rate", f"{tax.rate:g}"),
        ',"amount":', *_amount(receipt, f"{role}.amount", tax.cents), "}",
    ]  # fmt: skip


def _listed(entries: list[list[Piece | str]]) -> list[Piece | str]:
    return ["[", *(part for number, entry in enumerate(entries) for part in ([","] if number else []) + entry), "]"]


def _quoted_told(receipt: Receipt, role: str, text: str | None) -> list[Piece | str]:
    told = _told(receipt, role, text)
    return told if told == ["null"] else ['"', *told, '"']


def as_json(receipt: Receipt) -> Answer:
    """The receipt preset's JSON, compact, in the schema's order."""
    return joined([
        '{"shop":', *_text(receipt, "shop"), ',"address":', *_text(receipt, "address"),
        ',"date":', *_quoted_told(receipt, "date", str(receipt.day)), ',"time":', *_quoted_told(receipt, "time",
        receipt.time),
        ',"currency":', f'"{receipt.currency}"' if receipt.currency else "null",
        ',"items":', *_listed([_item(receipt, number) for number in range(len(receipt.goods))]),
        ',"subtotal":', *_amount(receipt, "subtotal", receipt.subtotal),
        ',"discount":', *_amount(receipt, "discount", receipt.discount),
        ',"taxes":', *_listed([_tax(receipt, number) for number in range(len(receipt.taxes))]),
        ',"total":', *_amount(receipt, "total", receipt.total), ',"payment":', *_text(receipt, "payment"), "}",
    ])  # fmt: skip


def read(receipt: Receipt, rng: random.Random) -> Turn:
    """The receipt preset itself."""
    return Turn(prompts.RECEIPT if rng.random() < 0.9 else rng.choice(prompts.RECEIPT_OTHER), as_json(receipt))


# A key of a person's own schema, and what of the receipt it asks for.
_KEYS: dict[str, tuple[str, ...]] = {
    "shop": ("shop", "merchant", "company", "vendor", "store", "store_name", "seller", "shop_name", "supplier",
    "business"),
    "address": ("address", "shop_address", "location", "merchant_address", "street"),
    "date": ("date", "day", "purchase_date", "invoice_date", "issued"),
    "time": ("time", "time_of_day", "printed_at"),
    "total": ("total", "total_amount", "sum", "amount", "grand_total", "amount_paid", "total_due", "price"),
    "subtotal": ("subtotal", "net", "sub_total", "total_before_tax"),
    "discount": ("discount", "savings"),
    "payment": ("payment", "payment_method", "paid_with", "method"),
    "currency": ("currency", "currency_code"),
    "tax": ("tax", "vat", "tax_amount", "gst"),
}  # fmt: skip


def own(receipt: Receipt, rng: random.Random) -> Turn:
    """A person's own JSON Schema: some of the fields, under other names."""
    wanted = rng.sample(tuple(_KEYS), rng.randint(1, 5))
    properties: dict[str, object] = {}
    answer: list[Piece | str] = []
    for kind in wanted:
        key = rng.choice(_KEYS[kind])
        if key in properties:
            continue
        form, value = _valued(receipt, kind)
        properties[key] = {"type": [form, "null"] if rng.random() < 0.5 or value == ["null"] else form}
        answer += ["," if answer else "{", f'"{key}":', *value]
    schema: dict[str, object] = {"type": "object", "properties": properties}
    if rng.random() < 0.7:
        schema["required"] = list(properties)
    return Turn(own_schema.prompt(schema), joined([*answer, "}"]))


def _valued(receipt: Receipt, kind: str) -> tuple[str, list[Piece | str]]:
    match kind:
        case "date":
            return "string", _quoted_told(receipt, "date", str(receipt.day))
        case "time":
            return "string", _quoted_told(receipt, "time", receipt.time)
        case "currency":
            return "string", [f'"{receipt.currency}"' if receipt.currency else "null"]
        case "tax":
            return "number", _amount(receipt, "tax0.amount", receipt.taxes[0].cents) if receipt.taxes else ["null"]
        case "total" | "subtotal" | "discount":
            return "number", _amount(receipt, kind, getattr(receipt, kind))
    return "string", _text(receipt, kind)


@dataclass(frozen=True)
class _Asked:
    """Ways to ask for one field, the answer's beginning, and the field in it; None where it is not printed."""

    ways: tuple[str, ...]
    begin: str
    value: Callable[[Receipt], list[Piece | str] | None]

    def __call__(self, receipt: Receipt, rng: random.Random) -> Turn:
        return _answered(rng, self.ways, self.begin, self.value(receipt))


def _answered(rng: random.Random, ways: tuple[str, ...], begin: str, value: list[Piece | str] | None) -> Turn:
    return Turn(rng.choice(ways), joined([begin, *value, "."]) if value else say(NOT_PRINTED))


def _sum(receipt: Receipt, role: str, cents: int) -> list[Piece | str]:
    told = _amount(receipt, role, cents)
    return [*told, f" {receipt.currency}"] if receipt.currency else told


def _copy(role: str) -> Callable[[Receipt], list[Piece | str] | None]:
    return lambda receipt: [receipt.page.copy(role)] if role in receipt.page.fields else None


total = _Asked(
    ("What is the total?", "How much is it in total?", "what is the total", "How much did it cost?", "Total?",
     "What did they pay in total?", "How much money was spent?"),
    "The total is ", lambda receipt: _sum(receipt, "total", receipt.total),
)  # fmt: skip
shop = _Asked(
    ("Which shop is it from?", "Which shop?", "What is the name of the shop?", "Where was it?", "Who issued it?",
     "What is the company?", "Which store is this from?"),
    "It is from ", _copy("shop"),
)  # fmt: skip
_address = _Asked(
    ("What is the address?", "Where is the shop?", "What is the shop's address?", "address?"), "The address is ",
    _copy("address"),
)  # fmt: skip
_time = _Asked(
    ("At what time was it?", "What time is printed?", "At which time?"), "It was at ",
    lambda receipt: _told(receipt, "time", receipt.time) if receipt.time else None,
)  # fmt: skip
_payment = _Asked(
    ("How did they pay?", "How was it paid?", "Card or cash?", "What was it paid with?"), "It was paid with ",
    _copy("payment"),
)  # fmt: skip
_tax_asked = _Asked(
    ("How much tax is on it?", "How much is the tax?", "What is the tax?", "How much VAT is there?",
     "How much is the GST?"),
    "The tax is ",
    lambda receipt: _sum(receipt, "tax0.amount", receipt.taxes[0].cents) if receipt.taxes else None,
)  # fmt: skip
_subtotal = _Asked(
    ("What is the subtotal?", "How much is it before tax?", "subtotal?"), "The subtotal is ",
    lambda receipt: None if receipt.subtotal is None else _sum(receipt, "subtotal", receipt.subtotal),
)  # fmt: skip


def _when(receipt: Receipt, rng: random.Random) -> Turn:
    question = rng.choice(
        ("When was it?", "When?", "What is the date?", "On which day was it?", "What date is printed?")
    )
    if receipt.day is None:
        return Turn(question, say(NO_DATE))
    parts: list[Piece | str] = ["It was on ", *_told(receipt, "date", str(receipt.day))]
    if receipt.time is not None and question.startswith("When"):
        parts += [" at ", *_told(receipt, "time", receipt.time)]
    return Turn(question, joined([*parts, "."]))


def _count(receipt: Receipt, rng: random.Random) -> Turn:
    count = len(receipt.goods)
    ways = ("How many items are there?", "How many items?", "How many different things were bought?")
    return _answered(rng, ways, f"There {'are' if count > 1 else 'is'} ", [f"{count} item{'s' if count > 1 else ''}"])


def _price(receipt: Receipt, rng: random.Random) -> Turn:
    number = rng.randrange(len(receipt.goods))
    name = receipt.page.copy(f"item{number}.name").text
    asked = rng.choice(
        ("How much was the {}?", "What did the {} cost?", "How much is the {}?", "price of {}?", "How much for {}?")
    )
    shown = rng.choice((name, name, name.lower(), name.title()))
    return Turn(
        asked.format(shown),
        joined(["It was ", *_sum(receipt, f"item{number}.amount", receipt.goods[number].cents), "."]),
    )


def _ordered(receipt: Receipt, rng: random.Random) -> Turn:
    count = len(receipt.goods)
    word, number = rng.choice((("first", 0), ("last", count - 1), *((("second", 1),) if count > 1 else ())))
    return Turn(
        f"What is the {word} item?", joined([f"The {word} item is ", receipt.page.copy(f"item{number}.name"), "."])
    )


def _quantity(receipt: Receipt, rng: random.Random) -> Turn | None:
    known = [number for number, one in enumerate(receipt.goods) if one.quantity is not None]
    if not known:
        return None
    number = rng.choice(known)
    name = receipt.page.copy(f"item{number}.name").text
    return Turn(
        rng.choice(("How many {} were bought?", "How many {}?", "What is the quantity of {}?")).format(name),
        joined(["There were ", *_told(receipt, f"item{number}.quantity", str(receipt.goods[number].quantity)), "."]),
    )


def _caption(receipt: Receipt, rng: random.Random) -> Turn:
    question = rng.choice((*prompts.CAPTIONS, *prompts.CAPTION_OTHER))
    count = len(receipt.goods)
    begin = ["A receipt from ", receipt.page.copy("shop")] if "shop" in receipt.page.fields else ["A receipt"]
    parts: list[Piece | str] = [
        *begin,
        f" with {count} item{'s' if count > 1 else ''}, total ",
        *_sum(receipt, "total", receipt.total),
        ".",
    ]
    return Turn(question, joined(parts))


def _unknown(receipt: Receipt, rng: random.Random) -> Turn:
    return Turn(rng.choice(STRANGE), say(UNKNOWN))


STRANGE = (
    "What happens between 0:01 and 0:03?", "Is it blue?", "Who won?", "Why?", "asdf", "Play some music.",
    "What moves?", "Sing it.", "How does it feel?",
    "What is the meaning of life?", "Does she like it?", "How tall is he?", "Turn it around.",
    "What happens at 0:05?", "Which animal is it?", "Can you fly?",
    "Is there a cat in it?", "How many shapes are there?", "What color is the circle?", "Delete the file.",
    "What did I say before?", "blah blah", "Is she happy?",
    "What sound does it make?", "Who is the president?", "What is left of the square?", "Make it bigger.",
    "Is it raining there?", "When does the clip end?",
)  # fmt: skip

ASKERS: tuple[tuple[Asker, int], ...] = (
    (total, 4), (shop, 3), (_address, 3), (_when, 4), (_time, 2), (_payment, 2), (_tax_asked, 2), (_subtotal, 1),
    (_count, 1), (_price, 5), (_ordered, 2),
    (_quantity, 2), (_caption, 2), (_unknown, 1), (own, 3),
)  # fmt: skip


def document_question(receipt: Receipt, rng: random.Random) -> Turn | None:
    """The document preset asked of a receipt: an answer and the row that says so."""
    asked: dict[str, tuple[str, str]] = {
        "total": (
            rng.choice(("What is the total?", "How much is to be paid?", "What is the amount due?")),
            "The total is ",
        ),
        "shop": (
            rng.choice(("Who is it from?", "What is this document, and who is it from?")),
            "It is a receipt from ",
        ),
        "date": (rng.choice(("What is the date?", "When was it issued?")), "The date is "),
        "payment": (rng.choice(("How was it paid?",)), "It was paid with "),
    }
    role = rng.choice([one for one in asked if one in receipt.page.fields])
    question, begin = asked[role]
    value = receipt.page.copy(role)
    return Turn(document.ask(question), joined([begin, value, ".\n\n> ", row_of(receipt, role)]))


def row_of(receipt: Receipt, role: str) -> Piece:
    """The whole row in which a field begins."""
    start, text = receipt.page.fields[role][0][0], receipt.page.text
    left = text.rfind("\n", 0, start) + 1
    right = text.find("\n", start)
    right = len(text) if right < 0 else right
    return Piece(text[left:right], tuple(range(left, right)), receipt.page.copy(role).drawing)


def turns(rng: random.Random, questions: int) -> tuple[Turn, ...]:
    """A receipt, and one to `questions` things asked of it; most often its JSON first."""
    receipt = page_receipts.make(rng)
    askers, weights = zip(*ASKERS, strict=True)
    asked: list[Turn | None] = [read(receipt, rng)] if rng.random() < 0.7 else []
    asked += [rng.choices(askers, weights)[0](receipt, rng) for _ in range(rng.randint(0 if asked else 1, questions))]
    if rng.random() < 0.12:
        asked.append(document_question(receipt, rng))
    rng.shuffle(asked) if rng.random() < 0.2 else None
    told = [turn for turn in asked if turn is not None] or [read(receipt, rng)]
    return (Turn(told[0].question, told[0].answer, (), receipt.page.text), *told[1:])
