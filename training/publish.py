"""Puts the latest checkpoint's model where it ships from, with its loss plot, the run's facts and the card."""

from __future__ import annotations

import json
import platform
import shutil
from datetime import date
from pathlib import Path

import torch

from training import card


def publish(checkpoints: Path, out: Path, seed: int, device: str, note: str = "", recipe: str = "cpu") -> None:
    """Copy the model out of the checkpoint folder; scores of an earlier model do not stay beside it."""
    progress = torch.load(checkpoints / "checkpoint.pt", map_location="cpu", weights_only=True)["progress"]
    out.mkdir(parents=True, exist_ok=True)
    (out / "scores.json").unlink(missing_ok=True)
    for earlier in out.glob("model*.safetensors*"):
        earlier.unlink()
    for path in (*(checkpoints / "model").iterdir(), checkpoints / "loss.png"):
        shutil.copyfile(path, out / path.name)
    facts = {
        "samples": progress["samples"],
        "steps": progress["step"],
        "minutes": round(progress["seconds"] / 60, 1),
        "device": device_name(device),
        "seed": seed,
        "recipe": recipe,
        # Recipes grow; what these weights were taught does not.
        "domain": card.DOMAINS[recipe],
        "date": date.today().isoformat(),
        "note": note,
    }
    (out / "training.json").write_text(json.dumps(facts, indent=1) + "\n")
    card.write(out)


def device_name(device: str) -> str:
    """The device in words."""
    if device.startswith("cuda"):
        return str(torch.cuda.get_device_name())
    return f"{torch.get_num_threads()} CPU threads ({platform.machine()})"
