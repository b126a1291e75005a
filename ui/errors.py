"""How an error of ours reaches the page."""

from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from backend.errors import GlimpseError


@contextmanager
def readable() -> Iterator[None]:
    """Show a person what they can do about an error; Gradio shows anything else as an error without words."""
    try:
        yield
    except GlimpseError as error:
        raise gr.Error(str(error), title="That did not work", print_exception=False) from error
