"""What a camera and a printer do to a clean drawing: paper, a slight turn, blur, noise, uneven light, JPEG."""

from __future__ import annotations

import io
import math
import random
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

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
        blur = max(0.05, rng.uniform(0.0, wear.blur))
        image = Image.fromarray(cv2.GaussianBlur(np.asarray(image), (5, 5), blur, borderType=cv2.BORDER_REPLICATE))
    if (wear.noise or wear.shade) and rng.random() < 0.6:
        image = _grain(image, rng, wear)
    if wear.texture and rng.random() < wear.texture:
        image = _fibres(image, rng)
    if rng.random() < wear.jpeg:
        image = _jpeg(image, rng.randint(50, 90))
    return replace(drawing, image=image)


def turn(drawing: Drawing, degrees: float) -> Drawing:
    """Turn a drawing about its centre, keeping its size."""
    pixels = np.asarray(drawing.image)
    height, width = pixels.shape[:2]
    corner = tuple(int(part) for part in pixels[1, 1])
    # OpenCV counts from the middle of the first pixel. It turns and blurs several times faster than Pillow.
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    turned = cv2.warpAffine(pixels, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=corner)
    cx, cy, angle = width / 2, height / 2, math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)

    def moved(mark: Mark) -> Mark:
        dx, dy = mark.x - cx, mark.y - cy
        return Mark(cx + dx * cos + dy * sin, cy - dx * sin + dy * cos, mark.label, mark.role, mark.index, mark.spread)

    return Drawing(Image.fromarray(turned), tuple(moved(mark) for mark in drawing.marks))


@cache
def _noise() -> npt.NDArray[np.float32]:
    """A field of noise to cut pieces from: drawing it anew for each image takes longer than all else here."""
    return np.random.default_rng(0).standard_normal((2048, 2048), dtype=np.float32)


def _grain(image: Image.Image, rng: random.Random, wear: Wear) -> Image.Image:
    pixels = np.asarray(image, dtype=np.float32).copy()
    height, width = pixels.shape[:2]
    slope = rng.uniform(-wear.shade, wear.shade)
    along = rng.random() < 0.5
    light = 1.0 + slope * np.linspace(-1, 1, width if along else height, dtype=np.float32)
    pixels *= light[None, :, None] if along else light[:, None, None]
    field = _noise()
    top, left = rng.randrange(max(1, 2048 - height)), rng.randrange(max(1, 2048 - width))
    piece = field[top : top + height, left : left + width] * np.float32(rng.uniform(0, wear.noise))
    # Larger sheets than the field keep a clean rest.
    pixels[: piece.shape[0], : piece.shape[1]] += piece[:, :, None]
    return Image.fromarray(np.clip(pixels, 0, 255, out=pixels).astype(np.uint8))


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
