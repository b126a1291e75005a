"""`python -m training`: train Pocket, or go on with it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from training import fonts
from training.publish import publish
from training.recipes import RECIPES
from training.train import Run, train


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line; None is left to the recipe."""
    parser = argparse.ArgumentParser(prog="python -m training", description="Train Pocket from scratch on drawn data.")
    cuda = torch.cuda.is_available()
    parser.add_argument(
        "--recipe", choices=tuple(RECIPES), default="gpu" if cuda else "cpu",
        help="cpu: one tile of 336 pixels; gpu: two by two of 224 and a larger model (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--minutes", type=float, help="the budget")
    parser.add_argument("--steps", type=int, help="a budget in steps instead")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --checkpoints")
    parser.add_argument("--start", type=Path, help="begin with this model folder's weights instead of from scratch")
    parser.add_argument("--publish", action="store_true", help="only write the last checkpoint's model to --out")
    parser.add_argument("--note", default="", help="a sentence about this run for the card")
    parser.add_argument("--checkpoints", type=Path, default=Path(".cache/pocket"), help="(default %(default)s)")
    parser.add_argument(
        "--out", type=Path, default=Path("assets/pocket"), help="where the model goes (default %(default)s)"
    )
    parser.add_argument("--device", default="cuda" if cuda else "cpu", help="(default %(default)s)")
    parser.add_argument(
        "--workers", type=int, default=(os.cpu_count() or 2) if cuda else 1, help="processes that draw"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 2, help="CPU threads (default %(default)s)")
    parser.add_argument("--batch", type=int, help="images of one step")
    parser.add_argument("--rate", type=float, help="peak learning rate")
    parser.add_argument("--seeing-blocks", type=int, help="blocks of images alone, first")
    parser.add_argument("--easy-blocks", type=int, help="blocks of easy chats, next")
    parser.add_argument("--freeze-vision", action="store_true", help="leave the vision tower as it is")
    parser.add_argument("--save-every", type=float, help="seconds between checkpoints")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--any-fonts", action="store_true", help="go on where fonts that are drawn with are missing")
    return parser.parse_args(arguments)


def planned(options: argparse.Namespace) -> Run:
    """The recipe with what the command line says instead."""
    recipe = RECIPES[options.recipe]

    def told(*names: str) -> dict[str, Any]:
        return {name: value for name in names if (value := getattr(options, name)) is not None}

    plan = replace(recipe.plan, **told("seed", "batch", "seeing_blocks", "easy_blocks"))
    run = Run(
        folder=options.checkpoints, steps=options.steps, workers=options.workers, device=options.device,
        start=options.start, shape=recipe.shape, minutes=recipe.minutes, rate=recipe.rate,
        save_every=recipe.save_every, plan=plan, freeze_vision=options.freeze_vision,
    )  # fmt: skip
    return replace(run, **told("minutes", "rate", "save_every"))


def main(arguments: list[str] | None = None) -> None:
    """Train, then write the model."""
    options = parse(arguments)
    fonts.require(lenient=options.any_fonts or options.publish)
    # An ordinary stop ends as an exception, so that the checkpoint is written and the drawing processes end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    torch.set_num_threads(options.threads)
    if not options.publish:
        train(planned(options), lambda line: print(line, flush=True), options.resume)
    publish(options.checkpoints, options.out, options.seed, options.device, options.note, options.recipe)


if __name__ == "__main__":
    main()
