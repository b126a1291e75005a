"""Chooses the model for a machine: the best that fits, or the one last chosen on the page; lists all as a table."""

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from backend.engine.engine import EngineSpec, Quantization
from backend.models.catalog import CATALOG, GIB, LADDER, POCKET, UNQUANTIZED, Entry, name_of
from backend.models.hardware import Gpu, Machine
from backend.settings import Settings

_FORMS: dict[Quantization, str] = {"none": "full precision", "8bit": "8 bits", "4bit": "4 bits"}
_HEAD = ("--model", "sees", "context", "GiB in 4 bits, 8 bits, full", "fits here", "licence")
LARGEST_ON_CPU = 6 * GIB  # of 4 bits; bitsandbytes takes minutes for a page with a larger model on a CPU
_FILE = "model.json"  # in the data folder

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that is loaded when none is named, and why, in one line for the log."""

    id: str
    quantization: Quantization
    why: str


def choose_default(machine: Machine, settings: Settings) -> Choice:
    """The first model of the ladder that the machine's GPU has room for and the settings allow, else Pocket."""
    gpu = _gpu(machine, settings.device)
    if gpu is None:
        return _pocket(settings, _no_gpu(machine, settings.device))
    if obstacle := machine.obstacle(gpu):
        return _pocket(settings, obstacle)
    if settings.quantization != "none" and not machine.bitsandbytes:
        return _pocket(settings, "bitsandbytes is not installed")
    refused: list[str] = []
    for entry in LADDER if settings.quantization in ("auto", "4bit") else (UNQUANTIZED, *LADDER[1:]):
        reason = _refused(entry, gpu, machine, settings)
        if reason is None:
            return _on_gpu(entry, gpu, machine, settings, refused)
        refused.append(f"{_short(entry)} {reason}")
    return _pocket(settings, "; ".join(refused))


def _refused(entry: Entry, gpu: Gpu, machine: Machine, settings: Settings) -> str | None:
    """Why a model is not the default on a GPU that can be used, as the end of a sentence; None if it is."""
    need = entry.need.bytes(settings.quantization)
    if gpu.free < need:
        return f"needs {_gib(need)} and the {gpu.name} has {_gib(gpu.free)} free"
    if settings.offline and entry.id not in machine.models:
        return "was not fetched yet and --offline is set"
    return None


def _on_gpu(entry: Entry, gpu: Gpu, machine: Machine, settings: Settings, refused: list[str]) -> Choice:
    form: Quantization = "4bit" if settings.quantization == "auto" else settings.quantization
    way = "Unsloth" if settings.loader == "unsloth" else "transformers" if form == "none" else "bitsandbytes"
    room = f"the {gpu.name} has {_gib(gpu.free)} free and {_gib(entry.need.bytes(form))} are needed"
    why = f"{_short(entry)} in {_FORMS[form]} through {way}: {room}"
    return Choice(entry.id, form, "; ".join((why, *refused)))


def _short(entry: Entry) -> str:
    return entry.name.removesuffix(", 4 bits")


def best(entry: Entry, machine: Machine) -> tuple[str, Quantization] | None:
    """Find where a model runs on this machine, in the most precise form that fits; None if it is too large."""
    gpu = machine.roomiest
    if gpu and not machine.obstacle(gpu):
        for quantization in _FORMS:
            if entry.need.bytes(quantization) <= gpu.free:
                return "GPU", quantization
    if entry.need.bytes("none", cpu=True) <= machine.memory_free:
        return "CPU", "none"
    if entry.need.bytes("4bit", cpu=True) <= min(machine.memory_free, LARGEST_ON_CPU):
        return "CPU", "4bit"
    return None


def fit(entry: Entry, machine: Machine) -> str | None:
    """Put what `best` finds into a few words; None if the model is too large."""
    found = best(entry, machine)
    return f"{found[0]}, {_FORMS[found[1]]}" if found else None


def _pocket(settings: Settings, reason: str) -> Choice:
    return Choice(POCKET.id, settings.quantization, f"{POCKET.name}: {reason}")


def _gpu(machine: Machine, device: str) -> Gpu | None:
    """The GPU that the model would be loaded to: the roomiest where none is named."""
    if device == "auto":
        return machine.roomiest
    if not device.startswith("cuda"):
        return None
    number = int(device.partition(":")[2] or 0)
    return machine.gpus[number] if number < len(machine.gpus) else None


def _no_gpu(machine: Machine, device: str) -> str:
    if device.startswith("cuda"):
        return "there is no such CUDA GPU"
    if device != "auto":
        return f"--device is {device}"
    return "nvidia-smi did not answer, so no CUDA GPU is known" if machine.silent_driver else "there is no CUDA GPU"


def _gib(size: float) -> str:
    return f"{size / GIB:.1f} GiB"


def keep(folder: Path, spec: EngineSpec) -> None:
    """Keep the choice in `folder`; where that fails, the next start has the usual model."""
    part = folder / f"{_FILE}.part"
    try:
        part.write_text(json.dumps({"model": spec.model, "quantization": spec.quantization}), encoding="utf-8")
        os.replace(part, folder / _FILE)
    except OSError as error:
        _log.warning("The choice of %s could not be kept: %s", spec.model, error)


def chosen(settings: Settings) -> Settings:
    """The settings with the model that was chosen last; unchanged where there is none or a model is named."""
    if settings.model or settings.adapter or settings.revision:
        return settings
    try:
        kept = json.loads((settings.data_dir / _FILE).read_text(encoding="utf-8"))
        model, form = str(kept["model"]), kept["quantization"]
    except (FileNotFoundError, NotADirectoryError):
        return settings
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("The choice of a model that was kept cannot be read: %s", error)
        return settings
    _log.info("The model is %s, as it was chosen on the page; --model takes another.", name_of(model))
    free = settings.quantization == "auto" and form in get_args(Quantization)
    return replace(settings, model=model, quantization=form if free else settings.quantization)


def listing(here: Machine) -> Iterator[str]:
    """Yield the lines of the table of models, and below it the one that runs without `--model`."""
    rows = [_HEAD, *(_row(entry, here) for entry in CATALOG)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield ""
    yield f"Without --model: {choose_default(here, Settings()).why}."


def _row(entry: Entry, here: Machine) -> tuple[str, ...]:
    name = "pocket" if entry is POCKET else entry.id
    sees = "text only" if not entry.images else "images, video" if entry.video else "images"
    missing = here.missing(entry.video_packages)
    needs = "".join(f"{'-' if gib is None else format(gib, 'g'):<6}" for gib in entry.need.gib)
    wanted = f"for video: pip install {' '.join(missing)}" if missing else ""
    notes = [entry.licence, "login needed" if entry.gated else "", entry.note, wanted]
    fetched = ", fetched" if entry.id in here.models else ""
    place = (fit(entry, here) or "too large") + fetched
    return name, sees, f"{entry.context_length // 1024}k", needs, place, "; ".join(filter(None, notes))
