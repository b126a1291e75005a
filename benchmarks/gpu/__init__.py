"""Measures Llama 3.2 11B Vision's shape on a CUDA GPU: each part alone, then the product's own path.

    python -m benchmarks.gpu --out FOLDER [--only STEP,STEP]      `--tiny` runs all of it in small, on a CPU as well

It takes nine minutes at most, and room for the model's eight gigabytes twice on the GPU and once in the folder for
temporary files; no network. Each step has a time limit and appends one line of JSON to FOLDER/session.jsonl as soon as
it is done, so a run that ends early keeps what it has. `steps.py` has the steps, in their order.
"""

import tempfile
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.session import Found, run
from benchmarks.gpu.shape import State, eleven_b
from benchmarks.gpu.steps import STEPS

ABOUT = "Llama 3.2 11B Vision's shape with random weights, one image of four tiles"
PARTS = ("environment", "bandwidth", "build", "prefill", "plain_decode", "captured_decode", "compiled_decode")


def measure(quick: bool = False) -> dict[str, Found | None]:
    """`gpu`: an object, or None where there is no CUDA GPU. It has what decodes; compiling is left out if `quick`."""
    if not torch.cuda.is_available():
        return {"gpu": None}
    only = [name for name in PARTS if not quick or name != "compiled_decode"]
    with tempfile.TemporaryDirectory() as folder:
        return {"gpu": summary(run(STEPS, State(eleven_b(), Path(folder)), Path(folder), only))}


def summary(lines: list[Found]) -> Found:
    """Put what the steps found into one row for the table of docs/performance.md; a step that failed is a note."""
    found = {str(line["step"]): line for line in lines}
    environment, decode = found.get("environment", {}), Found()
    for kind, name in (("dynamic", "plain"), ("captured", "captured"), ("compiled", "compiled")):
        step = found.get(f"{name}_decode", {})
        decode |= {kind: step.get("tokens_per_second"), f"{kind}_share": step.get("share_of_bound")}
    peak = max((line["memory"]["peak_gib"] for line in lines if line.get("memory")), default=None)
    row: dict[str, Any] = {"weights": "NF4", "tiles": 4, "prefill_s": found.get("prefill", {}).get("then_s"), **decode}
    return {
        "device": environment.get("name", "CPU"),
        "versions": ", ".join(f"{name} {number}" for name, number in environment.get("versions", {}).items()),
        "about": f"{ABOUT}; the bound is that of {found.get('bandwidth', {}).get('gb_per_second')} GB/s",
        "runs": [row | {"peak_gib": peak}],
        "notes": [f"{line['step']} is not measured: {line['failed']}" for line in lines if "failed" in line],
    }
