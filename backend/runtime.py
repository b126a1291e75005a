"""Opens what every command works with, over one data folder: the engine, the history, the media and the chat."""

import logging
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock, Timeout

from backend.chat import Chat
from backend.engine.engine import Engine, EngineSpec, LocalSpec, ScriptedSpec, SwitchableEngine
from backend.engine.process.engine import ProcessEngine
from backend.errors import StorageError
from backend.evidence.reading_engine import ReadingEngine
from backend.history import History
from backend.media.formats import MediaLimits
from backend.media.scratch import remove_abandoned
from backend.media.store import MediaStore
from backend.models.catalog import find
from backend.models.choose import choose_default, fit
from backend.models.hardware import probe
from backend.reader.reader import OcrReader, Reader
from backend.settings import Settings

SAFE_PILLOW = 13  # CVE-2026-112398, CVE-2026-112403

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Runtime:
    """The opened parts of a running Glimpse: engine, history, store, reader and chat, and the lock of their folder."""

    engine: SwitchableEngine
    history: History
    store: MediaStore
    reader: Reader
    chat: Chat
    lock: FileLock

    async def aclose(self) -> None:
        """Stop the answers, in the event loop that they run in, keep them as far as they came, and end the engine."""
        try:
            await self.chat.close()
        finally:
            self.reader.close()
            await self.engine.close()
            self.store.close()
            self.history.close()
            self.lock.release()


def open_runtime(settings: Settings, folder: Path) -> Runtime:
    """Open what is kept in `folder` and start the engine, which loads from now on.

    Raises:
        StorageError: the folder cannot be used.
    """
    _warn_of_old_pillow()
    remove_abandoned()
    media = folder / "media"
    lock = _take(folder, media)
    store = MediaStore(media, MediaLimits(file_bytes=settings.max_upload_bytes))
    try:
        history = History(folder / "history.db")
    except BaseException:
        lock.release()
        raise
    engine = build_engine(engine_spec(settings), media)
    engine.start()
    reader = OcrReader(store)
    chat = Chat(wrapped(engine, reader, settings), history, store, kept=reader.kept)
    return Runtime(engine, history, store, reader, chat, lock)


def _take(folder: Path, media: Path) -> FileLock:
    """Make the folders, which nobody else on the machine can look into, and take them for this process alone.

    Raises:
        StorageError: they cannot be made, or another Glimpse uses them.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        media.mkdir(mode=0o700, exist_ok=True)
        media.chmod(0o700)
        lock = FileLock(folder / "glimpse.lock", mode=0o600, thread_local=False)
        lock.acquire(blocking=False)
    except Timeout as error:
        raise StorageError(
            f"Another Glimpse uses {folder}; end that one, or choose another folder with --data-dir."
        ) from error
    except OSError as error:
        reason = f"{folder} cannot be used ({error.strerror}); choose another folder with --data-dir."
        raise StorageError(reason) from error
    return lock


def build_engine(spec: EngineSpec, store_root: Path) -> SwitchableEngine:
    """Build the engine of a spec, not started yet.

    A model runs in a process of its own: it may crash, and its memory is given back whole.
    """
    match spec:
        case LocalSpec() | ScriptedSpec():
            return ProcessEngine(spec, store_root)


def wrapped(engine: Engine, reader: Reader, settings: Settings) -> Engine:
    """Put the wrappers around an engine, whichever it is; the outermost one sees a request first.

    The page, the terminal, a batch and programs use the same.
    """
    return ReadingEngine(engine, reader, settings.reader)


def engine_spec(settings: Settings) -> EngineSpec:
    """Make the spec of the engine: the model that was asked for, else the one that suits this machine."""
    if settings.model is None:
        choice = choose_default(probe(), settings)
        _log.info("The model is %s.", choice.why)
        return settings.engine_spec(choice.id, choice.quantization)
    entry = find(settings.model)
    if entry and not fit(entry, probe()):
        _log.warning("%s needs more memory than is free, and will hardly fit; see glimpse models.", entry.name)
    return settings.engine_spec(entry.id if entry else settings.model, settings.quantization)


def _warn_of_old_pillow() -> None:
    """Say that a decoder of strangers' files has known faults: `pip install .` takes what Gradio asks for."""
    installed = version("pillow")
    if int(installed.partition(".")[0]) < SAFE_PILLOW:
        _log.warning(
            "Pillow %s has known faults in its JPEG decoder; run: pip install --no-deps 'pillow>=%d'",
            installed,
            SAFE_PILLOW,
        )
