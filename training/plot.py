"""Draws the losses of a run."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

INKS = {"token": "#c82828", "copy": "#286ec8", "look": "#289646", "patch": "#8c50b4"}


def plot(history: list[dict[str, float]], path: Path) -> None:
    """Draw losses over samples into a PNG, the loss on a log scale from 0.001 to 10."""
    figure = Figure(figsize=(7.2, 4.0), dpi=100, layout="constrained")
    axes = figure.add_subplot(xlabel="samples", yscale="log", ylim=(1e-3, 10))
    axes.grid(visible=True, alpha=0.3)
    for name, ink in INKS.items():
        rows = [row for row in history if name in row]
        if len(rows) > 1:
            axes.plot([row["samples"] for row in rows], [row[name] for row in rows], color=ink, label=name)
            axes.legend()
    figure.savefig(path)
