"""What a preset is: the words that go to the model, how its tokens are drawn, and how its answer is shown."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from backend.types import SamplingParams

Needs = Literal["nothing", "image", "video"]

GREEDY = SamplingParams(temperature=0.0)


def as_written(text: str) -> str:
    """Show an answer as the model wrote it."""
    return text


@dataclass(frozen=True, slots=True)
class Task:
    """A preset.

    `prompt` goes to the model before the person's own words, which may be empty when a file is there. `sampling`
    overrides the person's settings where a value is set. `show` turns a whole or growing answer into Markdown; it is
    pure and accepts any text, since it is called while the answer is still being written.
    """

    name: str
    title: str
    prompt: str = ""
    needs: Needs = "nothing"
    order: int = 100
    sampling: SamplingParams = field(default_factory=SamplingParams)
    show: Callable[[str], str] = as_written

    def compose(self, text: str) -> str:
        """The text that the model reads for a turn in which the person wrote `text`, perhaps nothing."""
        return "\n".join(piece for piece in (self.prompt, text.strip()) if piece)

    def sample(self, wanted: SamplingParams) -> SamplingParams:
        """The person's settings with this task's own put over them; a limit the person set is kept."""
        own = {
            name: value
            for name in ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
            if (value := getattr(self.sampling, name)) is not None
        }
        return replace(wanted, **own)
