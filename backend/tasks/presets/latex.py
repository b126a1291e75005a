"""LaTeX: a formula in an image, as source and as it looks."""

import re

from backend.errors import InputError
from backend.tasks.forms.latex_grammar import grammar
from backend.tasks.forms.mathml import LONGEST, to_mathml
from backend.tasks.result import Answer, Doubt, Result
from backend.tasks.task import VERBATIM, Task, fenced

PROMPT = "Write this formula as LaTeX only."

# What stands in a code block or between math delimiters, to the end of the text where the closing one has yet to come.
_DELIMITED = re.compile(
    r"""```(?:\w*\n|\w*\Z)?(.*?)(?:```|\Z)
      | \$\$(.*?)(?:\$\$|\Z)
      | (?<!\\)\\\[(.*?)(?:(?<!\\)\\\]|\Z)  # not the space between rows, \\[2pt]
      | (?<!\\)\\\((.*?)(?:(?<!\\)\\\)|\Z)
      | \A\$((?:[^$\\]|\\.?)*)\$?           # a single $ only at the start: a formula may hold \text{$x$}
    """,
    re.DOTALL | re.VERBOSE,
)
BETWEEN = "\n\n\n"  # the formulas of two images
_SIGNS = re.compile(r"[\\^_=+*/<>|]")


def source(answer: str) -> str:
    """The bare LaTeX in an answer: what stands in its first code block or math delimiters, or all of it."""
    return _unwrapped(answer)[0]


def show(answer: str) -> str:
    """Each formula as it looks, once it is whole, and its source; an answer with words in it as it was written."""
    formulas = answer.split(BETWEEN)
    return "\n\n".join(_shown(one) for one in formulas if one.strip() or len(formulas) == 1)


def results(answer: Answer) -> tuple[Result, ...]:
    """Every formula of an answer, whole where it can be set; none in an answer that is in words."""
    found = [_unwrapped(piece) for piece in answer.text.split(BETWEEN)]
    return tuple(_result(latex) for latex, alone in found if latex and _is_formula(latex, alone))


def complaint(answer: str) -> str:
    """Say what is wrong with a formula that cannot be typeset, in words for the model; "" where it can."""
    try:
        to_mathml(source(answer))
    except InputError as error:
        return f"{error} Write the formula again as LaTeX only."
    return ""


def _result(latex: str) -> Result:
    try:
        to_mathml(latex)
    except InputError as error:
        return Result("latex", latex, whole=False, doubts=(Doubt("", str(error)),))
    return Result("latex", latex)


def _is_formula(latex: str, alone: bool) -> bool:
    return alone and bool(len(latex.split()) <= 2 or _SIGNS.search(latex))


def _shown(answer: str) -> str:
    latex, alone = _unwrapped(answer)
    if not _is_formula(latex, alone):
        return answer
    if not latex:
        return ""
    code = fenced(latex, "latex")
    if not _whole(latex):
        return code
    lines = "\n".join(line for line in latex.splitlines() if line.strip())  # Markdown ends a formula at an empty line
    return f"\\[{lines}\\]\n\n{code}"


def _unwrapped(answer: str) -> tuple[str, bool]:
    """The bare LaTeX, and whether it is all that the answer says."""
    bare, alone = answer.strip(), True
    while found := _DELIMITED.search(bare):
        alone &= found.span() == (0, len(bare))
        bare = next(group for group in found.groups() if group is not None).strip()
    return bare, alone


def _whole(latex: str) -> bool:
    """Whether all that the formula opens is closed, so that it can be set; false while it is still being written."""
    bare = re.sub(r"\\[\\{}$]", "", latex)
    lefts, rights = (len(re.findall(rf"\\{side}(?![a-zA-Z])", bare)) for side in ("left", "right"))
    return (
        len(latex) <= LONGEST
        and bare.count("{") == bare.count("}")
        and bare.count(r"\begin{") == bare.count(r"\end{")
        and lefts == rights
        and bare.count("$") % 2 == 0
        and not bare.endswith("\\")
    )


TASKS = (
    Task(
        "latex",
        "LaTeX",
        PROMPT,
        needs="image",
        order=30,
        sampling=VERBATIM,
        show=show,
        grammar=lambda text: grammar(),
        complaint=complaint,
        results=results,
        each=True,
    ),
)
