"""LaTeX: a formula in an image, as source and as it looks."""

import re

from backend.tasks.task import GREEDY, Task

PROMPT = "Write this formula as LaTeX only."

_WRAPPING = re.compile(r"^\s*(?:```(?:latex|tex)?\s*|\$\$?|\\\[|\\\()|(?:```|\$\$?|\\\]|\\\))\s*$")


def source(answer: str) -> str:
    """The bare LaTeX in an answer: code fences and math delimiters around it removed."""
    bare = answer.strip()
    while (shorter := _WRAPPING.sub("", bare).strip()) != bare:
        bare = shorter
    return bare


def show(answer: str) -> str:
    """The formula as it looks, then its source."""
    latex = source(answer)
    return f"\\[{latex}\\]\n\n```latex\n{latex}\n```" if latex else ""


TASKS = (Task("latex", "LaTeX", PROMPT, needs="image", order=30, sampling=GREEDY, show=show),)
