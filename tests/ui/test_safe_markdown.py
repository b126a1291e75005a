"""Strangers' text is shown without markup of its own: pytest tests/ui/test_safe_markdown.py"""

import html
import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ui.convert import JOINER
from ui.safe_markdown import MAX_FORMULA, literal, neutralise


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
        (r"\`<img src=x>`", r"\`<¦img src=x>`"),
        (r"\\(![x](http://evil/y)\\)", r"\\(!¦[x](http://evil/y)\\)"),
        (r"\(n![x](y)\)", r"\(n! [x](y)\)"),
        ("", ""),
    ],
)
def test_markup_is_shown_and_not_obeyed(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_a_formula_that_would_stall_the_page_is_shown_as_source() -> None:
    formula = "x+" * MAX_FORMULA
    assert neutralise(f"\\[{formula}\\]") == f"\n```latex\n{formula}\n```\n"


# Nothing here begins code or a formula, so whatever is put together of these is prose.
PIECES = st.lists(
    st.sampled_from(
        (
            *(
                "<b>",
                "</div>",
                "<img src=x>",
                "<!-- ",
                "<?",
                "<",
                "</",
                "<sub",
                "<br x>",
                "<br>",
                "<br/>",
                "<sub>",
                "</sup>",
            ),
            *("![", "![x](y)", "![x][y]", "!", "[", "](y)", "[y]: z", "<sub", ">", "\\<", "\\!", "&lt;"),
            *("a", "=", '"', " ", "\n", "\n\n"),
        )
    )
).map("".join)


@given(PIECES)
def test_no_tag_and_no_image_is_left_outside_code_and_formulas(text: str) -> None:
    assert re.search(r"<(?!br\s*/?>|/?su[bp]\s*/?>)[A-Za-z/!?]|!\[", neutralise(text)) is None


CODE = st.lists(
    st.sampled_from(
        (
            *("`", "``", "```", "~~~", "\\", "\n", "\n\n", " ", "a"),
            *("<b>", "![x](y)", "<img src=x>", "\\(", "\\)", "\\[", "\\]"),
        )
    )
).map("".join)


@given(CODE)
@settings(max_examples=500)
def test_a_parser_of_markdown_sees_no_tag_and_no_image(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(neutralise(text))
    kinds = {inner.type for token in tokens for inner in (token, *(token.children or ()))}
    assert kinds.isdisjoint(("image", "html_block", "html_inline"))


@given(st.text(max_size=200))
def test_nothing_but_joiners_is_added_to_plain_prose(text: str) -> None:
    if not re.search(r"[`~\\]|" + JOINER, text):
        assert neutralise(text).replace(JOINER, "") == text


def test_literal_text_is_neither_markdown_nor_html() -> None:
    assert literal("a_b <i> & (c)") == "a&#95;b &#60;i&#62; &#38; &#40;c&#41;"
    assert html.unescape(literal(string.printable)) == string.printable
