"""Makes text that a model or a stranger wrote safe to show as Markdown: no markup of its own, nothing fetched. Pure.

A parser of Markdown decides what is a code block. The page's content policy forbids what this takes out, and bounds
keep what is left small enough for the browser's own parser, which runs in the tab.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter

from markdown_it import MarkdownIt
from markdown_it.token import Token

from backend.tasks.forms.mathml import DEEPEST, LONGEST, depth
from ui.convert import JOINER

# Past these a text is shown as it was written: Chromium takes seconds for more, and ends the tab for far more.
MAX_TEXT = 200_000  # characters
MAX_NESTED = 24  # lists and quotes inside each other
MAX_SIGNS = 2000  # of emphasis, links and code, in one paragraph
MAX_ALL_SIGNS = 8000
MAX_CELLS = 6000  # of all tables; a browser fills short rows up
MAX_LINES, MAX_BLOCKS, MAX_CODE_BLOCKS = 3000, 4000, 500  # lines in one paragraph; paragraphs, headings and the like
# Of formulas: characters in all, and how many.
MAX_FORMULAS, MAX_FORMULA_TEXT = 300, 20_000
MAX_UNCLOSED = 20  # of formulas that begin and do not end, in what a person wrote

# Not an address in brackets, which no parser takes for a tag: tags' names have no colon.
_TAG = re.compile(r"<(?=[A-Za-z/!?])(?!(?:br|/?su[bp])\s*/?>|(?:https?|mailto):[^\s<>\"']*>)")
_OUR_TAG = re.compile(r"</?code>")  # of `_code`
_IMAGE = re.compile(r"!(?=\[)")
_MARKUP = re.compile(rf"{_TAG.pattern}|{_IMAGE.pattern}")
_DIAGRAM = re.compile(r"\s*mermaid", re.IGNORECASE)
_PUNCTUATION = re.compile(r"[&<>\"'\\`*_{}\[\]()#+!|~$]")
_SIGNS = re.compile(r"\*+|_+|~+|`+|[\[\]]|<|&|:/")
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n")
_CONTAINERS = re.compile(r"[ \t]*(?:(?:>|(?:[-*+]|\d{1,9}[.)])[ \t])[ \t]*)+")
_MARKER = re.compile(r">|[-*+]|\d{1,9}[.)]")
_OPENER = re.compile(r"\\.|`+", re.DOTALL)
# Sizes that would make a bubble as large as many screens.
_HUGE = re.compile(r"\d{3,}(?:\.\d*)?\s*(?:p[xtc]|[ecm]m|ex|in|mu|bp|dd|cc|n[dc]|sp)(?![A-Za-z])")
_CLOSER = {r"\[": r"\]", r"\(": r"\)"}

# The rules of the parser in the browser, as far as they say what is code, HTML or an image.
_PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_BLOCKS = MarkdownIt("commonmark", {"html": True}).enable("table").disable("inline")


def neutralise(text: str, mark: Callable[[str], str] = str) -> str:
    """Escape raw HTML, images and diagrams in Markdown; code and formulas are kept as they are.

    `mark` may put markup of our own into the prose between them. A text past the bounds, and one in which a parser
    sees markup all the same, is shown as it was written.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > MAX_TEXT or _nested(text):
        return verbatim(text)
    blocks = _BLOCKS.parse(text)
    if _too_many(blocks):
        return verbatim(text)
    parts = list(_parts(text, blocks))
    if _too_much("".join(part for part, is_code in parts if not is_code)):
        return verbatim(text)
    pieces: list[tuple[str, bool]] = []
    budget = _Budget()
    for part, is_code in parts:
        pieces += [(part, False)] if is_code else _Prose(part, budget).pieces()
    if any(is_code and _MARKUP.search(part) for part, is_code in parts) and _obeyed(
        "".join(map(itemgetter(0), pieces))
    ):
        return verbatim(text)
    return "".join(mark(piece) if is_prose else piece for piece, is_prose in pieces)


def literal(text: str) -> str:
    """Escape a text so that it is shown as written: no Markdown, no HTML."""
    # Entities, since a backslash before a bracket would open a formula.
    return _PUNCTUATION.sub(lambda match: f"&#{ord(match.group())};", text)


def verbatim(text: str) -> str:
    """Put a text of any length into one block of code, which costs a browser next to nothing."""
    ticks = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{ticks}text\n{text}\n{ticks}\n"


def is_heavy(text: str) -> bool:
    """Whether a browser's parser and typesetter would take long over a text, or fail on it."""
    if len(text) > MAX_TEXT or _nested(text) or _too_much(text):
        return True
    return _too_many(_BLOCKS.parse(text)) or _has_hard_formulas(text)


class _Budget:
    """Counts the formulas of a text, which are set one after the other in the tab."""

    def __init__(self) -> None:
        self._formulas, self._characters = MAX_FORMULAS, MAX_FORMULA_TEXT

    def allows(self, formula: str) -> bool:
        if len(formula) > LONGEST or depth(formula) > DEEPEST or _HUGE.search(formula):
            return False
        self._formulas -= 1
        self._characters -= len(formula)
        return self._formulas >= 0 and self._characters >= 0


def _nested(text: str) -> bool:
    """Whether a line opens lists or quotes deeper than a page can show them."""
    for line in text.split("\n"):
        start = _CONTAINERS.match(line)
        if start and len(_MARKER.findall(start[0])) + (len(line) - len(line.lstrip())) // 2 > MAX_NESTED:
            return True
    return False


