"""Turns chats into arrays: token ids, which of them to learn, where each was read from, and what every patch shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from transformers import PreTrainedTokenizerFast
from transformers.models.mllama.processing_mllama import get_cross_attention_token_mask

from training.labels import CHARACTER_CLASS, MAX_INDEX, ROLE_CLASS
from training.tokenizer import BEGIN, END, IMAGE, START, TURN
from training.values import Answer, Chat, Drawing, Mark

Array = npt.NDArray[Any]

SLOTS = 4
UNTOLD = -100
"""The class of a role that is not to be learnt."""
"""Characters told apart within one patch, from left to right; roles and indices are told apart in two halves."""


@dataclass(frozen=True)
class Grid:
    """The one tile that an image becomes."""

    tile: int = 224
    patch: int = 14

    @property
    def side(self) -> int:
        """Patches along one side."""
        return self.tile // self.patch


@dataclass(frozen=True)
class Picture:
    """One image as the processor would make it, before normalising, and the classes of its patches."""

    pixels: Array
    characters: Array
    roles: Array
    indices: Array


@dataclass(frozen=True)
class Sample:
    """One chat, encoded. `labels` and `sources` belong to the token at the same place; -100 and -1 are none."""

    ids: Array
    labels: Array
    sources: Array
    pictures: tuple[Picture, ...]
    windows: tuple[tuple[int, int], ...]


def fit(size: tuple[int, int], tile: int) -> tuple[int, int]:
    """The size that the Mllama processor scales an image to for one tile."""
    width, height = size
    scale = tile / max(width, height)
    return max(1, min(tile, int(width * scale + 1e-6))), max(1, min(tile, int(height * scale + 1e-6)))


def picture(drawing: Drawing, grid: Grid) -> Picture:
    """The drawing scaled into the tile's top left corner, on black."""
    width, height = fit(drawing.image.size, grid.tile)
    scaled = drawing.image.convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.zeros((grid.tile, grid.tile, 3), np.uint8)
    pixels[:height, :width] = np.asarray(scaled)
    count = grid.side**2
    characters = np.zeros((count, SLOTS), np.int16)
    roles, indices = np.zeros((count, 2), np.int16), np.zeros((count, 2), np.int16)
    for mark in drawing.marks:
        if mark.spread:
            _fill(mark, drawing, grid, characters, roles, indices)
            continue
        place, across = _place(mark.x, mark.y, drawing, grid)
        slot = int(across * SLOTS)
        free = [other for other in (slot, slot + 1, slot - 1) if 0 <= other < SLOTS and not characters[place, other]]
        characters[place, free[0] if free else slot] = CHARACTER_CLASS.get(mark.label, 0)
        half = int(across * 2)
        if not roles[place, half]:
            roles[place, half] = ROLE_CLASS.get(mark.role, UNTOLD)
            indices[place, half] = min(mark.index, MAX_INDEX - 1)
    return Picture(pixels, characters, roles, indices)


def _fill(mark: Mark, drawing: Drawing, grid: Grid, characters: Array, roles: Array, indices: Array) -> None:
    """Give a thing larger than a character all the patches whose middle it reaches, and always its own."""
    scale = grid.tile / max(drawing.image.size) / grid.patch
    x, y, reach = mark.x * scale - 0.5, mark.y * scale - 0.5, mark.spread * scale
    rows = {round(y), *range(math.ceil(y - reach), math.floor(y + reach) + 1)}
    columns = {round(x), *range(math.ceil(x - reach), math.floor(x + reach) + 1)}
    for row in rows:
        for column in columns:
            place = min(max(row, 0), grid.side - 1) * grid.side + min(max(column, 0), grid.side - 1)
            characters[place] = CHARACTER_CLASS.get(mark.label, 0)
            roles[place] = ROLE_CLASS.get(mark.role, UNTOLD)
            indices[place] = min(mark.index, MAX_INDEX - 1)


def _place(x: float, y: float, drawing: Drawing, grid: Grid) -> tuple[int, float]:
    """The patch of a point, and how far across it the point is, 0 to 1."""
    scale = grid.tile / max(drawing.image.size)
    column = min(max(x * scale / grid.patch, 0.0), grid.side - 1e-3)
    row = min(max(y * scale / grid.patch, 0.0), grid.side - 1e-3)
    return int(row) * grid.side + int(column), column - int(column)


class Encoder:
    """Encodes chats in the form of the chat template."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, grid: Grid) -> None:
        self.tokenizer, self.grid = tokenizer, grid
        self.image = int(tokenizer.convert_tokens_to_ids(IMAGE))
        self.turn = int(tokenizer.convert_tokens_to_ids(TURN))
        self.keys_per_image = grid.side**2 + 1

    def encode(self, chat: Chat) -> Sample:
        """The whole conversation as one sequence; only what the assistant says is learnt."""
        ids: list[int] = self._ids(BEGIN + (self._message("system", chat.system) if chat.system else ""))
        if not chat.turns:
            ids = ids[:1]
        learnt, sources = [False] * len(ids), [-1] * len(ids)
        shown: list[int] = [] if chat.turns else list(range(len(chat.drawings)))
        slots: tuple[int, ...] = ()
        for turn in chat.turns:
            if turn.drawings:
                slots = turn.drawings
                shown += slots
            question = self._ids(
                self._message("user", IMAGE * len(turn.drawings) + turn.question) + self._head("assistant")
            )
            answer, read_from = self._answer(turn.answer, chat.drawings, slots)
            first = (len(shown) - len(slots)) * self.keys_per_image
            ids += question + answer + [self.turn]
            learnt += [False] * len(question) + [True] * (len(answer) + 1)
            sources += [-1] * len(question) + [key + first if key >= 0 else -1 for key in read_from] + [-1]
        labels = np.where(np.array(learnt), np.array(ids), -100)
        windows = tuple(
            (start, len(ids) if end == -1 else end) for start, end in get_cross_attention_token_mask(ids, self.image)
        )
        pictures = {number: picture(chat.drawings[number], self.grid) for number in set(shown)}
        return Sample(np.array(ids), labels, np.array(sources), tuple(pictures[number] for number in shown), windows)

    def _head(self, role: str) -> str:
        return f"{START}{role}{END}\n\n"

    def _message(self, role: str, content: str) -> str:
        return f"{self._head(role)}{content}{TURN}"

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _answer(
        self, answer: Answer, drawings: tuple[Drawing, ...], slots: tuple[int, ...]
    ) -> tuple[list[int], list[int]]:
        """Token ids and, for each, the key of the patch where its first marked character stands."""
        text = "".join(piece.text for piece in answer)
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        keys = [
            self._key(piece.drawing, piece.mark_of(at), drawings, slots)
            for piece in answer
            for at in range(len(piece.text))
        ]
        read_from = [
            next((key for key in keys[start:end] if key >= 0), -1) for start, end in encoded["offset_mapping"]
        ]
        return list(encoded["input_ids"]), read_from

    def _key(self, drawing: int, mark: int, drawings: tuple[Drawing, ...], slots: tuple[int, ...]) -> int:
        if mark < 0 or drawing not in slots:
            return -1
        point = drawings[drawing].marks[mark]
        place, _ = _place(point.x, point.y, drawings[drawing], self.grid)
        return slots.index(drawing) * self.keys_per_image + 1 + place
