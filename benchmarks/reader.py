"""What it takes to read a receipt, and what the child around RapidOCR adds: process, pipes, cutting of its own."""

import json
import random
import statistics
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from backend.reader.process import ReaderProcess, threads
from benchmarks.pairs import median_ratio, timed

SIZE = (1000, 1500)
ROWS = 40
WORDS = ("tea", "milk", "bread", "cheese", "butter", "paper", "cable", "lamp", "copper", "wooden", "green", "apple")


def measure(quick: bool = False) -> dict[str, float]:
    """reader_seconds: seconds a receipt takes with the child running; reader_ratio: over RapidOCR called as it is."""
    import rapidocr

    image = receipt()
    pixels = np.ascontiguousarray(np.asarray(image)[:, :, ::-1])
    bare: Any = rapidocr.RapidOCR(
        params={
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": threads(),
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
    process, seconds = ReaderProcess(), []

    def ours() -> float:
        seconds.append(timed(lambda: process.read(image, lambda done, total: None)))
        return seconds[-1]

    try:
        page, theirs = process.read(image, lambda done, total: None), bare(pixels)
        if len(page.rows) != ROWS or abs(len(page.lines) - len(theirs.txts)) > 2:
            raise RuntimeError(f"{len(page.rows)} rows were read, and bare RapidOCR found {len(theirs.txts)} lines")
        ratio = median_ratio(ours, lambda: timed(lambda: bare(pixels)), 1 if quick else 5)
    finally:
        process.end()
    return {"reader_seconds": statistics.median(seconds[1:]), "reader_ratio": ratio}


def receipt() -> Image.Image:
    """A receipt of as many rows as are measured: a name at the left and an amount at the right of most."""
    draw = random.Random(13)
    image = Image.new("RGB", SIZE, "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size=24)
    for row in range(ROWS):
        top = 20 + row * 36
        pen.text((60, top), " ".join(draw.sample(WORDS, 3)).capitalize(), font=font, fill="black")
        if row > 4:
            pen.text((800, top), f"{draw.randint(100, 99999) / 100:,.2f}", font=font, fill="black")
    return image


if __name__ == "__main__":
    print(json.dumps(measure()))
