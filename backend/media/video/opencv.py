"""Reads clips with OpenCV: the second decoder, for clips that PyAV cannot open. Slower: it decodes from the beginning.

It reads by FFmpeg too, but of another build, and brings a reader of its own for Motion JPEG.
"""

import mmap
import os
import struct
from bisect import bisect_right
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
from PIL import Image

from backend.errors import UnsupportedMedia
from backend.media.clip import Frame, check_size, interval, midpoints, no_frames, too_long
from backend.media.formats import MediaLimits
from backend.media.video.pixels import upright

_OPTIONS = "protocol_whitelist;file|format_whitelist;mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,ogg"
# FFmpeg's names for those that browsers play.
_NAMES = {
    **dict.fromkeys(("avc1", "h264", "x264"), "h264"),
    **dict.fromkeys(("vp80", "vp08"), "vp8"),
    **dict.fromkeys(("vp90", "vp09"), "vp9"),
}
_AS_STORED = (1, 0, 0, 0, 1, 0, 0, 0, 1)
_SIDES = (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
_CODES = (
    *("avc1", "h264", "x264", "hevc", "hev1", "hvc1", "h265", "vp80", "vp08", "vp90", "vp09", "mp4v", "fmp4"),
    *("xvid", "divx", "dx50", "mpg1", "mpg2", "mpeg", "mjpg", "theo"),
)


class OpenCvClip:
    """A clip opened with OpenCV; see `backend.media.clip.Clip`."""

    unreadable = None

    def __init__(self, path: Path, shown: str, limits: MediaLimits) -> None:
        """Open it and read the times of all its frames.

        Raises:
            UnsupportedMedia: OpenCV cannot open it either, or it has no frame.
            MediaTooLarge: too many pixels, or too long.
        """
        self._path, self._shown = path, shown
        self._matrix = _display_matrix(path)
        self._capture = self._open()
        width, height = (int(self._capture.get(side)) for side in _SIDES)
        check_size(shown, width, height, limits)
        self._times = self._read_times(limits)
        if not self._times:
            raise no_frames(shown)
        self._next = 0
        self._capture = self._open()
        code = _code(self._capture)
        self._codec = _NAMES.get(code, code)

    def _open(self) -> Any:
        # Read by FFmpeg's back end whenever it opens a file; there is no other way to tell it.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = _OPTIONS
        for back_end in (cv2.CAP_FFMPEG, cv2.CAP_OPENCV_MJPEG):
            capture = cv2.VideoCapture(str(self._path), back_end)
            if capture.isOpened() and _code(capture) in _CODES:
                # It knows turns alone, and takes a mirror for one by 180 degrees.
                capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
                return capture
            capture.release()
        raise UnsupportedMedia(f"{self._shown} is damaged or cut short; send the whole file again.")

    def _read_times(self, limits: MediaLimits) -> list[Fraction]:
        times: list[Fraction] = []
        frame_time = 1 / max(1.0, min(self._capture.get(cv2.CAP_PROP_FPS) or 30.0, 240.0))
        while self._capture.grab():
            time = Fraction(self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
            # A clock that stands still or runs back is no clock: the frame rate has to do.
            times.append(time if not times or time > times[-1] else times[-1] + Fraction(frame_time))
            if times[-1] - times[0] > limits.video_seconds:
                raise too_long(self._shown, limits)
        self._end = (times[-1] - times[0] if times else Fraction(0)) + Fraction(frame_time)
        return [time - times[0] for time in times]

    @property
    def duration(self) -> float:
        """See `Clip.duration`."""
        return float(self._end)

    @property
    def codec(self) -> str:
        """See `Clip.codec`."""
        return self._codec

    def plan(self, count: int, start: float | None = None, end: float | None = None) -> list[Fraction]:
        """See `Clip.plan`."""
        begin, stop = interval(self._shown, Fraction(0), self._end, start, end)
        inside = [begin, *(time for time in self._times if begin < time < stop)]
        return inside if len(inside) <= count else midpoints(begin, stop, count)

    def frames(self, times: list[Fraction], max_side: int | None) -> Iterator[Frame]:
        """See `Clip.frames`."""
        latest: tuple[int, Image.Image] | None = None
        for time in times:
            index = bisect_right(self._times, time) - 1
            if latest is None or latest[0] != index:
                picture = self._picture(index, max_side)
                if picture is None:
                    return
                latest = index, picture
            yield Frame(float(self._times[index]), latest[1])

    def _picture(self, index: int, max_side: int | None) -> Image.Image | None:
        while self._next <= index:
            if not self._capture.grab():
                return None
            self._next += 1
        _, pixels = self._capture.retrieve()
        height, width = pixels.shape[:2]
        scale = min(1.0, max_side / max(width, height)) if max_side else 1.0
        if scale < 1:
            size = max(1, round(width * scale)), max(1, round(height * scale))
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        return Image.fromarray(upright(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), self._matrix))

    def close(self) -> None:
        """Close the file."""
        self._capture.release()


def _code(capture: Any) -> str:
    number = int(capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
    return number.to_bytes(4, "little").decode("latin-1").lower()


def _display_matrix(path: Path) -> tuple[int, ...]:
    """The display matrix of the first track with a picture in an MP4 or QuickTime file; elsewhere that of no turn."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = content.find(b"moov")
        while start >= 0 and (start := content.find(b"tkhd", start + 1)) >= 0:
            # Version 1 has its three times in 8 bytes each.
            begin = start + (56 if content[start + 4 : start + 5] == b"\1" else 44)
            header = content[begin : begin + 44]
            if len(header) == 44 and any(header[36:]):
                return struct.unpack(">9i", header[:36])
    return _AS_STORED
