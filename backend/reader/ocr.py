"""Reads an image's text with RapidOCR (PP-OCRv6 small: detection, direction, recognition). Runs in the reader's child.

RapidOCR's three stages are called one by one: progress can be reported between batches of recognition, lines are cut
from the image at its full size rather than from the one that detection shrinks, and a page that stands on its side or
its head is turned as a whole before its lines are recognised. Nothing is fetched: the models come with the package.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from backend.reader.boxes import (
    BATCH,
    LONGEST,
    Area,
    Boxes,
    batches,
    from_the_end,
    joined,
    lying,
    on_its_side,
    parts,
    placed,
    size,
    tiles,
    too_small,
)
from backend.reader.page import MOST_LINES, Line, Page, Turn, in_reading_order

Pixels = npt.NDArray[np.uint8]
"""Height x width x 3, BGR as OpenCV has it."""

SEEN = 736  # pixels that a smaller image's short side is enlarged to, as in RapidOCR
LEAST = 96  # pixels of the short side
LEAST_SCORE = 0.5  # a line less sure than this is no text, as RapidOCR has it
SURE = 0.9  # that a line stands on its head, and of what it says
SHOWN = 10  # heights of a line
FEW = 6  # lines whose directions do not outvote a mistake


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
        from rapidocr.ch_ppocr_cls import TextClassifier
        from rapidocr.ch_ppocr_det import TextDetector
        from rapidocr.ch_ppocr_rec import TextRecognizer

        config = rapidocr.RapidOCR(params=_PARAMETERS).cfg
        models = Path(rapidocr.__file__).parent / "models"
        self._detect: Any = TextDetector(_configured(config.Det, models / "PP-OCRv6_det_small.onnx", threads))
        self._direct: Any = TextClassifier(
            _configured(config.Cls, models / "ch_ppocr_mobile_v2.0_cls_mobile.onnx", threads)
        )
        self._recognise: Any = TextRecognizer(_configured(config.Rec, models / "PP-OCRv6_rec_small.onnx", threads))

    def read(self, pixels: Pixels, tell: Callable[[int, int], None]) -> Page:
        """Read an image to a page; `tell` is called with the lines read and the lines in all."""
        height, width = pixels.shape[:2]
        found = self._found(pixels)
        if not len(found.boxes):
            return Page(width, height)
        boxes = [lying(box) for box in found.boxes]
        crops = [_cut(found.pixels, box) for box in boxes]
        upside_down = self._upside_down(crops)
        if upside_down:
            boxes, crops = [from_the_end(box) for box in boxes], [_on_its_head(crop) for crop in crops]
        texts = self._texts(crops, tell)
        for number, text in self._read_from_the_end(crops, texts):
            texts[number], boxes[number] = text, from_the_end(boxes[number])
        lines = tuple(
            Line(text.strip(), placed(box, width, found.quarter), score)
            for (text, score), box in zip(texts, boxes, strict=True)
            if text.strip() and score >= LEAST_SCORE
        )
        return in_reading_order(Page(width, height, lines, cast(Turn, 90 * found.quarter + 180 * upside_down)))

    def _found(self, pixels: Pixels) -> _Found:
        boxes = self._boxes(pixels)
        if on_its_side(boxes):
            turned = np.ascontiguousarray(np.rot90(pixels))
            return _Found(turned, self._boxes(turned), True)
        return _Found(pixels, boxes, False)

    def _boxes(self, pixels: Pixels) -> Boxes:
        """Detect every box of text; one in two parts of the image counts once."""
        height, width = pixels.shape[:2]
        found = self._in_parts(pixels, parts(width, height))
        if len(parts(width, height)) == 1 and too_small(found, width, height):
            rows: list[Boxes] = []
            for row in tiles(width, height):
                rows = joined(rows, self._in_parts(pixels, row), sideways=False)
            found = rows
        return np.asarray(found[:MOST_LINES], np.float32).reshape(-1, 4, 2)

    def _in_parts(self, pixels: Pixels, areas: Sequence[Area]) -> list[Boxes]:
        """Detect the boxes of some parts, each below the one before or to its right."""
        found: list[Boxes] = []
        for number, (left, top, right, bottom) in enumerate(areas):
            boxes = list(self._detected(pixels[top:bottom, left:right]) + np.asarray((left, top), np.float32))
            found = joined(found, boxes, sideways=left > 0) if number else boxes
        return found

    def _detected(self, pixels: Pixels) -> Boxes:
        import cv2

        height, width = pixels.shape[:2]
        scale = min(LONGEST / max(height, width), max(1.0, SEEN / min(height, width)))
        shown = max(1, round(width * scale)), max(1, round(height * scale))
        way = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
        seen = pixels if scale == 1.0 else cv2.resize(pixels, shown, interpolation=way)
        # A strip that is no higher than a line is set on paper.
        low, wide = (max(0, math.ceil((LEAST - side) / 2)) for side in seen.shape[:2])
        if low or wide:
            seen = cv2.copyMakeBorder(seen, low, low, wide, wide, cv2.BORDER_REPLICATE)
        boxes = self._detect(seen).boxes
        if boxes is None:
            return np.zeros((0, 4, 2), np.float32)
        found: Boxes = (np.asarray(boxes, np.float32) - np.asarray((wide, low), np.float32)) / np.float32(scale)
        return np.clip(found, 0, np.asarray((width, height), np.float32))

    def _upside_down(self, crops: Sequence[Pixels]) -> bool:
        """Whether the page stands on its head, by most of the lines of whose direction the model is sure.

        It is right about a line on its head more often than about an upright one, so a few lines are read both ways
        before a whole page is turned. On a page of a few lines that says too little, so all are read both ways at
        once.
        """
        sample = sorted(crops, key=lambda crop: -crop.shape[1])[:24]
        labels = [label for label, score in self._directions(sample) if score > SURE]
        if len(crops) > FEW and 2 * labels.count("180") <= len(labels):
            return False
        few = [_beginning(crop) for crop in sample[:BATCH]]
        read = self._texts([*few, *map(_on_its_head, few)], lambda *_: None)
        return sum(score for _, score in read[len(few) :]) > sum(score for _, score in read[: len(few)])

    def _directions(self, crops: Sequence[Pixels]) -> Sequence[tuple[str, float]]:
        """For each line "0" or "180", and how sure that is."""
        found: Sequence[tuple[str, float]] = self._direct([_beginning(crop) for crop in crops]).cls_res
        return found

    def _texts(self, crops: Sequence[Pixels], tell: Callable[[int, int], None]) -> list[tuple[str, float]]:
        """Recognise the text of each line, with its score; lines of like width are recognised together."""
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
        """Read the lines that stand on their head where the page does not, as stamps do."""
        unsure = [number for number, (_, score) in enumerate(texts) if score < SURE]
        labels = self._directions([crops[number] for number in unsure]) if unsure else ()
        said = zip(unsure, labels, strict=True)
        turned = [number for number, (label, score) in said if label == "180" and score > SURE]
        again = self._texts([_on_its_head(crops[number]) for number in turned], lambda *_: None)
        return ((number, text) for number, text in zip(turned, again, strict=True) if text[1] > texts[number][1])


_PARAMETERS = {
    "Global.log_level": "critical",
    "Det.limit_type": "max",  # what it is given has its size already
    "Det.limit_side_len": LONGEST,
    "Det.max_candidates": MOST_LINES,
}


def _configured(config: Any, model: Path, threads: int) -> Any:
    """RapidOCR's settings of one stage, with a session of ours: its own threads would spin while they wait.

    On two cores that others use too, a receipt took 4.4 s of processor time with threads that spin and 3.3 s without.
    """
    from omegaconf import DictConfig, OmegaConf
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.log_severity_level = 4
    options.enable_cpu_mem_arena = False
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    settings: Any = OmegaConf.to_container(config)
    return DictConfig({**settings, "session": session, "font_path": None}, flags={"allow_objects": True})


def _on_its_head(crop: Pixels) -> Pixels:
    return np.ascontiguousarray(crop[::-1, ::-1])


def _beginning(crop: Pixels) -> Pixels:
    """Cut the beginning of a line, which shows its direction: the whole would be squeezed beyond recognition."""
    return crop[:, : SHOWN * crop.shape[0]]


def _cut(pixels: Pixels, box: Boxes) -> Pixels:
    """The pixels in a box, made upright."""
    import cv2

    width, height = (max(1, round(side)) for side in size(box))
    corners = np.asarray([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    matrix = cv2.getPerspectiveTransform(np.asarray(box, np.float32), corners)
    cut = cv2.warpPerspective(pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.ascontiguousarray(cut, np.uint8)
