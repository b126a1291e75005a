"""Opens the history's SQLite file: creates its schema, migrates an older one, and runs transactions.

Knows no conversation. The journal is a write-ahead log, so that what was committed outlives a killed process.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from backend.errors import StorageError

log = logging.getLogger(__name__)

# One entry brings the schema from the version of its index to the next. Entries that were released never change.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE conversations (
            id TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            title TEXT NOT NULL,
            named INTEGER NOT NULL,
            updated REAL NOT NULL
        )""",
        "CREATE INDEX conversations_of_owner ON conversations (owner, updated)",
        # AUTOINCREMENT never gives an id twice, so a late write to a dropped turn cannot land in a newer one.
        """CREATE TABLE turns (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            user TEXT NOT NULL,
            task TEXT NOT NULL,
            sampling TEXT NOT NULL,
            created REAL NOT NULL,
            reply TEXT NOT NULL DEFAULT '',
            finish_reason TEXT,
            usage TEXT,
            model TEXT,
            error TEXT,
            UNIQUE (conversation_id, number)
        )""",
    ),
    ("ALTER TABLE turns ADD COLUMN unsure TEXT NOT NULL DEFAULT '[]'",),
    ("ALTER TABLE turns ADD COLUMN corrections TEXT NOT NULL DEFAULT '{}'",),
    (
        # An answer is parts, as a question is.
        "ALTER TABLE turns ADD COLUMN answer TEXT NOT NULL DEFAULT '[]'",
        "UPDATE turns SET answer = json_array(json_object('kind', 'text', 'text', reply)) WHERE reply <> ''",
        "ALTER TABLE turns DROP COLUMN reply",
        # Which media a turn uses, on both its sides: who else uses those of one turn is known without reading all.
        """CREATE TABLE turn_media (
            turn_id INTEGER NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
            media_id TEXT NOT NULL,
            PRIMARY KEY (turn_id, media_id)
        ) WITHOUT ROWID""",
        "CREATE INDEX turns_of_media ON turn_media (media_id)",
        """INSERT OR IGNORE INTO turn_media
            SELECT turns.id, json_extract(part.value, '$.media_id') FROM turns, json_each(turns.user) AS part
            WHERE json_extract(part.value, '$.media_id') IS NOT NULL""",
    ),
    # When the file was begun: media that are older belong to another one. All media belong to a file from before this.
    ("CREATE TABLE about (begun REAL NOT NULL)", "INSERT INTO about VALUES (0)"),
)

# What SQLite's errors ask of a person; by the beginning of their names.
_ADVICE = {
    "SQLITE_FULL": "make room on the disk and try again",
    "SQLITE_BUSY": "another program holds the file; close it and try again",
    "SQLITE_LOCKED": "another program holds the file; close it and try again",
    "SQLITE_READONLY": "check the permissions of the data folder",
    "SQLITE_CORRUPT": "the file is damaged: start Glimpse again, which sets it aside and begins a new one",
    "SQLITE_NOTADB": "the file is damaged: start Glimpse again, which sets it aside and begins a new one",
}


class Database:
    """One connection, used by one thread at a time.

    A damaged file is set aside under another name, and a new one begun; `set_aside` is the former then, else None.

    Raises:
        StorageError: from every method, when the file cannot be opened, read or written.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self.set_aside: Path | None = None
        try:
            self._open(path)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise _cannot_open(path, error) from error
            self.set_aside = _set_aside(path)
            log.error("%s is damaged (%s); it is %s now, and a new history begins", path, error, self.set_aside)
            try:
                self._open(path)
            except sqlite3.Error as again:
                raise _cannot_open(path, again) from again

    @property
    def begun(self) -> float:
        """When the file was made, in seconds since the epoch; 0 for one that says nothing of it."""
        with self.reading() as connection:
            return float(connection.execute("SELECT begun FROM about").fetchone()[0])

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A transaction that sees one state of the database."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is kept when the block ends and undone when it raises."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    def settle(self) -> None:
        """Bring what was committed from the journal into the file and empty the journal, unless somebody reads now.

        Words that were deleted are gone from the disk then, and what was written stays where the journal is lost.
        """
        # It may be closed, or held by somebody; what was committed is safe all the same.
        with self._lock, suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._connection.execute(begin)
                try:
                    yield self._connection
                    self._connection.execute("COMMIT")
                except BaseException:
                    if self._connection.in_transaction:  # a full disk has rolled back by itself
                        self._connection.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                log.exception("the history's database failed")
                raise StorageError(
                    f"The conversation could not be kept or read ({error}); {_advice(error)}."
                ) from error

    def _open(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise _cannot_open(path, error) from error
        try:
            self._set_up(path)
        except BaseException:
            self._connection.close()
            raise

    def _set_up(self, path: Path) -> None:
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA secure_delete = ON")  # deleted words do not stay in the file's free pages
        self._connection.create_function("casefold", 1, str.casefold, deterministic=True)
        fault = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if fault != "ok":
            raise sqlite3.DatabaseError(fault)
        with self.writing() as connection:
            self._migrate(connection, path)

    def _migrate(self, connection: sqlite3.Connection, path: Path) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise StorageError(f"{path} was written by a newer Glimpse; update this one or choose another --data-dir.")
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        if version == 0:
            connection.execute("UPDATE about SET begun = ?", (time.time(),))
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether a file's content is at fault: SQLite says so, or its own check, which has no error code."""
    name = getattr(error, "sqlite_errorname", None)
    return name is None or name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def _set_aside(path: Path) -> Path:
    """Rename a file, and its journal with it, to a free name beside it.

    Raises:
        StorageError: the folder cannot be written.
    """
    stem = f"{path.stem}-damaged-{time.strftime('%Y-%m-%d')}"
    aside = next(name for number in count(1) if not (name := path.with_name(f"{stem}-{number}{path.suffix}")).exists())
    try:
        path.rename(aside)
        for end in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + end).rename(aside.with_name(aside.name + end))
    except OSError as error:
        raise _cannot_open(path, error) from error
    return aside


def _cannot_open(path: Path, error: Exception) -> StorageError:
    return StorageError(f"The history {path} cannot be opened ({error}); choose another --data-dir.")


def _advice(error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "") or ""
    return next((said for begin, said in _ADVICE.items() if name.startswith(begin)), "the log says more")
