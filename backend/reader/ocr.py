"""Reads an image's text with RapidOCR (PP-OCRv6 small: detection, direction, recognition). Runs in the reader's child.

RapidOCR's three stages are called one by one: progress can be told between batches of recognition, lines are cut from
the image at its full size rather than from the one that detection shrinks, and a page that stands on its side or its
head is turned as a whole before its lines are recognised. Nothing is fetched: the models come with the package.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from backend.reader.page import Line, Page, Point, Quad, Turn, in_reading_order

Pixels = npt.NDArray[np.uint8]
"""Height x width x 3, BGR as OpenCV has it."""
Boxes = npt.NDArray[np.float32]
"""Count x 4 corners x 2, clockwise from the top left, in pixels."""

LONGEST = 2000  # pixels of a side that detection sees at once
SEEN = 736  # pixels that a smaller image's short side is enlarged to, as in RapidOCR
LEAST = 96  # pixels of the short side
NARROWEST = 500  # pixels: a page that would be shrunk below that is read part by part
OVERLAP = 160  # pixels of neighbouring parts
LEAST_SCORE = 0.5  # a line less sure than this is no text, as RapidOCR has it
BATCH = 6  # lines recognised at once, as in RapidOCR
STANDING = 1.5  # a box so many times as high as wide stands on its side
LINES = 5000  # of one image


@dataclass(frozen=True)
class _Found:
    """Boxes of an image that may have been turned a quarter to the left, and what it was cut from."""

    pixels: Pixels
    boxes: Boxes
    quarter: bool


class Recogniser:
    """RapidOCR's models, loaded once. `threads` bounds what onnxruntime uses."""

    def __init__(self, threads: int) -> None:
        import rapidocr

        ocr: Any = rapidocr.RapidOCR(params=_parameters(Path(rapidocr.__file__).parent / "models", threads))
        self._detect, self._direct, self._recognise = (
            ocr._load_det_model(),
            ocr._load_cls_model(),
            ocr._load_rec_model(),
        )

    def read(self, pixels: Pixels, tell: Callable[[int, int], None]) -> Page:
        """The page that an image is; `tell` hears how many lines of how many have been read."""
        height, width = pixels.shape[:2]
        found = self._found(pixels)
        if not len(found.boxes):
            return Page(width, height)
        crops = [_cut(found.pixels, box) for box in found.boxes]
        upside_down = self._upside_down(crops)
        if upside_down:
            crops = [np.ascontiguousarray(crop[::-1, ::-1]) for crop in crops]
        texts = self._texts(crops, tell)
        turn = cast(Turn, 90 * found.quarter + 180 * upside_down)
        lines = tuple(
            Line(text, _placed(box, (width, height), turn), score)
            for (text, score), box in zip(texts, found.boxes, strict=True)
            if text.strip() and score >= LEAST_SCORE
        )
        return in_reading_order(Page(width, height, lines, turn))

    def _found(self, pixels: Pixels) -> _Found:
        boxes = self._boxes(pixels)
        if _on_its_side(boxes):
            turned = np.ascontiguousarray(np.rot90(pixels))
            return _Found(turned, self._boxes(turned), True)
        return _Found(pixels, boxes, False)

    def _boxes(self, pixels: Pixels) -> Boxes:
        """Every box of text; a long page is looked at in parts that overlap, and what two parts have counts once."""
        height, width = pixels.shape[:2]
        found: list[Boxes] = []
        for left, top, right, bottom in parts(width, height):
            for box in self._detected(pixels[top:bottom, left:right]):
                box = box + np.asarray((left, top), np.float32)
                if not any(_same(box, other) for other in found):
                    found.append(box)
        return np.asarray(found[:LINES], np.float32).reshape(-1, 4, 2)

    def _detected(self, pixels: Pixels) -> Boxes:
        import cv2

        height, width = pixels.shape[:2]
        scale = min(LONGEST / max(height, width), max(1.0, SEEN / min(height, width)))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        way = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
        seen = pixels if scale == 1.0 else cv2.resize(pixels, size, interpolation=way)
        # A strip that is no higher than a line is set on paper.
        low, wide = (max(0, math.ceil((LEAST - side) / 2)) for side in seen.shape[:2])
        if low or wide:
            seen = cv2.copyMakeBorder(seen, low, low, wide, wide, cv2.BORDER_REPLICATE)
        boxes = self._detect(seen).boxes
        if boxes is None:
            return np.zeros((0, 4, 2), np.float32)
        moved = (np.asarray(boxes, np.float32) - np.asarray((wide, low), np.float32)) / scale
        return np.clip(moved, 0, np.asarray((width, height), np.float32)).astype(np.float32)

    def _upside_down(self, crops: Sequence[Pixels]) -> bool:
        """Whether the page stands on its head: what most lines say of whose direction the model is sure."""
        sample = sorted(crops, key=lambda crop: -crop.shape[1])[:24]
        labels = [label for label, score in self._direct(sample).cls_res if score > 0.9]
        return 2 * labels.count("180") > len(labels)

    def _texts(self, crops: Sequence[Pixels], tell: Callable[[int, int], None]) -> list[tuple[str, float]]:
        """What each line says and how sure that is; lines of like width are recognised together."""
        from rapidocr.ch_ppocr_rec import TextRecInput

        texts: list[tuple[str, float]] = [("", 0.0)] * len(crops)
        order = sorted(range(len(crops)), key=lambda number: crops[number].shape[1] / crops[number].shape[0])
        for start in range(0, len(order), BATCH):
            tell(start, len(order))
            batch = order[start : start + BATCH]
            read = self._recognise(TextRecInput(img=[crops[number] for number in batch]))
            for number, text, score in zip(batch, read.txts or (), read.scores, strict=False):
                texts[number] = str(text), float(score)
        return texts


