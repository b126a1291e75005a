"""The language of a caption: offered beside the caption presets, written into the composer as a person would."""

from typing import Any

import gradio as gr

from backend.tasks import caption
from ui import render
from ui.convert import read_message

_OFFERED = {task.name for task in caption.TASKS}


def build_languages() -> gr.Dropdown:
    """The choice of eight languages, out of sight until a caption is wanted."""
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
    """The choice where the preset has one."""
    return gr.Dropdown(visible=preset in _OFFERED)


def write(message: object, language: str) -> gr.MultimodalTextbox:
    """What is in the composer, with the words for the language in it; the message shows what is asked."""
    posted = read_message(message)
    files: list[Any] = [render.file_data(path, name) for path, name in posted.named]
    return gr.MultimodalTextbox(value={"text": caption.in_language(language, posted.text), "files": files})
