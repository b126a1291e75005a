"""What a preset is: the words that go to the model, how its tokens are drawn, and how its answer is shown."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from backend.tasks.result import Answer, Result
from backend.tasks.second_look import SecondLook
from backend.types import Grammar, Reading, SamplingParams

Needs = Literal["nothing", "image", "video"]

GREEDY = SamplingParams(temperature=0.0)
# For what is copied from an image: a penalty on repetition would forbid the second "2.40" and the closing braces.
VERBATIM = SamplingParams(temperature=0.0, repetition_penalty=1.0)


def as_written(text: str) -> str:
    """Show an answer as the model wrote it."""
    return text


def free(text: str) -> None:
    """Hold an answer to no grammar, whatever the person wrote."""


def unread(text: str) -> Reading:
    """Have no text read on the images, whatever the person wrote."""
    return "none"


def evidence(text: str) -> Reading:
    """Have the text on the images read, to say where the answer's values stand."""
    return "evidence"


def no_results(answer: Answer) -> tuple[Result, ...]:
    """An answer that is to be read, and nothing else."""
    return ()


def content(answer: str) -> str:
    """Be content with any answer: nothing to tell the model."""
    return ""


def fenced(text: str, language: str) -> str:
    """A Markdown code block that no backtick in the text can end."""
    longest = max((len(run) for run in re.findall("`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


@dataclass(frozen=True, slots=True)
class Task:
    """A preset.

    `prompt` goes to the model before the person's own words, which may be empty when a file is there. `needs` is what
    the conversation must hold for it. `sampling` overrides the person's settings where a value is set. `show` turns a
    whole or growing answer into Markdown; it is pure and accepts any text, since it is called while the answer is
    still being written.

    `grammar` is what the answer is held to, by what the person wrote. `each` has every image of a message read alone,
    the answers parted by two empty lines. `complaint` is what is wrong with a whole answer, in words for the model; it
    is told once. `results` is what can be taken away, and `again` how what is doubtful in it is read a second time.
    `ask` makes the model's text where `prompt` is not all of it. `reading` is what is done with the text on the
    images, by what the person wrote (see `backend.types.Reading`), and `quotes` whether the answer quotes it.
    """

    name: str
    title: str
    prompt: str = ""
    needs: Needs = "nothing"
    order: int = 100
    sampling: SamplingParams = field(default_factory=SamplingParams)
    show: Callable[[str], str] = as_written
    ask: Callable[[str], str] | None = None
    grammar: Callable[[str], Grammar | None] = free
    results: Callable[[Answer], tuple[Result, ...]] = no_results
    complaint: Callable[[str], str] = content
    again: SecondLook | None = None
    each: bool = False
    reading: Callable[[str], Reading] = unread
    quotes: bool = False

    @property
    def revises(self) -> bool:
        """Whether an answer that is written may be written again."""
        return self.again is not None or self.complaint is not content

    def compose(self, text: str) -> str:
        """The text that the model reads for a turn in which the person wrote `text`, perhaps nothing."""
        if self.ask is not None:
            return self.ask(text.strip())
        return "\n".join(piece for piece in (self.prompt, text.strip()) if piece)

    def sample(self, wanted: SamplingParams) -> SamplingParams:
        """The person's settings with this task's own put over them; a limit or a seed the person set is kept."""
        own = {name: value for name, value in asdict(self.sampling).items() if value is not None}
        kept = {name: value for name in ("max_new_tokens", "seed") if (value := getattr(wanted, name)) is not None}
        return replace(wanted, **(own | kept))
