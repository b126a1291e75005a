"""The LaTeX preset: the bare source in an answer, and how an answer looks while it grows."""

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import InputError
from backend.tasks.forms.mathml import to_mathml
from backend.tasks.presets.latex import show, source

PIECES = st.lists(
    st.sampled_from(
        ["```", "latex\n", "$$", "$", r"\[", r"\]", r"\(", r"\)", "\\", "{", "}", "x", " ", "\n", r"\frac"]
    )
).map("".join)


@pytest.mark.parametrize(
    "answer",
    [
        r"\frac{a}{b}",
        r"$\frac{a}{b}$",
        r"$$\frac{a}{b}$$",
        r"\[\frac{a}{b}\]",
        r"\( \frac{a}{b} \)",
        "```latex\n\\frac{a}{b}\n```",
        "```\n$$\n\\frac{a}{b}\n$$\n```",
        "The formula is:\n\n$$\\frac{a}{b}$$\n\nIt is a fraction.",
        "Here it is:\n```tex\n\\frac{a}{b}\n```",
    ],
)
def test_the_source_is_free_of_fences_delimiters_and_words(answer: str) -> None:
    assert source(answer) == r"\frac{a}{b}"


@pytest.mark.parametrize(
    "formula", [r"\begin{pmatrix}a\\[2pt]b\end{pmatrix}", r"x = 5\$", r"a \text{ where $b$ is } c", ""]
)
def test_what_only_looks_like_a_delimiter_stays(formula: str) -> None:
    assert source(formula) == formula


def test_a_whole_formula_is_set_and_its_source_shown() -> None:
    assert show("x^2\n\n+ 1") == "\\[x^2\n+ 1\\]\n\n```latex\nx^2\n\n+ 1\n```"


@pytest.mark.parametrize(
    ("answer", "whole"),
    [
        (r"$$\left( \frac{a}{b", False),
        (r"$$\left( \frac{a}{b}", False),
        (r"$$\left( \frac{a}{b} \right)", True),
        (r"$$\left( \frac{a}{b} \right)$", False),
        (r"$$\left( \frac{a}{b} \right)$$", True),
    ],
)
def test_a_growing_formula_is_set_once_it_is_whole(answer: str, whole: bool) -> None:
    assert show(answer).startswith(r"\[") == whole


@pytest.mark.parametrize("formula", [r"\frac{a", r"\left( a", r"\begin{matrix} a", "a \\", "x" * 2001])
def test_a_formula_that_cannot_be_set_is_shown_as_source(formula: str) -> None:
    assert show(formula) == f"```latex\n{formula}\n```"


@pytest.mark.parametrize(
    "answer",
    [
        "I cannot see any formula in this image.",
        "It is $$x^2$$, the square of x.",
        "$$a$$\n\n$$b$$",
    ],
)
def test_words_are_never_set_as_a_formula_nor_lost(answer: str) -> None:
    assert show(answer) == answer


def test_backticks_cannot_leave_the_code_block() -> None:
    assert show("a ````b") == "a ````b"
    assert show(r"\text{ a` } {") == "```latex\n\\text{ a` } {\n```"


@given(st.text() | PIECES)
def test_any_text_is_accepted_and_nothing_is_unwrapped_twice(answer: str) -> None:
    assert source(source(answer)) == source(answer)
    assert isinstance(show(answer), str)


def test_the_longest_answer_is_shown_at_once() -> None:
    hostile = "$$```" * 20_000
    assert source(hostile) == ""


@pytest.mark.parametrize(
    ("latex", "inside"),
    [
        (r"\text{<script>alert(1)</script>}", "<mtext>&lt;script&gt;alert(1)&lt;/script&gt;</mtext>"),
        (r"\text{a<b}", "<mtext>a&lt;b</mtext>"),
        (r"a < b \& c", "<mi>a</mi><mo>&lt;</mo><mi>b</mi><mi>&amp;</mi><mi>c</mi>"),
        (r"\color{<b>}{x}", '<mstyle mathcolor="&lt;b&gt;"><mrow><mi>x</mi></mrow></mstyle>'),
        (r"\href{javascript:1}{x}", "<mrow><mrow><mi>x</mi></mrow></mrow>"),
        (r"\style{position:fixed}{z}", "<mrow><mi>z</mi></mrow>"),
    ],
)
def test_the_mathml_of_any_formula_is_xml_that_no_page_obeys(latex: str, inside: str) -> None:
    made = to_mathml(latex)
    assert inside in made
    assert {each.tag.rpartition("}")[2] for each in ElementTree.fromstring(made).iter()} <= {
        *("math", "mrow", "mtext", "mi", "mo", "mstyle")
    }


def test_a_formula_deeper_than_a_browser_sets_is_refused() -> None:
    with pytest.raises(InputError, match=r"^A formula may have 40 groups inside each other; this one has more\.$"):
        to_mathml(r"\sqrt{" * 60 + "x" + "}" * 60)
