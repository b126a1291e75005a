"""Reads, writes and removes the media on the disk.

One folder a file, complete or not there at all:

    <root>/<first two digits>/<sha256>/
        original.<suffix>         the file as it came
        facts.json                its name and kind, and how long a clip is
        clean.png or clean.jpg    the pixels of an image: RGB, upright, no metadata
        page.json                 the text that was read on them, once it was
        frames-<count>-<start>-<end>/
            0000.jpg ...          frames of a clip, with a
            0000.small.jpg ...    small copy of each, and
            times.json            when each comes on screen
    <root>/tmp/                   what is being made; a rename moves it into place

Any process may read at any time. Knows nothing of decoding.
"""

import json
import logging
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from backend.errors import StorageError
from backend.media.clip import Frame, clock
from backend.media.formats import quoted
from backend.types import ImagePart, MediaPart, VideoPart

log = logging.getLogger(__name__)

_ID = re.compile(r"[0-9a-f]{64}")
_STALE_SECONDS = 3600.0
_SMALL = (224, 224)
PLAYABLE = (".mp4", ".m4v", ".webm", ".mov")
"""Suffixes of the containers that browsers open."""
_PLAYABLE_CODECS = ("h264", "vp8", "vp9", "av1")
_CODEC_NAMES = {
    "hevc": "HEVC (H.265)",
    "prores": "ProRes",
    "mpeg4": "MPEG-4 part 2",
    "mjpeg": "Motion JPEG",
    "mpeg1video": "MPEG-1",
    "mpeg2video": "MPEG-2",
    "dnxhd": "DNxHD",
    "h263": "H.263",
    "theora": "Theora",
}
_GONE = "A file of this conversation is no longer kept; send it again."


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """The facts of a file: the name it came with; of a clip its length, the part at its end that is broken, its codec.

    The codec is empty where the clip was taken in before it was noted.
    """

    name: str
    kind: Literal["image", "video"]
    duration: float | None = None
    unreadable: tuple[float, float] | None = None
    codec: str = ""


