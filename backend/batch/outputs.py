"""Writes the rows of a run: as lines of JSON, a table, captions beside the files, or to standard output.

All but the last keep a ledger, from which a later run goes on: the lines of JSON themselves, the same with `.jsonl`
after the name of a table, and a hidden file in the folder for captions.
"""

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

from backend.batch.files import Source
from backend.batch.rows import FileRow, Ledger, table
from backend.errors import InputError, StorageError
from backend.tasks.forms.export import to_csv, to_xlsx

FORMS = "FILE.jsonl, FILE.csv, FILE.xlsx, .txt for a text file beside each file, or - for standard output"


class Results:
    """Keeps rows in a ledger. Raises as `Ledger` does."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def rows(self) -> Sequence[FileRow]:
        """The rows that are kept."""
        return self._ledger.rows

    def keep(self, wanted: Callable[[FileRow], FileRow | None]) -> None:
        """Put what `wanted` makes of each row in its place, or nothing."""
        self._ledger.keep(wanted)

    def refuses(self, source: Source, page: int | None) -> str | None:
        """Say in a sentence why the result of a file cannot be written; None where it can."""

    def add(self, row: FileRow) -> None:
        """Take a row; it is kept when this returns."""
        self._ledger.add(row)

    def close(self) -> None:
        """Let others write them. Safe to call twice."""
        self._ledger.close()


class Table(Results):
    """Writes a table of all rows at the end."""

    def __init__(self, ledger: Ledger, path: Path) -> None:
        super().__init__(ledger)
        self._path = path
        if path.exists() and not ledger.rows:
            ledger.close()
            raise InputError(f"{path} already exists and is not from Glimpse; choose another --out.")

    def close(self) -> None:
        """Write the table."""
        if self.rows:
            cells = table(self.rows)
            content = to_xlsx(cells) if self._path.suffix.lower() == ".xlsx" else to_csv(cells).encode()
            _write(self._path, content)
        super().close()


class Captions(Results):
    """Writes a text file for each answer: photo.txt beside photo.jpg, or photo.jpg.txt where there is a photo.png too.

    A text file that came from elsewhere is never written over.
    """

    def __init__(self, ledger: Ledger, sources: Sequence[Source]) -> None:
        super().__init__(ledger)
        stems = [source.path.with_suffix("") for source in sources]
        counts = Counter(stems)
        self._stems = {
            source.name: source.path if counts[stem] > 1 else stem for source, stem in zip(sources, stems, strict=True)
        }

    def keep(self, wanted: Callable[[FileRow], FileRow | None]) -> None:
        """Keep rows as `Results` does; drop the text files of others where nobody changed them, write missing ones."""
        for row in self.rows:
            path = self._path(row.file, row.page)
            if path and not row.error and not wanted(row) and _text(path) == _caption(row):
                path.unlink()
        super().keep(wanted)
        for row in self.rows:
            path = self._path(row.file, row.page)
            if path and not row.error and not path.exists():
                _write(path, _caption(row).encode())

    def refuses(self, source: Source, page: int | None) -> str | None:
        """Say in a sentence that the text file is there already; None where it is not."""
        path = self._path(source.name, page)
        if path is None or not path.exists():
            return None
        return f"{path.name} already exists and is not from Glimpse; move it away and run this again."

    def add(self, row: FileRow) -> None:
        """Take a row and write its text file."""
        super().add(row)
        path = self._path(row.file, row.page)
        if path and not row.error:
            _write(path, _caption(row).encode())

    def _path(self, name: str, page: int | None) -> Path | None:
        stem = self._stems.get(name)
        return stem and stem.with_name(f"{stem.name} page {page}.txt" if page else f"{stem.name}.txt")


class Lines(Results):
    """Writes lines of JSON to standard output; a later run begins anew."""

    rows: Sequence[FileRow] = ()

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def keep(self, wanted: Callable[[FileRow], FileRow | None]) -> None:
        """Drop nothing: no rows are kept."""

    def add(self, row: FileRow) -> None:
        """Write a row."""
        self._out.write(f"{row.dump()}\n")
        self._out.flush()

    def close(self) -> None:
        """Close nothing: no rows are kept."""


def open_results(
    out: str, root: Path, sources: Sequence[Source], preset: str, stdout: TextIO, text: str = ""
) -> Results:
    """Open the results that `out` names, for a preset and its text; `root` is the folder of the sources.

    Raises:
        InputError: it names none, or a file that is not ours.
        StorageError: it cannot be written.
    """
    path = Path(out).expanduser()
    form = path.suffix.lower() or path.name.lower()  # the suffix of ".txt" is none
    if out == "-":
        return Lines(stdout)
    if form == ".txt" and path.name.lower() == form:
        folder = root if root.is_dir() else root.parent
        return Captions(Ledger(folder / f".glimpse-{preset}.jsonl", preset, text), sources)
    if path.name.lower() != form and form == ".jsonl":
        return Results(Ledger(path, preset, text))
    if path.name.lower() != form and form in (".csv", ".xlsx"):
        return Table(Ledger(path.with_name(f"{path.name}.jsonl"), preset, text), path)
    raise InputError(f"Results cannot be written to “{out}”; use --out {FORMS}.")


def _caption(row: FileRow) -> str:
    return f"{row.answer.strip()}\n"


def _text(path: Path) -> str | None:
    with contextlib.suppress(OSError, ValueError):
        return path.read_text(encoding="utf-8")
    return None


def _write(path: Path, content: bytes) -> None:
    """Put a whole file in place."""
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_bytes(content)
        os.replace(fresh, path)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written ({error.strerror}); free some space, then run this again."
        ) from error
