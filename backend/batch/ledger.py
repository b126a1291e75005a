"""The rows that are there already, in a file of JSON lines that survives a kill at any moment.

A row is written whole and reaches the disk before the next file is begun; half a line at the end is what a kill left.
"""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from backend.batch.row import Row
from backend.errors import InputError, StorageError

log = logging.getLogger(__name__)


class Ledger:
    """The rows in `path`; a file that holds anything else is left alone. While it is open, no other run may have it.

    Raises:
        InputError: the file holds something else, or what else was asked, or another run is writing it.
        StorageError: it cannot be read or written; from `keep` and `add` as well.
    """

    def __init__(self, path: Path, preset: str, text: str = "") -> None:
        self._path = path
        self._asked = preset, text
        with self._writable(), ExitStack() as undo:
            self._file: BinaryIO = undo.enter_context(path.open("a+b"))
            _lock(self._file, path)
            self.rows = self._read()
            undo.pop_all()

    def keep(self, wanted: Callable[[Row], bool]) -> None:
        """Drop all other rows, and whatever a kill left; all at once or not at all."""
        self.rows = [row for row in self.rows if wanted(row)]
        fresh = self._path.with_name(f".{self._path.name}.new")
        with self._writable(), ExitStack() as undo:
            file = undo.enter_context(fresh.open("w+b"))
            _lock(file, self._path)
            file.write(_lines(self.rows))
            _settle(file)
            fresh.replace(self._path)
            undo.pop_all()
        self._file.close()
        self._file = file

    def add(self, row: Row) -> None:
        """Write a row; it is on the disk when this returns."""
        with self._writable():
            self._file.write(_lines([row]))
            _settle(self._file)
        self.rows.append(row)

    def close(self) -> None:
        """Let others write the file. Safe to call twice."""
        self._file.close()

    def _read(self) -> list[Row]:
        self._file.seek(0)
        *whole, last = self._file.read().split(b"\n")
        rows = [self._load(line) for line in whole if line.strip()]
        if last.strip():
            try:
                rows.append(self._load(last))
            except InputError:
                if not rows and not last.lstrip().startswith(b'{"file"'):
                    raise
        return rows

    def _load(self, line: bytes) -> Row:
        try:
            row = Row.load(line.decode())
        except ValueError as error:
            raise InputError(f"{self._path} holds something else than results; choose another --out.") from error
        if (row.preset, row.text) != self._asked:
            words = " with other words" if row.text != self._asked[1] else ""
            raise InputError(f"{self._path} holds results of the preset {row.preset}{words}; choose another --out.")
        return row

    @contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            log.info("%s", self._path, exc_info=True)
            reason = f"{self._path} cannot be written ({error.strerror}); free some space or choose another --out."
            raise StorageError(reason) from error


def _lines(rows: Sequence[Row]) -> bytes:
    return "".join(f"{row.dump()}\n" for row in rows).encode(errors="replace")


def _settle(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(f"Another run is writing {path}; wait for it, or choose another --out.") from error
