"""Keeps uploads: the folder where Gradio puts them until they enter the media store, and the check of uploaded paths.

Knows no page.
"""

import hashlib
import logging
import shutil
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from backend.errors import InputError, StorageError
from ui.errors import readable
from ui.gradio_patches import fetch_by

log = logging.getLogger(__name__)

HOW = (
    "Send the file itself: by handle_file(path) of gradio_client, as a data: URL, or by the address here of what was "
    "posted to /gradio_api/upload; nothing is fetched from elsewhere."
)

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


class SentFiles:
    """Knows which uploads went into which conversation, and removes them and its downloads with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._sent: dict[str, set[Path]] = {}

    def note(self, conversation: str, files: Iterable[Path]) -> None:
        """Note that these files were sent in a conversation; those from elsewhere are left alone."""
        ours = {path for file in files if (path := file.resolve()).is_relative_to(self._folder)}
        if ours:
            self._sent.setdefault(conversation, set()).update(ours)

    def results(self, conversation: str) -> Path:
        """The folder of a conversation's downloads; it may not be there yet."""
        return self._folder / "results" / (conversation if conversation.isalnum() else "other")

    def forget(self, conversation: str, media_ids: Collection[str]) -> None:
        """Remove what was sent in a conversation, what has the content of its media, and its downloads."""
        shutil.rmtree(self.results(conversation), ignore_errors=True)
        sent = self._sent.pop(conversation, set())
        for path in self._folder.glob("*/*"):
            try:
                if path.is_file() and (path in sent or _digest(path) in media_ids):
                    path.unlink()
                    path.parent.rmdir()
            except OSError:
                log.info("an upload of a conversation that was deleted stays for now", exc_info=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch_nothing() -> None:
    """Have Gradio accept only files that were uploaded here, and fetch none."""
    fetch_by(_taken)


async def _taken(url: str, cache_dir: str) -> str:
    with readable():
        return _uploaded(unquote(urlsplit(url).path.partition("/gradio_api/file=")[2]), cache_dir)


def _uploaded(path: str, uploads: str) -> str:
    """Resolve a path and check that it is an uploaded file's.

    Raises:
        InputError: it is not.
    """
    file = Path(path).resolve()
    if not (file.is_relative_to(Path(uploads).resolve()) and file.is_file()):
        raise InputError(HOW)
    return str(file)
