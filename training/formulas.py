"""Formulas: small expression trees and their LaTeX, one text for each tree."""

from __future__ import annotations

import random
from dataclasses import dataclass

LETTERS = tuple("abcdkmnpqrtuvxyzABCFLNPRS")
INDICES = tuple("ijkn")
RELATIONS = ("=", "=", "=", "<", ">", "\\leq", "\\geq", "\\neq")
SIGNS = ("+", "+", "-", "-", "\\cdot", "\\pm")


@dataclass(frozen=True)
class Symbol:
    """A letter, a digit, a sign or a command that stands for one."""

    latex: str


@dataclass(frozen=True)
class Group:
    """Things side by side."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Fraction:
    """One thing over another."""

    top: Node
    bottom: Node


@dataclass(frozen=True)
class Root:
    """A square root."""

    inner: Node


@dataclass(frozen=True)
class Script:
    """A base with a power, an index, or both."""

    base: Node
    power: Node | None
    index: Node | None


@dataclass(frozen=True)
class Big:
    """A sum or an integral with its limits."""

    latex: str
    low: Node
    high: Node


@dataclass(frozen=True)
class Matrix:
    """Rows of cells between brackets, as LaTeX's environment `kind` sets them: pmatrix, bmatrix or vmatrix."""

    kind: str
    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True)
class Cases:
    """Values, each with its condition, behind one brace."""

    rows: tuple[tuple[Node, ...], ...]


Node = Symbol | Group | Fraction | Root | Script | Big | Matrix | Cases


@dataclass(frozen=True)
class Range:
    """How wide the domain is."""

    max_terms: int = 2
    greek: tuple[str, ...] = ("\\alpha", "\\beta", "\\gamma", "\\theta", "\\lambda", "\\pi", "\\sigma", "\\omega")
    matrices: float = 0.0
    cases: float = 0.0
    max_side: int = 3


def make(rng: random.Random, domain: Range) -> Node:
    """A formula of one side, or two with a relation between them."""
    kind = rng.random()
    if kind < domain.matrices:
        return _with_matrix(rng, domain)
    if kind < domain.matrices + domain.cases:
        return _by_cases(rng, domain)
    if rng.random() < 0.12:
        return _side(rng, domain, 1)
    left = _term(rng, domain) if rng.random() < 0.6 else _side(rng, domain, 2)
    right = _side(rng, domain, domain.max_terms - (0 if isinstance(left, Symbol) else 1))
    return _joined(left, Symbol(rng.choice(RELATIONS)), right)


def _cell(rng: random.Random, domain: Range) -> Node:
    """What goes into a matrix: mostly a digit or a letter."""
    kind = rng.random()
    if kind < 0.45:
        return Symbol(str(rng.randint(0, 9)))
    if kind < 0.55:
        return Group((Symbol("-"), Symbol(str(rng.randint(1, 9)))))
    if kind < 0.9:
        return letter(rng, domain)
    return Script(Symbol(rng.choice(LETTERS)), None, Symbol(rng.choice("0123ijkn")))


def _matrix(rng: random.Random, domain: Range, width: int) -> Matrix:
    height = rng.randint(2, domain.max_side)
    rows = tuple(tuple(_cell(rng, domain) for _ in range(width)) for _ in range(height))
    kind = rng.choice(("pmatrix", "bmatrix", "vmatrix") if height == width else ("pmatrix", "bmatrix"))
    return Matrix(kind, rows)


def _with_matrix(rng: random.Random, domain: Range) -> Node:
    """A matrix alone, named, or times a letter."""
    matrix, kind = _matrix(rng, domain, rng.choice((1, 2, 2, *range(3, domain.max_side + 1)))), rng.random()
    if kind < 0.3:
        return matrix
    if kind < 0.8:
        return _joined(Symbol(rng.choice("ABCMRPT")), Symbol("="), matrix)
    return _joined(letter(rng, domain), matrix)


def _by_cases(rng: random.Random, domain: Range) -> Node:
    """A name that is one of two or three values."""
    variable = Symbol(rng.choice("xtn"))
    rows = []
    for _ in range(rng.randint(2, domain.max_side)):
        value = rng.choice((Symbol(str(rng.randint(0, 9))), letter(rng, domain),
                            Script(variable, Symbol("2"), None), Group((Symbol("-"), variable))))  # fmt: skip
        sign = rng.choice(("<", ">", "=", "\\leq", "\\geq"))
        rows.append((value, _joined(variable, Symbol(sign), Symbol(str(rng.randint(0, 9))))))
    return _joined(Symbol(rng.choice("fguy")), Symbol("="), Cases(tuple(rows)))


