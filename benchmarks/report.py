"""docs/performance.md: the last full table, with the machine, the versions and the date it was measured at."""

import os
import platform
import re
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

REPORT = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
PACKAGES = (
    "torch",
    "transformers",
    "bitsandbytes",
    "gradio",
    "av",
    "opencv-python-headless",
    "rapidocr",
    "onnxruntime",
)

# Key, what it is, what is aimed at.
ROWS = (
    ("stream_ratio", "tokens a second, engine over bare `model.generate`", "0.97 or more"),
    ("process_ratio", "tokens a second, engine in its own process over engine in this one", "0.97 or more"),
    ("page_ratio", "tokens a second, whole page over bare `model.generate`", "0.90 or more"),
    ("followup_ratio", "time to first token of turn 6, continued over read anew", "0.10 or less"),
    ("followup_growth", "time to first token, turn 10 over turn 2", "1.5 or less"),
    ("streamer_ms", "4,096 tokens without a newline to text, milliseconds", "25 or less"),
    ("switch_returned", "share of a model's memory that is free again when another one answers", "0.95 or more"),
    ("switch_seconds", "seconds from one model to a small other one", ""),
    ("image_worker_ms", "what a confined child adds to reading a 12-megapixel JPEG, milliseconds", ""),
    ("grammar_overhead", "share of decode time that a grammar takes, 300 million parameters", "less than 0.02"),
    ("grammar_overhead_pocket", "the same with Pocket, whose tokens take a few milliseconds each", "less than 0.02"),
    ("evidence_ms", "places of 62 values on a receipt of 40 lines, milliseconds", "less than 20"),
    ("reader_seconds", "seconds to read a receipt of 40 rows, 1000 x 1500 pixels", ""),
    ("reader_ratio", "the same, child and pipes and all, over bare RapidOCR on the same pixels", "1.1 or less"),
    ("tutorial_first_token", "waiting for first tokens in six turns, ours over the tutorial application's", ""),
    ("tutorial_total", "six turns in all, ours over the tutorial application's", ""),
    ("video_vs_opencv", "64 exact frames of ten minutes, OpenCV's frame seek over ours", "3 or more"),
    ("video_bound", "the same, over bare decoding of what those frames are made from: no exact way is faster", ""),
    ("video_vs_transformers", "64 frames of ten minutes, transformers' loader over ours", "5 or more"),
    ("video_exact", "each frame was the right one", "true"),
    ("video_hour_ratio", "64 frames of an hour over those of ten minutes", "1.3 or less"),
)

COLUMNS = (
    ("weights", "weights"),
    ("tiles", "tiles"),
    ("prefill_s", "prefill, s"),
    ("dynamic", "dynamic, tokens/s"),
    ("dynamic_share", "of the bound"),
    ("captured", "captured, tokens/s"),
    ("captured_share", "of the bound"),
    ("compiled", "compiled, tokens/s"),
    ("compiled_share", "of the bound"),
    ("peak_gib", "peak, GiB"),
)

PAGE = """\
# Performance

Written by `make bench ARGS="--write"`; `benchmarks/` says how each figure is measured. Ratios compare two ways within
one run, in interleaved pairs, and are medians: what slows the machine slows both. This machine was shared with other
programs while it was measured.

{date}: {machine}.

| key | what | measured | aim |
|---|---|---|---|
{rows}

## On a GPU

{gpu}
"""


def write(found: dict[str, Any]) -> None:
    """Replace docs/performance.md by what was found."""
    REPORT.write_text(_page(found))


def _page(found: dict[str, Any]) -> str:
    rows = "\n".join(f"| `{key}` | {what} | {_cell(found.get(key))} | {aim} |" for key, what, aim in ROWS)
    return PAGE.format(date=f"{date.today():%-d %B %Y}", machine=_machine(), rows=rows, gpu=_gpu(found.get("gpu")))


def _cell(value: object) -> str:
    return "not measured" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _machine() -> str:
    names = re.findall(r"model name\s*:\s*(.+)", _read("/proc/cpuinfo")) or [platform.machine()]
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{names[0]}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}"


def _gpu(found: dict[str, Any] | None) -> str:
    if found is None:
        return "Not measured: there was no CUDA GPU. `python -m benchmarks.gpu --out FOLDER` measures this part alone."
    rows = ("| " + " | ".join(_cell(run.get(key)) for key, _ in COLUMNS) + " |\n" for run in found["runs"])
    head = f"| {' | '.join(title for _, title in COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n"
    notes = "".join(f"\n{note}." for note in found["notes"])
    return f"{found['device']}, {found['versions']}; {found['about']}.\n\n{head}{''.join(rows)}{notes}"


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
