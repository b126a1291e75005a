"""Shows the errors of `backend.errors` on the page."""

from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from backend.errors import GlimpseError


@contextmanager
def readable() -> Iterator[None]:
    """Show an error's sentence to the person; Gradio shows any other error without words."""
    try:
        yield
    except GlimpseError as error:
        raise gr.Error(str(error), title="That did not work", print_exception=False) from error
