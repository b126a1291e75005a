"""The folder where Gradio puts what browsers send, until a message takes it into the media store. Knows no page."""

import logging
import time
from pathlib import Path

from backend.errors import StorageError

log = logging.getLogger(__name__)

KEPT = 24 * 3600  # seconds; what waits in a composer for longer has to be chosen again


def open_uploads(folder: Path) -> Path:
    """Make the folder, readable to nobody else, and clear it of what earlier runs and broken uploads left.

    Raises:
        StorageError: it cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be used ({error.strerror}); choose another folder with --data-dir."
        ) from error
    before = time.time() - KEPT
    for path in sorted(folder.rglob("*"), reverse=True):  # what is in a folder comes before it
        try:
            if path.lstat().st_mtime < before:
                path.rmdir() if path.is_dir() else path.unlink()
        except OSError:
            log.debug("%s stays", path)
    return folder
