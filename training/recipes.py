"""The two ways to train Pocket: on two CPU cores in hours, and a larger one with more pixels on a large GPU."""

from __future__ import annotations

from dataclasses import dataclass

from training.batches import Plan
from training.encode import Grid
from training.mixture import EASY, FULL, FULL_EASY, FULL_SEEING, SEEING, SIDE, TRAINING
from training.model import Shape


@dataclass(frozen=True)
class Recipe:
    """A shape, what it is shown, and the budget in minutes; the rate is the learning rate's peak."""

    name: str
    shape: Shape
    plan: Plan
    minutes: float
    rate: float
    save_every: float


_PAGE = Grid(tile=SIDE)

CPU = Recipe(
    name="cpu",
    shape=Shape(
        grid=_PAGE, text_width=288, text_heads=6, text_layers=10, cross_layers=(4, 6), guided_layers=(7,),
    ),
    plan=Plan(
        batch=16, block=512, seeing_blocks=24, easy_blocks=8, grid=_PAGE, seeing=SEEING, easy=EASY, full=TRAINING,
    ),
    minutes=120.0,
    rate=1e-3,
    save_every=240.0,
)  # fmt: skip

_GRID = Grid(tiles=4)

GPU = Recipe(
    name="gpu",
    shape=Shape(
        grid=_GRID, vision_width=256, vision_layers=5, vision_global_layers=1, vision_kept=(4,), text_width=256,
        text_layers=8, cross_layers=(2, 4, 6), guided_layers=(7,),
    ),
    plan=Plan(
        batch=128, block=1024, seeing_blocks=96, easy_blocks=48, grid=_GRID, seeing=FULL_SEEING, easy=FULL_EASY,
        full=FULL,
    ),
    minutes=25.0,
    rate=1e-3,
    save_every=180.0,
)  # fmt: skip
"""About 14 million parameters, below 30 MB in bfloat16."""

RECIPES = {recipe.name: recipe for recipe in (CPU, GPU)}
