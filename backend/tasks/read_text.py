"""Read text: all the words in an image, its lines and columns kept."""

from backend.tasks.task import VERBATIM, Task, fenced

PROMPT = (
    "Write down all the text in this image, word for word, in the order in which it is read. "
    "Keep its line breaks, its empty lines and its columns, with spaces. Add nothing."
)


def show(answer: str) -> str:
    """The text with its spaces kept; a block of code that the model put around it is taken off."""
    lines = answer.strip("\n").split("\n")
    if lines[0].startswith("```"):
        lines = lines[1:-1] if len(lines) > 1 and lines[-1].strip() == "```" else lines[1:]
    text = "\n".join(lines)
    return fenced(text, "text") if text.strip() else ""


TASKS = (
    Task(
        "read_text",
        "Read text",
        PROMPT,
        needs="image",
        order=22,
        sampling=VERBATIM,
        show=show,
        reading=lambda text: "text",
    ),
)
