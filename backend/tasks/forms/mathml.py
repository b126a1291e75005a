"""Converts LaTeX to MathML, or says why it cannot be converted. Knows formulas, no answers."""

import html
import re
from xml.etree.ElementTree import Element, tostring

from latex2mathml.converter import convert_to_element

from backend.errors import InputError

LONGEST = 2000  # characters; a browser takes seconds to set a much longer one
DEEPEST = 40  # groups inside each other; from about 120 on, setting a formula ends the browser's tab

# What latex2mathml does not know as a table, by what it knows that looks the same.
_SAME = {"aligned": "align*", "gathered": "matrix"}
_OBEYED = {"href", "style", "class", "id"}
_WRONG = {
    "ExtraLeftOrMissingRightError": r"a \left has no \right, or the other way round",
    "DoubleSubscriptsError": "a symbol has two subscripts",
    "DoubleSuperscriptsError": "a symbol has two superscripts",
    "MissingSuperScriptOrSubscriptError": "a ^ or _ has nothing after it",
    "MissingEndError": r"a \begin has no \end",
    "NoAvailableTokensError": "an argument is missing",
    "LimitsMustFollowMathOperatorError": r"\limits stands after no operator",
}


_NESTING = re.compile(r"\\(?:left|right|begin|end)(?![A-Za-z])|\\.|[{}\[\]]", re.DOTALL)
_RUN = re.compile(r"(?:\\[A-Za-z]+\s*)+")  # commands may take one another for their arguments
_STEPS = {"{": 1, "[": 1, "\\left": 1, "\\begin": 1, "}": -1, "]": -1, "\\right": -1, "\\end": -1}


def depth(latex: str) -> int:
    r"""Bound from above how deep the groups of a formula stand inside each other.

    >>> depth(r"\frac{1}{\sqrt{x}}")
    2
    """
    deepest = level = 0
    for found in _NESTING.finditer(latex):
        level = max(level + _STEPS.get(found[0], 0), 0)
        deepest = max(deepest, level)
    return deepest + max((run[0].count("\\") for run in _RUN.finditer(latex)), default=0) // 2


def to_mathml(latex: str) -> str:
    """Convert a formula to one `math` element, set as a block.

    Raises:
        InputError: it is no formula; the sentence says what is wrong.
    """
    if len(latex) > LONGEST:
        raise InputError(f"A formula may have {LONGEST:,} characters; this one has {len(latex):,}.")
    if depth(latex) > DEEPEST:
        raise InputError(f"A formula may have {DEEPEST} groups inside each other; this one has more.")
    bare = re.sub(r"\\[\\{}]", "", latex)
    if bare.count("{") != bare.count("}"):
        raise InputError("Not a LaTeX formula yet: a brace is not closed.")
    known = re.sub(r"\\(begin|end)\{(\w+)\}", lambda found: f"\\{found[1]}{{{_SAME.get(found[2], found[2])}}}", latex)
    known = re.sub(r"(\\begin\{\w+\*?\}) +\[", r"\1{}[", known)  # it would take the bracket for an option
    try:
        return _written(convert_to_element(known, display="block"))
    except Exception as error:  # it raises what its own code trips over, too
        why = _WRONG.get(type(error).__name__, "it is not whole")
        raise InputError(f"Not a LaTeX formula yet: {why}.") from None


def _written(element: Element) -> str:
    """Write MathML as XML, whatever the formula's texts hold, without attributes that a page would obey.

    latex2mathml writes characters as references and leaves them to be resolved.
    """
    for each in element.iter():
        each.text = html.unescape(each.text) if each.text else each.text
        each.tail = html.unescape(each.tail) if each.tail else each.tail
        for name in _OBEYED & each.attrib.keys():
            del each.attrib[name]
    return tostring(element, encoding="unicode")
