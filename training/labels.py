"""The classes of the dense auxiliary loss: characters, roles and places that a patch of an image can hold."""

from __future__ import annotations

import string

GREEK = {
    "\\alpha": "α",
    "\\beta": "β",
    "\\gamma": "γ",
    "\\delta": "δ",
    "\\theta": "θ",
    "\\lambda": "λ",
    "\\mu": "μ",
    "\\pi": "π",
    "\\sigma": "σ",
    "\\omega": "ω",
}
"""LaTeX command -> the letter that is drawn."""

SIGNS = ("−", "±", "·", "∑", "∫", "√", "∞", "≤", "≥", "≠", "bar", "€", "£")

CHARACTERS: tuple[str, ...] = (
    "",
    *string.ascii_letters,
    *string.digits,
    *string.punctuation,
    " ",
    *GREEK.values(),
    *SIGNS,
)

MAX_ITEMS = 8

ROLES: tuple[str, ...] = (
    "",
    "label",
    "shop",
    "address",
    "date",
    "time",
    "currency",
    *(f"item{number}.{part}" for number in range(MAX_ITEMS) for part in ("name", "quantity", "unit", "amount")),
    "subtotal",
    "discount",
    "tax.name",
    "tax.rate",
    "tax.amount",
    "total",
    "payment",
    "base",
    "sup",
    "sub",
    "num",
    "den",
    "root",
    "low",
    "high",
    "circle",
    "square",
    "triangle",
    "star",
    "diamond",
    "clock",
)

MAX_INDEX = 32
"""Places within a line beyond this share one class."""

CHARACTER_CLASS = {label: number for number, label in enumerate(CHARACTERS)}
ROLE_CLASS = {role: number for number, role in enumerate(ROLES)}
