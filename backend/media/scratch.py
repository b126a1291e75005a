"""Makes temporary folders; one that a killed command left is removed when the next command starts."""

import fcntl
import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "glimpse-"
_LOCK = "in-use"

_log = logging.getLogger(__name__)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that nobody else can read, for as long as the context lasts."""
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name, _locked(Path(name)):
        yield Path(name)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder, which the system releases with the process, however that ends."""
    part = folder / f"{_LOCK}.part"
    with part.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.replace(part, folder / _LOCK)  # under its name it is never seen unlocked
        yield


def remove_abandoned() -> None:
    """Remove the folders of commands that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        _remove_if_left(folder)


def _remove_if_left(folder: Path) -> None:
    try:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            return
        with (folder / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:  # in use, not ours, or gone by now
        _log.debug("%s stays", folder)
