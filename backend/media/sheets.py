"""Contact sheets: the frames of a clip in a grid, each with its time burnt into the top left corner of its cell.

An image-only model reads a clip as such sheets, and Pocket is trained on sheets drawn here, so what this file draws is
part of the model. It does not know models: the caller says how many cells and how large a sheet.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from backend.media.clip import Frame, clock

Pixels = npt.NDArray[np.uint8]

_BOX = (24, 24, 24)
_INK = (255, 255, 255)


def contact_sheets(frames: Sequence[Frame], grid: tuple[int, int] = (4, 4), side: int = 1120) -> list[Image.Image]:
    """Draw frames, in their order, into sheets that are read row by row.

    Args:
        frames: any number of frames of any size; each is fitted whole into its square cell, centred on black.
        grid: columns and rows of a sheet. A sheet that is not full takes the smallest grid that holds its frames, so
            a short clip is seen larger.
        side: the longer side of a sheet in pixels. Cells are whole pixels, so a sheet may fall a few pixels short.

    Returns:
        RGB sheets, ceil(len(frames) / (columns * rows)) of them.
    """
    columns, rows = grid
    if columns < 1 or rows < 1 or side // max(grid) < 1:
        raise ValueError(f"a grid of {columns} x {rows} cells does not fit into {side} pixels")
    groups = [frames[start : start + columns * rows] for start in range(0, len(frames), columns * rows)]
    return [_sheet(group, _smallest(len(group), grid), side) for group in groups]


def _smallest(count: int, grid: tuple[int, int]) -> tuple[int, int]:
    columns, rows = grid
    fitted = max(min(columns, math.ceil(math.sqrt(count))), math.ceil(count / rows))
    return fitted, math.ceil(count / fitted)


def _sheet(frames: Sequence[Frame], grid: tuple[int, int], side: int) -> Image.Image:
    columns, rows = grid
    cell = side // max(grid)
    sheet: Pixels = np.zeros((rows * cell, columns * cell, 3), np.uint8)
    for index, frame in enumerate(frames):
        row, column = divmod(index, columns)
        draw_cell(sheet[row * cell : (row + 1) * cell, column * cell : (column + 1) * cell], frame)
    return Image.fromarray(sheet)


def draw_cell(cell: Pixels, frame: Frame) -> None:
    """Draw a frame and its time into a square view of a black RGB sheet, with a hair of black left around it."""
    size = cell.shape[0]
    room = max(1, size - 2 * max(1, size // 140))
    scale = room / max(frame.image.size)
    width, height = (max(1, round(length * scale)) for length in frame.image.size)
    picture = cv2.resize(
        np.asarray(frame.image.convert("RGB")),
        (width, height),
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
    )
    left, top = (size - width) // 2, (size - height) // 2
    cell[top : top + height, left : left + width] = picture
    label = _label(clock(frame.time), min(max(round(size * 0.09), 12), size))
    cell[: label.shape[0], : label.shape[1]] = label[:, :size]


@cache
def _font() -> Any:
    return cv2.FontFace("sans")


def _label(text: str, height: int) -> Pixels:
    """White digits on a dark box, `height` pixels high; the digits take two thirds of it."""
    size, pad = round(height * 0.92), max(2, height // 6)
    _, _, width, _ = cv2.getTextSize((1, 1), text, (0, 0), _font(), size, 700)
    label: Pixels = np.full((height, width + 2 * pad, 3), _BOX, np.uint8)
    cv2.putText(label, text, (pad, round(height * 0.83)), _INK, _font(), size, 700)
    return label
