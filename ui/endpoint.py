"""The `/chat` endpoint for gradio_client: one message in, the growing answer out. The client is one conversation."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import gradio as gr

from ui.chat import Talk
from ui.convert import read_message
from ui.fields import read_controls
from ui.wiring import owner, readable

Endpoint = Callable[..., AsyncGenerator[tuple[str, str]]]


def build_endpoint(talk: Talk, frames: int) -> Endpoint:
    """The endpoint's function; Gradio takes the names of its parameters for those of the API."""

    async def chat(
        request: gr.Request,
        message: dict[str, Any],
        conversation: str = "",
        preset: str = "chat",
        system: str = "",
        max_new_tokens: float | str = "",
        temperature: float | str = "",
        top_p: float | str = "",
        top_k: float | str = "",
        min_p: float | str = "",
        repetition_penalty: float | str = "",
        seed: float | str = "",
        video_frames: float | str = "",
        video_from: float | str = "",
        video_to: float | str = "",
    ) -> AsyncGenerator[tuple[str, str]]:
        """Answer a message {"text", "files"}; later messages of the same client are follow-ups."""
        numbers = max_new_tokens, temperature, top_p, top_k, min_p, repetition_penalty, seed, video_frames
        interval = video_from, video_to
        with readable():
            controls = read_controls((system, *numbers, *interval), frames)
        async with aclosing(
            talk.submit(conversation, read_message(message), preset, controls, owner(request))
        ) as views:
            async for view in views:
                yield view.reply, view.conversation
                if view.error:
                    raise gr.Error(view.error, print_exception=False)

    return chat
