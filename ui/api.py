"""Offers endpoints to programs through gradio_client: `/chat`, and each preset under its own name.

A client of `/chat` is one conversation. The others answer about one file, and nothing of it is kept.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import reduce
from typing import Any

import gradio as gr

from backend.chat.one_shot import OneShot, grown
from backend.errors import InputError, ModelFailed
from backend.evidence.reading_engine import NO_AMOUNTS
from backend.tasks.forms.json_text import data_in
from backend.tasks.presets.latex import source
from backend.tasks.presets.receipt import results
from backend.tasks.result import Answer
from ui.chat_events import owner
from ui.chat_verbs import ChatVerbs
from ui.convert import read_file, read_message
from ui.errors import readable
from ui.fields import read_controls
from ui.gradio_patches import offer_no_tool
from ui.throttle import throttled
from ui.uploads import HOW

Endpoint = Callable[..., AsyncGenerator[tuple[str, str]]]


def build_endpoint(verbs: ChatVerbs, frames: int) -> Endpoint:
    """Build the endpoint's function; Gradio uses the names of its parameters in the API."""

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
            verbs.submit(conversation, read_message(message), preset, controls, owner(request))
        ) as views:
            async for view in views:
                yield view.reply, view.conversation
                if view.error:
                    raise gr.Error(view.error, print_exception=False)

    offer_no_tool(chat)  # it would forget the conversation; the presets are the tools
    return chat


class Presets:
    """The presets as endpoints: a file in, the growing answer out. Their docstrings are read by programs."""

    def __init__(self, once: OneShot, frames: int) -> None:
        self._once = once
        self._frames = frames

    def build(self) -> None:
        """Put the endpoints into the page that is being built, without anything visible."""
        file, text, button = gr.File(visible=False), gr.Textbox("", visible=False), gr.Button(visible=False)
        words, data = gr.Textbox(visible=False), gr.JSON(visible=False)
        for answer in (self.caption, self.receipt, self.latex, self.describe_video):
            shown = data if answer == self.receipt else words
            button.click(answer, [file, text], shown, api_name=answer.__name__, concurrency_limit=None)

    async def caption(self, image: str, text: str = "") -> AsyncGenerator[str]:
        """Describe an image in one line.

        Args:
            image: a PNG, JPEG, WebP, GIF, BMP or AVIF file.
            text: further words for the model, such as "in Welsh".
        """
        async with aclosing(self._answer("caption", image, text)) as answers:
            async for answer in answers:
                yield answer

    async def receipt(self, image: str, text: str = "") -> AsyncGenerator[Any]:
        """Read a printed receipt: shop, date, items, taxes, total and more as JSON; null where nothing is printed.

        Args:
            image: a PNG, JPEG, WebP, GIF, BMP or AVIF file.
            text: further words for the model, or a JSON Schema of your own that takes the place of the receipt's.
        """
        answer = ""
        async with aclosing(self._answer("receipt", image, text)) as answers:
            async for longer in answers:
                answer = longer
                yield gr.skip()
        if answer == NO_AMOUNTS:
            with readable():
                raise InputError(NO_AMOUNTS)
        whole = all(result.whole for result in results(Answer(answer, text)))
        if (data := data_in(answer)) is None or not whole:
            with readable():
                raise ModelFailed(
                    "The model did not return a complete receipt. "
                    "Call /chat with preset “receipt” to see its raw answer."
                )
        yield data

    async def latex(self, image: str, text: str = "") -> AsyncGenerator[str]:
        """Write the formula in an image as LaTeX, without delimiters.

        Args:
            image: a PNG, JPEG, WebP, GIF, BMP or AVIF file.
            text: further words for the model.
        """
        async with aclosing(self._answer("latex", image, text)) as answers:
            async for answer in answers:
                yield source(answer)

    async def describe_video(self, video: str, text: str = "") -> AsyncGenerator[str]:
        """Describe what happens in a clip, in order, with times.

        Args:
            video: an MP4, MOV, WebM, MKV, AVI or MPEG-TS file.
            text: further words for the model.
        """
        async with aclosing(self._answer("describe_video", video, text)) as answers:
            async for answer in answers:
                yield answer

    async def _answer(self, task: str, posted: object, text: str) -> AsyncGenerator[str]:
        """Yield the answer so far, also while nothing is new, so that a client that left is noticed."""
        answer = ""
        with readable():
            if (file := read_file(posted)) is None:
                raise InputError(HOW)
            events = self._once.stream(text or "", [file], task=task, video_frames=self._frames)
            async with aclosing(throttled(events)) as batches:
                async for batch in batches:
                    answer = reduce(grown, batch, answer)
                    yield answer
