"""The model that was chosen on the page, kept in the data folder, so that the next start has it too."""

import json
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import get_args

from backend.catalog import name_of
from backend.engine.spec import EngineSpec, Quantization
from backend.settings import Settings

_FILE = "model.json"

_log = logging.getLogger(__name__)


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
