"""Converts Gradio's shapes to values: what a page or a client posts becomes text and paths. Pure.

Gradio posts one message in three shapes: paths as text on submit, file dicts on retry, a bare text on edit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Put after a character that would begin markup, so that it is shown as written; taken out again on the way in.
JOINER = "\u2060"


@dataclass(frozen=True, slots=True)
class Posted:
    """A message as it was sent: the person's words and the files beside them, in order.

    `names` are the files' own names where the paths do not end in them.
    """

    text: str = ""
    files: tuple[Path, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def named(self) -> list[tuple[Path, str]]:
        """The files, each with its name."""
        names = self.names or [path.name for path in self.files]
        return list(zip(self.files, names, strict=True))


def read_message(posted: object) -> Posted:
    """Read a message in any of Gradio's shapes; what is neither text nor a file is dropped."""
    if isinstance(posted, str):
        return Posted(_plain(posted))
    if not isinstance(posted, Mapping):
        return Posted()
    text, files = posted.get("text"), posted.get("files")
    found = [read_file(file) for file in files] if isinstance(files, Sequence) and not isinstance(files, str) else []
    return Posted(_plain(text) if isinstance(text, str) else "", tuple(path for path in found if path is not None))


def read_file(posted: object) -> Path | None:
    """The path in a file posted as text, as a dict or as an object with a `path`; None where there is none."""
    path = posted.get("path") if isinstance(posted, Mapping) else getattr(posted, "path", posted)
    return Path(path) if isinstance(path, str | Path) and str(path) else None


def turn_number(index: object) -> int:
    """The number, from 1, of the turn that the bubble at `index` belongs to; every turn is two bubbles."""
    first = index[0] if isinstance(index, list | tuple) and index else index
    return int(first) // 2 + 1 if isinstance(first, int | float) else 0


def _plain(text: str) -> str:
    return text.replace(JOINER, "")