def _joined(*nodes: Node) -> Group:
    parts: list[Node] = []
    for node in nodes:
        parts.extend(node.parts if isinstance(node, Group) else (node,))
    return Group(tuple(parts))


def _side(rng: random.Random, domain: Range, terms: int) -> Node:
    nodes: list[Node] = [_term(rng, domain)]
    for _ in range(rng.randint(1, max(1, terms)) - 1):
        nodes += [Symbol(rng.choice(SIGNS)), _term(rng, domain)]
    return _joined(*nodes)


def letter(rng: random.Random, domain: Range) -> Symbol:
    """A Latin or Greek letter."""
    return Symbol(rng.choice(domain.greek) if rng.random() < 0.25 else rng.choice(LETTERS))


def _number(rng: random.Random) -> Node:
    digits = str(rng.randint(1, 9) if rng.random() < 0.75 else rng.randint(10, 99))
    return Group(tuple(Symbol(digit) for digit in digits)) if len(digits) > 1 else Symbol(digits)


def _short(rng: random.Random, domain: Range) -> Node:
    """What goes into a fraction or under a root."""
    kind = rng.random()
    if kind < 0.35:
        return letter(rng, domain)
    if kind < 0.5:
        return _number(rng)
    if kind < 0.65:
        return Script(letter(rng, domain), Symbol(rng.choice("23n")), None)
    return _joined(letter(rng, domain), Symbol(rng.choice("+-")), rng.choice((letter(rng, domain), _number(rng))))


def _term(rng: random.Random, domain: Range) -> Node:
    kind = rng.random()
    if kind < 0.20:
        return letter(rng, domain)
    if kind < 0.28:
        return _joined(_number(rng), letter(rng, domain))
    if kind < 0.33:
        return _number(rng)
    if kind < 0.50:
        power: Node = Symbol(rng.choice("23456789nkm")) if rng.random() < 0.8 else _short(rng, domain)
        return Script(letter(rng, domain), power, Symbol(rng.choice("012ijkn")) if rng.random() < 0.15 else None)
    if kind < 0.60:
        return Script(letter(rng, domain), None, Symbol(rng.choice("0123ijkn")))
    if kind < 0.78:
        return Fraction(_short(rng, domain), _short(rng, domain))
    if kind < 0.89:
        return Root(_short(rng, domain))
    return _big(rng, domain)


def _big(rng: random.Random, domain: Range) -> Node:
    simple: Node = letter(rng, domain)
    if rng.random() < 0.5:
        index = Symbol(rng.choice(INDICES[:3]))
        body: Node = rng.choice(
            (Script(simple, None, index), Script(simple, index, None), Script(index, Symbol("2"), None))
        )
        low = _joined(index, Symbol("="), Symbol(rng.choice("01")))
        return _joined(Big("\\sum", low, Symbol(rng.choice(("n", "N", "m", "\\infty")))), body)
    variable = Symbol(rng.choice("xtyu"))
    body = rng.choice((Script(variable, Symbol(rng.choice("23n")), None), variable, Fraction(Symbol("1"), variable)))
    high = Symbol(rng.choice(("1", "2", "a", "b", "\\infty", "\\pi")))
    return _joined(Big("\\int", Symbol(rng.choice("0a1")), high), body, Symbol("d"), variable)


def parts_of(node: Node) -> tuple[Node, ...]:
    """The node and everything in it."""
    inner: tuple[Node | None, ...]
    match node:
        case Symbol():
            inner = ()
        case Group(parts):
            inner = parts
        case Fraction(top, bottom):
            inner = (top, bottom)
        case Root(under):
            inner = (under,)
        case Script(base, power, index):
            inner = (base, power, index)
        case Big(_, low, high):
            inner = (low, high)
        case Matrix(_, rows) | Cases(rows):
            inner = tuple(cell for row in rows for cell in row)
    return (node, *(part for child in inner if child is not None for part in parts_of(child)))