def _parameters(models: Path, threads: int) -> dict[str, Any]:
    return {
        "Global.log_level": "critical",
        "Det.model_path": str(models / "PP-OCRv6_det_small.onnx"),
        "Cls.model_path": str(models / "ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
        "Det.limit_type": "max",  # what it is given has its size already
        "Det.limit_side_len": LONGEST,
        "Rec.model_path": str(models / "PP-OCRv6_rec_small.onnx"),
        "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    }


def parts(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Left, top, right and bottom of the parts in which an image is looked at: one, unless it is long and narrow.

    Example: 600 x 6000 pixels at once would be seen at 200 x 2000, so it becomes four parts of about 600 x 1620.
    """
    long, narrow = max(width, height), min(width, height)
    if long <= LONGEST or narrow * LONGEST / long >= min(narrow, NARROWEST):
        return [(0, 0, width, height)]
    most = max(LONGEST, 2 * narrow) - OVERLAP
    count = math.ceil((long - OVERLAP) / most)
    step = (long - OVERLAP) / count
    edges = [(round(at * step), round((at + 1) * step) + OVERLAP) for at in range(count)]
    if height >= width:
        return [(0, start, width, min(end, height)) for start, end in edges]
    return [(start, 0, min(end, width), height) for start, end in edges]


def _same(box: Boxes, other: Boxes) -> bool:
    """Whether two boxes are one line seen in two parts: the middle of the smaller one lies in the larger one."""
    small, large = sorted((box, other), key=lambda one: float(np.prod(np.ptp(one, axis=0))))
    middle = small.mean(0)
    inside = (large.min(0) < middle).all() and (middle < large.max(0)).all()
    heights = sorted(float(np.ptp(one[:, 1])) for one in (box, other))
    return bool(inside) and heights[0] > 0.5 * heights[1]


def _on_its_side(boxes: Boxes) -> bool:
    """Whether most of the text runs upwards or downwards."""
    sizes = [_size(box) for box in boxes]
    standing = sum(max(size) for size in sizes if size[1] >= STANDING * size[0])
    lying = sum(max(size) for size in sizes if size[0] >= STANDING * size[1])
    return len(sizes) > 2 and standing > 2 * lying


def _size(box: Boxes) -> tuple[float, float]:
    return (
        max(math.dist(box[0], box[1]), math.dist(box[3], box[2])),
        max(math.dist(box[0], box[3]), math.dist(box[1], box[2])),
    )


def _cut(pixels: Pixels, box: Boxes) -> Pixels:
    """The pixels in a box, made upright; those of one that stands are laid down."""
    import cv2

    width, height = (max(1, round(side)) for side in _size(box))
    corners = np.asarray([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    matrix = cv2.getPerspectiveTransform(np.asarray(box, np.float32), corners)
    cut = cv2.warpPerspective(pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    upright = np.rot90(cut) if height >= STANDING * width else cut
    return np.ascontiguousarray(upright, np.uint8)


def _placed(box: Boxes, size: tuple[int, int], turn: Turn) -> Quad:
    """A box of the turned image as corners in the image as it came, the first at the top left of the text."""
    width, _ = size
    points: list[Point] = [(float(x), float(y)) for x, y in box]
    if turn in (90, 270):  # it was turned a quarter to the left: (x, y) there stands at (width - y, x) here
        points = [(width - y, x) for x, y in points]
    if turn in (180, 270):  # and is read from the other end
        points = points[2:] + points[:2]
    first, second, third, fourth = points
    return first, second, third, fourth
