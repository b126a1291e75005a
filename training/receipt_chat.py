"""What is said about a receipt: its JSON, captions, and questions about any field."""

from __future__ import annotations

import random
from collections.abc import Callable

from training import prompts
from training.receipt_rows import ORDERS, Item, money
from training.receipts import Receipt
from training.values import Answer, Piece, Turn, say

Asker = Callable[[Receipt, random.Random], Turn | None]


def field(receipt: Receipt, role: str, text: str) -> Piece:
    """The text of a field, each character read from where it stands."""
    marks = receipt.fields[role]
    return Piece(text, marks if len(marks) == len(text) else marks[:1])


def date(receipt: Receipt) -> Piece:
    """The date as YYYY-MM-DD, read from whichever order is printed."""
    marks = receipt.fields["date"]
    if receipt.date_format in ORDERS:
        marks = tuple(marks[place] for place in ORDERS[receipt.date_format])
    return Piece(receipt.purchase.date or "", marks)


def _nullable(receipt: Receipt, role: str, value: int | None) -> Piece:
    return Piece("null") if value is None else field(receipt, role, money(value))


def _quoted(receipt: Receipt, role: str, value: str | None) -> Answer:
    if value is None:
        return say("null")
    piece = date(receipt) if role == "date" else field(receipt, role, value)
    return say('"', piece, '"')


def _item(receipt: Receipt, number: int, item: Item) -> Answer:
    role = f"item{number}"
    quantity = "null" if item.quantity is None else field(receipt, f"{role}.quantity", str(item.quantity))
    return say(
        '{"name":"', field(receipt, f"{role}.name", item.name),
        '","quantity":', quantity,
        ',"unit_price":', _nullable(receipt, f"{role}.unit", item.unit_price),
        ',"amount":', field(receipt, f"{role}.amount", money(item.amount)), "}",
    )  # fmt: skip


def _taxes(receipt: Receipt) -> Answer:
    bought = receipt.purchase
    if bought.tax_name is None or bought.tax_amount is None:
        return ()
    return say(
        '{"name":"', field(receipt, "tax.name", bought.tax_name),
        '","rate":', field(receipt, "tax.rate", str(bought.tax_rate)),
        ',"amount":', field(receipt, "tax.amount", money(bought.tax_amount)), "}",
    )  # fmt: skip


def as_json(receipt: Receipt) -> Answer:
    """The receipt task's JSON, compact, in the schema's order."""
    bought = receipt.purchase
    answer = say('{"shop":') + _quoted(receipt, "shop", bought.shop)
    for key, value in (("address", bought.address), ("date", bought.date), ("time", bought.time)):
        answer += say(f',"{key}":') + _quoted(receipt, key, value)
    answer += say(',"currency":') + _quoted(receipt, "currency", bought.currency) + say(',"items":[')
    for number, item in enumerate(bought.items):
        answer += (say(",") if number else ()) + _item(receipt, number, item)
    answer += say('],"subtotal":', _nullable(receipt, "subtotal", bought.subtotal))
    answer += say(',"discount":', _nullable(receipt, "discount", bought.discount), ',"taxes":[') + _taxes(receipt)
    answer += say('],"total":', field(receipt, "total", money(bought.total)), ',"payment":')
    return answer + _quoted(receipt, "payment", bought.payment) + say("}")


def read(receipt: Receipt, rng: random.Random) -> Turn:
    """The receipt task itself."""
    return Turn(prompts.RECEIPT if rng.random() < 0.8 else rng.choice(prompts.RECEIPT_OTHER), as_json(receipt))


def _sum(receipt: Receipt, role: str, cents: int) -> Answer:
    """An amount with its currency, as far as it is printed."""
    currency = receipt.purchase.currency
    amount = field(receipt, role, money(cents))
    return say(amount) if currency is None else say(amount, " ", field(receipt, "currency", currency))


def caption(receipt: Receipt, rng: random.Random) -> Turn:
    """One line, a detailed description or alt text."""
    bought = receipt.purchase
    name, count = field(receipt, "shop", bought.shop), len(bought.items)
    amount = _sum(receipt, "total", bought.total)
    question = rng.choice((prompts.CAPTION, prompts.DETAILED, prompts.ALT, "What is this?"))
    things = f"{count} item{'s' if count > 1 else ''}"
    if question != prompts.DETAILED:
        return Turn(question, say("A receipt from ", name, f" with {things}, total ") + amount + say("."))
    answer = say("This is a receipt from ", name, f". It lists {things}: ")
    for number, item in enumerate(bought.items):
        answer += say(", " if number else "", field(receipt, f"item{number}.name", item.name))
    return Turn(question, answer + say(". The total is ") + amount + say("."))


