"""Downloads a model by its id, or takes a local folder, and reports progress in bytes. Does not load anything."""

import errno
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import constants, errors, snapshot_download
from tqdm import tqdm  # type: ignore[import-untyped]

from backend.errors import GlimpseError, ModelFailed, ModelGated, ModelNotFound, NoNetwork, StorageError

log = logging.getLogger(__name__)

# Weights in formats that run code when they are opened, and second copies of the same weights, are never fetched.
WANTED = ["*.json", "*.jinja", "*.txt", "*.model", "*.safetensors"]
UNWANTED = ["original/*", "consolidated*", "*/*.safetensors"]

Report = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all; may raise to stop."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """A model before it is downloaded: a folder with its config, and the bytes of its weights."""

    folder: Path
    weights: int


def look_ahead(model: str, revision: str | None, offline: bool) -> Ahead | None:
    """Find out what a download would bring; None where all is here already, or where that cannot be found out.

    Raises:
        StorageError: there is no room for it on the disk.
    """
    if offline or constants.HF_HUB_OFFLINE or Path(model).expanduser().is_dir():
        return None
    try:
        files = snapshot_download(
            model, revision=revision, allow_patterns=WANTED, ignore_patterns=UNWANTED, dry_run=True
        )
        missing = sum(file.file_size or 0 for file in files if file.will_download)
        if not missing:
            return None
        folder = Path(snapshot_download(model, revision=revision, allow_patterns=["config.json"]))
    except Exception:  # `fetch` has the sentence, or what it wants is here
        log.debug("%s cannot be looked at before it is fetched", model, exc_info=True)
        return None
    _check_disk(model, missing)
    return Ahead(folder, sum(file.file_size or 0 for file in files if file.filename.endswith(".safetensors")))


def _check_disk(model: str, missing: int) -> None:
    where = Path(constants.HF_HUB_CACHE).absolute()
    there = next(folder for folder in (where, *where.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if missing > free:
        raise StorageError(
            f"{model} takes {missing / 10**9:.1f} GB to fetch and {there} has {free / 10**9:.1f} GB free; make room "
            "there, or set HF_HOME to a folder on another disk."
        )


def fetch(model: str, revision: str | None, offline: bool, report: Report) -> Path:
    """Return a model's folder: the given one, else the snapshot of that id, downloaded if it is not there yet.

    Raises:
        ModelNotFound, ModelGated, NoNetwork, StorageError, ModelFailed
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_absolute() or model.startswith((".", "~")) or model.count("/") != 1:
        raise ModelNotFound(
            f"There is no folder {model} here; give a folder, or a Hugging Face id such as owner/name."
        )
    try:
        found = snapshot_download(
            model,
            revision=revision,
            local_files_only=offline or constants.HF_HUB_OFFLINE,
            allow_patterns=WANTED,
            ignore_patterns=UNWANTED,
            tqdm_class=_bar(report),
        )
    except Exception as error:
        if isinstance(error, GlimpseError) or not (sentence := _sentence(model, revision, error)):
            raise
        log.info("%s cannot be fetched", model, exc_info=True)
        raise sentence from error
    return Path(found)


def weight_bytes(folder: Path) -> int:
    """The bytes of the weight files in a folder."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def _bar(report: Report) -> Any:
    """A progress bar that draws nothing and reports bytes; made where tqdm wants a class."""

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            # Of the two bars in bytes, the one for what is written to disk counts; the other is for the wire.
            description = str(kwargs.get("desc", ""))
            self.counts = kwargs.get("unit") == "B" and "Downloading bytes" not in description
            super().__init__(*args, **{**kwargs, "disable": True})
            self.n = kwargs.get("initial", 0) or 0

        def update(self, n: float | None = 1) -> bool | None:
            self.n += n or 0
            if self.counts:
                report(int(self.n), int(self.total or 0))
            return None

    return Bar


def _sentence(model: str, revision: str | None, error: BaseException) -> GlimpseError | None:
    if isinstance(error, errors.GatedRepoError):
        return ModelGated(
            f"{model} asks you to accept its licence: do so at https://huggingface.co/{model}, make a token at "
            "https://huggingface.co/settings/tokens, log in with: hf auth login, and try again."
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return ModelNotFound(f"{model} has no revision {revision}; leave --revision out for the newest.")
    if isinstance(error, errors.RepositoryNotFoundError | errors.HFValidationError):
        return ModelNotFound(
            f"There is no model {model} on Hugging Face that you can read; check the spelling, "
            "and if it is private, log in with: hf auth login"
        )
    if isinstance(error, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled | ConnectionError):
        return NoNetwork(
            f"{model} is not on this machine and cannot be fetched without a network; connect and try again, "
            "or choose a model that is here."
        )
    if isinstance(error, errors.HfHubHTTPError):
        return ModelFailed(f"Hugging Face does not hand out {model} now; try again in a few minutes.")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
        where = os.path.abspath(constants.HF_HUB_CACHE)
        return StorageError(f"{model} cannot be stored under {where}: {os.strerror(error.errno)}.")
    return None
