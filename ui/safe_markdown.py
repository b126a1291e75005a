"""Makes text that a model or a stranger wrote safe to show as Markdown: no markup of its own, nothing fetched. Pure.

The page's content policy already forbids what this takes out; either alone would do.
"""

import re
from collections.abc import Callable

from markdown_it import MarkdownIt

from ui.convert import JOINER

# Longer formulas take the page's typesetter seconds; they are shown as source.
MAX_FORMULA = 2000

_TOKENS = re.compile(
    r"(?P<fence>^[ ]{0,3}(?P<ticks>`{3,}|~{3,})(?P<info>[^\n`]*)\n?(?P<body>.*?)(?:^[ ]{0,3}(?P=ticks)[`~]*[ ]*$|\Z))"
    # What a backslash stands before opens nothing.
    r"|(?P<code>(?<![`\\])(?P<run>`+)(?!`)[^\n]*?(?<!`)(?P=run)(?!`))"
    r"|(?P<formula>(?<!\\)(?:\\\[(?P<display>.*?)\\\]|\\\((?P<inline>.*?)\\\)))",
    re.MULTILINE | re.DOTALL,
)
_TAG = re.compile(r"<(?=[A-Za-z/!?])(?!(?:br|/?su[bp])\s*/?>)")
_IMAGE = re.compile(r"!(?=\[)")
_MARKUP = re.compile(rf"{_TAG.pattern}|{_IMAGE.pattern}")
_PARSER = MarkdownIt("commonmark", {"html": True})
_DIAGRAM = re.compile(r"\s*mermaid", re.IGNORECASE)
_PUNCTUATION = re.compile(r"[&<>\"'\\`*_{}\[\]()#+!|~$]")


def neutralise(text: str, mark: Callable[[str], str] = str) -> str:
    """Escape raw HTML, images and diagrams in Markdown; code and formulas are kept as they are.

    `mark` may put markup of our own into the prose between them. Where a parser sees markup in what was taken for code
    or a formula here, the whole text is prose.
    """
    pieces: list[str] = []
    end = 0
    for match in _TOKENS.finditer(text):
        pieces += _prose(text[end : match.start()]), _special(match)
        end = match.end()
    pieces.append(_prose(text[end:]))
    if _MARKUP.search("".join(pieces[1::2])) and _obeyed("".join(pieces)):
        return mark(_prose(text))
    return "".join(mark(piece) if number % 2 == 0 else piece for number, piece in enumerate(pieces))


def literal(text: str) -> str:
    """Escape a text so that it is shown as written: no Markdown, no HTML."""
    # Entities, since a backslash before a bracket would open a formula.
    return _PUNCTUATION.sub(lambda match: f"&#{ord(match.group())};", text)


def _obeyed(text: str) -> bool:
    """Whether CommonMark sees an image, or HTML other than the few tags that are let through."""
    tokens = [inner for token in _PARSER.parse(text) for inner in (token, *(token.children or ()))]
    return any(
        token.type == "image" or (token.type in ("html_block", "html_inline") and _TAG.search(token.content))
        for token in tokens
    )


def _prose(text: str) -> str:
    return _IMAGE.sub(f"!{JOINER}", _TAG.sub(f"<{JOINER}", text))


def _special(match: re.Match[str]) -> str:
    whole = match.group()
    if match["fence"]:
        info = match["info"]
        return whole.replace(info, "text", 1) if _DIAGRAM.match(info) else whole
    if match["code"]:
        return whole
    formula = match["display"] if match["display"] is not None else match["inline"]
    if len(formula) > MAX_FORMULA:
        return f"\n```latex\n{formula.strip()}\n```\n"
    return _IMAGE.sub("! ", re.sub(r"<(?=\S)", "< ", whole))
