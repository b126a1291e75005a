"""The settings beside the chat: their fields, their limits, and what the model itself would use where one is empty."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import gradio as gr

from backend.media.limits import MediaLimits
from backend.types import ModelInfo


@dataclass(frozen=True, slots=True)
class Field:
    """One number: its name in `SamplingParams` (or "frames"), its label, its limits."""

    name: str
    label: str
    minimum: float
    maximum: float
    step: float = 1

    @property
    def whole(self) -> bool:
        """Whether only whole numbers make sense."""
        return self.step == 1


# In the order in which `ui.convert.read_controls` takes them, after the system prompt.
FIELDS = (
    Field("max_new_tokens", "Max new tokens", 1, 32768),
    Field("temperature", "Temperature", 0, 2, 0.05),
    Field("top_p", "Top-p", 0, 1, 0.05),
    Field("top_k", "Top-k", 0, 1000),
    Field("min_p", "Min-p", 0, 1, 0.01),
    Field("repetition_penalty", "Repetition penalty", 0.5, 2, 0.05),
    Field("seed", "Seed", 0, 2**31 - 1),
    Field("frames", "Video frames", 1, MediaLimits().frames),
)


@dataclass(frozen=True, slots=True)
class ControlPanel:
    """The components, in the order of the page."""

    system: gr.Textbox
    numbers: tuple[gr.Number, ...]
    reset: gr.Button

    @property
    def inputs(self) -> list[gr.components.Component]:
        """What a message is sent with."""
        return [self.system, *self.numbers]


def build_controls(frames: int, model: ModelInfo | None) -> ControlPanel:
    """The fields, all empty: the model's own values stand as placeholders once they are known."""
    # Only a field with a value is optional for gradio_client.
    system = gr.Textbox(
        "", label="System prompt", lines=2, max_lines=8, placeholder="None", elem_id="system", max_length=20000
    )
    hints = placeholders(frames, model)
    with gr.Row(elem_id="numbers"):
        numbers = tuple(_number(field, hint) for field, hint in zip(FIELDS, hints, strict=True))
    reset = gr.Button("Reset to the model's own", size="sm", variant="secondary", elem_id="reset")
    reset.click(
        lambda: ["", *[None] * len(FIELDS)],
        None,
        [system, *numbers],
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    return ControlPanel(system, numbers, reset)


def placeholders(frames: int, model: ModelInfo | None) -> list[str]:
    """What each field shows while it is empty."""
    own: dict[str, object] = {"frames": frames, "seed": "random"}
    own |= {name: value for name, value in (asdict(model.sampling) if model else {}).items() if value is not None}
    return [_shown(own.get(field.name)) for field in FIELDS]


def hints(frames: int, model: ModelInfo | None) -> Sequence[gr.Number]:
    """The updates that write the placeholders anew."""
    return [gr.Number(placeholder=hint) for hint in placeholders(frames, model)]


def _number(field: Field, hint: str) -> gr.Number:
    return gr.Number(
        value=None,
        label=field.label,
        placeholder=hint,
        minimum=field.minimum,
        maximum=field.maximum,
        step=field.step,
        precision=0 if field.whole else None,
        min_width=110,
        elem_id=f"set-{field.name.replace('_', '-')}",
    )


def _shown(value: object) -> str:
    return "model's own" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
