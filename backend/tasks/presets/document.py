"""Document question: an answer from a document alone, with the words that it rests on."""

from backend.tasks.result import Answer, Result
from backend.tasks.task import VERBATIM, Task, with_evidence
from backend.types import Grammar

NOT_SAID = "The document does not say."
PROMPT = (
    "Answer from this document alone, in one or two sentences. Then leave a line empty, and after “> ” copy the words "
    f"of the document that say so. If it does not say, answer: {NOT_SAID}"
)
GRAMMAR = Grammar("lark", f'start: "{NOT_SAID}" | ANSWER "\\n\\n> " WORDS\nANSWER: /[^\\s>][^\\n]{{0,600}}/\n'
                          "WORDS: /[^\\s][^\\n]{0,400}/")  # fmt: skip


def ask(text: str) -> str:
    """Make the prompt: the person's question under ours; without one, what the document is."""
    return f"{PROMPT}\nQuestion: {text or 'What is this document, and who is it from?'}"


def results(answer: Answer) -> tuple[Result, ...]:
    """The answer with the words that it quotes; nothing where it quotes none, as where the document does not say."""
    quotes = any(line.startswith(">") for line in answer.text.splitlines())
    return (Result("quote", answer.text),) if quotes else ()


TASKS = (
    Task(
        "document",
        "Document question",
        PROMPT,
        needs="image",
        order=26,
        sampling=VERBATIM,
        ask=ask,
        grammar=lambda text: GRAMMAR,
        reading=with_evidence,
        results=results,
    ),
)
