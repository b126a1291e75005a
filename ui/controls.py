"""The settings beside the chat: the system prompt, the numbers, and the button that empties them all."""

from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr

from backend.types import ModelInfo
from ui.fields import FIELDS, Field, placeholders


@dataclass(frozen=True, slots=True)
class ControlPanel:
    """The components, in the order of the page."""

    system: gr.Textbox
    numbers: tuple[gr.Textbox, ...]
    reset: gr.Button

    @property
    def inputs(self) -> list[gr.components.Component]:
        """What a message is sent with."""
        return [self.system, *self.numbers]


def build_controls(frames: int, model: ModelInfo | None) -> ControlPanel:
    """The fields, all empty: the model's own values stand as placeholders once they are known."""
    system = gr.Textbox("", label="System prompt", lines=2, max_lines=8, placeholder="None", elem_id="system")
    with gr.Row(elem_id="numbers"):
        numbers = tuple(map(_field, FIELDS, placeholders(frames, model)))
    reset = gr.Button("Reset to the model's own", size="sm", variant="secondary", elem_id="reset")
    reset.click(
        lambda: [""] * (1 + len(numbers)),
        None,
        [system, *numbers],
        queue=False,
        show_progress="hidden",
        api_visibility="private",
    )
    return ControlPanel(system, numbers, reset)


def hints(frames: int, model: ModelInfo | None) -> Sequence[gr.Textbox]:
    """The updates that write the placeholders anew."""
    return [gr.Textbox(placeholder=hint) for hint in placeholders(frames, model)]


def _field(field: Field, hint: str) -> gr.Textbox:
    # Not `gr.Number`: it turns an empty field into 0 as soon as it is shown. The empty text also makes the field
    # optional for gradio_client.
    return gr.Textbox(
        "",
        label=field.label,
        placeholder=hint,
        lines=1,
        max_lines=1,
        min_width=100,
        html_attributes=gr.InputHTMLAttributes(autocomplete="off", spellcheck=False),
        elem_id=f"set-{field.name.replace('_', '-')}",
    )
