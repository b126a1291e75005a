"""The chat itself: Gradio's chat interface with the bubbles, the composer, the example chips and the presets below it.

Gradio's own wiring is left out: it takes the conversation from what the browser posts, drops files on edit and cannot
stop every run. `wiring.py` has the page's.
"""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from gradio.components.multimodal_textbox import MultimodalValue

from backend.tasks.registry import tasks
from ui.examples import Example
from ui.languages import build_languages

# The browser's picker and its drop zone go by file name, and by a type that browsers do not know for all of these.
FILE_TYPES = [
    "image",
    "video",
    *(".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".avif", ".heic", ".heif"),
    *(".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".ts", ".mts", ".m2ts", ".mpg", ".mpeg", ".3gp"),
    ".pdf",
]
# `$` would take prices for formulas.
FORMULAS: list[dict[str, str | bool]] = [
    {"left": "\\[", "right": "\\]", "display": True},
    {"left": "\\(", "right": "\\)", "display": False},
]
WELCOME = """
<div class="welcome">

# Glimpse

Show it a picture or a clip, and ask.

</div>
"""


class ChatFrame(gr.ChatInterface):
    """The interface's components; `presets` and `languages` are what stands under the composer."""

    presets: gr.Radio
    languages: gr.Dropdown

    def __init__(self, fn: Callable[..., Any], examples: Sequence[Example]) -> None:
        super().__init__(
            fn,
            multimodal=True,
            chatbot=_bubbles(),
            textbox=_composer(),
            examples=_chips(examples) or None,
            example_labels=[chip.label for chip in examples] or None,
            analytics_enabled=False,
            fill_height=True,
            api_name="chat",
        )

    def _setup_events(self) -> None:
        """Left to `wiring.py`."""

    def _render_footer(self) -> None:
        self.presets = gr.Radio(
            choices=[(task.title, task.name) for task in tasks().values()],
            value="chat",
            label="Preset",
            show_label=False,
            container=False,
            elem_id="presets",
        )
        self.languages = build_languages()


def _chips(examples: Sequence[Example]) -> list[MultimodalValue]:
    return [{"text": chip.text, "files": [str(chip.file)]} for chip in examples]


def _bubbles() -> gr.Chatbot:
    return gr.Chatbot(
        elem_id="chat",
        show_label=False,
        container=False,
        scale=1,
        height="100%",
        layout="bubble",
        editable="user",
        buttons=["copy"],
        latex_delimiters=FORMULAS,
        group_consecutive_messages=False,
        allow_tags=False,
        sanitize_html=True,
        feedback_options=None,
        placeholder=WELCOME,
    )


def _composer() -> gr.MultimodalTextbox:
    return gr.MultimodalTextbox(
        elem_id="composer",
        placeholder="Ask, or drop a picture or a clip",
        show_label=False,
        container=False,
        sources=["upload"],
        file_count="multiple",
        file_types=FILE_TYPES,
        lines=1,
        max_lines=8,
        # A longer paste would become a text file, which no model here reads.
        max_plain_text_length=100_000,
        submit_btn=True,
        stop_btn=True,
        autofocus=True,
    )
