"""The settings' fields: their names, their limits, what is read from them, what stands in them empty. Pure."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from backend.errors import InputError
from backend.media.limits import MediaLimits
from backend.types import ModelInfo, SamplingParams


@dataclass(frozen=True, slots=True)
class Field:
    """One number: its name in `SamplingParams` (or "frames"), its label, its limits."""

    name: str
    label: str
    minimum: float
    maximum: float
    whole: bool = False

    def read(self, value: object) -> float | None:
        """The number in the field; None where it is empty.

        Raises:
            InputError: it is no number, or past a limit.
        """
        text = "" if value is None else str(value).strip()
        if not text:
            return None
        try:
            number = float(text.replace(",", "."))
        except ValueError:
            number = math.nan
        if not self.minimum <= number <= self.maximum or (self.whole and number != int(number)):
            kind = "a whole number" if self.whole else "a number"
            raise InputError(f"{self.label} is {kind} from {self.minimum:g} to {self.maximum:.10g}, not “{text}”.")
        return number


# In the order of the page, after the system prompt.
FIELDS = (
    Field("max_new_tokens", "Max new tokens", 1, 32768, whole=True),
    Field("temperature", "Temperature", 0, 5),
    Field("top_p", "Top-p", 0, 1),
    Field("top_k", "Top-k", 0, 1_000_000, whole=True),
    Field("min_p", "Min-p", 0, 1),
    Field("repetition_penalty", "Repetition penalty", 0.1, 5),
    Field("seed", "Seed", 0, 2**31 - 1, whole=True),
    Field("frames", "Video frames", 1, MediaLimits().frames, whole=True),
)


@dataclass(frozen=True, slots=True)
class Controls:
    """What the settings say; `sampling` holds None where the model's own value stands."""

    system: str
    sampling: SamplingParams
    frames: int


def read_controls(values: Sequence[object], frames: int) -> Controls:
    """The system prompt and the fields, in their order; `frames` where theirs is empty.

    Raises:
        InputError: a field holds what it cannot.
    """
    system, *numbers = values
    read = {field.name: field.read(value) for field, value in zip(FIELDS, numbers, strict=True)}
    count = read.pop("frames")
    whole = {field.name for field in FIELDS if field.whole}
    sampling = {name: int(value) if name in whole and value is not None else value for name, value in read.items()}
    return Controls(str(system or ""), SamplingParams(**sampling), frames if count is None else int(count))  # type: ignore[arg-type]


def placeholders(frames: int, model: ModelInfo | None) -> list[str]:
    """What each field shows while it is empty."""
    own: dict[str, object] = {"frames": frames, "seed": "random"}
    own |= {name: value for name, value in (asdict(model.sampling) if model else {}).items() if value is not None}
    return [_shown(own.get(field.name)) for field in FIELDS]


def _shown(value: object) -> str:
    return "model's own" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
