"""Draws the page's example media: a scene, a receipt, a formula and a clip, from seeds that training never uses."""

from __future__ import annotations

import argparse
import random
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
from PIL import Image

from training import clips, formula_chat, mixture, receipts, scenes
from training.clips import Clip, Event

SIDE = 560


def scene(seed: str) -> Image.Image:
    """Three shapes or four on a plain background."""
    rng = random.Random(f"example:{seed}")
    while len((drawn := scenes.make(rng, scenes.Range(sides=(SIDE,)))).shapes) < 3:
        pass
    return drawn.drawing.image


def receipt(seed: str) -> Image.Image:
    """A short receipt that prints a date, a time, tax, total and payment."""
    rng = random.Random(f"example:{seed}")
    domain = receipts.Range(scales=(2.5,))
    while True:
        drawn = receipts.make(rng, domain)
        bought = drawn.purchase
        if len(bought.items) >= 2 and bought.tax_amount and bought.payment and bought.time and bought.currency:
            return drawn.drawing.image


def formula(seed: str) -> Image.Image:
    """A formula from the generator."""
    domain = replace(mixture.TRAINING.formula, sides=(SIDE,))
    return formula_chat.make(random.Random(f"example:{seed}"), domain).drawing.image


def clip(path: Path) -> None:
    """Six seconds: a red circle rests on the left, then moves to the right."""
    story = Clip("circle", "red", "white", "left", 6, (Event(0, "is"), Event(2, "moves")), (), ())
    rate = 12
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "20"})  # browsers play no MPEG-4 part 2
        stream.width = stream.height = 320
        stream.pix_fmt = "yuv420p"
        for number in range(story.seconds * rate + 1):
            pixels = np.asarray(clips.frame(story, number / rate, 320))
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def main() -> None:
    """Write the four examples."""
    parser = argparse.ArgumentParser(prog="python -m training.examples", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("assets/examples"))
    parser.add_argument("--scene", default="3")
    parser.add_argument("--receipt", default="3")
    parser.add_argument("--formula", default="1")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    scene(options.scene).save(options.out / "scene.png")
    receipt(options.receipt).save(options.out / "receipt.png")
    formula(options.formula).save(options.out / "formula.png")
    clip(options.out / "clip.mp4")


if __name__ == "__main__":
    main()