class MediaFiles:
    """The media under one root. Every method is quick, and raises StorageError where a file is no longer kept."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def holds(self, media_id: str) -> bool:
        """Whether the file is kept."""
        return (self._folder(media_id) / "facts.json").is_file()

    def facts(self, media_id: str) -> MediaFacts:
        """The facts of a file."""
        return MediaFacts(**_load(self._folder(media_id) / "facts.json"))

    def name(self, media_id: str) -> str:
        """The file name it came with."""
        return self.facts(media_id).name

    def original(self, media_id: str) -> Path:
        """The file as it came, with a suffix that fits."""
        return _only(self._folder(media_id), "original.*")

    def image(self, media_id: str) -> Image.Image:
        """The clean pixels of an image: RGB, upright."""
        return _pixels(_only(self._folder(media_id), "clean.*"))

    def size(self, media_id: str) -> tuple[int, int]:
        """Width and height of those pixels."""
        path = _only(self._folder(media_id), "clean.*")
        try:
            with Image.open(path, formats=("JPEG", "PNG")) as image:
                return image.size
        except OSError as error:
            raise StorageError(_GONE) from error

    def page_file(self, media_id: str) -> Path:
        """The path at which the text read on an image is kept, beside its pixels; it may not be there yet."""
        return self._folder(media_id) / "page.json"

    def sampled(self, part: VideoPart) -> bool:
        """Whether the frames that the part asks for are there."""
        return (self._frames_folder(part) / "times.json").is_file()

    def frames(self, part: VideoPart) -> list[Frame]:
        """The frames that the part asks for, rising in time."""
        return [Frame(time, _pixels(path)) for time, path in self.strip(part)]

    def strip(self, part: VideoPart) -> list[tuple[float, Path]]:
        """The same frames as files, each with its time in seconds."""
        return self._files(part, "{:04}.jpg")

    def thumbnails(self, part: VideoPart) -> list[tuple[float, Path]]:
        """Small copies of the same frames, for the page to show."""
        return self._files(part, "{:04}.small.jpg")

    def preview(self, part: MediaPart) -> Path:
        """A JPEG or PNG of the clean pixels: the image, or the frame in the middle of those sampled."""
        if isinstance(part, ImagePart):
            return _only(self._folder(part.media_id), "clean.*")
        strip = self.strip(part)
        return strip[len(strip) // 2][1]

    def plays(self, media_id: str) -> bool:
        """Whether browsers play the clip: H.264, VP8, VP9 or AV1 in MP4, QuickTime or WebM."""
        codec = self.facts(media_id).codec
        return self.original(media_id).suffix.lower() in PLAYABLE and codec in ("", *_PLAYABLE_CODECS)

    def note(self, media_id: str) -> str:
        """What a person should know of how the file is shown: that its end is damaged, that it does not play here."""
        facts = self.facts(media_id)
        notes = []
        if facts.unreadable:
            begin = clock(facts.unreadable[0])
            notes.append(f"{quoted(facts.name)} is damaged from {begin} on; only what comes before is seen.")
        if facts.kind == "video" and not self.plays(media_id):
            known = facts.codec in ("", *_PLAYABLE_CODECS)
            kind = self.original(media_id).suffix[1:].upper() if known else _CODEC_NAMES.get(facts.codec, facts.codec)
            notes.append(f"{quoted(facts.name)} is {kind}, which not every browser plays; here are frames of it.")
        return " ".join(notes)

    def remove(self, media_id: str) -> None:
        """Throw the file away, and all that was made from it. Not there is fine."""
        self._throw_away(self._folder(media_id))

    def collect(self, in_use: set[str], *, grace: float = 600.0, since: float = 0.0) -> int:
        """Throw away what no conversation uses and what an ended process left half made.

        A file younger than `grace` seconds stays: its message may not be written down yet. What is older than `since`,
        in seconds since the epoch, stays too. Returns how many went.
        """
        now, count = time.time(), 0
        for folder in self.root.glob("[0-9a-f][0-9a-f]/*"):
            if folder.name not in in_use and grace < _age(folder, now) < now - since:
                self._throw_away(folder)
                count += 1
        for half_made in self._tmp.glob("*"):
            if _age(half_made, now) > _STALE_SECONDS:
                shutil.rmtree(half_made, ignore_errors=True)
        return count

    def _files(self, part: VideoPart, name: str) -> list[tuple[float, Path]]:
        folder = self._frames_folder(part)
        return [(time, folder / name.format(index)) for index, time in enumerate(_load(folder / "times.json"))]

    @property
    def _tmp(self) -> Path:
        return self.root / "tmp"

    def _folder(self, media_id: str) -> Path:
        if not _ID.fullmatch(media_id):
            raise StorageError(_GONE)
        return self.root / media_id[:2] / media_id

    def _frames_folder(self, part: VideoPart) -> Path:
        start, end = ("" if edge is None else float(edge) for edge in (part.start, part.end))
        return self._folder(part.media_id) / f"frames-{part.frames}-{start}-{end}"

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        """Make an empty private folder on the same disk for the block."""
        folder = self._tmp / uuid.uuid4().hex
        folder.mkdir(parents=True, mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _place(self, made: Path, final: Path) -> None:
        """Move a finished folder into place; where another was quicker with the same, that one stays."""
        final.parent.mkdir(parents=True, exist_ok=True)
        try:
            made.rename(final)
        except OSError:
            if not final.is_dir():
                raise

    def _throw_away(self, folder: Path) -> None:
        # Renamed first, so that nobody finds half of it.
        with self._staging() as staging:
            try:
                folder.rename(staging / folder.name)
            except FileNotFoundError:
                return
            except OSError as error:
                raise StorageError(f"A file cannot be removed from the data folder ({error.strerror}).") from error


def save_facts(folder: Path, facts: MediaFacts) -> None:
    """Write `facts.json`."""
    (folder / "facts.json").write_text(json.dumps(asdict(facts)), encoding="utf-8")


def save_frame(folder: Path, index: int, image: Image.Image) -> None:
    """Write one frame of a clip, and a small copy."""
    image.save(folder / f"{index:04}.jpg", quality=92)
    small = image.copy()
    small.thumbnail(_SMALL)
    small.save(folder / f"{index:04}.small.jpg", quality=80)


def save_times(folder: Path, times: list[float]) -> None:
    """Write `times.json`; last, since it makes the frames count."""
    (folder / "times.json").write_text(json.dumps(times), encoding="utf-8")


def save_clean(folder: Path, image: Image.Image, *, lossless: bool) -> None:
    """Write the clean pixels: exact where that is asked for, else as a JPEG that shows no difference."""
    if lossless:
        image.save(folder / "clean.png", compress_level=1)
    else:
        image.save(folder / "clean.jpg", quality=95, subsampling=0)


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StorageError(_GONE) from error


def _only(folder: Path, pattern: str) -> Path:
    for path in folder.glob(pattern):
        return path
    raise StorageError(_GONE)


def _pixels(path: Path) -> Image.Image:
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            return image.convert("RGB")
    except OSError as error:
        raise StorageError(_GONE) from error


def _age(path: Path, now: float) -> float:
    try:
        return now - os.stat(path).st_mtime
    except OSError:
        return 0.0
