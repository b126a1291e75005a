"""Writes grammars of sentences about pages: their words are the pages', the question's or a few small ones.

A model that works from text has nothing else to say, and would misspell it. Numbers stand among the words; two counts
with a mark between them are no price.

Example: about a page `TEA 3.10` and the question “What did it cost?” the sentence “It was 3.10.” can be said, but
neither “It was 12.10.” nor “It wos 3.10.”.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from backend.evidence.index import PageIndex
from backend.tasks.forms.receipt_schema import CODES

COUNTED = 30  # things that an answer may count without that the page says so

# A model that copies a name letter by letter would take any other word that begins alike, so there are few.
_SAID = """
    a about address amount and are ask at before by closes costs date do due each ends for from I in is it item items
    leaves no none not number of on one opens or paid pay printed question receipt second shown subtotal takes tax
    that the them there they this to total understand was were what with written
"""
ANY_WORD = r"[^\W\d_]+"
_MOST = 2000  # words that are listed; about pages with more, any word may be said
_WORD = re.compile(r"\w*[^\W\d_]\w*")


class Sentences:
    """The terminals of sentences about pages, in llguidance's Lark; words and numbers are alternatives."""

    def __init__(self, words: str, numbers: str) -> None:
        gap = r"[^\w\n{}]"  # between words; no braces, which are of JSON
        self._terminals = [
            f"GAP: /{gap}+/",
            f"BETWEEN: /{gap}{{2,}}|[^\\w\\n{{}}.,:\\/-]/",  # two numbers
            f"WORD: /{words}/",
            f"NUMBERS: /{numbers}/",
            f"FEW: /{alternatives(map(str, range(COUNTED + 1)))}/",
            "SOME: NUMBERS (BETWEEN NUMBERS)*",
            "COUNTS: FEW (BETWEEN FEW)*",
            "REST: ((SOME GAP)? WORD GAP)* ((SOME GAP)? WORD | SOME)? GAP?",
            "COUNTED: GAP? ((COUNTS GAP)? WORD GAP)*",
        ]

    def any(self, name: str, also: str = "") -> str:
        """Make the rule of a terminal that is any sentence; `also` narrows it, as in `& /.+/`."""
        return "\n".join([*self._terminals, f"{name}: GAP? REST{also}"])

    def that_begin(self, firsts: Sequence[str], also: Sequence[str]) -> str:
        """Make the rules of terminals ANSWER0, ANSWER1 and so on, one for each expression of `firsts`.

        The first number of such a sentence is one of its expression, if it is no small count; `also` narrows each.
        """
        few = "((COUNTS GAP)? WORD | COUNTS)? GAP?"
        own = "(/{}/ (BETWEEN NUMBERS)* (GAP REST)?)"
        return "\n".join(
            [
                *self._terminals,
                *(
                    f"ANSWER{at}: COUNTED ({f'{own.format(first)} | ' if first else ''}{few}){narrowed}"
                    for at, (first, narrowed) in enumerate(zip(firsts, also, strict=True))
                ),
            ]
        )


def alternatives(found: Iterable[str]) -> str:
    """Make alternatives of numbers or words, for one expression with what stands around them.

    A lexer would take the end of a sentence, "in 2001.", for a decimal.
    """
    return "|".join(re.escape(one.lstrip("-")).replace("/", r"\/") for one in found)


def words_about(question: str, pages: Sequence[PageIndex]) -> str:
    """Make alternatives of the words that may be said, as printed, in small letters and with a capital."""
    printed = [word for page in pages for row in page.page.rows for word in _WORD.findall(row.text)]
    found = dict.fromkeys([*_SAID.split(), *_WORD.findall(question), *printed, *CODES])
    if len(found) > _MOST:
        return ANY_WORD
    return alternatives(
        dict.fromkeys(form for word in found for form in (word, word.lower(), word[:1].upper() + word[1:]))
    )
