"""Reads a question from a command's words and shows its answer on a terminal: files or text, events in one line.

Knows no page, no engine and no command line.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from backend.chat.results import NOWHERE, Grounded, json_with_evidence
from backend.errors import InputError
from backend.tasks.forms.json_text import named
from backend.types import Finished, PartDone, Progress, Queued, Restarted, StreamEvent, TextDelta

_MEDIA = re.compile(
    r".*\S\.(a?png|jpe?g?|jfif|webp|gif|bmp|avif|hei[cf]|tiff?|dng|cr[23]|nef|arw|svg|ico|psd"
    r"|mp4|m4v|mov|webm|mkv|avi|m?ts|m2ts|mpe?g|3g[p2]|og[gmv]|flv|wmv|pdf)\s*",
    re.IGNORECASE | re.DOTALL,
)
_CLEAR = "\r\x1b[K"
# What would move the cursor, colour the screen or ring: whoever wrote the model's words does not own the terminal.
_CONTROLS = dict.fromkeys({*range(32), *range(127, 160)} - {ord("\t"), ord("\n")})


def sort_words(words: Sequence[str], stdin: TextIO | None = None) -> tuple[list[Path], str]:
    """Sort the words of a command into files and text; "-" is the text on standard input.

    Raises:
        InputError: a word is a file name by its looks, and there is no such file. One that ends in the name of a
            file that is there, as in "Describe cat.png", is words.
    """
    files, text = [], []
    for word in words:
        path = Path(word).expanduser()
        if word == "-":
            text.append((stdin or sys.stdin).read())
        elif _is_file(path):
            files.append(path)
        elif _MEDIA.fullmatch(word) and not _ends_in_a_file(word, words):
            raise InputError(f"There is no file {word}; check its name and folder.")
        else:
            text.append(word)
    return files, " ".join(text).strip()


def _ends_in_a_file(word: str, words: Sequence[str]) -> bool:
    """Whether the last of several words names a file that is there, by its path or as one of those that are given."""
    *before, last = word.split()
    named = {Path(other).name for other in words if _is_file(Path(other).expanduser())}
    return bool(before) and (last in named or _is_file(Path(last).expanduser()))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a name, or not one
        return False


def standing(found: Grounded) -> list[str]:
    """Say how much of a result stands on its image, and which values do not, or only nearly; nothing if all do."""
    marked = [one for one in found.evidence if one.kind != "exact"]
    if not marked:
        return []
    return [found.summary, *(f"{named(one.path) or one.path}: {one.differs or NOWHERE}" for one in marked)]


class Terminal:
    """Writes an answer to `out` as it grows, and to `err` what happens before it, in a line that goes again.

    That line is for people: it is left out where `err` is no terminal. With `whole` an answer is written at its end,
    for programs that read one which may be written again.
    """

    def __init__(self, out: TextIO, err: TextIO, *, whole: bool = False) -> None:
        self._out, self._err = out, err
        self._whole = whole
        self._held = ""
        self._noted = False
        self._open = False

    def show(self, event: StreamEvent) -> None:
        """Show one event."""
        match event:
            case TextDelta(text) if self._whole:
                self._held += text
            case TextDelta(text):
                self._note("")
                self._write(text.translate(_CONTROLS) if self._out.isatty() else text)
            case PartDone():
                self.end()
                self._err.write("(a picture is part of the answer; ask on the page to see it)\n")
            case Restarted() if self._whole:
                self._held = ""
            case Restarted():
                self.end()
                self._err.write("(the first try did not fit the form; trying again)\n")
            case Queued(position):
                self._note(f"queued as number {position}")
            case Progress():
                if self._open and self._err.isatty():  # the line that goes again would take the answer's with it
                    self._write("\n")
                self._note(event.words)
            case Finished("length", usage):
                self.end()
                self._err.write(f"(cut after {usage.completion_tokens} tokens)\n")

    def ground(self, found: Sequence[Grounded], *, written: bool = False) -> None:
        """Say after the answer how much of it stands on the image, and what does not.

        Where the evidence is to be `written`, each JSON result and its evidence take the place of the answer.
        """
        if written and found and all(one.result.kind == "json" and one.result.whole for one in found):
            self._held = "\n".join(map(json_with_evidence, found))
        self.end()
        for one in found:
            self._err.write("".join(f"({line})\n" for line in standing(one)))

    def end(self) -> None:
        """Leave whole lines behind, wherever the answer stands."""
        self._note("")
        self._write(self._held)
        self._held = ""
        if self._open:
            self._write("\n")

    def _write(self, text: str) -> None:
        if text:
            self._out.write(text)
            self._out.flush()
            self._open = not text.endswith("\n")

    def _note(self, words: str) -> None:
        if self._err.isatty() and (words or self._noted):
            self._err.write(f"{_CLEAR}{words}")
            self._err.flush()
            self._noted = bool(words)
