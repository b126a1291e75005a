"""Turns chats into arrays: token ids, which of them to learn, where each was read from, and what every patch shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from transformers import PreTrainedTokenizerFast
from transformers.models.mllama.image_processing_pil_mllama import (
    get_all_supported_aspect_ratios,
    get_image_size_fit_to_canvas,
    get_optimal_tiled_canvas,
)
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
    """The tiles that an image may become: their side and their patches' in pixels, and how many at most."""

    tile: int = 224
    patch: int = 14
    tiles: int = 1

    @property
    def side(self) -> int:
        """Patches along one side of a tile."""
        return self.tile // self.patch

    @property
    def keys(self) -> int:
        """What cross-attention sees of one tile: its patches after a class token."""
        return self.side**2 + 1


@dataclass(frozen=True)
class Layout:
    """Where the Mllama processor puts an image: scaled to width x height pixels, in the top left corner of a canvas of
    rows x columns tiles."""

    size: tuple[int, int]
    width: int
    height: int
    rows: int
    columns: int
    grid: Grid

    def patch(self, x: float, y: float) -> tuple[float, float]:
        """The column and row, in patches of the canvas, of a point of the image; whole numbers are patches' edges."""
        column = x * self.width / self.size[0] / self.grid.patch
        row = y * self.height / self.size[1] / self.grid.patch
        return (
            min(max(column, 0.0), self.columns * self.grid.side - 1e-3),
            min(max(row, 0.0), self.rows * self.grid.side - 1e-3),
        )

    def place(self, column: int, row: int) -> tuple[int, int]:
        """The tile and the place in it of a patch of the canvas."""
        side = self.grid.side
        return row // side * self.columns + column // side, row % side * side + column % side


@dataclass(frozen=True)
class Picture:
    """One image as the processor would make it, before normalising, and the classes of its patches, tile by tile."""

    pixels: Array
    """Tiles x side x side x 3, bytes."""
    classes: Array
    """Tiles x patches x classes: four characters, two roles, two indices."""
    aspect: int
    """The processor's number of the canvas."""


@dataclass(frozen=True)
class Sample:
    """One chat, encoded. `labels` and `sources` belong to the token at the same place; -100 and -1 are none."""

    ids: Array
    labels: Array
    sources: Array
    pictures: tuple[Picture, ...]
    windows: tuple[tuple[int, int], ...]


@lru_cache(4096)
def fit(size: tuple[int, int], grid: Grid) -> Layout:
    """The layout that the Mllama processor chooses for an image of width x height pixels."""
    width, height = size
    canvas = get_optimal_tiled_canvas(height, width, grid.tiles, grid.tile)
    high, wide = (int(side) for side in canvas)
    new_height, new_width = get_image_size_fit_to_canvas(height, width, high, wide, grid.tile)
    return Layout(size, int(new_width), int(new_height), high // grid.tile, wide // grid.tile, grid)


def picture(drawing: Drawing, grid: Grid) -> Picture:
    """The drawing scaled into its canvas's top left corner, on black, cut into tiles."""
    layout = fit(drawing.image.size, grid)
    scaled = drawing.image.convert("RGB").resize((layout.width, layout.height), Image.Resampling.BILINEAR)
    rows, columns, tile = layout.rows, layout.columns, grid.tile
    canvas = np.zeros((rows * tile, columns * tile, 3), np.uint8)
    canvas[: layout.height, : layout.width] = np.asarray(scaled)
    pixels = canvas.reshape(rows, tile, columns, tile, 3).swapaxes(1, 2).reshape(rows * columns, tile, tile, 3)
    classes = np.zeros((rows * columns, grid.side**2, SLOTS + 4), np.int16)
    for mark in drawing.marks:
        if mark.spread:
            _fill(mark, layout, classes)
        else:
            _stamp(mark, layout, classes)
    aspect = get_all_supported_aspect_ratios(grid.tiles).index((rows, columns)) + 1
    return Picture(np.ascontiguousarray(pixels), classes, aspect)


def _stamp(mark: Mark, layout: Layout, classes: Array) -> None:
    """Give a character its slot of its patch, or a free one beside it; the first in each half tells role and index."""
    column, row = layout.patch(mark.x, mark.y)
    patch, across = classes[layout.place(int(column), int(row))], column - int(column)
    slot, half = int(across * SLOTS), int(across * 2)
    free = [other for other in (slot, slot + 1, slot - 1) if 0 <= other < SLOTS and not patch[other]]
    patch[free[0] if free else slot] = CHARACTER_CLASS.get(mark.label, 0)
    if not patch[SLOTS + half]:
        patch[SLOTS + half] = ROLE_CLASS.get(mark.role, UNTOLD)
        patch[SLOTS + 2 + half] = min(mark.index, MAX_INDEX - 1)


def _fill(mark: Mark, layout: Layout, classes: Array) -> None:
    """Give a thing larger than a character all the patches whose middle it reaches, and always its own."""
    grid = layout.grid
    column, row = layout.patch(mark.x, mark.y)
    x, y, reach = column - 0.5, row - 0.5, mark.spread * layout.width / layout.size[0] / grid.patch
    character, role = CHARACTER_CLASS.get(mark.label, 0), ROLE_CLASS.get(mark.role, UNTOLD)
    told = (character,) * SLOTS + (role,) * 2 + (min(mark.index, MAX_INDEX - 1),) * 2
    last_column, last_row = layout.columns * grid.side - 1, layout.rows * grid.side - 1
    for down in {round(y), *range(math.ceil(y - reach), math.floor(y + reach) + 1)}:
        for along in {round(x), *range(math.ceil(x - reach), math.floor(x + reach) + 1)}:
            classes[layout.place(min(max(along, 0), last_column), min(max(down, 0), last_row))] = told


class Encoder:
    """Encodes chats in the form of the chat template."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, grid: Grid) -> None:
        self.tokenizer, self.grid = tokenizer, grid
        self.image = int(tokenizer.convert_tokens_to_ids(IMAGE))
        self.turn = int(tokenizer.convert_tokens_to_ids(TURN))
        self.keys_per_image = grid.keys * grid.tiles

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
        point, layout = drawings[drawing].marks[mark], fit(drawings[drawing].image.size, self.grid)
        column, row = layout.patch(point.x, point.y)
        tile, place = layout.place(int(column), int(row))
        return slots.index(drawing) * self.keys_per_image + tile * self.grid.keys + 1 + place