def total(receipt: Receipt, question: str) -> Turn:
    """A question for the total."""
    return Turn(question, say("The total is ") + _sum(receipt, "total", receipt.purchase.total) + say("."))


def _total(receipt: Receipt, rng: random.Random) -> Turn:
    return total(receipt, rng.choice(("What is the total?", "How much is it in total?", "what is the total")))


def _price(receipt: Receipt, rng: random.Random) -> Turn:
    number = rng.randrange(len(receipt.purchase.items))
    item = receipt.purchase.items[number]
    question = rng.choice(("How much was the {}?", "What did the {} cost?", "How much is the {}?"))
    return Turn(
        question.format(item.name), say("It was ") + _sum(receipt, f"item{number}.amount", item.amount) + say(".")
    )


def shop(receipt: Receipt, question: str) -> Turn:
    """A question for the shop."""
    return Turn(question, say("It is from ", field(receipt, "shop", receipt.purchase.shop), "."))


def _shop(receipt: Receipt, rng: random.Random) -> Turn:
    questions = ("Which shop is it from?", "Which shop?", "What is the name of the shop?", "Where was it?")
    return shop(receipt, rng.choice(questions))


def _when(receipt: Receipt, rng: random.Random) -> Turn:
    bought = receipt.purchase
    question = rng.choice(("When was it?", "When?", "What is the date?"))
    if bought.date is None:
        return Turn(question, say("No date is printed."))
    answer = say("It was on ", date(receipt))
    if bought.time is not None and question != "What is the date?":
        answer += say(" at ", field(receipt, "time", bought.time))
    return Turn(question, answer + say("."))


def _payment(receipt: Receipt, rng: random.Random) -> Turn:
    paid = receipt.purchase.payment
    question = rng.choice(("How did they pay?", "How was it paid?", "Card or cash?"))
    if paid is None:
        return Turn(question, say("It is not printed."))
    return Turn(question, say("They paid by ", field(receipt, "payment", paid), "."))


def _count(receipt: Receipt, rng: random.Random) -> Turn:
    count = len(receipt.purchase.items)
    question = rng.choice(("How many items are there?", "How many items?"))
    return Turn(question, say(f"There {'are' if count > 1 else 'is'} {count} item{'s' if count > 1 else ''}."))


def _tax(receipt: Receipt, rng: random.Random) -> Turn:
    bought = receipt.purchase
    question = rng.choice(("How much tax is on it?", "How much is the tax?", "What is the tax?"))
    if bought.tax_amount is None:
        return Turn(question, say("No tax is printed."))
    return Turn(question, say("The tax is ") + _sum(receipt, "tax.amount", bought.tax_amount) + say("."))


def _first(receipt: Receipt, rng: random.Random) -> Turn:
    count = len(receipt.purchase.items)
    word, number = rng.choice((("first", 0), ("last", count - 1), *((("second", 1),) if count > 1 else ())))
    piece = field(receipt, f"item{number}.name", receipt.purchase.items[number].name)
    return Turn(f"What is the {word} item?", say(f"The {word} item is ", piece, "."))


def _quantity(receipt: Receipt, rng: random.Random) -> Turn | None:
    number = rng.randrange(len(receipt.purchase.items))
    item = receipt.purchase.items[number]
    if item.quantity is None:
        return None
    piece = field(receipt, f"item{number}.quantity", str(item.quantity))
    return Turn(f"How many {item.name} did they buy?", say("They bought ", piece, "."))


def _subtotal(receipt: Receipt, rng: random.Random) -> Turn | None:
    cents = receipt.purchase.subtotal
    if cents is None:
        return None
    return Turn("What is the subtotal?", say("The subtotal is ") + _sum(receipt, "subtotal", cents) + say("."))


ASKERS: tuple[Asker, ...] = (
    _total, _total, _price, _price, _shop, _when, _payment, _count, _tax, _first, _quantity, _subtotal,
)  # fmt: skip


def ask(receipt: Receipt, rng: random.Random) -> Turn:
    """A question about one field."""
    while True:
        turn = rng.choice(ASKERS)(receipt, rng)
        if turn is not None:
            return turn


def turns(receipt: Receipt, rng: random.Random, questions: int) -> tuple[Turn, ...]:
    """The JSON most of the time, sometimes a caption, and questions in any order."""
    talk = [ask(receipt, rng) for _ in range(questions)]
    if rng.random() < 0.85:
        talk.insert(0 if rng.random() < 0.8 else rng.randint(0, questions), read(receipt, rng))
    if rng.random() < 0.15:
        talk.insert(0, caption(receipt, rng))
    return tuple(talk)
