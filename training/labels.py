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

MORE_GREEK = {
    "\\epsilon": "ε",
    "\\rho": "ρ",
    "\\tau": "τ",
    "\\phi": "φ",
    "\\psi": "ψ",
    "\\Gamma": "Γ",
    "\\Delta": "Δ",
    "\\Omega": "Ω",
}
"""LaTeX command -> the letter that is drawn; new classes go to the end, so that earlier ones keep their numbers."""

SIGNS = ("−", "±", "·", "∑", "∫", "√", "∞", "≤", "≥", "≠", "bar", "€", "£")

CHARACTERS: tuple[str, ...] = (
    "",
    *string.ascii_letters,
    *string.digits,
    *string.punctuation,
    " ",
    *GREEK.values(),
    *SIGNS,
    *MORE_GREEK.values(),
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
    "hour",
    "minute",
    "display",
    *(f"cell{row}{column}" for row in range(3) for column in range(3)),
)

MAX_INDEX = 32
"""Places within a line beyond this share one class."""

CHARACTER_CLASS = {label: number for number, label in enumerate(CHARACTERS)}
ROLE_CLASS = {role: number for number, role in enumerate(ROLES)}
