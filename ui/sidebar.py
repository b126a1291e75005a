"""Builds the side bar: the conversations, what can be done with them, the settings, and the model's line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import gradio as gr

from backend.history import Summary
from backend.types import EngineStatus, ModelInfo
from ui import render
from ui.fields import FIELDS, Field, placeholders
from ui.model_picker import ModelPicker, build_picker


@dataclass(frozen=True, slots=True)
class ControlPanel:
    """The components, in the order of the page."""

    system: gr.Textbox
    numbers: tuple[gr.Textbox, ...]
    reset: gr.Button

    @property
    def inputs(self) -> list[gr.components.Component]:
        """The components whose values are sent with every message."""
        return [self.system, *self.numbers]


def build_controls(frames: int, model: ModelInfo | None) -> ControlPanel:
    """Build the fields, all empty: the model's own values are their placeholders once they are known."""
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
    """Make the updates that write the placeholders anew."""
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


FOLLOW = 1.0  # seconds between two looks at a model that is being loaded
LISTED = 500  # conversations; a longer list makes browsers slow
UNTITLED = "New chat"


@dataclass(frozen=True, slots=True)
class Sidebar:
    """The components, from top to bottom."""

    new: gr.Button
    many: gr.Button
    listing: gr.Radio
    actions: gr.Row
    rename: gr.Button
    delete: gr.Button
    naming: gr.Row
    title: gr.Textbox
    asking: gr.Row
    confirm: gr.Button
    keep: gr.Button
    controls: ControlPanel
    model: gr.Markdown
    picker: ModelPicker
    timer: gr.Timer


def build_sidebar(frames: int, status: EngineStatus, *, login: bool, choosing: bool) -> Sidebar:
    """Build the side bar, open on a desktop; with `login` it can log out, with `choosing` it offers other models."""
    with gr.Sidebar(width=292, elem_id="sidebar"):
        gr.Markdown('<span class="brand">Glimpse</span>', elem_id="brand")
        new = gr.Button("New chat", elem_id="new-chat", variant="secondary", size="md")
        many = gr.Button("Many files", elem_id="many", variant="secondary", size="md")
        listing = gr.Radio(
            choices=[],
            label="Conversations",
            show_label=False,
            container=False,
            interactive=True,
            elem_id="conversations",
        )
        with gr.Row(visible=False, elem_id="actions") as actions:
            rename = gr.Button("Rename", size="sm", min_width=60, elem_id="rename")
            delete = gr.Button("Delete", size="sm", min_width=60, elem_id="delete")
        with gr.Row(visible=False, elem_id="naming") as naming:
            title = gr.Textbox(
                label="New name", show_label=False, container=False, max_length=200, elem_id="title", autofocus=True
            )
        with gr.Row(visible=False, elem_id="asking") as asking:
            confirm = gr.Button("Delete for good", size="sm", min_width=60, variant="stop", elem_id="confirm")
            keep = gr.Button("Keep", size="sm", min_width=60, elem_id="keep")
        with gr.Accordion("Settings", open=False, elem_id="settings"):
            controls = build_controls(frames, status.model)
        model = gr.Markdown(render.model_line(status, choosing=choosing), elem_id="model")
        picker = build_picker(choosing=choosing)
        if login:
            gr.Button("Log out", size="sm", variant="secondary", elem_id="logout")  # assets/page.js says what it does
    timer = gr.Timer(FOLLOW)
    return Sidebar(
        new,
        many,
        listing,
        actions,
        rename,
        delete,
        naming,
        title,
        asking,
        confirm,
        keep,
        controls,
        model,
        picker,
        timer,
    )


def choices(summaries: Iterable[Summary]) -> list[tuple[str, str]]:
    """Make the lines of the list: titles, and ids as their values. Conversations without a message are left out."""
    return [(summary.title or UNTITLED, summary.id) for summary in islice(summaries, LISTED) if summary.turns]
