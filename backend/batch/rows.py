"""Defines a row of the results, converts it to JSON and table cells, and keeps rows in a ledger on the disk."""

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from backend.errors import InputError, StorageError
from backend.tasks.forms.export import Cell
from backend.tasks.forms.json_text import data_in, named
from backend.types import FinishReason

Key = tuple[str, int | None]


@dataclass(frozen=True, slots=True)
class FileRow:
    """The result of one file, or of one page of a PDF.

    `file` is its path below the folder, `sha256` its content; `page` counts from 1 and `pages` is how many there are,
    both None for what has none. Either there is an `answer`, or `error` is one sentence. `seconds` is what it took.
    `text` went to the model after the preset's prompt. `nowhere` are the paths of values that stand nowhere on the
    image, and `evidence` where all of them stand, if that was asked for (`evidence_as_data`). A file that a later run
    did not find is `gone`.
    """

    file: str
    preset: str
    sha256: str = ""
    page: int | None = None
    pages: int | None = None
    answer: str = ""
    error: str | None = None
    finish_reason: FinishReason | None = None
    model: str | None = None
    tokens: int | None = None
    seconds: float = 0.0
    text: str = ""
    nowhere: tuple[str, ...] = ()
    evidence: Mapping[str, Any] | None = None
    gone: bool = False

    @property
    def key(self) -> Key:
        """The file and page that the row is about; there is one row for each."""
        return self.file, self.page

    @property
    def data(self) -> Mapping[str, Any] | None:
        """The JSON object that the answer is, alone or in a code block; None where it is none."""
        return data_in(self.answer)

    def dump(self) -> str:
        """The row as one line of JSON; an answer that is JSON stands in it as `data`, too."""
        fields = {name: value for name, value in asdict(self).items() if value or name not in ("evidence", "gone")}
        data = self.data
        return json.dumps(fields if data is None else fields | {"data": data}, ensure_ascii=False)

    @classmethod
    def load(cls, line: str) -> "FileRow":
        """The row in a line that `dump` made.

        Raises:
            ValueError: it is another kind of line.
        """
        fields = json.loads(line)
        if not isinstance(fields, dict) or not {"file", "preset", "sha256", "answer"} <= fields.keys():
            raise ValueError("not a row")
        fields.pop("data", None)
        fields["nowhere"] = tuple(fields.get("nowhere", ()))
        try:
            return cls(**fields)
        except TypeError as error:
            raise ValueError("not a row") from error


def table(rows: Sequence[FileRow]) -> list[dict[str, Cell]]:
    """The rows as cells: the file, then what the answer says, then what it cost.

    An answer that is a JSON object has a column for each of its fields, those of inner objects with a dot in their
    names; lists stay JSON. Any other answer stands in a column of its own.
    """
    cells = [_said(row) for row in rows]
    said = dict.fromkeys(name for each in cells for name in each)
    paged, doubted = any(row.page for row in rows), any(row.nowhere for row in rows)
    lost = any(row.gone for row in rows)
    return [
        {"file": row.file}
        | ({"file is gone": row.gone or None} if lost else {})
        | ({"page": row.page} if paged else {})
        | {name: each.get(name) for name in said}
        | ({"nowhere on the image": ", ".join(map(named, row.nowhere)) or None} if doubted else {})
        | {"error": row.error, "finish_reason": row.finish_reason, "model": row.model, "seconds": row.seconds}
        for row, each in zip(rows, cells, strict=True)
    ]


_OWN = ("file", "file is gone", "page", "error", "finish_reason", "model", "seconds")


def _said(row: FileRow) -> dict[str, Cell]:
    data = row.data
    if data is None:
        return {"answer": row.answer} if row.answer else {}
    flat = dict(_flat(data))
    return {f"answer.{name}" if name in _OWN else name: value for name, value in flat.items()}


def _flat(data: Mapping[str, Any], prefix: str = "") -> Sequence[tuple[str, Cell]]:
    cells: list[tuple[str, Cell]] = []
    for name, value in data.items():
        if isinstance(value, dict):
            cells += _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            cells.append((prefix + name, json.dumps(value, ensure_ascii=False)))
        else:
            cells.append((prefix + name, value))
    return cells


log = logging.getLogger(__name__)


class Ledger:
    """Keeps rows in the file `path`, unless it holds anything else. While it is open, no other run may open it.

    Raises:
        InputError: the file holds something else or another question's rows, or another run is writing it.
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

    def keep(self, wanted: Callable[[FileRow], FileRow | None]) -> None:
        """Put what `wanted` makes of each row in its place, or nothing; all at once or not at all."""
        self.rows = [kept for row in self.rows if (kept := wanted(row))]
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

    def add(self, row: FileRow) -> None:
        """Write a row; it is on the disk when this returns."""
        with self._writable():
            self._file.write(_lines([row]))
            _settle(self._file)
        self.rows.append(row)

    def close(self) -> None:
        """Let others write the file. Safe to call twice."""
        self._file.close()

    def _read(self) -> list[FileRow]:
        self._file.seek(0)
        *whole, last = self._file.read().removeprefix(b"\xef\xbb\xbf").split(b"\n")  # the mark that editors put first
        rows = [self._load(line) for line in whole if line.strip()]
        if last.strip():
            try:
                rows.append(self._load(last))
            except InputError:
                if not rows and not last.lstrip().startswith(b'{"file"'):
                    raise
        return rows

    def _load(self, line: bytes) -> FileRow:
        try:
            row = FileRow.load(line.decode())
        except ValueError as error:
            raise InputError(f"{self._path} does not hold results of Glimpse; choose another --out.") from error
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


def _lines(rows: Sequence[FileRow]) -> bytes:
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
