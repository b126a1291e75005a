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

from backend.reader.prompt import CLOSE, INTRODUCTION
from training.labels import CHARACTER_CLASS, MAX_INDEX, ROLE_CLASS
from training.tokenizer import BEGIN, END, IMAGE, START, TURN
from training.values import PAGE, Answer, Chat, Drawing, Mark, Turn

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

    def patches(self, marks: tuple[Mark, ...]) -> Array:
        """Columns and rows, in patches of the canvas, of marks of the image, marks x 2; whole numbers are edges."""
        points = np.array([(mark.x, mark.y) for mark in marks], np.float64).reshape(-1, 2)
        patch, side = self.grid.patch, self.grid.side
        points *= (self.width / self.size[0] / patch, self.height / self.size[1] / patch)
        return np.clip(points, 0.0, (self.columns * side - 1e-3, self.rows * side - 1e-3))

    def places(self, columns: Array, rows: Array) -> tuple[Array, Array]:
        """The tiles and the places in them of patches of the canvas."""
        side = self.grid.side
        return rows // side * self.columns + columns // side, rows % side * side + columns % side


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
    """One chat, encoded. `labels`, `sources` and `copies` belong to the token at the same place; -100 and -1 are none.

    A source is the key of the patch that the token was read from, a copy the place of the token of a page's text.
    """

    ids: Array
    labels: Array
    sources: Array
    copies: Array
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
    aspect = get_all_supported_aspect_ratios(grid.tiles).index((rows, columns)) + 1
    classes = _classes(drawing.marks, layout)
    return Picture(np.ascontiguousarray(pixels), classes if drawing.told else np.full_like(classes, UNTOLD), aspect)


def _classes(marks: tuple[Mark, ...], layout: Layout) -> Array:
    """What stands in each patch, tiles x patches x classes; later marks cover earlier ones."""
    side = layout.grid.side
    canvas = np.zeros((layout.rows * side, layout.columns * side, SLOTS + 4), np.int16)
    for mark, (column, row) in zip(marks, layout.patches(marks).tolist(), strict=True):
        if mark.spread:
            _fill(mark, column, row, mark.spread * layout.width / layout.size[0] / layout.grid.patch, canvas)
        else:
            _stamp(mark, canvas[int(row), int(column)], column - int(column))
    tiles = canvas.reshape(layout.rows, side, layout.columns, side, SLOTS + 4).swapaxes(1, 2)
    return tiles.reshape(layout.rows * layout.columns, side**2, SLOTS + 4)


def _stamp(mark: Mark, patch: Array, across: float) -> None:
    """Give a character its slot of its patch, or a free one beside it; the first in each half tells role and index."""
    slot, half = int(across * SLOTS), int(across * 2)
    if patch[slot]:
        free = [other for other in (slot + 1, slot - 1) if 0 <= other < SLOTS and not patch[other]]
        slot = free[0] if free else slot
    patch[slot] = CHARACTER_CLASS.get(mark.label, 0)
    if not patch[SLOTS + half]:
        patch[SLOTS + half] = ROLE_CLASS.get(mark.role, UNTOLD)
        patch[SLOTS + 2 + half] = min(mark.index, MAX_INDEX - 1)


def _fill(mark: Mark, column: float, row: float, reach: float, canvas: Array) -> None:
    """Give a thing larger than a character all the patches whose middle it reaches, and always its own."""
    x, y = column - 0.5, row - 0.5
    left, top = min(round(x), math.ceil(x - reach)), min(round(y), math.ceil(y - reach))
    right, bottom = max(round(x), math.floor(x + reach)), max(round(y), math.floor(y + reach))
    character, role = CHARACTER_CLASS.get(mark.label, 0), ROLE_CLASS.get(mark.role, UNTOLD)
    told = (character,) * SLOTS + (role,) * 2 + (min(mark.index, MAX_INDEX - 1),) * 2
    canvas[max(top, 0) : bottom + 1, max(left, 0) : right + 1] = told


