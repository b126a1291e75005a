"""Reads clips with PyAV: what may be opened at all, how long a clip shows something, and its frames by time."""

import logging
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.stream import VideoStream
from PIL import Image

from backend.errors import UnsupportedMedia
from backend.media.clip import check_size, interval, midpoints, no_frames, too_long
from backend.media.frame import Frame
from backend.media.limits import MediaLimits
from backend.media.picture import Developer
from backend.media.reader import ClipReader

log = logging.getLogger(__name__)

# Demuxers and decoders that people's clips need. Playlists, scripts, subtitles and everything rare stays shut.
DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,ogg"
DECODERS = (
    *("h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "libvpx", "libvpx-vp9"),
    *("mpeg1video", "mpeg2video", "mpeg4", "msmpeg4v3", "h263", "mjpeg", "theora", "prores", "dnxhd"),
)
# A clip that ends this much before its header says is cut short; anything less is how muxers round.
_SLACK_SECONDS, _SLACK_SHARE = Fraction(1), Fraction(1, 20)
# Sound may begin this many seconds before the picture; more is a broken clock.
_LONGEST_LEAD = 60
# Decoders put frames in order within this many.
_REORDERED = 16


class AvClip:
    """A clip opened with PyAV; see `backend.media.clip.Clip`."""

    def __init__(self, path: Path, shown: str, limits: MediaLimits) -> None:
        """Open it and find out how long it is.

        Raises:
            av.FFmpegError: PyAV cannot open it.
            UnsupportedMedia: it has no picture, a codec that is not read, or no frame.
            MediaTooLarge: too many pixels, or too long.
        """
        self._shown = shown
        self._container = _open(path, limits)
        try:
            self._stream = _video_stream(self._container, shown, limits)
            self._base = self._stream.time_base or Fraction(1)
            self._reader = ClipReader(self._container, self._stream)
            self._first = self._find_first()
            self._start = self._lead()
            self._zero = self._first * self._base - self._start
            declared = self._declared_end()
            self._end = self._find_end(declared)
            self._missing = self._cut_from(declared)
            if self._end > limits.video_seconds:
                raise too_long(shown, limits)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()

    @property
    def duration(self) -> float:
        """See `Clip.duration`."""
        return float(self._end)

    @property
    def unreadable(self) -> tuple[float, float] | None:
        """See `Clip.unreadable`."""
        return (float(self._end), float(self._missing)) if self._missing else None

    def plan(self, count: int, start: float | None = None, end: float | None = None) -> list[Fraction]:
        """See `Clip.plan`. An interval with no more frames than asked for gives each of them once."""
        begin, stop = interval(self._shown, self._start, self._end, start, end)
        low, high = self._ticks(begin), math.ceil((self._zero + stop) / self._base)
        before: int | None = None
        inside: set[int] = set()
        untimed = 0
        for packet in self._reader.packets(low):
            if packet.dts is not None and packet.dts >= high:
                break
            if packet.pts is None:
                untimed += 1
            elif packet.pts <= low and not packet.is_discard:
                before = max(packet.pts, before if before is not None else packet.pts)
            elif packet.pts < high and not packet.is_discard:
                inside.add(packet.pts)
            if len(inside) + (before is not None) + untimed > count:
                return midpoints(begin, stop, count)
        times = [begin] * (before is not None) + [self._seconds(pts) for pts in sorted(inside)]
        return times or midpoints(begin, stop, max(1, untimed))

    def frames(self, times: list[Fraction], max_side: int | None) -> Iterator[Frame]:
        """See `Clip.frames`.

        Raises:
            UnsupportedMedia: not one frame can be decoded.
        """
        developer = Developer(max_side, self._stream.sample_aspect_ratio)
        latest: tuple[int, Image.Image] | None = None
        for time in times:
            frame = self._reader.at(self._ticks(time))
            if frame is None or frame.pts is None:
                continue
            if latest is None or latest[0] != frame.pts:
                latest = frame.pts, developer.develop(frame)
            yield Frame(max(0.0, float(self._seconds(frame.pts))), latest[1])
        if latest is None:
            raise no_frames(self._shown)

    def _ticks(self, seconds: Fraction) -> int:
        return math.floor((self._zero + seconds) / self._base)

    def _seconds(self, ticks: int) -> Fraction:
        return ticks * self._base - self._zero

    def _find_first(self) -> int:
        """The presentation time of the first frame that is shown; an edit list may hide some before it."""
        times: list[int] = []
        anything = False
        for packet in self._reader.packets():
            anything = True
            if not packet.is_discard and packet.pts is not None:
                times.append(packet.pts)
            if len(times) == _REORDERED:
                break
        if not anything:
            raise no_frames(self._shown)
        return min(times, default=0)

    def _lead(self) -> Fraction:
        """How long sound plays before the first frame; players count from there."""
        begin = Fraction(self._container.start_time or 0, 1_000_000)
        lead = (self._stream.start_time or 0) * self._base - begin
        # Container times are rounded to microseconds, so less than a millisecond is nothing.
        return lead if Fraction(1, 1000) < lead < _LONGEST_LEAD else Fraction(0)

    def _declared_end(self) -> Fraction | None:
        """When the last frame ends, by the file's own header."""
        if self._stream.duration:
            return self._seconds((self._stream.start_time or self._first) + self._stream.duration)
        if tagged := self._stream.metadata.get("DURATION"):
            return _parsed(tagged)
        if self._container.duration and len(self._container.streams) == 1:
            begin = self._container.start_time or 0
            return Fraction(begin + self._container.duration, 1_000_000) - self._zero
        return None

    def _find_end(self, declared: Fraction | None) -> Fraction:
        """When the last frame that is there ends: read off the last packets, since headers may lie."""
        guess = declared
        if guess is None and self._container.duration:
            guess = Fraction(self._container.duration, 1_000_000)
        typical = 1 / (self._stream.average_rate or 30) / self._base
        for begin in (self._ticks(guess), self._first) if guess is not None else (self._first,):
            ends = [
                packet.pts + (packet.duration or round(typical))
                for packet in self._reader.packets(begin)
                if packet.pts is not None and not packet.is_discard
            ]
            if ends:
                return self._seconds(max(ends))
        return declared or self._start + Fraction(1, 1000)

    def _cut_from(self, declared: Fraction | None) -> Fraction | None:
        missing = declared - self._end if declared else Fraction(0)
        return declared if missing > max(_SLACK_SECONDS, _SLACK_SHARE * (declared or 0)) else None


def _open(path: Path, limits: MediaLimits) -> InputContainer:
    # `max_pixels` holds while streams are probed only as a stream option.
    probing = {"max_pixels": str(limits.video_pixels), "codec_whitelist": ",".join(DECODERS)}
    options = {"protocol_whitelist": "file", "format_whitelist": DEMUXERS, "codec_whitelist": ",".join(DECODERS)}
    stream_options: list[Any] = [probing]  # the stubs ask for strings, the code for dicts
    try:
        return av.open(str(path), options=options, stream_options=stream_options, timeout=10)
    except ValueError as error:
        if isinstance(error, av.FFmpegError):
            raise
        # MPEG program streams name their streams late, so nothing can be said to them before.
        return av.open(str(path), options=options, timeout=10)


def _video_stream(container: InputContainer, shown: str, limits: MediaLimits) -> VideoStream:
    """The stream with the moving picture, its decoder bounded, the others shut off."""
    still = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    streams = [stream for stream in container.streams.video if not stream.disposition & still]
    if not streams:
        raise UnsupportedMedia(f"{shown} has no moving picture, only sound or a still; send a clip or a picture.")
    best = container.streams.best("video")
    stream = best if isinstance(best, VideoStream) and best in streams else streams[0]
    codec = stream.codec_context.name if stream.codec_context else "a codec we do not know"
    if codec not in DECODERS:
        raise UnsupportedMedia(f"{shown} is encoded as {codec}, which we do not read; convert it to H.264 in MP4.")
    check_size(shown, stream.codec_context.width, stream.codec_context.height, limits)
    stream.codec_context.options = {"max_pixels": str(limits.video_pixels)}
    for other in container.streams:
        if other is not stream:
            other.discard = Discard.all
    return stream


def _parsed(tag: str) -> Fraction | None:
    """Matroska's "00:01:02.500000000" in seconds."""
    try:
        hours, minutes, seconds = tag.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    except ValueError:
        return None
