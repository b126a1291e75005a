"""`python -m benchmarks.gpu`: see benchmarks/gpu/__init__.py."""

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

import benchmarks.gpu
from benchmarks.gpu.session import run
from benchmarks.gpu.shape import State, eleven_b, tiny
from benchmarks.gpu.steps import STEPS

SLOW = 20.0  # how many times its limit a step may take in small, on any CPU


def main(argv: Sequence[str] | None = None) -> int:
    """Run the steps; returns 1 where one of them failed."""
    arguments = _parser().parse_args(argv)
    if not (torch.cuda.is_available() or arguments.tiny):
        print(json.dumps({"gpu": None}))
        return 0
    logging.basicConfig(level=logging.WARNING)
    arguments.out.mkdir(parents=True, exist_ok=True)
    shape, patience = (tiny(), SLOW) if arguments.tiny else (eleven_b(), 1.0)
    with tempfile.TemporaryDirectory(prefix="glimpse-gpu-") as work:
        lines = run(STEPS, State(shape, Path(work)), arguments.out, arguments.only, patience)
    return int(any("failed" in line for line in lines))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description=(benchmarks.gpu.__doc__ or "").partition("\n")[0]
    )
    names = [step.name for step in STEPS]
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--only", type=_listed, default=[], metavar="STEP,STEP", help=", ".join(names))
    parser.add_argument("--tiny", action="store_true", help="a small shape, on a CPU too: whether this runs")
    return parser


def _listed(text: str) -> list[str]:
    asked, known = text.split(","), {step.name for step in STEPS}
    if unknown := [name for name in asked if name not in known]:
        raise argparse.ArgumentTypeError(f"there is no step called {', '.join(unknown)}")
    return asked


if __name__ == "__main__":
    sys.exit(main())
