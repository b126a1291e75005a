"""Makes text that a model or a stranger wrote safe to show as Markdown: no markup of its own, nothing fetched. Pure.

The page's content policy already forbids what this takes out; either alone would do.
"""

import re
from collections.abc import Callable

from ui.convert import JOINER

# Longer formulas take the page's typesetter seconds; they are shown as source.
MAX_FORMULA = 2000

_TOKENS = re.compile(
    r"(?P<fence>^[ ]{0,3}(?P<ticks>`{3,}|~{3,})(?P<info>[^\n`]*)\n?(?P<body>.*?)(?:^[ ]{0,3}(?P=ticks)[`~]*[ ]*$|\Z))"
    r"|(?P<code>(?<!`)(?P<run>`+)(?!`)[^\n]*?(?<!`)(?P=run)(?!`))"
    r"|(?P<formula>\\\[(?P<display>.*?)\\\]|\\\((?P<inline>.*?)\\\))",
    re.MULTILINE | re.DOTALL,
)
_TAG = re.compile(r"<(?=[A-Za-z/!?])(?!(?:br|/?su[bp])\s*/?>)")
_IMAGE = re.compile(r"!(?=\[)")
_DIAGRAM = re.compile(r"\s*mermaid", re.IGNORECASE)
_PUNCTUATION = re.compile(r"[&<>\"'\\`*_{}\[\]()#+!|~$]")


def neutralise(text: str, mark: Callable[[str], str] = str) -> str:
    """The same Markdown without raw HTML, images and diagrams; code and formulas are kept as they are.

    `mark` may put markup of our own into the prose between them.
    """
    pieces: list[str] = []
    end = 0
    for match in _TOKENS.finditer(text):
        pieces += mark(_prose(text[end : match.start()])), _special(match)
        end = match.end()
    return "".join((*pieces, mark(_prose(text[end:]))))


def literal(text: str) -> str:
    """Text shown as it is written: no Markdown, no HTML."""
    # Entities, since a backslash before a bracket would open a formula.
    return _PUNCTUATION.sub(lambda match: f"&#{ord(match.group())};", text)


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
    return re.sub(r"<(?=\S)", "< ", whole)
