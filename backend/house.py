"""What every command works with, opened over one data folder: the engine, the history, the media and the chat."""

import logging
from dataclasses import dataclass
from pathlib import Path

from backend.catalog import choose_default, find, fit
from backend.chat import Chat
from backend.engine.process import ProcessEngine
from backend.engine.spec import EngineSpec
from backend.errors import StorageError
from backend.evidence.reading_engine import ReadingEngine
from backend.history import History
from backend.machine import look
from backend.media.limits import MediaLimits
from backend.media.passing import remove_left
from backend.media.store import MediaStore
from backend.reader.reader import OcrReader, Reader
from backend.settings import Settings

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class House:
    """All of it."""

    engine: ProcessEngine
    history: History
    store: MediaStore
    reader: Reader
    chat: Chat

    async def aclose(self) -> None:
        """Stop the answers, in the event loop that they run in, keep them as far as they came, and end the engine."""
        try:
            await self.chat.close()
        finally:
            self.reader.close()
            await self.engine.close()
            self.store.close()
            self.history.close()


def open_house(settings: Settings, folder: Path) -> House:
    """Open what is kept in `folder` and start the engine, which loads from now on.

    Raises:
        StorageError: the folder cannot be used.
    """
    remove_left()
    media = folder / "media"
    try:
        media.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"{folder} cannot be used ({error.strerror}); choose another folder with --data-dir."
        raise StorageError(reason) from error
    store = MediaStore(media, MediaLimits(file_bytes=settings.max_upload_bytes))
    history = History(folder / "history.db")
    engine = ProcessEngine(engine_spec(settings), media)
    engine.start()
    reader = OcrReader(store)
    # Wrappers around the engine go here: the chat, the terminal, a folder and programs have them all the same.
    chat = Chat(ReadingEngine(engine, reader, settings.reader), history, store, kept=reader.kept)
    return House(engine, history, store, reader, chat)


def engine_spec(settings: Settings) -> EngineSpec:
    """What the engine is to run: the model that was asked for, else the one that suits this machine."""
    if settings.model is None:
        choice = choose_default(look(), settings)
        _log.info("The model is %s.", choice.why)
        return settings.engine_spec(choice.id, choice.quantization)
    entry = find(settings.model)
    if entry and not fit(entry, look()):
        _log.warning("%s needs more memory than is free, and will hardly fit; see glimpse models.", entry.name)
    return settings.engine_spec(entry.id if entry else settings.model, settings.quantization)
