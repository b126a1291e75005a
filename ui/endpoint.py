"""What programs call through gradio_client: `/chat`, and the presets under names of their own.

A client of `/chat` is one conversation. The others answer about one file, and nothing of it is kept.
"""

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import reduce
from typing import Any

import gradio as gr

from backend.chat.once import Once, grown
from backend.errors import InputError, ModelFailed
from backend.evidence.reading_engine import NO_AMOUNTS
from backend.tasks.data import data_in
from backend.tasks.latex import source
from backend.tasks.receipt import results
from backend.tasks.result import Answer
from ui.chat import Talk
from ui.convert import read_file, read_message
from ui.errors import readable
from ui.fields import read_controls
from ui.pace import paced
from ui.uploads import HOW
from ui.wiring import owner

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

    vars(chat)["_mcp_type"] = "none"  # as a tool it would forget the conversation; the presets are the tools
    return chat


class Presets:
    """The presets as endpoints: a file in, the growing answer out. Their docstrings are read by programs."""

    def __init__(self, once: Once, frames: int) -> None:
        self._once = once
        self._frames = frames

    def build(self) -> None:
        """Put the endpoints into the page that is being built; nothing of them is seen."""
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
                    "The answer is no whole receipt; ask /chat with the preset receipt to see its words."
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
        """The answer as far as it is written, also while nothing is new: a client that left is noticed then."""
        answer = ""
        with readable():
            if (file := read_file(posted)) is None:
                raise InputError(HOW)
            events = self._once.stream(text or "", [file], task=task, video_frames=self._frames)
            async with aclosing(paced(events)) as batches:
                async for batch in batches:
                    answer = reduce(grown, batch, answer)
                    yield answer


def answer_in_json(tools: Any) -> None:
    """Let the tools of Gradio's MCP server answer with JSON; by itself it writes objects as Python does."""
    as_gradio = tools.postprocess_output_data

    def in_json(data: list[Any], root_url: str) -> Any:
        told = [json.dumps(each, ensure_ascii=False) if isinstance(each, dict) else each for each in data]
        return as_gradio(told, root_url)

    tools.postprocess_output_data = in_json
