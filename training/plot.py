"""The loss plot, drawn with Pillow."""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image, ImageDraw

from training import fonts

INKS = {"token": (200, 40, 40), "patch": (40, 110, 200), "look": (40, 150, 70)}
WIDTH, HEIGHT, MARGIN = 720, 400, 48


def plot(history: list[dict[str, float]], path: Path) -> None:
    """Losses over samples, the loss on a log scale from 0.001 to 10."""
    image = Image.new("RGB", (WIDTH, HEIGHT), (255, 255, 255))
    pen = ImageDraw.Draw(image)
    font = fonts.load(fonts.available(("DejaVuSans",))[0], 12)
    last = max((row["samples"] for row in history), default=1.0)
    for power in range(-3, 2):
        y = _height(10.0**power)
        pen.line((MARGIN, y, WIDTH - MARGIN, y), (225, 225, 225))
        pen.text((8, y - 7), f"{10.0**power:g}", (90, 90, 90), font)
    for number, (name, ink) in enumerate(INKS.items()):
        pen.text((WIDTH - MARGIN - 60, MARGIN + 16 * number), name, ink, font)
        points = [(_across(row["samples"], last), _height(row[name])) for row in history if name in row]
        if len(points) > 1:
            pen.line(points, ink, 2)
    pen.text((WIDTH // 2 - 60, HEIGHT - 24), f"samples, 0 to {last:,.0f}", (90, 90, 90), font)
    image.save(path)


def _across(samples: float, last: float) -> float:
    return MARGIN + samples / last * (WIDTH - 2 * MARGIN)


def _height(loss: float) -> float:
    part = (1.0 - math.log10(min(max(loss, 1e-3), 10.0))) / 4.0
    return MARGIN / 2 + part * (HEIGHT - MARGIN * 1.5)
