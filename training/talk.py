"""Asks a model the questions of a chat and collects its answers, through the processor and `generate` as people do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from backend.engine.families.sheets import mllama
from backend.reader.prompt import CLOSE, INTRODUCTION
from training.tokenizer import END, IMAGE, START, TURN
from training.values import Chat


class Talker:
    """A model folder, ready to answer."""

    def __init__(self, folder: Path, device: str = "cpu", dtype: torch.dtype = torch.float32) -> None:
        self.processor: Any = AutoProcessor.from_pretrained(folder)
        self.model: Any = AutoModelForImageTextToText.from_pretrained(folder, dtype=dtype).to(device).eval()

    @property
    def side(self) -> int:
        """The side in pixels of the contact sheets that the engine draws for this model."""
        return mllama(self.model.config, self.processor).side

    def answers(self, chat: Chat, most: int = 1024) -> list[str]:
        """The answer to each question, the model's own earlier answers in its view."""
        text = self._message("system", chat.system) if chat.system else ""
        images, answers = [], []
        for turn in chat.turns:
            images += [chat.drawings[number].image for number in turn.drawings]
            page = f"{INTRODUCTION}{turn.page}{CLOSE}" if turn.page else ""
            text += self._message("user", IMAGE * len(turn.drawings) + page + turn.question)
            answers.append(self.say(text + f"{START}assistant{END}\n\n", images, most))
            text += self._message("assistant", answers[-1])
        return answers

    def say(self, text: str, images: list[Any], most: int) -> str:
        """What the model says after a text in the chat template's form."""
        begin = self.processor.tokenizer.bos_token
        inputs = self.processor(
            text=begin + text, images=images or None, add_special_tokens=False, return_tensors="pt"
        )
        inputs = inputs.to(self.model.device, self.model.dtype)
        with torch.inference_mode():
            output = self.model.generate(**inputs, max_new_tokens=most, do_sample=False)
        return str(
            self.processor.tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        )

    @staticmethod
    def _message(role: str, content: str) -> str:
        return f"{START}{role}{END}\n\n{content}{TURN}"
