"""Adds files from strangers: each kept once, by its SHA-256, with clean pixels made by a confined child.

`MediaFiles` reads them, from any process; `add` and `sample` belong to one event loop. Knows no conversations:
`collect` gets the ids that are in use.
"""

import asyncio
import errno
import hashlib
import io
import logging
import math
import shutil
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from backend.errors import MediaTooLarge, StorageError, UnsupportedMedia
from backend.media.clip import READABLE as CLIPS
from backend.media.clip import Frame
from backend.media.files import MediaFacts, MediaFiles, save_clean, save_facts, save_frame, save_times
from backend.media.formats import MediaLimits, Sniffed, quoted, sniff
from backend.media.pages import PageReader
from backend.media.sandbox.pool import Decoder
from backend.media.sandbox.worker import DecodeJob
from backend.types import ImagePart, Progress, VideoPart

__all__ = ["MediaLimits", "MediaStore"]

log = logging.getLogger(__name__)

Tell = Callable[[Progress], None]

_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif", ".heic", ".heif"),
    *(".mp4", ".m4v", ".mov", ".3gp", ".webm", ".mkv", ".avi", ".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".ogv"),
)
_LOSSY = (".jpg", ".heic", ".avif")
# Pixels up to which an image that came without loss is kept without loss.
_EXACT_PIXELS = 1_000_000
# Few frames are shown to the model larger than many.
_FEW, _FEW_SIDE, _MANY_SIDE = 16, 1120, 768
_SPARE_BYTES = 64 << 20


