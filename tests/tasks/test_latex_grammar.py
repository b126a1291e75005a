"""The grammar of formulas: it takes what is right, refuses what is not, and whatever it takes compiles."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.tasks.forms.latex_grammar import ENVIRONMENTS, commands, grammar
from backend.tasks.forms.mathml import to_mathml
from backend.tasks.presets.latex import complaint
from tests.support.grammars import accepts, katex_errors, matcher, sentence
from training import formula_chat, mixture

HELD = matcher(grammar())
ENDS = [f"\\end{{{name}}}" for name in ENVIRONMENTS]
PIECES = [
    *"axB12+=-()[]|^_^_{}{} '&*/!,", "\\\\ ", r"\frac", r"\sqrt", r"\sqrt[3]", r"\alpha", r"\in", r"\infty", r"\sum",
    r"\limits", r"\sin", r"\lim", r"\left(", r"\left\langle", r"\left.", r"\right)", r"\right\rangle", r"\middle|",
    r"\hat", r"\mathbb", r"\text{if €}", r"\operatorname{f}", r"\binom", r"\,", r"\{", r"\big(", r"\Big\rangle",
    r"\overset", r"\underbrace", r"\pmod", *commands(), *ENDS,
    *(f"\\begin{{{name}}}" + "{cc}" * (name == "array") for name in ENVIRONMENTS),
]  # fmt: skip
CLOSERS = [*ENDS, "}", r"\right)", "{x}", "x", "1", "_x", "a", "(", " "]


@pytest.mark.parametrize("domain", [mixture.TRAINING, mixture.HELD_OUT])
@given(seed=st.integers(0, 10**9))
@settings(max_examples=60, deadline=None)
def test_the_formulas_of_the_training_are_taken(domain: mixture.Mixture, seed: int) -> None:
    formula = formula_chat.make(random.Random(seed), domain.formula)
    assert accepts(HELD, "".join(piece if isinstance(piece, str) else piece.text for piece in formula.latex))


@pytest.mark.parametrize(
    "latex",
    [
        r"\left( \frac{a}{b} \right)^{2}",
        r"\int_0^\infty e^{-x^2} dx",
        r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}",
        r"\begin{array}{c|c} a & b \\ c & d \end{array}",
        r"\begin{cases} x & \text{if } x > 0 \\ 0 & \text{otherwise} \end{cases}",
        r"\lim_{x \to 0} \frac{\sin x}{x} = 1",
        r"f''(x) + g'(x) = 0",
        r"\left. x \right|_{0}^{1}",
        r"\left\langle\psi\middle|\phi\right\rangle",
        r"\sum\limits_{i=1}^n \hat{x}_i^\alpha",
        r"{}^{n}C_{k}",
        r"\begin{aligned} [a, b] & = c \\ [d] & = e \end{aligned}",
        r"\begin{array}{c} [a] \end{array}",
        r"x _ { i } ^ { 2 }",
    ],
)
def test_what_people_write_is_taken(latex: str) -> None:
    assert accepts(HELD, latex)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        r"\alphab",
        r"\begin{aligned}[a] b\end{aligned}",
        r"\inx",
        r"\left\langlex\right\rangle",
        "x^2^3",
        "f'^2",
        "x_",
        "x^\\sin",
        r"\frac{a}",
        r"\frac{}{b}",
        "{a",
        "a}",
        r"\left( a",
        r"\begin{pmatrix}a\end{bmatrix}",
        r"\begin{matrix}a\\[b]\end{matrix}",
        r"\foo",
        "$x$",
        "a & b",
        r"a \\ b",
        "a\n\nb",
    ],
)
def test_what_does_not_compile_is_refused(wrong: str) -> None:
    assert not accepts(HELD, wrong)


@given(draw=st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_what_is_taken_becomes_mathml(draw: random.Random) -> None:
    formula = sentence(HELD, PIECES, CLOSERS, draw)
    if formula:
        assert to_mathml(formula).startswith("<math")
        assert complaint(formula) == ""


def test_what_is_taken_is_set_by_the_page(tmp_path: Path) -> None:
    drawn = [sentence(HELD, PIECES, CLOSERS, random.Random(seed)) for seed in range(60)]
    formulas = [*filter(None, drawn), *commands(), *(f"x{command} y" for command in commands())]
    wrong = katex_errors(formulas, tmp_path)
    if wrong is None:
        pytest.skip("KaTeX needs node")
    assert (wrong, len(formulas) > 300) == ([], True)


def test_every_command_is_known_to_the_mathml_too() -> None:
    unknown = [command for command in commands() if f">{command}<" in to_mathml(f"x{command} y")]
    assert unknown == []
