"""What is said about a formula: its LaTeX, a caption, and a few questions."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from training import fonts, formulas, prompts
from training.formulas import Big, Fraction, Matrix, Root, parts_of
from training.typeset import Formula, typeset
from training.values import Turn, say


@dataclass(frozen=True)
class Range:
    """How wide the domain is."""

    formulas: formulas.Range = field(default_factory=formulas.Range)
    fonts: tuple[str, ...] = fonts.MATHS
    max_symbols: int = 16
    sides: tuple[int, ...] = (224, 280, 336)


def make(rng: random.Random, domain: Range) -> Formula:
    """A formula that is small enough to be read in one tile."""
    while True:
        node = formulas.make(rng, domain.formulas)
        if 3 <= len(parts_of(node)) <= domain.max_symbols:
            return typeset(node, rng, domain.fonts, domain.sides)


def read(formula: Formula, rng: random.Random) -> Turn:
    """The LaTeX task itself."""
    return Turn(prompts.LATEX if rng.random() < 0.75 else rng.choice(prompts.LATEX_OTHER), formula.latex)


def ask(formula: Formula, rng: random.Random) -> Turn:
    """Whether something is in it, or what kind of image this is."""
    if rng.random() < 0.3:
        question = rng.choice((prompts.CAPTION, prompts.DETAILED, prompts.ALT, "What is this?"))
        return Turn(question, say("A printed formula: ", *formula.latex))
    word, wanted = rng.choice((("a fraction", "frac"), ("a square root", "root"), ("a sum", "\\sum"),
                               ("an integral", "\\int"), ("an equals sign", "="), ("a matrix", "matrix")))  # fmt: skip
    there = any(_is(part, wanted) for part in parts_of(formula.node))
    return Turn(f"Is there {word} in it?", say("Yes." if there else "No."))


def _is(part: formulas.Node, wanted: str) -> bool:
    match part:
        case Fraction():
            return wanted == "frac"
        case Root():
            return wanted == "root"
        case Matrix():
            return wanted == "matrix"
        case Big(latex, _, _):
            return wanted == latex
        case formulas.Symbol(latex):
            return wanted == latex
    return False


def turns(formula: Formula, rng: random.Random, questions: int) -> tuple[Turn, ...]:
    """The LaTeX first most of the time, then questions."""
    talk = [ask(formula, rng) for _ in range(questions)]
    talk.insert(0 if rng.random() < 0.85 else len(talk), read(formula, rng))
    return tuple(talk)
