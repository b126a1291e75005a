"""Finds the files of a folder that a preset reads, in the order in which a person would count. Decodes nothing."""

import logging
import mimetypes
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from backend.errors import InputError
from backend.media.formats import sniff
from backend.tasks.task import Needs

log = logging.getLogger(__name__)

Kind = Literal["image", "video", "pdf"]

_READ: dict[Needs, tuple[Kind, ...]] = {
    "nothing": ("image", "video", "pdf"),
    "image": ("image", "pdf"),
    "video": ("video",),
}
_NOUNS: dict[Kind, str] = {"image": "pictures", "video": "clips", "pdf": "PDFs"}
_CODE = ".ts"  # a clip by its name, a program by what is mostly in it


@dataclass(frozen=True, slots=True)
class Source:
    """A file to ask about; `name` is its path below the folder, with forward slashes, as the results call it."""

    path: Path
    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Found:
    """The files of a folder to ask about, how many others there are, and folders that cannot be opened."""

    sources: tuple[Source, ...]
    others: int
    closed: tuple[str, ...]


def find(root: Path, needs: Needs) -> Found:
    """The files below a folder that a preset with these needs reads; or the one file, where `root` is one.

    Hidden files and folders are passed over. A file is what it holds, but one that only calls itself a picture is
    found too, so that there will be a row that says what is wrong with it.

    Raises:
        InputError: there is no such folder, or nothing in it that the preset reads.
    """
    if not root.exists():
        raise InputError(f"There is no folder {root}; check its name.")
    sources, other, closed = list[Source](), 0, list[str]()
    for path in [root] if root.is_file() else _walk(root, closed):
        kind = kind_of(path)
        if kind in _READ[needs]:
            sources.append(Source(path, _name(path, root), kind))
        else:
            other += 1
    if not sources:
        wanted = " and ".join(_NOUNS[kind] for kind in _READ[needs])
        beside = f" ({others(other)})" if other else ""
        raise InputError(f"There are no {wanted} in {root}{beside}; choose another folder or preset.")
    return Found(tuple(sources), other, tuple(closed))


def others(count: int) -> str:
    """Say how many files are not asked about."""
    return f"{count} other file{'s' * (count != 1)}"


def kind_of(path: Path) -> Kind | None:
    """Tell whether a file is read as an image, a clip or pages; None where it is none of these."""
    try:
        sniffed = sniff(path)
    except OSError:
        log.info("%s cannot be opened", path, exc_info=True)
        return _by_name(path)
    if sniffed.kind != "other":
        return sniffed.kind
    return "pdf" if sniffed.suffix == ".pdf" else _by_name(path)


def _by_name(path: Path) -> Kind | None:
    guessed = mimetypes.guess_type(path.name)[0] or ""
    if guessed == "application/pdf":
        return "pdf"
    kinds: dict[str, Kind] = {"image": "image", "video": "video"}
    return None if path.suffix.lower() == _CODE else kinds.get(guessed.partition("/")[0])


def _walk(root: Path, closed: list[str]) -> Iterator[Path]:
    def note(error: OSError) -> None:
        closed.append(f"{error.filename} ({error.strerror})")

    for folder, folders, files in os.walk(root, onerror=note):
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=_counted)
        for name in sorted(files, key=_counted):
            path = Path(folder, name)
            if not name.startswith(".") and path.is_file():
                yield path


def _counted(name: str) -> list[tuple[int, str]]:
    """Make a sort key that puts page 2 before page 10."""
    return [(int(run) if run.isdecimal() else -1, run.casefold()) for run in re.split(r"(\d+)", name)]


def _name(path: Path, root: Path) -> str:
    name = path.name if path == root else path.relative_to(root).as_posix()
    return os.fsencode(name).decode(errors="replace")  # a name that is no UTF-8 could not be written down
