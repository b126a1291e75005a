"""Asks a model the questions of a chat as the program does: held to a preset's form and to the page that was read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from backend.engine.families.mllama import mllama
from backend.engine.local.grammar import Grammars
from backend.evidence.copying import copied, spoken
from backend.reader.page import Line, Page
from backend.reader.prompt import CLOSE, INTRODUCTION
from backend.tasks.forms import own_schema
from backend.tasks.presets import receipt
from backend.tasks.registry import tasks
from backend.types import Grammar
from training.tokenizer import END, IMAGE, START, TURN
from training.values import Chat

_LINE = 30  # pixels from one laid out line to the next
_WIDTH = 10.0  # pixels of a laid out character
_OWN_FORM = own_schema.prompt({}).rpartition("\n")[0] + "\n"


class Talker:
    """A model folder, ready to answer."""

    def __init__(self, folder: Path, device: str = "cpu", dtype: torch.dtype = torch.float32) -> None:
        self.processor: Any = AutoProcessor.from_pretrained(folder)
        self.model: Any = AutoModelForImageTextToText.from_pretrained(folder, dtype=dtype).to(device).eval()
        ends = self.model.generation_config.eos_token_id
        self._grammars = Grammars(self.processor.tokenizer, ends if isinstance(ends, list) else [ends])

    @property
    def side(self) -> int:
        """The side in pixels of the contact sheets that the engine draws for this model."""
        return mllama(self.model.config, self.processor).side

    def answers(self, chat: Chat, most: int = 1024) -> list[str]:
        """The answer to each question, the model's own earlier answers in its view."""
        text = self._message("system", chat.system) if chat.system else ""
        images, answers, pages = [], [], list[Page]()
        for turn in chat.turns:
            images += [chat.drawings[number].image for number in turn.drawings]
            pages = [laid_out(turn.page)] if turn.page else pages
            page = f"{INTRODUCTION}{turn.page}{CLOSE}" if turn.page else ""
            text += self._message("user", IMAGE * len(turn.drawings) + page + turn.question)
            grammar = held(turn.question, pages, bool(images))
            answers.append(self.say(text + f"{START}assistant{END}\n\n", images, most, grammar))
            text += self._message("assistant", answers[-1])
        return answers

    def say(self, text: str, images: list[Any], most: int, grammar: Grammar | None = None) -> str:
        """What the model says after a text in the chat template's form, in the form of a grammar if there is one."""
        begin = self.processor.tokenizer.bos_token
        inputs = self.processor(
            text=begin + text, images=images or None, add_special_tokens=False, return_tensors="pt"
        )
        inputs = inputs.to(self.model.device, self.model.dtype)
        holding = [self._grammars.processor(grammar, greedy=True)] if grammar else []
        with torch.inference_mode():
            output = self.model.generate(**inputs, max_new_tokens=most, do_sample=False, logits_processor=holding)
        return str(
            self.processor.tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        )

    @staticmethod
    def _message(role: str, content: str) -> str:
        return f"{START}{role}{END}\n\n{content}{TURN}"


def held(question: str, pages: list[Page], shown: bool) -> Grammar | None:
    """What the program holds the answer to a question to: the form of the preset that asks it, on the pages given.

    `shown` is whether the model sees an image; if not, what it says in words is held to the pages as well.
    """
    form = _form(question)
    if form is None:
        return spoken(question, pages) if pages and not shown else None
    return copied(form, pages, question)


def _form(question: str) -> Grammar | None:
    """The form of the preset whose question it is, a person's own schema included."""
    if question.startswith(_OWN_FORM):
        return receipt.grammar(question.removeprefix(_OWN_FORM))
    asked = (task for task in tasks().values() if task.prompt and question.startswith(task.prompt))
    return next((task.grammar("") for task in asked), None)


def laid_out(text: str) -> Page:
    """A text as a reader would have found it: each row below the last, cells parted by two blanks side by side."""
    rows, lines = text.split("\n"), list[Line]()
    for number, row in enumerate(rows):
        left, top = 0.0, float(number * _LINE)
        for cell in row.split("  "):
            right = left + _WIDTH * max(1, len(cell))
            quad = ((left, top), (right, top), (right, top + 20), (left, top + 20))
            lines += [Line(cell, quad)] if cell.strip() else []
            left = right + 4 * _WIDTH
    width = max((line.box[2] for line in lines), default=0) + 10
    return Page(width, len(rows) * _LINE + 10, tuple(lines))