class Encoder:
    """Encodes chats in the form of the chat template."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, grid: Grid) -> None:
        self.tokenizer, self.grid = tokenizer, grid
        # Without the wrapper, whose checks take longer than the work.
        self.fast = tokenizer.backend_tokenizer
        self.image = int(tokenizer.convert_tokens_to_ids(IMAGE))
        self.turn = int(tokenizer.convert_tokens_to_ids(TURN))
        self.keys_per_image = grid.keys * grid.tiles

    def encode(self, chat: Chat) -> Sample:
        """The whole conversation as one sequence; only what the assistant says is learnt."""
        ids: list[int] = self._ids(BEGIN + (self._message("system", chat.system) if chat.system else ""))
        if not chat.turns:
            ids = ids[:1]
        learnt, sources, copies = [False] * len(ids), [-1] * len(ids), [-1] * len(ids)
        shown: list[int] = [] if chat.turns else list(range(len(chat.drawings)))
        slots: tuple[int, ...] = ()
        page: list[int] = []
        for turn in chat.turns:
            if turn.drawings:
                slots = turn.drawings
                shown += slots
            asked, places = self._question(turn)
            if places is not None:
                page = [place + len(ids) if place >= 0 else -1 for place in places]
            answer, read_from, copied = self._answer(turn.answer, chat.drawings, slots, page)
            first = (len(shown) - len(slots)) * self.keys_per_image
            ids += asked + answer + [self.turn]
            learnt += [False] * len(asked) + [True] * (len(answer) + 1)
            sources += [-1] * len(asked) + [key + first if key >= 0 else -1 for key in read_from] + [-1]
            copies += [-1] * len(asked) + copied + [-1]
        labels = np.where(np.array(learnt), np.array(ids), -100)
        windows = tuple(
            (start, len(ids) if end == -1 else end) for start, end in get_cross_attention_token_mask(ids, self.image)
        )
        pictures = {number: picture(chat.drawings[number], self.grid) for number in set(shown)}
        images = tuple(pictures[number] for number in shown)
        return Sample(np.array(ids), labels, np.array(sources), np.array(copies), images, windows)

    def _message(self, role: str, content: str) -> str:
        return f"{self._head(role)}{content}{TURN}"

    def _head(self, role: str) -> str:
        return f"{START}{role}{END}\n\n"

    def _ids(self, text: str) -> list[int]:
        return list(self.fast.encode(text, add_special_tokens=False).ids)

    def _question(self, turn: Turn) -> tuple[list[int], list[int] | None]:
        """Token ids of a turn up to its answer, and for each character of its page where its token is."""
        before = self._head("user") + IMAGE * len(turn.drawings)
        page = INTRODUCTION + turn.page + CLOSE if turn.page else ""
        text = f"{before}{page}{turn.question}{TURN}{self._head('assistant')}"
        encoded = self.fast.encode(text, add_special_tokens=False)
        if turn.page is None:
            return list(encoded.ids), None
        start = len(before) + len(INTRODUCTION)
        places = [-1] * len(turn.page)
        for number, (left, right) in enumerate(encoded.offsets):
            for at in range(max(left - start, 0), min(right - start, len(places))):
                places[at] = number if places[at] < 0 else places[at]
        return list(encoded.ids), places

    def _answer(
        self, answer: Answer, drawings: tuple[Drawing, ...], slots: tuple[int, ...], page: list[int]
    ) -> tuple[list[int], list[int], list[int]]:
        """Token ids and, for each, the key of the patch and the place of the page's token where it was read."""
        text = "".join(piece.text for piece in answer)
        encoded = self.fast.encode(text, add_special_tokens=False)
        known = {drawing: self._keys(drawings[drawing], slots.index(drawing)) for drawing in slots}
        known[PAGE] = page
        keys, places = list[int](), list[int]()
        for piece in answer:
            table = known.get(piece.drawing)
            found = [
                table[mark] if table and (mark := piece.mark_of(at)) >= 0 else -1 for at in range(len(piece.text))
            ]
            nowhere = [-1] * len(found)
            keys += nowhere if piece.drawing == PAGE else found
            places += found if piece.drawing == PAGE else nowhere
        read_from = [next((key for key in keys[start:end] if key >= 0), -1) for start, end in encoded.offsets]
        copied = [places[start] if start < end else -1 for start, end in encoded.offsets]
        return list(encoded.ids), read_from, copied

    def _keys(self, drawing: Drawing, number: int) -> list[int]:
        """For each mark the key of its patch, the drawing being the so-many-th of its turn."""
        layout = fit(drawing.image.size, self.grid)
        columns, rows = layout.patches(drawing.marks).astype(np.int64).T
        tiles, places = layout.places(columns, rows)
        return list((number * self.keys_per_image + tiles * self.grid.keys + 1 + places).tolist())
