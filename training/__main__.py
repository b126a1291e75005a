"""`python -m training`: train Pocket, or go on with it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

import torch

from training import fonts
from training.batches import Plan
from training.publish import publish
from training.train import Run, train


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training", description="Train Pocket from scratch on drawn data.")
    cuda = torch.cuda.is_available()
    parser.add_argument(
        "--minutes", type=float, default=20.0 if cuda else 120.0, help="the budget (default %(default)s)"
    )
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
    parser.add_argument("--batch", type=int, default=128 if cuda else 16, help="(default %(default)s)")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate (default %(default)s)")
    parser.add_argument("--seeing-blocks", type=int, default=24, help="blocks of images alone (default %(default)s)")
    parser.add_argument(
        "--easy-blocks", type=int, default=8, help="blocks of 512 easy chats first (default %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--any-fonts", action="store_true", help="go on where fonts that training draws with are missing"
    )
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Train, then write the model."""
    options = parse(arguments)
    fonts.require(lenient=options.any_fonts or options.publish)
    # An ordinary stop ends as an exception, so that the checkpoint is written and the drawing processes end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    torch.set_num_threads(options.threads)
    run = Run(
        folder=options.checkpoints, minutes=options.minutes, steps=options.steps, rate=options.rate,
        workers=options.workers, device=options.device, start=options.start,
        plan=Plan(
            seed=options.seed,
            batch=options.batch,
            seeing_blocks=options.seeing_blocks,
            easy_blocks=options.easy_blocks,
        ),
    )  # fmt: skip
    if not options.publish:
        train(run, lambda line: print(line, flush=True), options.resume)
    publish(options.checkpoints, options.out, options.seed, options.device, options.note)


if __name__ == "__main__":
    main()
