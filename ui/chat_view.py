"""Builds the chat: bubbles, composer, example chips and the presets below it. Wired by `chat_events.py`.

`gr.ChatInterface` is not used: its wiring takes the conversation from what the browser posts, drops files on edit and
cannot stop every run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from backend.tasks.presets import caption
from backend.tasks.registry import tasks
from ui import render
from ui.convert import Posted, read_message

FOLDER = Path(__file__).parent.parent / "assets" / "examples"


@dataclass(frozen=True, slots=True)
class Example:
    """One chip: its label, and what a click sends."""

    label: str
    file: Path
    task: str
    text: str = ""

    @property
    def posted(self) -> Posted:
        """The message that a click sends."""
        return Posted(self.text, (self.file,))


def find_examples(folder: Path = FOLDER) -> tuple[Example, ...]:
    """The chips whose media are there."""
    chips = (
        Example("Describe this scene", folder / "scene.png", "caption_detailed"),
        Example("Read this receipt", folder / "receipt.png", "receipt"),
        Example("Write this formula as LaTeX", folder / "formula.png", "latex"),
        Example("Tell what happens in this clip", folder / "clip.mp4", "describe_video"),
    )
    return tuple(chip for chip in chips if chip.file.is_file())


_OFFERED = {task.name for task in caption.TASKS}


def build_languages() -> gr.Dropdown:
    """Build the choice of eight languages, hidden until a caption is wanted."""
    return gr.Dropdown(
        choices=list(caption.LANGUAGES),
        value=caption.LANGUAGES[0],
        label="Language",
        show_label=False,
        container=False,
        visible=False,
        elem_id="languages",
    )


def offer(preset: str) -> gr.Dropdown:
    """Show the choice of languages where the preset has one."""
    return gr.Dropdown(visible=preset in _OFFERED)


def write(message: object, language: str) -> gr.MultimodalTextbox:
    """Write the words for the language into the composer, so that the message shows what is asked."""
    posted = read_message(message)
    files: list[Any] = [render.file_data(path, name) for path, name in posted.named]
    return gr.MultimodalTextbox(value={"text": caption.in_language(language, posted.text), "files": files})


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


@dataclass(frozen=True, slots=True)
class ChatView:
    """The components of the chat; `api` and `api_response` are out of sight, for programs."""

    chatbot: gr.Chatbot
    textbox: gr.MultimodalTextbox
    presets: gr.Radio
    languages: gr.Dropdown
    api: gr.Button
    api_response: gr.JSON


def build_chat(examples: Sequence[Example]) -> ChatView:
    """Build the chat where the page is being built."""
    with gr.Column():
        chatbot = _bubbles(examples)
        with gr.Group(), gr.Row():
            textbox = _composer()
        api, response = gr.Button("chat", visible=False), gr.JSON(visible=False)
        presets = gr.Radio(
            choices=[(task.title, task.name) for task in tasks().values()],
            value="chat",
            label="Preset",
            show_label=False,
            container=False,
            elem_id="presets",
        )
        return ChatView(chatbot, textbox, presets, build_languages(), api, response)


def _chips(examples: Sequence[Example]) -> Any:
    return [{"text": chip.text, "files": [str(chip.file)], "display_text": chip.label} for chip in examples]


def _bubbles(examples: Sequence[Example]) -> gr.Chatbot:
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
        examples=_chips(examples) or None,
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
        max_plain_text_length=2_000_000,  # longer ones would become files; the chat says what is too long
        submit_btn=True,
        stop_btn=False,  # shown while an answer is written
        autofocus=True,
    )
