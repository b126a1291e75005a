"""Strangers' text is shown without markup of its own: pytest tests/ui/test_markdown.py"""

import html
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.convert import JOINER
from ui.markdown import MAX_FORMULA, literal, neutralise


def plain(text: str) -> str:
    """With the joiners made visible."""
    return neutralise(text).replace(JOINER, "¦")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a **b** [c](https://d.e)", "a **b** [c](https://d.e)"),
        ("![secret](http://evil/?q=1)", "!¦[secret](http://evil/?q=1)"),
        ("![a][ref]\n\n[ref]: http://evil", "!¦[a][ref]\n\n[ref]: http://evil"),
        ("<img src=x onerror=y>", "<¦img src=x onerror=y>"),
        ('</span><div style="background:url(//e)">', '<¦/span><¦div style="background:url(//e)">'),
        ("<!-- hidden -->", "<¦!-- hidden -->"),
        ("1 < 2 and 3 > 2, $4.00", "1 < 2 and 3 > 2, $4.00"),
        ("a<br>b<br/>c H<sub>2</sub>O", "a<br>b<br/>c H<sub>2</sub>O"),
        ("<br onclick=x>", "<¦br onclick=x>"),
        ("`<b>` and ``a`<b>``", "`<b>` and ``a`<b>``"),
        ("```html\n<b>![x](y)\n```\n<b>", "```html\n<b>![x](y)\n```\n<¦b>"),
        ("~~~\n<b>\n~~~\n<b>", "~~~\n<b>\n~~~\n<¦b>"),
        ("```python\nif a <b: ![", "```python\nif a <b: !["),
        ("```mermaid\ngraph TD\n```", "```text\ngraph TD\n```"),
        ("``` Mermaid\ngraph", "```text\ngraph"),
        (r"\(x<y\) and \[a<b\]", r"\(x< y\) and \[a< b\]"),
        (r"\(x and <b>", r"\(x and <¦b>"),
        ("", ""),
    ],
)
def test_markup_is_shown_and_not_obeyed(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_a_formula_that_would_stall_the_page_is_shown_as_source() -> None:
    formula = "x+" * MAX_FORMULA
    assert neutralise(f"\\[{formula}\\]") == f"\n```latex\n{formula}\n```\n"


@given(st.text(alphabet="<>!/[]()`~\\ \nabimgsrc=\"'", max_size=80))
def test_no_tag_and_no_image_is_left_outside_code_and_formulas(text: str) -> None:
    if not re.search(r"[`~]|\\[(\[]", text):
        assert re.search(r"<(?!br\s*/?>|/?su[bp]\s*/?>)[A-Za-z/!?]|!\[", neutralise(text)) is None


@given(st.text(max_size=200))
def test_nothing_but_joiners_is_added_to_plain_prose(text: str) -> None:
    if not re.search(r"[`~\\]|" + JOINER, text):
        assert neutralise(text).replace(JOINER, "") == text


def test_literal_text_is_neither_markdown_nor_html() -> None:
    assert literal("a_b <i> & (c)") == "a&#95;b &#60;i&#62; &#38; &#40;c&#41;"
    assert html.unescape(literal(string.printable)) == string.printable
