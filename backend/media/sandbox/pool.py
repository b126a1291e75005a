"""Decodes strangers' files in confined child processes and returns raw pixels. Runs in the page's process.

A child does one job and is gone: what a broken file does to a decoder ends with it. One spare child stands ready,
its imports done, so that a picture does not wait for Python to start. Knows nothing of where results are kept.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import weakref
from collections.abc import AsyncIterator, Callable
from io import FileIO
from pathlib import Path
from typing import Any

from PIL import Image

from backend.errors import GlimpseError, MediaTooLarge, StorageError, UnsupportedMedia
from backend.media.clip import Frame
from backend.media.formats import MediaLimits, quoted
from backend.media.sandbox.worker import DecodeJob

log = logging.getLogger(__name__)

Save = Callable[[int, int, Frame], None]
"""Called in a thread for each picture as it comes: its index, how many there will be, and the picture."""

COMMAND = ("-m", "backend.media.sandbox.worker")

_LONGEST_LINE = 1 << 16
_STRIP_BYTES = 3 << 20
_ROOT = Path(__file__).resolve().parents[3]


class Decoder:
    """Decodes files in confined children. Use it from one event loop; no child survives it even if it is left open."""

    def __init__(self, limits: MediaLimits) -> None:
        self._limits = limits
        self._children: set[_Child] = set()
        self._spare: _Child | None = None
        # Apart, so that nobody's photo waits behind somebody's film.
        self._slots = {"image": asyncio.Semaphore(4), "video": asyncio.Semaphore(2), "pdf": asyncio.Semaphore(2)}
        # Of all together, so that their memory is bounded; one place is always left for a picture.
        most = max(2, limits.children_bytes // limits.memory_bytes)
        self._any, self._slow = asyncio.Semaphore(most), asyncio.Semaphore(most - 1)
        self._told = self._closed = False
        weakref.finalize(self, _end_all, self._children)

    @property
    def processes(self) -> frozenset[subprocess.Popen[bytes]]:
        """The processes of all children, the spare one's too."""
        return frozenset(child.process for child in self._children)

    @property
    def spare(self) -> subprocess.Popen[bytes] | None:
        """The process of the child that stands ready; None where there is none."""
        return self._spare.process if self._spare else None

    async def decode(self, job: DecodeJob, save: Save) -> dict[str, Any]:
        """Do a job; cancelling the task that awaits this kills the child at once.

        Returns:
            What the child reported of the whole file: for a clip its `duration` and `unreadable`.

        Raises:
            UnsupportedMedia, MediaTooLarge: as `read_image` and `sample_frames`, or the child died or took too long.
            StorageError: the disk is full.
        """
        async with self._place(job.kind):
            child = self._take()
            talk = asyncio.ensure_future(asyncio.to_thread(self._talk, child, job, save))
            # Nobody may be left to ask for it after a cancel.
            talk.add_done_callback(lambda done: done.cancelled() or done.exception())
            try:
                return await asyncio.wait_for(asyncio.shield(talk), job.seconds)
            except TimeoutError:
                raise UnsupportedMedia(
                    f"{quoted(job.name)} takes longer than {job.seconds:.0f} seconds to read; send a shorter or "
                    "smaller one."
                ) from None
            finally:
                child.kill()
                await asyncio.wait([talk])
                self._children.discard(child)
                if not self._closed:
                    self.warm()

    @contextlib.asynccontextmanager
    async def _place(self, kind: str) -> AsyncIterator[None]:
        """Wait until one more child may work."""
        async with self._slots[kind]:
            if kind == "image":
                async with self._any:
                    yield
            else:
                async with self._slow, self._any:
                    yield

    def warm(self) -> None:
        """Start the spare child, if there is none."""
        if self._spare and not self._spare.alive:
            self._spare.end()
            self._children.discard(self._spare)
            self._spare = None
        if self._spare is None:
            self._spare = _Child(self._limits.memory_bytes)
            self._children.add(self._spare)

    def close(self) -> None:
        """End all children. Safe to call twice."""
        self._closed, self._spare = True, None
        _end_all(self._children)

    def _take(self) -> "_Child":
        self.warm()
        child, self._spare = self._spare, None
        assert child is not None
        return child

    def _talk(self, child: "_Child", job: DecodeJob, save: Save) -> dict[str, Any]:
        """Send the child its job and save the pictures it reports, to the end. Blocks; runs in a thread."""
        try:
            child.write(job.dump())
            return self._follow(child, job, save)
        finally:
            child.end()

    def _follow(self, child: "_Child", job: DecodeJob, save: Save) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        while message := child.read():
            if "ready" in message:
                self._tell_once(message["ready"])
            elif "total" in message:
                facts = message
            elif "picture" in message:
                try:
                    index, frame = _picture(Path(job.out), message, job.limits)
                except (OSError, ValueError, TypeError, KeyError):
                    log.warning("the child that read %s said what is not so: %s", job.name, message)
                    break
                save(index, int(facts["total"]), frame)
            elif "error" in message:
                raise _error(message)
            elif "done" in message:
                return facts
        raise _death(child, job)

    def _tell_once(self, missing: list[str]) -> None:
        if missing and not self._told:
            log.warning("this system reads media without %s", " and without ".join(missing))
        self._told = True