def _too_much(prose: str) -> bool:
    """Whether prose has more signs than a parser which looks for each one's partner gets through at once."""
    counts = [sum(1 for _ in _SIGNS.finditer(paragraph)) for paragraph in _PARAGRAPH_END.split(prose)]
    return max(counts, default=0) > MAX_SIGNS or sum(counts) > MAX_ALL_SIGNS


def _too_many(blocks: Sequence[Token]) -> bool:
    """Whether a text has more blocks, lines of a paragraph or cells than a tab draws at once."""
    cells = heads = code = 0
    for token in blocks:
        heads += token.type == "th_open"
        code += token.type == "fence"
        if token.type == "inline" and token.map and token.map[1] - token.map[0] > MAX_LINES:
            return True
        if token.type == "table_open" and token.map:
            rows, heads = token.map[1] - token.map[0], 0
        elif token.type == "thead_close":
            cells += rows * heads
    return cells > MAX_CELLS or code > MAX_CODE_BLOCKS or len(blocks) > 3 * MAX_BLOCKS


def _has_hard_formulas(text: str) -> bool:
    """Whether a formula is past the bounds, or more than a few begin and do not end."""
    budget, ends = _Budget(), {opener: text.rfind(closer) for opener, closer in _CLOSER.items()}
    unclosed = position = 0
    while opener := _OPENER.search(text, position):
        position = opener.end()
        if opener[0] in _CLOSER and ends[opener[0]] >= position:
            end = text.index(_CLOSER[opener[0]], position)
            if not budget.allows(text[position:end]):
                return True
            position = end + 2
        elif opener[0] in _CLOSER:
            unclosed += 1
    return unclosed > MAX_UNCLOSED


def _parts(text: str, blocks: Sequence[Token]) -> Iterator[tuple[str, bool]]:
    """Split a text at its fenced blocks of code, wherever they stand; each part with whether it is one."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    done = 0
    for token in blocks:
        if token.type == "fence" and token.map and token.map[0] >= done:
            start, end = token.map
            yield "".join(lines[done:start]), False
            yield _drawn_as_text("".join(lines[start:end]), token), True
            done = end
    yield "".join(lines[done:]), False


def _drawn_as_text(block: str, token: Token) -> str:
    """A block of code whose language is not run: a diagram would be drawn in the tab."""
    return block.replace(token.info, "text", 1) if _DIAGRAM.match(token.info) else block


class _Prose:
    """A text without fenced blocks of code, in which every step forward is taken once."""

    def __init__(self, text: str, budget: _Budget) -> None:
        self._text = text
        self._budget = budget
        self._runs: dict[int, list[int]] = {}  # where runs of so many backticks begin
        self._ends = {opener: text.rfind(closer) for opener, closer in _CLOSER.items()}
        for match in re.finditer("`+", text):
            self._runs.setdefault(len(match[0]), []).append(match.start())

    def pieces(self) -> Iterator[tuple[str, bool]]:
        """Split the text into safe prose, code and formulas; each with whether it is prose."""
        done = position = 0
        while opener := _OPENER.search(self._text, position):
            start, position = opener.span()
            if found := self._special(opener[0], position):
                yield _prose(self._text[done:start]), True
                piece, done = found
                position = done
                yield piece, False
        yield _prose(self._text[done:]), True

    def _special(self, opener: str, start: int) -> tuple[str, int] | None:
        """The code or formula that an opener begins, as it is shown, and where it ends; None where it begins none."""
        if opener[0] == "`":
            return self._span(opener, start)
        if opener not in _CLOSER:
            return None
        if self._ends[opener] < start:
            # The page's typesetter would look for an end from each such opening, to the end of the text.
            return f"&#92;{JOINER}{opener[1]}", start
        end = self._text.index(_CLOSER[opener], start)
        return _formula(opener, self._text[start:end], self._budget), end + 2

    def _span(self, ticks: str, start: int) -> tuple[str, int]:
        starts = self._runs.get(len(ticks), [])
        following = bisect_left(starts, start)
        end = starts[following] if following < len(starts) else -1
        if end < 0 or "\n" in self._text[start:end]:
            return "&#96;" * len(ticks), start  # or it might begin a block of code, once a later span has become a tag
        return _code(ticks, self._text[start:end]), end + len(ticks)


def _code(ticks: str, code: str) -> str:
    """A code span; with entities where it holds markup, so that no parser can take it for anything else."""
    return f"<code>{literal(code)}</code>" if _MARKUP.search(code) else f"{ticks}{code}{ticks}"


def _formula(opener: str, formula: str, budget: _Budget) -> str:
    if not budget.allows(formula):
        return f"\n{verbatim(formula.strip()).replace('text', 'latex', 1)}"
    return opener + _IMAGE.sub("! ", re.sub(r"<(?=\S)", "< ", formula)) + _CLOSER[opener]


def _prose(text: str) -> str:
    return _IMAGE.sub(f"!{JOINER}", _TAG.sub(f"<{JOINER}", text))


def _obeyed(text: str) -> bool:
    """Whether a parser sees an image, or HTML other than the few tags that are let through."""
    tokens = [inner for token in _PARSER.parse(text) for inner in (token, *(token.children or ()))]
    return any(
        token.type == "image"
        or (token.type in ("html_block", "html_inline") and _TAG.search(_OUR_TAG.sub("", token.content)))
        for token in tokens
    )
