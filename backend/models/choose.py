"""Chooses the model for a machine: the best that fits, or the one last chosen on the page; lists all as a table."""

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from backend.engine.engine import EngineSpec, Quantization
from backend.models.catalog import CATALOG, FLAGSHIP, GIB, POCKET, UNQUANTIZED, Entry, name_of
from backend.models.hardware import Gpu, Machine
from backend.settings import Settings

_FORMS: dict[Quantization, str] = {"none": "full precision", "8bit": "8 bits", "4bit": "4 bits"}
_NO_GPU = {"auto": "there is no CUDA GPU", "cuda": "there is no such CUDA GPU"}
_HEAD = ("--model", "sees", "context", "GiB in 4 bits, 8 bits, full", "fits here", "licence")
_FILE = "model.json"  # in the data folder

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that is loaded when none is named, and why, in one line for the log."""

    id: str
    quantization: Quantization
    why: str


def choose_default(machine: Machine, settings: Settings) -> Choice:
    """Llama 3.2 11B Vision where the machine has the GPU for it and the settings allow it, else Pocket."""
    entry = FLAGSHIP if settings.quantization in ("auto", "4bit") else UNQUANTIZED
    gpu = _gpu(machine, settings.device)
    if gpu is None:
        return _pocket(settings, _NO_GPU.get(settings.device.partition(":")[0], f"--device is {settings.device}"))
    need = entry.need.bytes(settings.quantization)
    if not machine.cuda_torch:
        return _pocket(settings, f"the installed PyTorch is no CUDA build and cannot use the {gpu.name}")
    if settings.quantization != "none" and not (machine.bitsandbytes or machine.unsloth):
        return _pocket(settings, "neither bitsandbytes nor Unsloth is installed")
    if gpu.free < need:
        return _pocket(settings, f"the {gpu.name} has {_gib(gpu.free)} free and {UNQUANTIZED.name} needs {_gib(need)}")
    if settings.offline and entry.id not in machine.models:
        return _pocket(settings, f"{entry.id} was not fetched yet and --offline is set")
    form = {"auto": "4 bits", "4bit": "4 bits", "8bit": "8 bits", "none": "full precision"}[settings.quantization]
    way = "Unsloth" if machine.unsloth else "transformers" if settings.quantization == "none" else "bitsandbytes"
    room = f"the {gpu.name} has {_gib(gpu.free)} free and {_gib(need)} are needed"
    quantization: Quantization = "4bit" if settings.quantization == "auto" else settings.quantization
    return Choice(entry.id, quantization, f"{UNQUANTIZED.name} in {form} through {way}: {room}")


def best(entry: Entry, machine: Machine) -> tuple[str, Quantization] | None:
    """Find where a model runs on this machine, in the most precise form that fits; None if it is too large."""
    if machine.gpus and machine.cuda_torch:
        for quantization in _FORMS:
            if entry.need.bytes(quantization) <= machine.gpus[0].free:
                return "GPU", quantization
    for quantization in _FORMS:
        if quantization != "8bit" and entry.need.bytes(quantization, cpu=True) <= machine.memory_free:
            return "CPU", quantization
    return None


def fit(entry: Entry, machine: Machine) -> str | None:
    """Put what `best` finds into a few words; None if the model is too large."""
    found = best(entry, machine)
    return f"{found[0]}, {_FORMS[found[1]]}" if found else None


def _pocket(settings: Settings, reason: str) -> Choice:
    return Choice(POCKET.id, settings.quantization, f"{POCKET.name}: {reason}")


def _gpu(machine: Machine, device: str) -> Gpu | None:
    if device != "auto" and not device.startswith("cuda"):
        return None
    number = int(device.partition(":")[2] or 0)
    return machine.gpus[number] if number < len(machine.gpus) else None


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
    needs = "".join(f"{'-' if gib is None else format(gib, 'g'):<6}" for gib in entry.need.gib)
    notes = [entry.licence, "login needed" if entry.gated else "", entry.note]
    fetched = ", fetched" if entry.id in here.models else ""
    place = (fit(entry, here) or "too large") + fetched
    return name, sees, f"{entry.context_length // 1024}k", needs, place, "; ".join(filter(None, notes))
