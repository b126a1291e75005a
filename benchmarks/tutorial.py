"""The application of the tutorials, rebuilt as a baseline: six turns about one image, ours beside it.

What such applications do: the whole conversation is put through the processor at every turn, `generate` runs in a
thread a request, and `TextIteratorStreamer` hands text over. The one thing it gets here that tutorials leave out is
the history, without which there would be no second turn to compare.
"""

import statistics
import time
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, TextIteratorStreamer

from backend.engine.engine import LocalSpec
from backend.engine.process.engine import ProcessEngine
from backend.types import Message
from benchmarks.bench import Bench, bench, closing, reply, user
from benchmarks.checkpoints import QUICK, TILE, random_mllama
from benchmarks.pairs import note

QUESTIONS = (
    "What is this?",
    "Which colours?",
    "What is in the middle?",
    "Any text?",
    "What is left of it?",
    "And right?",
)
TOKENS = 32
SIZES = {"hidden": 512, "layers": 14, "vision_hidden": 320}  # 66 million parameters

Times = tuple[float, float]
"""Seconds to the first piece of text, all six turns together; seconds until the last answer was whole."""


def measure(quick: bool) -> dict[str, float]:
    """tutorial_first_token and tutorial_total: ours over the tutorial's, six turns about an image of four tiles."""
    firsts, totals = [], []
    with bench(2 * TILE) as here:
        model = random_mllama(here.folder / "model", **(QUICK if quick else SIZES))
        engine = ProcessEngine(LocalSpec(str(model), device="cpu", offline=True), here.folder / "media")
        tutorial = Tutorial(model)
        with closing(here, engine):
            here.ask(engine, (user(QUESTIONS[0], here.image),), 2)
            for number in range(1 if quick else 3):
                theirs = tutorial.talk(here.path) if number % 2 else None
                ours = _ours(here, engine)
                theirs = theirs or tutorial.talk(here.path)
                firsts.append(ours[0] / theirs[0])
                totals.append(ours[1] / theirs[1])
                note(
                    f"first token {ours[0]:.2f} s for {theirs[0]:.2f} s, in all {ours[1]:.2f} s for {theirs[1]:.2f} s"
                )
    return {"tutorial_first_token": statistics.median(firsts), "tutorial_total": statistics.median(totals)}


class Tutorial:
    """The baseline: a model, its processor, and a thread for each answer."""

    def __init__(self, model: Path) -> None:
        self._processor: Any = AutoProcessor.from_pretrained(model)
        self._model: Any = AutoModelForImageTextToText.from_pretrained(model, dtype=torch.float32).eval()

    def talk(self, path: Path) -> Times:
        """The six turns."""
        messages: list[dict[str, Any]] = []
        waited, began = 0.0, time.perf_counter()
        for question in QUESTIONS:
            content = [{"type": "text", "text": question}]
            messages.append({"role": "user", "content": content if messages else [{"type": "image"}, *content]})
            asked, pieces = time.perf_counter(), list[str]()
            for piece in self._answer(path, messages):
                # Tutorials' streamers say "" first, since they hold words back; it counts as the first token.
                waited += 0 if pieces else time.perf_counter() - asked
                pieces.append(piece)
            messages.append({"role": "assistant", "content": [{"type": "text", "text": "".join(pieces)}]})
        return waited, time.perf_counter() - began

    def _answer(self, path: Path, messages: list[dict[str, Any]]) -> TextIteratorStreamer:
        text = self._processor.apply_chat_template(messages, add_generation_prompt=True)
        with Image.open(path) as image:
            inputs = self._processor(
                images=[image.convert("RGB")], text=[text], add_special_tokens=False, return_tensors="pt"
            )
        streamer = TextIteratorStreamer(self._processor.tokenizer, skip_prompt=True, skip_special_tokens=True)
        arguments = {**inputs, "streamer": streamer, "max_new_tokens": TOKENS, "do_sample": False}
        Thread(target=self._model.generate, kwargs=arguments).start()
        return streamer


def _ours(here: Bench, engine: ProcessEngine) -> Times:
    talk: tuple[Message, ...] = ()
    waited, began, conversation = 0.0, time.perf_counter(), uuid4().hex
    for question in QUESTIONS:
        talk += (user(question, *([] if talk else [here.image])),)
        answer = here.ask(engine, talk, TOKENS, conversation)
        waited += answer.first
        talk += (reply(answer.text),)
    return waited, time.perf_counter() - began
