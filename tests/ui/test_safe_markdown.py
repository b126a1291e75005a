"""Strangers' text is shown without markup of its own: pytest tests/ui/test_safe_markdown.py"""

import html
import re
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from backend.tasks.forms.mathml import DEEPEST, LONGEST
from ui.convert import JOINER
from ui.frame_strip import Seen
from ui.safe_markdown import is_heavy, literal, neutralise, verbatim


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
        ("<https://a.b/c?d=e> <mailto:f@g.h>", "<https://a.b/c?d=e> <mailto:f@g.h>"),
        ("<https://a b> <http:x onclick=y>", "<¦https://a b> <¦http:x onclick=y>"),
        ("1 < 2 and 3 > 2, $4.00", "1 < 2 and 3 > 2, $4.00"),
        ("a<br>b<br/>c H<sub>2</sub>O", "a<br>b<br/>c H<sub>2</sub>O"),
        ("<br onclick=x>", "<¦br onclick=x>"),
        ("`a<b` and `x`", "<code>a&#60;b</code> and `x`"),
        ("``a`<b>``", "<code>a&#96;&#60;b&#62;</code>"),
        ("```mermaid`<b>`", "&#96;&#96;&#96;mermaid<code>&#60;b&#62;</code>"),
        ("`![](x)` <code>", "<code>&#33;&#91;&#93;&#40;x&#41;</code> <¦code>"),
        ("| `a | <img src=x> ` |", "| <code>a &#124; &#60;img src=x&#62; </code> |"),
        ("<br>\n```\n<img src=x>\n```", "<br>\n&#96;&#96;&#96;\n<¦img src=x>\n&#96;&#96;&#96;"),
        ("- a\n  ```\n  x\n<img src=x>\n```", "- a\n  ```\n  x\n<¦img src=x>\n&#96;&#96;&#96;"),
        ("1. a\n   ```html\n   <b>\n   ```\n<b>", "1. a\n   ```html\n   <b>\n   ```\n<¦b>"),
        ("> ```mermaid\n> graph TD\n> ```", "> ```text\n> graph TD\n> ```"),
        ("x\x85```\n<b>", "x\x85&#96;&#96;&#96;\n<¦b>"),
        ("a\r\n\r\n```\r\n<b>", "a\n\n```\n<b>"),
        ("```html\n<b>![x](y)\n```\n<b>", "```html\n<b>![x](y)\n```\n<¦b>"),
        ("~~~\n<b>\n~~~\n<b>", "~~~\n<b>\n~~~\n<¦b>"),
        ("```python\nif a <b: ![", "```python\nif a <b: !["),
        ("```mermaid\ngraph TD\n```", "```text\ngraph TD\n```"),
        ("``` Mermaid\ngraph", "```text\ngraph"),
        (r"\(x<y\) and \[a<b\]", r"\(x< y\) and \[a< b\]"),
        (r"\(x and <b>", "&#92;¦(x and <¦b>"),
        (r"\`<img src=x>`", r"\`<¦img src=x>&#96;"),
        (r"\\(![x](http://evil/y)\\)", r"\\(!¦[x](http://evil/y)\\)"),
        (r"\(n![x](y)\)", r"\(n! [x](y)\)"),
        ("", ""),
    ],
)
def test_markup_is_shown_and_not_obeyed(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_a_formula_that_would_stall_the_page_is_shown_as_source() -> None:
    formula = "x+" * LONGEST
    assert neutralise(f"\\[{formula}\\]") == f"\n```latex\n{formula}\n```\n"


def deep(opening: str, count: int, closing: str = "}") -> str:
    return opening * count + "x" + closing * count


@pytest.mark.parametrize(
    "formula",
    [
        deep(r"\frac{1}{", 150),
        deep(r"\sqrt{", 60),
        deep("x^{", 300),
        deep(r"\left(", 100, r"\right)"),
        r"\frac" * 200,
        r"\rule{99999px}{1em}",
    ],
)
def test_a_formula_whose_depth_would_end_the_tab_is_shown_as_source(formula: str) -> None:
    assert neutralise(f"\\[{formula}\\]") == f"\n```latex\n{formula}\n```\n"


def test_a_formula_of_usual_depth_is_set() -> None:
    formula = "\\(" + deep(r"\frac{1}{1+", DEEPEST // 2) + "\\)"
    assert neutralise(formula) == formula


def test_formulas_past_what_a_tab_sets_at_once_are_shown_as_source() -> None:
    shown = neutralise(r"\(x\) " * 400)
    assert (shown.count(r"\("), shown.count("```latex\nx\n```")) == (300, 100)


@pytest.mark.parametrize(
    "text",
    [
        "1. " * 2000,
        "> " * 500,
        "\n".join("  " * level + "- a" for level in range(300)),
        "_a " * 20_000,
        "[a]: b\n" * 20_000,
        "a" * 300_000,
        "[" * 5000,
        "|" + "a|" * 200 + "\n|" + "-|" * 200 + "\n" + "|b\n" * 1000,
        "|a|\n|-|\n" + "|b|\n" * 14_000,
        "a\n" * 5000,
        "~~~\nx\n~~~\n" * 600,
        "# a\n" * 15_000,
        "`a " * 3000,
    ],
)
def test_an_answer_that_would_stall_the_tab_is_shown_as_written(text: str) -> None:
    assert neutralise(text) == verbatim(text) == f"```text\n{text}\n```\n"


@pytest.mark.parametrize(
    ("text", "heavy"),
    [
        ("\\(x^2\\) and `\\(` and \\(", False),
        ("C:\\new\\(x\\)", False),
        ("**a** [b](c)\n" * 200, False),
        ("\\(" * 3000, True),
        ("\\[" + "\\sqrt{" * 60 + "x" + "}" * 60 + "\\]", True),
        ("1. " * 2000, True),
        ("_a " * 20_000, True),
    ],
)
def test_a_text_is_heavy_where_a_tab_would_stall(text: str, heavy: bool) -> None:
    assert is_heavy(text) is heavy


def test_code_around_a_text_is_longer_than_any_in_it() -> None:
    assert verbatim("a\n`````\nb") == "``````text\na\n`````\nb\n``````\n"


def test_a_long_answer_of_the_usual_kind_is_set() -> None:
    text = "## Head\n\n1. **One** of `two`\n   - _three_ [four](https://five.six)\n\n| a | b |\n|---|---|\n" * 200
    assert neutralise(text) == text


def seconds(text: str) -> float:
    """The processor time of the quickest of some runs."""
    times = []
    for _ in range(5):
        start = time.process_time()
        neutralise(text, Seen((), 9.0).mark)
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.parametrize(
    "piece", [r"\( ", r"\[ ", "0:01 ", "[0:01 ", "` ", "``` ", "](", "<b", "![", "- \n", "[0:01](", "\\"]
)
def test_time_grows_no_faster_than_the_text(piece: str) -> None:
    short, long = (seconds(piece * (count // len(piece))) for count in (8_000, 64_000))
    assert long < 24 * short + 0.01  # eight times the text; a step for every pair would take 64 times as long


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


MARKUP = {"image", "html_block", "html_inline", "<diagram>"}
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def kinds(text: str) -> set[str]:
    """The kinds of what a parser sees; of HTML only what has other tags than the two that may be here."""
    tokens = [inner for token in PARSER.parse(text) for inner in (token, *(token.children or ()))]
    diagrams = {"<diagram>" for token in tokens if token.info.strip().lower().startswith("mermaid")}
    return diagrams | {
        token.type
        for token in tokens
        if not token.type.startswith("html") or re.search(r"<(?!br>|/?code>)[A-Za-z/!?]", token.content)
    }


CODE = st.lists(
    st.sampled_from(
        (
            *("`", "``", "```", "~~~", "\\", "\n", "\n\n", " ", "a"),
            *("- ", "> ", "  ", "    ", "1. ", "|", "|-|\n", "<br>", "mermaid", "\t", "[a]: ", "\x85", "\r"),
            *("<b>", "![x](y)", "<img src=x>", "\\(", "\\)", "\\[", "\\]"),
        )
    )
).map("".join)


@given(CODE)
@settings(max_examples=500)
def test_a_parser_of_markdown_sees_no_tag_and_no_image(text: str) -> None:
    assert MARKUP.isdisjoint(kinds(neutralise(text)))


@given(st.text(max_size=200))
def test_nothing_but_joiners_is_added_to_plain_prose(text: str) -> None:
    if not re.search(r"[`~\\]|" + JOINER, text):
        assert neutralise(text).replace(JOINER, "") == text.replace("\r\n", "\n").replace("\r", "\n")


def test_literal_text_is_neither_markdown_nor_html() -> None:
    assert literal("a_b <i> & (c)") == "a&#95;b &#60;i&#62; &#38; &#40;c&#41;"
    assert html.unescape(literal(string.printable)) == string.printable
