"""`python -m benchmarks`: every measure in a process of its own, one after the other; one line of JSON last.

Progress goes to standard error. A measure that failed is null in the JSON, and makes the exit status 1.
"""

import argparse
import importlib.util
import inspect
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.report import write

Found = dict[str, Any]

# Each measure: the module with its `measure`, and the keys that it finds.
MEASURES: dict[str, tuple[str, ...]] = {
    "stream": ("benchmarks.decoding", "stream_ratio", "process_ratio"),
    "page": ("benchmarks.page", "page_ratio"),
    "followup": ("benchmarks.followup", "followup_ratio", "followup_growth"),
    "streamer": ("benchmarks.streamer", "streamer_ms"),
    "tutorial": ("benchmarks.tutorial", "tutorial_first_token", "tutorial_total"),
    "switch": ("benchmarks.switching", "switch_returned", "switch_seconds"),
    "image": ("benchmarks.image_worker", "image_worker_ms"),
    "grammar": ("benchmarks.grammar", "grammar_overhead", "grammar_overhead_pocket"),
    "evidence": ("benchmarks.evidence", "evidence_ms"),
    "reader": ("benchmarks.reader", "reader_seconds", "reader_ratio"),
    "video": (
        "benchmarks.video",
        "video_vs_opencv",
        "video_bound",
        "video_vs_transformers",
        "video_exact",
        "video_hour_ratio",
    ),
    "gpu": ("benchmarks.gpu", "gpu"),
    "truth": ("benchmarks.truth", "truth"),
}
BY_HAND = ("truth",)  # run where they are named alone


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and write docs/performance.md where that is asked for."""
    arguments = _parser().parse_args(argv)
    names = arguments.only or [name for name in MEASURES if name not in BY_HAND]
    if arguments.inside:
        print(json.dumps(_inside(names[0], arguments.quick)))
        return 0
    started, failed, found = time.monotonic(), [], Found()
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        there = importlib.util.find_spec(MEASURES[name][0])
        values = _in_child(name, arguments.quick) if there else Found()
        if values is None:
            failed.append(name)
        found |= dict.fromkeys(MEASURES[name][1:]) | (values or {})
    print(f"{time.monotonic() - started:.0f} s in all", file=sys.stderr)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    if arguments.write:
        write(found)
    print(json.dumps(found))
    return 1 if failed else 0


def _in_child(name: str, quick: bool) -> Found | None:
    """What one measure found; None where it failed. Its own process: threads and caches of one never touch another."""
    command = [sys.executable, "-m", "benchmarks", "--inside", "--only", name, *(["--quick"] if quick else [])]
    quiet = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=os.environ | quiet, check=False)
    if done.returncode:
        return None
    found: Found = json.loads(done.stdout.splitlines()[-1])
    return found


def _inside(name: str, quick: bool) -> Found:
    logging.basicConfig(level=logging.WARNING)
    measure = importlib.import_module(MEASURES[name][0]).measure
    options = {"quick": quick} if "quick" in inspect.signature(measure).parameters else {}
    found: Found = measure(**options)
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in found.items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=MEASURES, metavar="NAME", help=", ".join(MEASURES))
    parser.add_argument("--quick", action="store_true", help="one pair of each, on smaller models: whether it runs")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
