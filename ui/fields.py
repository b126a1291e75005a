"""Defines the settings' fields: names, limits and placeholders, and reads their values. Pure."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from backend.errors import InputError
from backend.media.formats import MediaLimits
from backend.types import ModelInfo, SamplingParams


@dataclass(frozen=True, slots=True)
class Field:
    """One number: its name in `SamplingParams` (or "frames", "start", "end"), its label, its limits.

    One that is a `clock` may also be written as m:ss or h:mm:ss and is read as seconds.
    """

    name: str
    label: str
    minimum: float
    maximum: float
    whole: bool = False
    clock: bool = False

    def read(self, value: object) -> float | None:
        """The number in the field; None where it is empty.

        Raises:
            InputError: it is no number, or past a limit.
        """
        text = "" if value is None else str(value).strip()
        if not text:
            return None
        try:
            number = _seconds(text) if self.clock else float(text.replace(",", "."))
        except ValueError:
            number = math.nan
        if not self.minimum <= number <= self.maximum or (self.whole and number != int(number)):
            kind = "a whole number" if self.whole else "a time like 0:10, or a number" if self.clock else "a number"
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
    Field("start", "Video from", 0, MediaLimits().video_seconds, clock=True),
    Field("end", "Video to", 0, MediaLimits().video_seconds, clock=True),
)


@dataclass(frozen=True, slots=True)
class Controls:
    """The values of the settings; `sampling` has None where the model's own value is used.

    Of a clip that is sent, `frames` frames of `interval` are shown, in seconds; None is its beginning or its end.
    `of_clips` is whether a person set any of this, so that a retry takes a clip's frames anew.
    """

    system: str
    sampling: SamplingParams
    frames: int
    interval: tuple[float | None, float | None] = (None, None)
    of_clips: bool = False


def read_controls(values: Sequence[object], frames: int) -> Controls:
    """Read the system prompt and the fields, in their order; `frames` where theirs is empty.

    Raises:
        InputError: a field holds what it cannot, or the interval is empty.
    """
    system, *numbers = values
    read = {field.name: field.read(value) for field, value in zip(FIELDS, numbers, strict=True)}
    count, start, end = (read.pop(name) for name in ("frames", "start", "end"))
    if start is not None and end is not None and start >= end:
        raise InputError("“Video to” is not later than “Video from”; set it to a later time, or empty it.")
    whole = {field.name for field in FIELDS if field.whole}
    sampling = {name: int(value) if name in whole and value is not None else value for name, value in read.items()}
    drawn = SamplingParams(**sampling)  # type: ignore[arg-type]
    of_clips = (count, start, end) != (None, None, None)
    return Controls(str(system or ""), drawn, frames if count is None else int(count), (start, end), of_clips)


def placeholders(frames: int, model: ModelInfo | None) -> list[str]:
    """Make the text that each field shows while it is empty."""
    own: dict[str, object] = {"frames": frames, "seed": "random", "start": "its start", "end": "its end"}
    own |= {name: value for name, value in (asdict(model.sampling) if model else {}).items() if value is not None}
    return [_shown(own.get(field.name)) for field in FIELDS]


def _shown(value: object) -> str:
    return "model's own" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _seconds(text: str) -> float:
    """Seconds in "75", "1:15" or "0:01:15"; raises ValueError for anything else."""
    *larger, seconds = text.replace(",", ".").split(":")
    if len(larger) > 2:
        raise ValueError(text)
    total = float(seconds)
    for unit, digits in zip((60, 3600), reversed(larger), strict=False):
        total += unit * int(digits)
    return total
