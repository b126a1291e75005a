"""Opens the history's SQLite file: creates its schema, migrates an older one, and runs transactions.

Knows no conversation. The journal is a write-ahead log, so that what was committed outlives a killed process.
"""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
)


class Database:
    """One connection, used by one thread at a time.

    Raises:
        StorageError: from every method, when the file cannot be opened, read or written.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise StorageError(f"The history {path} cannot be opened ({error}); choose another --data-dir.") from error
        try:
            self._set_up(path)
        except BaseException:
            self._connection.close()
            raise

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
                    f"The conversation could not be kept or read ({error}); see that the disk has room."
                ) from error

    def _set_up(self, path: Path) -> None:
        try:
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute("PRAGMA secure_delete = ON")  # deleted words do not stay in the file's free pages
            self._connection.create_function("casefold", 1, str.casefold, deterministic=True)
        except sqlite3.Error as error:
            raise StorageError(
                f"{path} is not a history that can be read ({error}); move it away or choose another --data-dir."
            ) from error
        with self.writing() as connection:
            self._migrate(connection, path)

    def _migrate(self, connection: sqlite3.Connection, path: Path) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise StorageError(f"{path} was written by a newer Glimpse; update this one or choose another --data-dir.")
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