class MediaStore(MediaFiles):
    """Media under one root folder; see `MediaFiles` for reading. `pages` draws those of PDFs, to be added."""

    def __init__(self, root: Path, limits: MediaLimits | None = None) -> None:
        super().__init__(root)
        self._limits = limits or MediaLimits()
        self._decoder = Decoder(self._limits)
        self.pages = PageReader(self._decoder, self._limits)
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    @property
    def decoder(self) -> Decoder:
        """The decoder of its files; it is closed with the store."""
        return self._decoder

    def warm(self) -> None:
        """Have a child ready, so that the first image does not wait for one."""
        self._decoder.warm()

    def close(self) -> None:
        """End all children. What is kept stays readable. Safe to call twice."""
        self._decoder.close()

    async def add(
        self,
        path: Path,
        *,
        frames: int = 64,
        start: float | None = None,
        end: float | None = None,
        progress: Tell | None = None,
    ) -> ImagePart | VideoPart:
        """Take a file in. A file that is kept already costs only its hash.

        Args:
            path: the file; its content decides what it is, its name is only shown.
            frames, start, end: which frames of a clip; seconds. Ignored for an image.
            progress: called on the event loop while it is read. Cancelling the task ends the work at once.

        Raises:
            UnsupportedMedia: nothing we read, broken, or the clip has no such part.
            MediaTooLarge: past a limit on bytes, pixels or duration.
            StorageError: the disk is full or cannot be written.
        """
        path = Path(path)
        sniffed = await asyncio.to_thread(self._admit, path)
        media_id = await asyncio.to_thread(_digest, path)
        part = ImagePart(media_id) if sniffed.kind == "image" else VideoPart(media_id, frames, start, end)
        with _disk(path.name):
            async with self._lock(media_id):
                if not self.holds(media_id):
                    await self._take_in(path, part, sniffed, progress or _silent)
                else:
                    # Young again: nobody may have written down yet that it is used.
                    self._folder(media_id).touch()
                    if isinstance(part, VideoPart) and not self.sampled(part):
                        await self._add_frames(part, progress or _silent)
        return part

    def put(self, image: Image.Image, name: str = "picture.png") -> ImagePart:
        """Keep pixels of our own exactly, such as a model has drawn; RGB, at most `clean_pixels` of them. It blocks.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        data = io.BytesIO()
        image.convert("RGB").save(data, "PNG")
        part = ImagePart(hashlib.sha256(data.getvalue()).hexdigest())
        with _disk(name):
            if not self.holds(part.media_id):
                with self._staging() as staging:
                    made = _fresh(staging / "made")
                    (made / "original.png").write_bytes(data.getvalue())
                    save_clean(made, image.convert("RGB"), lossless=math.prod(image.size) <= _EXACT_PIXELS)
                    save_facts(made, MediaFacts(name, "image"))
                    self._place(made, self._folder(part.media_id))
        return part

    async def sample(self, part: VideoPart, progress: Tell | None = None) -> None:
        """Make the frames that a part asks for, where they are not there yet; raises as `add`."""
        name = self.name(part.media_id)
        with _disk(name):
            async with self._lock(part.media_id):
                if not self.sampled(part):
                    await self._add_frames(part, progress or _silent)

    def _lock(self, media_id: str) -> asyncio.Lock:
        return self._locks.setdefault(media_id, asyncio.Lock())

    def _admit(self, path: Path) -> Sniffed:
        """Refuse by size and by the first bytes, before anything is copied."""
        shown = quoted(path.name)
        try:
            size, sniffed = path.stat().st_size, sniff(path)
        except OSError as error:
            raise UnsupportedMedia(f"{shown} cannot be read; send it again.") from error
        if size == 0:
            raise UnsupportedMedia(f"{shown} is empty; send it again.")
        if size > self._limits.file_bytes:
            raise MediaTooLarge(
                f"{shown} has {size / 1e6:.0f} MB, more than the {self._limits.file_bytes / 1e6:.0f} MB a file may "
                "have; send a shorter or smaller version."
            )
        if sniffed.kind == "other":
            what = sniffed.what or "not a picture or a clip that we can read"
            raise UnsupportedMedia(f"{shown} is {what}; send a picture (PNG, JPEG, WebP, …) or a clip ({CLIPS}).")
        return sniffed

    async def _take_in(self, path: Path, part: ImagePart | VideoPart, sniffed: Sniffed, tell: Tell) -> None:
        with self._staging() as staging:
            made = _fresh(staging / "made")
            suffix = path.suffix.lower() if path.suffix.lower() in _SUFFIXES else sniffed.suffix
            kept = made / f"original{suffix}"
            await asyncio.to_thread(_copy, path, kept, part.media_id)
            if isinstance(part, ImagePart):
                await self._read_image(kept, path.name, sniffed, staging, tell)
                facts = MediaFacts(path.name, "image")
            else:
                folder = made / self._frames_folder(part).name
                said = await self._read_clip(kept, path.name, part, folder, staging, tell)
                facts = MediaFacts(
                    path.name, "video", said.get("duration"), said.get("unreadable"), str(said.get("codec", ""))
                )
            save_facts(made, facts)
            self._place(made, self._folder(part.media_id))

    async def _add_frames(self, part: VideoPart, tell: Tell) -> None:
        with self._staging() as staging:
            kept, name = self.original(part.media_id), self.name(part.media_id)
            await self._read_clip(kept, name, part, staging / "frames", staging, tell)
            self._place(staging / "frames", self._frames_folder(part))

    async def _read_image(self, kept: Path, name: str, sniffed: Sniffed, staging: Path, tell: Tell) -> None:
        limits = self._limits

        def save(_index: int, _total: int, frame: Frame) -> None:
            exact = sniffed.suffix not in _LOSSY and math.prod(frame.image.size) <= _EXACT_PIXELS
            save_clean(kept.parent, frame.image, lossless=exact)

        tell(Progress("reading the image"))
        job = DecodeJob(
            "image",
            str(kept),
            str(_fresh(staging / "raw")),
            name,
            limits.image_seconds,
            limits,
            pixels=limits.clean_pixels,
        )
        await self._decoder.decode(job, save)

    async def _read_clip(
        self, kept: Path, name: str, part: VideoPart, folder: Path, staging: Path, tell: Tell
    ) -> dict[str, Any]:
        job = self._clip_job(kept, name, part, _fresh(staging / "raw"))
        _fresh(folder)
        times: list[float] = []
        loop = asyncio.get_running_loop()

        def save(index: int, total: int, frame: Frame) -> None:
            save_frame(folder, index, frame.image)
            times.append(frame.time)
            loop.call_soon_threadsafe(tell, Progress("reading the clip", index + 1, total))

        tell(Progress("reading the clip", 0, part.frames))
        said = await self._decoder.decode(job, save)
        save_times(folder, times)
        return said

    def _clip_job(self, kept: Path, name: str, part: VideoPart, raw: Path) -> DecodeJob:
        limits = self._limits
        if not 1 <= part.frames <= limits.frames:
            raise UnsupportedMedia(f"Between 1 and {limits.frames} frames can be taken of a clip; set another number.")
        if not all(math.isfinite(edge) for edge in (part.start, part.end) if edge is not None):
            raise UnsupportedMedia("An interval of a clip is two times in seconds; set them as numbers.")
        return DecodeJob(
            "video",
            str(kept),
            str(raw),
            name,
            limits.clip_seconds,
            limits,
            count=part.frames,
            start=part.start,
            end=part.end,
            max_side=_FEW_SIDE if part.frames <= _FEW else _MANY_SIDE,
        )


def _silent(_: Progress) -> None:
    """Ignore progress."""


def _fresh(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UnsupportedMedia(f"{quoted(path.name)} cannot be read; send it again.") from error


def _copy(path: Path, kept: Path, media_id: str) -> None:
    if shutil.disk_usage(kept.parent).free < path.stat().st_size + _SPARE_BYTES:
        raise OSError(errno.ENOSPC, "No space left on device")
    shutil.copyfile(path, kept)
    if _digest(kept) != media_id:
        raise UnsupportedMedia(f"{quoted(path.name)} was changed while it was read; send it again.")


@contextmanager
def _disk(name: str) -> Iterator[None]:
    """Turn an OSError of the disk into a StorageError in words."""
    try:
        yield
    except OSError as error:
        log.exception("cannot keep %s", name)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(f"The disk is full; free some space and send {quoted(name)} again.") from error
        raise StorageError(
            f"{quoted(name)} cannot be kept: the data folder cannot be written ({error.strerror})."
        ) from error
