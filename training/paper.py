"""What a camera and a printer do to a clean drawing: paper, a slight turn, blur, noise, uneven light, JPEG."""

from __future__ import annotations

import io
import math
import random
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from training.values import Drawing, Mark


@dataclass(frozen=True)
class Wear:
    """How bad it may get; each is an upper bound, 0 switches the effect off."""

    turn: float = 1.5
    blur: float = 0.5
    noise: float = 8.0
    shade: float = 0.15
    jpeg: float = 0.3
    texture: float = 0.0


CLEAN = Wear(0.0, 0.0, 0.0, 0.0, 0.0)


def age(drawing: Drawing, rng: random.Random, wear: Wear) -> Drawing:
    """The drawing as if it had been printed and photographed; its marks move along."""
    if wear.turn and rng.random() < 0.4:
        drawing = turn(drawing, rng.uniform(-wear.turn, wear.turn))
    image = drawing.image
    if wear.blur and rng.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.0, wear.blur)))
    if (wear.noise or wear.shade) and rng.random() < 0.6:
        image = _grain(image, rng, wear)
    if wear.texture and rng.random() < wear.texture:
        image = _fibres(image, rng)
    if rng.random() < wear.jpeg:
        image = _jpeg(image, rng.randint(50, 90))
    return replace(drawing, image=image)


def turn(drawing: Drawing, degrees: float) -> Drawing:
    """Turn a drawing about its centre, keeping its size."""
    image = drawing.image
    corner = image.getpixel((1, 1))
    fill = corner if isinstance(corner, tuple) else None
    turned = image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=fill)
    cx, cy, angle = image.width / 2, image.height / 2, math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)

    def moved(mark: Mark) -> Mark:
        dx, dy = mark.x - cx, mark.y - cy
        return replace(mark, x=cx + dx * cos + dy * sin, y=cy - dx * sin + dy * cos)

    return Drawing(turned, tuple(moved(mark) for mark in drawing.marks))


def _grain(image: Image.Image, rng: random.Random, wear: Wear) -> Image.Image:
    generator = np.random.default_rng(rng.getrandbits(32))
    pixels = np.asarray(image, dtype=np.float32)
    height, width = pixels.shape[:2]
    noise = generator.standard_normal((height, width, 1), dtype=np.float32) * rng.uniform(0, wear.noise)
    slope = rng.uniform(-wear.shade, wear.shade)
    light = 1.0 + slope * np.linspace(-1, 1, width if rng.random() < 0.5 else height, dtype=np.float32)
    light = light[None, :, None] if light.size == width else light[:, None, None]
    return Image.fromarray(np.clip(pixels * light + noise, 0, 255).astype(np.uint8))


def _fibres(image: Image.Image, rng: random.Random) -> Image.Image:
    """Cloudy paper: slow random shades, stretched over the sheet."""
    generator = np.random.default_rng(rng.getrandbits(32))
    cells = (rng.randint(4, 24), rng.randint(4, 24))
    clouds = Image.fromarray(generator.integers(255 - rng.randint(4, 28), 256, cells, np.uint8))
    shade = clouds.resize(image.size, Image.Resampling.BICUBIC)
    return ImageChops.multiply(image, Image.merge("RGB", (shade, shade, shade)))


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")
