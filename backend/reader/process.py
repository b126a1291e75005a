"""Runs one child process that reads images, started when needed and ended when idle for a while.

Its methods block: they are called in a thread, one image at a time. What the child says is checked before it is used.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from backend.errors import ReadingFailed
from backend.reader.page import MOST_LINES, Page, page_from_json

log = logging.getLogger(__name__)

FAILED = "The text on this image could not be read; the answer goes on without it."
IDLE = 300.0  # seconds after which a child that reads nothing is ended
MEMORY = 4 << 30  # bytes of address space: 1.1 GB are used for 12 megapixels in a square, 2.0 GB mapped
LONGEST_ANSWER = 64 << 20  # bytes of a line
_ROOT = Path(__file__).resolve().parents[2]

Tell = Callable[[int, int], None]


class ReaderProcess:
    """Reads images with a child process. Safe to call from several threads: who comes second waits."""

    def __init__(self, idle: float = IDLE, command: tuple[str, ...] = ("-m", "backend.reader.worker")) -> None:
        self._idle = idle
        self._command = command
        self._turn = threading.Lock()  # of reading
        self._guard = threading.Lock()  # of what `_child` is
        self._child: _Child | None = None
        self._timer: threading.Timer | None = None
        self._told = False

    @property
    def running(self) -> bool:
        """Whether there is a child now."""
        child = self._child
        return child is not None and child.alive

    def read(self, image: Image.Image, tell: Tell, stop: threading.Event | None = None) -> Page:
        """Read one image; `tell` is called with lines done and lines in all.

        `end` from another thread breaks it off; where it may not have begun yet, `stop` is set before.

        Raises:
            ReadingFailed: the child could not, or died.
        """
        with self._turn:
            self._rest()
            child: _Child | None = None
            try:
                child = self._ready(stop)
                if not child.greeted:
                    self._note(child.greet())
                return child.read(image, tell)
            except ReadingFailed:
                raise
            except BaseException as error:
                self._drop(child)
                if isinstance(
                    error, OSError | ArithmeticError | LookupError | RecursionError | TypeError | ValueError
                ):
                    raise ReadingFailed(FAILED) from error
                raise
            finally:
                self._watch()

    def end(self) -> None:
        """End the child, whatever it does. Safe to call twice; the next image starts another."""
        with self._guard:
            child, self._child = self._child, None
        self._rest()
        if child is not None:
            child.end()

    def _ready(self, stop: threading.Event | None) -> _Child:
        child = self._child
        if child is not None and child.alive:
            return child
        self.end()
        with self._guard:
            if stop is not None and stop.is_set():
                raise ReadingFailed(FAILED)  # nobody waits for it any more
            child = self._child = _Child(self._command)
        return child

    def _drop(self, child: _Child | None) -> None:
        """End a child that failed: its next message would be taken for an answer to the next image."""
        if child is None or self._child is child:  # else it was ended on purpose
            log.warning("the text of an image was not read: %s", child.last_words() if child else "", exc_info=True)
            self.end()

    def _note(self, missing: Sequence[str]) -> None:
        if missing and not self._told:
            log.warning("this system reads text without %s", " and without ".join(missing))
        self._told = True

    def _watch(self) -> None:
        """End the child once it has been idle for so long."""
        if self._child is not None:
            self._timer = threading.Timer(self._idle, self._end_idle, (self._child,))
            self._timer.daemon = True
            self._timer.start()

    def _end_idle(self, child: _Child) -> None:
        if self._turn.acquire(blocking=False):
            try:
                if self._child is child:
                    self.end()
            finally:
                self._turn.release()

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Child:
    """The process and its pipes."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self.greeted = False
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 -- closed in `end`
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-s", *command, str(MEMORY), str(threads())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                env=_environment(),
                cwd=Path(sys.prefix).anchor,
                start_new_session=True,
            )
        except BaseException:
            self._complaints.close()
            raise

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def greet(self) -> list[str]:
        """Wait until the models are loaded; returns in words which limits the system cannot put on the child."""
        missing = [str(one) for one in self._answer()["ready"]]
        self.greeted = True
        return missing

    def read(self, image: Image.Image, tell: Tell) -> Page:
        assert self._process.stdin is not None
        head = json.dumps({"width": image.width, "height": image.height}).encode() + b"\n"
        red, green, blue = image.convert("RGB").split()
        self._process.stdin.write(head)
        self._process.stdin.write(Image.merge("RGB", (blue, green, red)).tobytes())
        self._process.stdin.flush()
        told = -1
        while True:
            answer = self._answer()
            if "page" in answer:
                page = page_from_json(answer["page"])
                if (page.width, page.height) != image.size:
                    raise ValueError("a page of another size")
                return page
            if "error" in answer:
                raise ValueError("the child could not read it")
            done, total = int(answer["done"]), int(answer["total"])
            if not told < done < total <= MOST_LINES:  # or it could go on for ever
                raise ValueError("strange progress")
            told = done
            tell(done, total)

    def last_words(self) -> str:
        """The end of what the child wrote to stderr."""
        if self._complaints.closed:
            return ""
        self._complaints.seek(0)
        return self._complaints.read()[-4000:].decode(errors="replace")

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._complaints.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline(LONGEST_ANSWER)
        if not line:
            raise OSError("the child is gone")
        answer = json.loads(line)
        if not isinstance(answer, dict):
            raise ValueError("no answer")
        return answer


def threads() -> int:
    """Choose how many threads read one image: a person waits for it, and idle threads do not spin."""
    return max(1, min(4, os.cpu_count() or 1))


def _environment() -> dict[str, str]:
    """Make the child's environment: only where the code is."""
    needed = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    bound = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**needed, **bound, "PYTHONPATH": str(_ROOT), "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}
