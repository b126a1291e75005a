"""Reads an image's text with RapidOCR (PP-OCRv6 small: detection, direction, recognition). Runs in the reader's child.

RapidOCR's three stages are called one by one: progress can be told between batches of recognition, lines are cut from
the image at its full size rather than from the one that detection shrinks, and a page that stands on its side or its
head is turned as a whole before its lines are recognised. Nothing is fetched: the models come with the package.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
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
SURE = 0.9  # that a line stands on its head, and of what it says
BATCH = 6  # lines recognised at once, as in RapidOCR
WIDEST = 120  # heights of a line: all the lines that are recognised at once
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
        boxes = [_lying(box) for box in found.boxes]
        crops = [_cut(found.pixels, box) for box in boxes]
        upside_down = self._upside_down(crops)
        if upside_down:
            boxes, crops = [_from_the_end(box) for box in boxes], [_on_its_head(crop) for crop in crops]
        texts = self._texts(crops, tell)
        for number, text in self._read_from_the_end(crops, texts):
            texts[number], boxes[number] = text, _from_the_end(boxes[number])
        lines = tuple(
            Line(text.strip(), _placed(box, width, found.quarter), score)
            for (text, score), box in zip(texts, boxes, strict=True)
            if text.strip() and score >= LEAST_SCORE
        )
        return in_reading_order(Page(width, height, lines, cast(Turn, 90 * found.quarter + 180 * upside_down)))

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
            boxes = list(self._detected(pixels[top:bottom, left:right]) + np.asarray((left, top), np.float32))
            found = joined(found, boxes, sideways=left > 0) if left or top else boxes
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
        labels = [label for label, score in self._direct(sample).cls_res if score > SURE]
        return 2 * labels.count("180") > len(labels)

    def _texts(self, crops: Sequence[Pixels], tell: Callable[[int, int], None]) -> list[tuple[str, float]]:
        """What each line says and how sure that is; lines of like width are recognised together."""
        from rapidocr.ch_ppocr_rec import TextRecInput

        texts: list[tuple[str, float]] = [("", 0.0)] * len(crops)
        done = 0
        for batch in batches([crop.shape[1] / crop.shape[0] for crop in crops]):
            tell(done, len(crops))
            read = self._recognise(TextRecInput(img=[crops[number] for number in batch]))
            for number, text, score in zip(batch, read.txts or (), read.scores, strict=False):
                texts[number] = str(text), float(score)
            done += len(batch)
        return texts

    def _read_from_the_end(
        self, crops: Sequence[Pixels], texts: Sequence[tuple[str, float]]
    ) -> Iterator[tuple[int, tuple[str, float]]]:
        """The lines that stand on their head where the page does not, as stamps do, and what they say."""
        unsure = [number for number, (_, score) in enumerate(texts) if score < SURE]
        labels = self._direct([crops[number] for number in unsure]).cls_res if unsure else ()
        turned = [
            number
            for number, (label, score) in zip(unsure, labels, strict=True)
            if (label, score > SURE) == ("180", True)
        ]
        again = self._texts([_on_its_head(crops[number]) for number in turned], lambda *_: None)
        return ((number, text) for number, text in zip(turned, again, strict=True) if text[1] > texts[number][1])


def _parameters(models: Path, threads: int) -> dict[str, Any]:
    return {
        "Global.log_level": "critical",
        "Det.model_path": str(models / "PP-OCRv6_det_small.onnx"),
        "Cls.model_path": str(models / "ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
        "Det.limit_type": "max",  # what it is given has its size already
        "Det.limit_side_len": LONGEST,
        "Det.max_candidates": LINES,
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


def joined(found: Sequence[Boxes], more: Sequence[Boxes], sideways: bool) -> list[Boxes]:
    """The boxes of some parts with those of the next part, below them or to their right.

    A line that both have is kept once, the one of the two that was seen whole; where a seam cuts lines across, what
    lies on both sides of it becomes one.
    """
    kept, edges = list(found), [_edges(box) for box in found]
    for box in more:
        one = _edges(box)
        twins = [number for number, other in enumerate(edges) if _same(one, other, sideways)]
        for number in twins:
            other = kept[number]
            if sideways:
                left, right = (other, box) if other[0, 0] <= box[0, 0] else (box, other)
                end = right if right[1, 0] > left[1, 0] else left
                box = np.asarray([left[0], end[1], end[2], left[3]], np.float32)
            elif _area(edges[number]) > _area(_edges(box)):
                box = other
        kept = [one for number, one in enumerate(kept) if number not in twins] + [box]
        edges = [one for number, one in enumerate(edges) if number not in twins] + [_edges(box)]
    return kept


Edges = tuple[float, float, float, float]
"""Left, top, right and bottom."""


def _edges(box: Boxes) -> Edges:
    (left, top), (right, bottom) = box.min(0).tolist(), box.max(0).tolist()
    return left, top, right, bottom


def _area(edges: Edges) -> float:
    left, top, right, bottom = edges
    return (right - left) * (bottom - top)


def _same(one: Edges, other: Edges, sideways: bool) -> bool:
    """Whether two boxes are one line: they share half of the smaller one, or of its height where it is cut across."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return False
    if sideways:
        return height > min(one[3] - one[1], other[3] - other[1]) / 2
    return width * height > min(_area(one), _area(other)) / 2


def batches(widths: Sequence[float]) -> Iterator[list[int]]:
    """The numbers of lines that are recognised at once, of like width each; widths in heights of the line.

    A batch is as wide as its widest line, so there are fewer in one of long lines: memory goes with its pixels.
    """
    batch: list[int] = []
    for number in sorted(range(len(widths)), key=lambda number: widths[number]):
        if batch and (len(batch) == BATCH or (len(batch) + 1) * widths[number] > WIDEST):
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


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


def _lying(box: Boxes) -> Boxes:
    """A box whose first corner is where its text begins: one that stands is read from top to bottom."""
    width, height = _size(box)
    return np.roll(box, -1, axis=0) if height >= STANDING * width else box


def _from_the_end(box: Boxes) -> Boxes:
    return np.roll(box, 2, axis=0)


def _on_its_head(crop: Pixels) -> Pixels:
    return np.ascontiguousarray(crop[::-1, ::-1])


def _cut(pixels: Pixels, box: Boxes) -> Pixels:
    """The pixels in a box, made upright."""
    import cv2

    width, height = (max(1, round(side)) for side in _size(box))
    corners = np.asarray([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    matrix = cv2.getPerspectiveTransform(np.asarray(box, np.float32), corners)
    cut = cv2.warpPerspective(pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(cut, np.uint8)


def _placed(box: Boxes, width: int, quarter: bool) -> Quad:
    """A box as corners in an image of this width as it came; `quarter` where it was turned a quarter to the left."""
    points: list[Point] = [(float(x), float(y)) for x, y in box]
    if quarter:  # what is at (x, y) there stands at (width - y, x) here
        points = [(width - y, x) for x, y in points]
    first, second, third, fourth = points
    return first, second, third, fourth
