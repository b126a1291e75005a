"""Read text: all the words in an image, its lines and columns kept."""

from backend.tasks.result import Answer, Result
from backend.tasks.task import VERBATIM, Task, fenced

PROMPT = (
    "Write down all the text in this image, word for word, in the order in which it is read. "
    "Keep its line breaks, its empty lines and its columns, with spaces. Add nothing."
)


def show(answer: str) -> str:
    """The text with its spaces kept; a block of code that the model put around it is taken off."""
    text = _bare(answer)
    return fenced(text, "text") if text.strip() else ""


def results(answer: Answer) -> tuple[Result, ...]:
    """The text itself, where there is any."""
    text = _bare(answer.text)
    return (Result("text", text),) if text.strip() else ()


def _bare(answer: str) -> str:
    lines = answer.strip("\n").split("\n")
    if lines[0].startswith("```"):
        lines = lines[1:-1] if len(lines) > 1 and lines[-1].strip() == "```" else lines[1:]
    return "\n".join(lines)


TASKS = (
    Task(
        "read_text",
        "Read text",
        PROMPT,
        needs="image",
        order=22,
        sampling=VERBATIM,
        show=show,
        results=results,
        reading=lambda text: "text",
    ),
)
