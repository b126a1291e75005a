"""LaTeX: a formula in an image, as source and as it looks."""

import re

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
_SIGNS = re.compile(r"[\\^_=+*/<>|]")
_LONGEST = 2000  # characters; a browser takes seconds to set a much longer one


def source(answer: str) -> str:
    """The bare LaTeX in an answer: what stands in its first code block or math delimiters, or all of it."""
    return _unwrapped(answer)[0]


def show(answer: str) -> str:
    """The formula as it looks, once it is whole, and its source; an answer with words around it as it was written."""
    latex, alone = _unwrapped(answer)
    if not alone or (len(latex.split()) > 2 and not _SIGNS.search(latex)):
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
        len(latex) <= _LONGEST
        and bare.count("{") == bare.count("}")
        and bare.count(r"\begin{") == bare.count(r"\end{")
        and lefts == rights
        and bare.count("$") % 2 == 0
        and not bare.endswith("\\")
    )


TASKS = (Task("latex", "LaTeX", PROMPT, needs="image", order=30, sampling=VERBATIM, show=show),)
