"""Pictures of nothing that Pocket knows, and that it says so: a stand-in for photographs, pages and screens."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from training import drills, prompts, text
from training.values import Drawing, Turn, say

Pixels = npt.NDArray[np.uint8]
Painter = Callable[[Pixels, random.Random, np.random.Generator], None]
"""Paints over pixels, height x width x 3."""

QUESTIONS = (
    *prompts.CAPTIONS, *prompts.CAPTION_OTHER, *prompts.LATEX_OTHER, prompts.CLOCK, *prompts.CLOCK_OTHER,
    "Who is this?", "What is going on here?", "Where was this taken?", "How many people are there?",
    "What color is it?", "What animal is this?", "Is there a dog in it?", "Describe the picture.", "What does it say?",
    "Is this a photo?", "Tell me about this picture.", "What is the weather like?", "How many are there?",
)  # fmt: skip


def _color(rng: random.Random) -> tuple[int, int, int]:
    return rng.randrange(256), rng.randrange(256), rng.randrange(256)


def _clouds(pixels: Pixels, rng: random.Random, noise: np.random.Generator) -> None:
    """Rough and fine shades of a few colors: ground, sky, fur, leaves."""
    height, width = pixels.shape[:2]
    total = np.zeros((height, width, 3), np.float32)
    cells, strength = rng.randint(2, 5), 1.0
    while cells < 120 and strength > 0.05:
        grid = noise.random((cells, cells, 3 if rng.random() < 0.4 else 1), dtype=np.float32) - 0.5
        total += strength * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC).reshape(height, width, -1)
        cells, strength = cells * rng.randint(2, 3), strength * rng.uniform(0.4, 0.9)
    shade = np.asarray(_color(rng), np.float32) + total * rng.uniform(60, 220)
    pixels[:] = np.clip(shade, 0, 255).astype(np.uint8)


def _hills(pixels: Pixels, rng: random.Random, noise: np.random.Generator) -> None:
    """Ridges before each other, each with its own ground."""
    height, width = pixels.shape[:2]
    _clouds(pixels, rng, noise)
    for layer in range(rng.randint(1, 4)):
        grid = noise.random((1, rng.randint(3, 20)), dtype=np.float32)
        ridge = cv2.resize(grid, (width, 1), interpolation=cv2.INTER_CUBIC)[0] * rng.uniform(0.05, 0.4) * height
        edge = ridge + height * (0.25 + 0.18 * layer)
        below = np.arange(height)[:, None] > edge[None, :]
        ground = np.empty_like(pixels)
        _clouds(ground, rng, noise)
        pixels[below] = ground[below]


def _things(pixels: Pixels, rng: random.Random, noise: np.random.Generator) -> None:
    """Many blobs and edges over each other, as streets and tables are."""
    height, width = pixels.shape[:2]
    _clouds(pixels, rng, noise)
    for _ in range(rng.randint(8, 90)):
        at, reach = (rng.randrange(width), rng.randrange(height)), rng.randint(4, max(5, width // 4))
        kind = rng.random()
        if kind < 0.4:
            axes = (reach, max(2, int(reach * rng.uniform(0.3, 1.0))))
            cv2.ellipse(pixels, at, axes, rng.uniform(0, 180), 0, 360, _color(rng), -1, cv2.LINE_AA)
        elif kind < 0.8:
            corners = np.asarray(at) + noise.integers(-reach, reach + 1, (rng.randint(3, 6), 2))
            cv2.fillPoly(pixels, [corners.astype(np.int32)], _color(rng), cv2.LINE_AA)
        else:
            end = (rng.randrange(width), rng.randrange(height))
            cv2.line(pixels, at, end, _color(rng), rng.randint(1, 8), cv2.LINE_AA)


def _somebody(pixels: Pixels, rng: random.Random, noise: np.random.Generator) -> None:
    """Something large and round in the middle, with something below it: a head and shoulders, an animal, a cup."""
    height, width = pixels.shape[:2]
    behind = _things if rng.random() < 0.4 else _clouds
    behind(pixels, rng, noise)
    pixels[:] = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(1.0, 8.0))
    skin = np.empty_like(pixels)
    _clouds(skin, rng, noise)
    middle, reach = (int(width * rng.uniform(0.35, 0.65)), int(height * rng.uniform(0.3, 0.5))), width * 0.1
    inside = np.zeros((height, width), np.uint8)
    head = (int(reach * rng.uniform(1.2, 2.4)), int(reach * rng.uniform(1.4, 2.8)))
    cv2.ellipse(inside, (middle[0], height), (int(head[0] * rng.uniform(1.2, 2.2)), height // 2), 0, 0, 360, 1, -1)
    cv2.ellipse(inside, middle, head, rng.uniform(-20, 20), 0, 360, 1, -1)
    pixels[inside > 0] = skin[inside > 0]
    for side in (-1, 1):
        eye = (middle[0] + int(side * head[0] * 0.4), middle[1])
        cv2.circle(pixels, eye, max(2, head[0] // 8), _color(rng), -1, cv2.LINE_AA)


def _blocks(pixels: Pixels, rng: random.Random, noise: np.random.Generator) -> None:
    """Rows of boxes: houses, windows, shelves, charts, the parts of a screen."""
    height, width = pixels.shape[:2]
    pixels[:] = _color(rng)
    for _ in range(rng.randint(4, 14)):
        left, top = rng.randrange(width), rng.randrange(height)
        wide, high = rng.randint(6, max(7, width // 3)), rng.randint(6, max(7, height // 2))
        color, line = _color(rng), rng.random() < 0.3
        for column in range(rng.randint(1, 5)):
            x = left + int(column * wide * 1.3)
            cv2.rectangle(pixels, (x, top), (x + wide, top + high), color, 1 if line else -1)


def _cells(pixels: Pixels, rng: random.Random, noise: np.random.Generator) -> None:
    """Patches about random points, shaded towards their edges: stones, skin, foam."""
    height, width = pixels.shape[:2]
    points = noise.random((rng.randint(8, 60), 2)) * (height, width)
    rows, columns = np.mgrid[:height:2, :width:2]
    away = np.hypot(rows[..., None] - points[:, 0], columns[..., None] - points[:, 1])
    colors = noise.integers(0, 256, (len(points), 3))
    shade = np.exp(-away.min(2) / rng.uniform(20, 80))[..., None]
    small = (colors[away.argmin(2)] * shade).astype(np.uint8)
    pixels[:] = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _weave(pixels: Pixels, rng: random.Random, noise: np.random.Generator) -> None:
    """Waves across each other: cloth, water, fences."""
    height, width = pixels.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    shade = sum(
        np.sin((rows * rng.uniform(-1, 1) + columns * rng.uniform(-1, 1)) / rng.uniform(1.5, 20)) for _ in range(3)
    )
    one, other = np.asarray(_color(rng)), np.asarray(_color(rng))
    mixed = other + (shade[..., None] + 3) / 6 * (one - other)
    pixels[:] = np.clip(mixed, 0, 255).astype(np.uint8)


TRAINING: tuple[Painter, ...] = (_clouds, _hills, _things, _somebody, _blocks)
HELD_OUT: tuple[Painter, ...] = (_cells, _weave)


@dataclass(frozen=True)
class Range:
    """How wide the domain is."""

    painters: tuple[Painter, ...] = TRAINING
    pages: float = 0.15
    drill: drills.Range = field(default_factory=drills.Range)


def make(rng: random.Random, domain: Range) -> Drawing:
    """A picture out of nothing; some are pages of words without sense, whose characters are marked."""
    if rng.random() < domain.pages:
        return drills.page(rng, domain.drill)
    noise = np.random.default_rng(rng.getrandbits(32))
    pixels = np.zeros((rng.randint(160, 400), rng.randint(160, 400), 3), np.uint8)
    rng.choice(domain.painters)(pixels, rng, noise)
    if rng.random() < 0.5:
        pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.5, 3.0)).astype(np.uint8)
    gray = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    colored = rng.uniform(0.0, 1.0)
    pixels = cv2.addWeighted(pixels, colored, gray, 1.0 - colored, 0.0).astype(np.uint8)
    return Drawing(Image.fromarray(pixels), ())


def turns(rng: random.Random, questions: int) -> tuple[Turn, ...]:
    """Whatever is asked, that it cannot."""
    return tuple(Turn(rng.choice(QUESTIONS), say(text.CANNOT)) for _ in range(questions))