class _Child:
    """One confined process."""

    def __init__(self, memory_bytes: int) -> None:
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 -- closed in `end`
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-s", "-X", "faulthandler", *COMMAND, str(memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env=_environment(),
            cwd=Path(sys.prefix).anchor,
            start_new_session=True,
        )

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def write(self, line: str) -> None:
        """Send the job as one JSON line, and close the child's input."""
        assert self.process.stdin
        try:
            self.process.stdin.write(line.encode())
            self.process.stdin.close()
        except OSError:
            log.info("the child is gone before its job", exc_info=True)

    def read(self) -> dict[str, Any] | None:
        """Read the child's next JSON line; None when there is no more, or it is not a JSON object."""
        assert self.process.stdout
        line = self.process.stdout.readline(_LONGEST_LINE)
        try:
            message = json.loads(line) if line else None
        except ValueError:
            return None
        return message if isinstance(message, dict) else None

    def kill(self) -> None:
        """End it now, without waiting."""
        self.process.kill()

    def end(self) -> tuple[int, str]:
        """Kill the child and close its pipes; returns its exit status and last words of stderr. Safe to call twice."""
        self.process.kill()
        status = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        if self._complaints.closed:
            return status, ""
        self._complaints.seek(0)
        words = self._complaints.read()[-4000:].decode(errors="replace")
        self._complaints.close()
        return status, words


def _environment() -> dict[str, str]:
    """Make the child's environment: where the code is, and one thread, since pools reserve memory by the core."""
    needed = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    # Pillow keeps memory of so many times 16 MB for its next picture.
    memory = {"PILLOW_BLOCKS_MAX": "4"}
    return {**needed, **threads, **memory, "PYTHONPATH": str(_ROOT), "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _end_all(children: set[_Child]) -> None:
    for child in list(children):
        child.end()
    children.clear()


def _picture(folder: Path, message: dict[str, Any], limits: MediaLimits) -> tuple[int, Frame]:
    """Take the raw picture that a message announces from the folder, with its index; nothing in it is parsed."""
    index, width, height = (int(message[key]) for key in ("picture", "width", "height"))
    if min(width, height) < 1 or width * height > max(limits.image_pixels, limits.video_pixels):
        raise ValueError(f"a picture of {width} x {height}")
    raw = folder / f"{index}.ppm"
    header = b"P6\n%d %d\n255\n" % (width, height)
    # A link or a pipe in its place would have us read for the child what it may not, or wait for ever.
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with FileIO(os.open(raw, os.O_RDONLY | flags)) as file:
        if os.fstat(file.fileno()).st_size != len(header) + 3 * width * height or file.read(len(header)) != header:
            raise ValueError(f"not a picture of {width} x {height}")
        image = _read_rgb(file, width, height)
    raw.unlink()
    return index, Frame(float(message["time"]), image)


def _read_rgb(file: FileIO, width: int, height: int) -> Image.Image:
    """Read raw RGB a strip at a time: fresh memory for all of it at once would take as long as the picture itself."""
    image = Image.new("RGB", (width, height), None)
    rows = max(1, _STRIP_BYTES // (3 * width))
    strip = memoryview(bytearray(3 * width * min(rows, height)))
    for top in range(0, height, rows):
        part = strip[: 3 * width * min(rows, height - top)]
        if file.readinto(part) != len(part):
            raise ValueError("the file was cut while it was read")
        image.paste(Image.frombytes("RGB", (width, len(part) // (3 * width)), part), (0, top))
    return image


def _error(message: dict[str, Any]) -> GlimpseError:
    known: dict[str, type[GlimpseError]] = {kind.__name__: kind for kind in (MediaTooLarge, StorageError)}
    kind = known.get(message["error"], UnsupportedMedia)
    return kind(str(message.get("text"))[:500])


def _death(child: _Child, job: DecodeJob) -> UnsupportedMedia:
    status, words = child.end()
    log.warning("the child that read %s ended with status %s: %s", job.name, status, words)
    if status == -getattr(signal, "SIGXCPU", 0):
        return UnsupportedMedia(f"{quoted(job.name)} takes too much computing to read; send a shorter or smaller one.")
    return UnsupportedMedia(f"{quoted(job.name)} cannot be read safely; it may be damaged: export it again.")
