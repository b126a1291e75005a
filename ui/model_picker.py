"""Builds the choice of another model in the side bar: a button, the list behind it, and the way back from a load."""

import asyncio
from dataclasses import dataclass
from typing import Any

import gradio as gr

from backend.models.switch import ModelSwitch
from ui.errors import readable

_HINT = "A model of this list, a Hugging Face id, or a folder"


@dataclass(frozen=True, slots=True)
class ModelPicker:
    """The components, from top to bottom."""

    instead: gr.Button
    suggested: gr.Button
    change: gr.Button
    panel: gr.Column
    wanted: gr.Dropdown
    load: gr.Button
    close: gr.Button


class ModelChoice:
    """The listeners; without `models` the model is the one that the page was started with."""

    def __init__(self, models: ModelSwitch | None) -> None:
        self._models = models
        self._suggested = ""

    @property
    def offered(self) -> bool:
        """Whether there is anything to choose."""
        return self._models is not None

    async def open(self) -> tuple[Any, ...]:
        """Show what can be chosen, in the place of the button."""
        offers = await asyncio.to_thread(self._models.offers) if self._models else []
        choices = [(f"{offer.name} · {offer.note}", offer.id) for offer in offers]
        return gr.Button(visible=False), gr.Column(visible=True), gr.Dropdown(choices=choices, value=None)

    def close(self) -> tuple[Any, ...]:
        """Put the list away again."""
        return gr.Button(visible=True), gr.Column(visible=False)

    def load(self, wanted: str | None) -> tuple[Any, ...]:
        """Load what was chosen or written."""
        with readable():
            if self._models:
                self._models.load(wanted or "")
        return self.close()

    async def suggest(self) -> Any:
        """The button that loads a larger model in one click, where there is one for this machine."""
        offer = await asyncio.to_thread(self._models.suggestion) if self._models else None
        self._suggested = offer.id if offer else ""
        return gr.Button(value=f"Try {offer.name}: {offer.note}" if offer else "", visible=offer is not None)

    def load_suggested(self) -> Any:
        """Load what was suggested, and suggest it no more."""
        with readable():
            if self._models:
                self._models.load(self._suggested)
        return gr.Button(visible=False)

    def go_back(self) -> None:
        """End a load, or give up one that failed, and go back to the model before it."""
        with readable():
            if self._models:
                self._models.go_back()

    def instead(self) -> Any:
        """The button that ends a load, where there is something to go back to."""
        name = self._models.instead if self._models else None
        return gr.Button(value=f"Use {name} instead", visible=True) if name else gr.Button(visible=False)


def build_picker(*, choosing: bool) -> ModelPicker:
    """Build the components; all are hidden where there is nothing to choose."""
    instead = gr.Button("", size="sm", visible=False, elem_id="model-instead")
    suggested = gr.Button("", size="sm", visible=False, elem_id="model-suggested")
    change = gr.Button("Change model", size="sm", visible=choosing, elem_id="model-change")
    with gr.Column(visible=False, elem_id="model-panel") as panel:
        wanted = gr.Dropdown([], label="Model", info=_HINT, allow_custom_value=True, elem_id="model-wanted")
        with gr.Row():
            load = gr.Button("Load", size="sm", variant="primary", min_width=60, elem_id="model-load")
            close = gr.Button("Close", size="sm", min_width=60, elem_id="model-close")
    return ModelPicker(instead, suggested, change, panel, wanted, load, close)
