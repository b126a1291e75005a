"""Reads clips with PyAV: how long one shows something, which times to sample, and the frames at them."""

import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from fractions import Fraction
from pathlib import Path
from queue import SimpleQueue

from backend.media.clip import Frame, interval, midpoints, no_frames, too_long
from backend.media.formats import MediaLimits
from backend.media.video.packets import OpenedClip, Picture

# A clip that ends this much before its header says is cut short; anything less is how muxers round.
_SLACK_SECONDS, _SLACK_SHARE = Fraction(1), Fraction(1, 20)
# Sound may begin this many seconds before the picture; more is a broken clock.
_LONGEST_LEAD = 60
# Decoders put frames in order within this many.
_REORDERED = 16
# How a clip is shared among decoders that run side by side.
_GROUPS_A_RUN = 2
_MOST_LANES = 8
_LANES_PIXELS = 17_000_000


class AvClip:
    """A clip opened with PyAV; see `backend.media.clip.Clip`."""

    def __init__(self, path: Path, shown: str, limits: MediaLimits) -> None:
        """Open it and find out how long it is.

        Raises:
            av.FFmpegError: PyAV cannot open it.
            UnsupportedMedia: it has no picture, a codec that is not read, or no frame.
            MediaTooLarge: too many pixels, or too long.
        """
        self._shown, self._source = shown, (path, shown, limits)
        self._opened = OpenedClip(*self._source)
        try:
            self._base = self._opened.base
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
        """Close the file."""
        self._opened.close()

    @property
    def duration(self) -> float:
        """See `Clip.duration`."""
        return float(self._end)

    @property
    def codec(self) -> str:
        """See `Clip.codec`."""
        return self._opened.stream.codec_context.codec.canonical_name

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
        for packet in self._opened.reader.packets(low):
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
        times = [self._seconds(pts) for pts in sorted(inside)]
        if before is not None:
            times.insert(0, begin)
        return times or midpoints(begin, stop, max(1, untimed))

    def frames(self, times: list[Fraction], max_side: int | None) -> Iterator[Frame]:
        """See `Clip.frames`. Frames far apart are decoded side by side, each decoder in its own groups of pictures.

        Raises:
            UnsupportedMedia: not one frame can be decoded.
        """
        anything = False
        for picture in self._pictures([self._ticks(time) for time in times], max_side):
            if picture:
                anything = True
                yield Frame(max(0.0, float(self._seconds(picture[0]))), picture[1])
        if not anything:
            raise no_frames(self._shown)

    def _pictures(self, ticks: list[int], max_side: int | None) -> Iterator[Picture | None]:
        runs = list(self._runs(ticks))
        free = self._parallel(len(runs))
        if free == 1:
            yield from self._opened.pictures(ticks, max_side)
        else:
            for pictures in self._side_by_side(runs, free, max_side):
                yield from pictures

    def _runs(self, ticks: list[int]) -> Iterator[list[int]]:
        """Split times into runs that span a few groups of pictures, so that each group is decoded but once."""
        spacing = max(1, (ticks[-1] - ticks[0]) // len(ticks))
        length = -(-_GROUPS_A_RUN * self._opened.reader.longest_group // spacing)
        return (ticks[begin : begin + length] for begin in range(0, len(ticks), length))

    def _parallel(self, runs: int) -> int:
        codec = self._opened.stream.codec_context
        return max(1, min(runs, cores(), _MOST_LANES, _LANES_PIXELS // max(1, codec.width * codec.height)))

    def _side_by_side(self, runs: list[list[int]], count: int, max_side: int | None) -> Iterator[list[Picture | None]]:
        free: SimpleQueue[OpenedClip] = SimpleQueue()

        def read(run: list[int]) -> list[Picture | None]:
            clip = free.get()
            try:
                return list(clip.pictures(run, max_side))
            finally:
                free.put(clip)

        with ExitStack() as opened, ThreadPoolExecutor(count) as threads:
            free.put(self._opened)
            for _ in range(count - 1):
                free.put(opened.enter_context(closing(OpenedClip(*self._source))))
            try:
                yield from threads.map(read, runs)
            finally:
                threads.shutdown(cancel_futures=True)

    def _ticks(self, seconds: Fraction) -> int:
        return math.floor((self._zero + seconds) / self._base)

    def _seconds(self, ticks: int) -> Fraction:
        return ticks * self._base - self._zero

    def _find_first(self) -> int:
        """The presentation time of the first frame that is shown; an edit list may hide some before it."""
        times: list[int] = []
        anything = False
        for packet in self._opened.reader.packets():
            anything = True
            if not packet.is_discard and packet.pts is not None:
                times.append(packet.pts)
            if len(times) == _REORDERED:
                break
        if not anything:
            raise no_frames(self._shown)
        return min(times, default=0)

    def _lead(self) -> Fraction:
        """Seconds that sound plays before the first frame; players count from there."""
        begin = Fraction(self._opened.container.start_time or 0, 1_000_000)
        lead = (self._opened.stream.start_time or 0) * self._base - begin
        # Container times are rounded to microseconds, so less than a millisecond is nothing.
        return lead if Fraction(1, 1000) < lead < _LONGEST_LEAD else Fraction(0)

    def _declared_end(self) -> Fraction | None:
        """When the last frame ends, by the file's own header."""
        if self._opened.stream.duration:
            return self._seconds((self._opened.stream.start_time or self._first) + self._opened.stream.duration)
        if tagged := self._opened.stream.metadata.get("DURATION"):
            return _parsed(tagged)
        if self._opened.container.duration and len(self._opened.container.streams) == 1:
            begin = self._opened.container.start_time or 0
            return Fraction(begin + self._opened.container.duration, 1_000_000) - self._zero
        return None

    def _find_end(self, declared: Fraction | None) -> Fraction:
        """When the last frame that is there ends: read off the last packets, since headers may lie."""
        guess = declared
        if guess is None and self._opened.container.duration:
            guess = Fraction(self._opened.container.duration, 1_000_000)
        for begin in (self._ticks(guess), self._first) if guess is not None else (self._first,):
            packets = [
                (packet.pts, packet.duration or 0)
                for packet in self._opened.reader.packets(begin)
                if packet.pts is not None and not packet.is_discard
            ]
            if packets:
                return self._end_of_last(packets, declared)
        return declared or self._start + Fraction(1, 1000)

    def _end_of_last(self, packets: list[tuple[int, int]], declared: Fraction | None) -> Fraction:
        """When the last of these frames ends; (time, length) in ticks, in the order in which they are decoded.

        Where frames are decoded in another order than they are shown in, their lengths are those of decoding: a long
        one belongs to a frame nearby. There the header tells, or else how far the last two frames are apart.
        """
        typical = max(1, round(1 / (self._opened.stream.average_rate or 30) / self._base))
        (last, length), times = max(packets), sorted({pts for pts, _ in packets})
        longest = length = length or typical
        if self._opened.stream.codec_context.has_b_frames:
            longest = max(typical, *(length for _, length in packets))
            length = min(length, last - times[-2]) if len(times) > 1 else min(length, typical)
        shown, end = self._seconds(last), self._seconds(last + length)
        if declared is not None and shown < declared <= self._seconds(last + longest):
            return declared
        return end

    def _cut_from(self, declared: Fraction | None) -> Fraction | None:
        missing = declared - self._end if declared else Fraction(0)
        return declared if missing > max(_SLACK_SECONDS, _SLACK_SHARE * (declared or 0)) else None


def cores() -> int:
    """Count the CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _parsed(tag: str) -> Fraction | None:
    """Matroska's "00:01:02.500000000" in seconds."""
    try:
        hours, minutes, seconds = tag.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    except ValueError:
        return None
