"""Samples frames of a clip from a stranger's file, uniform in time and exact by presentation time.

Chooses the decoder and words the refusals. Knows nothing of processes: call it from a confined child for files that
came from elsewhere.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av

from backend.errors import UnsupportedMedia
from backend.media.clip import READABLE, Clip, Frame
from backend.media.formats import MediaLimits, quoted, sniff
from backend.media.video.opencv import OpenCvClip
from backend.media.video.pyav import AvClip
from backend.types import Progress

__all__ = ["Frame", "open_clip", "sample_frames"]

log = logging.getLogger(__name__)


def sample_frames(
    path: Path | str,
    count: int = 64,
    start: float | None = None,
    end: float | None = None,
    *,
    progress: Callable[[Progress], None] | None = None,
    max_side: int | None = 1280,
    name: str | None = None,
    limits: MediaLimits | None = None,
) -> list[Frame]:
    """Take frames at the midpoints of `count` equal spans of a clip, or of a part of it.

    Args:
        path: the file.
        count: how many; a part with fewer frames gives each of them once.
        start: seconds into the clip as a player shows it; None is its beginning.
        end: seconds where the part ends, itself left out; None is the end of the clip.
        progress: called before the first and after every frame; what it raises ends the sampling.
        max_side: larger frames are shrunk while they are decoded; pixels, None keeps every size.
        name: what to call the file in a sentence; its own name by default.
        limits: ceilings on pixels and duration.

    Returns:
        min(count, frames there are) frames, RGB and upright, with the times at which they come on screen, rising. A
        frame that stays on screen over several midpoints stands there as often.

    Raises:
        UnsupportedMedia: not a clip we read, a broken one, or no such part.
        MediaTooLarge: past a limit.
    """
    with open_clip(Path(path), name=name, limits=limits) as clip:
        times = clip.plan(count, start, end)
        frames: list[Frame] = []
        tell = progress or (lambda _: None)
        tell(Progress("reading the clip", 0, len(times)))
        for frame in clip.frames(times, max_side):
            frames.append(frame)
            tell(Progress("reading the clip", len(frames), len(times)))
        return frames


@contextmanager
def open_clip(path: Path, *, name: str | None = None, limits: MediaLimits | None = None) -> Iterator[Clip]:
    """Open a clip with the first decoder that can; see `sample_frames` for arguments and errors."""
    shown, limits = quoted(name or path.name), limits or MediaLimits()
    _check_kind(path, shown)
    clip: Clip
    try:
        clip = AvClip(path, shown, limits)
    except (av.FFmpegError, OSError, ValueError):
        log.info("PyAV cannot open %s", path, exc_info=True)
        clip = OpenCvClip(path, shown, limits)
    try:
        yield clip
    except av.FFmpegError as error:
        raise UnsupportedMedia(f"{shown} is damaged and cannot be read; send it again.") from error
    finally:
        clip.close()


def _check_kind(path: Path, shown: str) -> None:
    """Refuse by content what is no clip: no playlist, script or text ever reaches a demuxer.

    Raises:
        UnsupportedMedia: it is none.
    """
    try:
        sniffed, empty = sniff(path), path.stat().st_size == 0
    except OSError as error:
        raise UnsupportedMedia(f"{shown} cannot be read; send it again.") from error
    if empty:
        raise UnsupportedMedia(f"{shown} is empty; send it again.")
    if sniffed.kind == "image":
        raise UnsupportedMedia(f"{shown} is {sniffed.what} and not a clip; send it as a picture.")
    if sniffed.kind != "video":
        what = sniffed.what or "not a clip we can read"
        raise UnsupportedMedia(f"{shown} is {what}; send the clip as {READABLE}.")
