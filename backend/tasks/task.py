"""Defines a preset: its prompt, its sampling and grammar, and how its answer is shown and read."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from backend.tasks.forms.reread_rules import RereadRules
from backend.tasks.result import Answer, Result
from backend.types import Grammar, Reading, SamplingParams

Needs = Literal["nothing", "image", "video"]

GREEDY = SamplingParams(temperature=0.0)
# For what is copied from an image: a penalty on repetition would forbid the second "2.40" and the closing braces.
VERBATIM = SamplingParams(temperature=0.0, repetition_penalty=1.0)


def as_written(text: str) -> str:
    """Show an answer as the model wrote it."""
    return text


def no_grammar(text: str) -> None:
    """Use no grammar for the answer, whatever the person wrote."""


def no_reading(text: str) -> Reading:
    """Have no text read on the images, whatever the person wrote."""
    return "none"


def with_evidence(text: str) -> Reading:
    """Have the text on the images read, to say where the answer's values stand."""
    return "evidence"


def no_results(answer: Answer) -> tuple[Result, ...]:
    """Read no results out of an answer."""
    return ()


def fenced(text: str, language: str) -> str:
    """A Markdown code block that no backtick in the text can end."""
    longest = max((len(run) for run in re.findall("`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


@dataclass(frozen=True, slots=True)
class Task:
    """Describes a preset: how it asks the model, and what becomes of the answer.

    `prompt` goes to the model before the person's own words, which may be empty when a file is there. `needs` is what
    the conversation must hold for it. `sampling` overrides the person's settings where a value is set. `show` turns a
    whole or growing answer into Markdown; it is pure and accepts any text, since it is called while the answer is
    still being written.

    `grammar` makes the answer's grammar from what the person wrote. `each` has every image of a message read alone,
    the answers parted by two empty lines. `takes_schema` is whether the person's words may be a JSON Schema.
    `complaint` says what is wrong with a whole answer, in words that go back to the model once. `results` reads the
    results out of the answer, and `reread` has the rules by which doubtful fields are read a second time. `ask` makes
    the prompt where `prompt` is not all of it. `reading` says how the text on the images is used, by what the person
    wrote (see `backend.types.Reading`).
    """

    name: str
    title: str
    prompt: str = ""
    needs: Needs = "nothing"
    order: int = 100
    sampling: SamplingParams = field(default_factory=SamplingParams)
    show: Callable[[str], str] = as_written
    ask: Callable[[str], str] | None = None
    grammar: Callable[[str], Grammar | None] = no_grammar
    results: Callable[[Answer], tuple[Result, ...]] = no_results
    complaint: Callable[[str], str] | None = None
    reread: RereadRules | None = None
    each: bool = False
    takes_schema: bool = False
    reading: Callable[[str], Reading] = no_reading

    @property
    def revises(self) -> bool:
        """Whether a written answer may still be replaced: by a second try or a reread."""
        return self.reread is not None or self.complaint is not None

    def compose(self, text: str) -> str:
        """Make the prompt of a turn in which the person wrote `text`, perhaps nothing."""
        if self.ask is not None:
            return self.ask(text.strip())
        return "\n".join(piece for piece in (self.prompt, text.strip()) if piece)

    def sample(self, wanted: SamplingParams) -> SamplingParams:
        """The person's settings with this task's own put over them; a limit or a seed the person set is kept."""
        own = {name: value for name, value in asdict(self.sampling).items() if value is not None}
        kept = {name: value for name in ("max_new_tokens", "seed") if (value := getattr(wanted, name)) is not None}
        return replace(wanted, **(own | kept))
