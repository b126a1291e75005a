"""Finds the frame that is shown at a time, decoding as little as can be, and exact by presentation time.

Knows packets, keyframes and the decoder of one opened clip; not how many frames somebody wants, nor what they look
like. Times here are ticks: whole numbers of the stream's time base, as packets carry them.
"""

import logging
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.codec.context import ThreadType
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.stream import VideoStream
from PIL import Image

from backend.errors import UnsupportedMedia
from backend.media.clip import check_size
from backend.media.formats import MediaLimits
from backend.media.video.pixels import FrameConverter

log = logging.getLogger(__name__)

# Decoders that leave out exactly the frames that no other frame needs when asked to; others are fed whole.
_SKIPPING = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "vp8"})

if TYPE_CHECKING:
    Packet = av.Packet[VideoStream]
else:
    Packet = av.Packet


class ClipReader:
    """One pass over a clip; `at` is quick for times in rising order.

    Packets are read ahead of the decoder until every packet that could be shown by the asked time has been seen, so
    the frame to show is known before anything is decoded: groups of pictures before its own are dropped unread, and
    within its group frames that no other needs are skipped.

    Example: frames every 10 ticks, each at its decoding time, keyframes at 0 and 100. `at(135)` reads packets up to
    140, drops those before 100 undecoded, and decodes 100 to 130 for the frame at 130. `at(138)` then returns the same
    frame without decoding: 140 is known to come too late.
    """

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self.broken = False
        self._container, self._stream, self._codec = container, stream, stream.codec_context
        # Threads buffer frames that a seek throws away again: one thread is faster for sparse frames.
        self._codec.thread_type, self._codec.thread_count = ThreadType.NONE, 1
        # AVI has no presentation times. Decoders that reorder by themselves give its frames false ones.
        self._counts = container.format.name == "avi" and self._codec.name in ("h264", "hevc")
        self._can_skip = self._codec.name in _SKIPPING and not self._counts
        self._second = int(1 / stream.time_base) if stream.time_base else 1
        self.longest_group = self._second
        self._first: int | None = None
        self._delay = 0
        self._begin(self._demux())

    def _begin(self, packets: Iterator[Packet]) -> None:
        self._packets = packets
        self._ahead: deque[Packet] = deque()
        self._shown: list[int] = []
        self._held: av.VideoFrame | None = None
        self._later: list[av.VideoFrame] = []
        self._asked: int | None = None
        self._read_to: int | None = None
        self._key: int | None = None
        self._next_time: int | None = None
        self._scanned = self._fed = self._fed_wanted = self._drained = self._emptied = False

    def _demux(self) -> Iterator[Packet]:
        try:
            for packet in self._container.demux(self._stream):
                if packet.size:
                    yield packet
        except (av.FFmpegError, OSError, ValueError):
            self.broken = True
            log.info("packets end early", exc_info=True)

    def _seek(self, ticks: int) -> bool:
        """Go to a keyframe, as a rule the last one at or before a time."""
        try:
            self._container.seek(ticks, stream=self._stream)
        except (av.FFmpegError, OSError, ValueError):
            log.info("cannot seek", exc_info=True)
            return False
        self._begin(self._demux())
        return True

    def packets(self, ticks: int | None = None) -> Iterator[Packet]:
        """All packets from here on, or from the last keyframe at or before a time on."""
        if ticks is not None and not self._jump(ticks):
            return
        self._scanned = True
        while packet := self._ahead.popleft() if self._ahead else self._next():
            yield packet

    def at(self, ticks: int, following: int | None = None) -> av.VideoFrame | None:
        """The frame shown at a time: the last that is presented at or before it. None where there is none to read.

        Knowing the time that will be asked for next, `following`, saves decoding where it lies in another group.
        """
        if self._scanned or self._emptied or self._left_behind(ticks) or self._in_later_group(ticks):
            self._jump(ticks)
        while (self._read_to is None or self._read_to <= ticks) and (packet := self._next()):
            if packet.is_keyframe and packet.pts is not None and packet.pts <= ticks:
                self._drop_group(packet.pts)
            self._ahead.append(packet)
        wanted = max((pts for pts in self._shown if pts <= ticks), default=None)
        leaving = not self._counts and following is not None and self._in_later_group(following)
        frames, self._later, self._fed_wanted = self._later, [], False
        self._keep(frames, ticks)
        while not self._settled(wanted) and self._decode_next(ticks, wanted, leaving):
            pass
        self._asked = ticks
        return self._held

    def _next(self) -> Packet | None:
        """Read a packet and note what it tells about the order of frames."""
        packet = next(self._packets, None)
        if packet is None:
            return None
        if self._counts:
            packet.pts = packet.dts
        if packet.pts is not None:
            if not packet.is_discard:
                self._shown.append(packet.pts)
            if packet.is_keyframe:
                if self._key is not None:
                    self.longest_group = max(self.longest_group, packet.pts - self._key)
                self._key = packet.pts
        if packet.dts is not None:
            if self._first is None:
                self._first, self._delay = packet.dts, max(0, (packet.pts or packet.dts) - packet.dts)
            self._read_to = packet.dts
        return packet

    def _drop_group(self, key: int) -> None:
        """Drop what was read before a keyframe that is at or before the asked time: it is not needed any more."""
        if self._fed:
            self._codec.flush_buffers()
            self._fed, self._next_time = False, None
        self._ahead.clear()
        self._later.clear()
        self._held = None
        self._shown = [pts for pts in self._shown if pts >= key]

    def _left_behind(self, ticks: int) -> bool:
        earliest = self._held.pts if self._held else self._asked
        return earliest is not None and ticks < earliest

    def _in_later_group(self, ticks: int) -> bool:
        """Whether a keyframe is known to lie between what was read and a time, without reading on."""
        position = self._read_to if self._read_to is not None else self._first
        if position is None or ticks <= position:
            return False
        index = self._stream.index_entries
        if len(index) and index[len(index) - 1].timestamp >= ticks - self._delay:
            # The index is by decoding time in some containers; the delay makes up for it.
            return index.search_timestamp(ticks - self._delay) > index.search_timestamp(position)
        return ticks - position > 2 * self.longest_group

    def _jump(self, ticks: int) -> bool:
        """Go to the last keyframe that is shown at or before a time, or to the first there is."""
        first = self._first if self._first is not None else ticks
        back = 0
        while self._seek(max(ticks - back, first)):
            while (packet := self._next()) and not packet.is_keyframe:
                self._shown.clear()
            if packet and ((packet.pts is not None and packet.pts <= ticks) or ticks - back <= first):
                self._ahead.append(packet)
                return True
            if ticks - back <= first:
                return False
            # Containers seek by decoding time or land between keyframes; look further back until one is early enough.
            back = 2 * back or self._second
        return False

    def _settled(self, wanted: int | None) -> bool:
        return bool(self._later) or (self._held is not None and self._held.pts == wanted)

    def _decode_next(self, ticks: int, wanted: int | None, leaving: bool) -> bool:
        """Feed the decoder one more packet; False when there is none and it has given all it had."""
        self._emptied = leaving and self._fed_wanted
        packet = None if self._emptied else self._ahead.popleft() if self._ahead else self._next()
        if packet is None and self._drained:
            return False
        if packet and not self._fed:
            self._next_time = packet.dts
        self._fed, self._drained = True, packet is None
        self._fed_wanted = packet is not None and packet.pts == wanted
        skip = self._can_skip and packet and packet.pts is not None and wanted is not None and packet.pts < wanted
        self._codec.skip_frame = "NONREF" if skip else "DEFAULT"
        try:
            self._keep([self._timed(frame) for frame in self._codec.decode(packet)], ticks)
        except av.FFmpegError:
            self.broken = True
            log.debug("a packet cannot be decoded", exc_info=True)
        return True

    def _timed(self, frame: av.VideoFrame) -> av.VideoFrame:
        if self._counts and self._next_time is not None:
            frame.pts, self._next_time = self._next_time, self._next_time + 1
        return frame

    def _keep(self, frames: list[av.VideoFrame], ticks: int) -> None:
        """Keep the latest frame up to a time, and all after it; the others go at once, for frames are large."""
        for frame in frames:
            if frame.pts is None:
                continue
            if frame.pts > ticks:
                self._later.append(frame)
            elif self._held is None or self._held.pts is None or frame.pts >= self._held.pts:
                self._held = frame


# Demuxers and decoders that people's clips need. Playlists, scripts, subtitles and everything rare stays shut.
DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,ogg"
DECODERS = (
    *("h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "libvpx", "libvpx-vp9"),
    *("mpeg1video", "mpeg2video", "mpeg4", "msmpeg4v3", "h263", "mjpeg", "theora", "prores", "dnxhd"),
)

# FFmpeg compares its limit with sides that are rounded up to whole blocks and lanes: by up to 128 pixels each.
_ROOM = 128 * 16384


Picture = tuple[int, Image.Image]
"""A picture and the time in ticks since which it is on screen."""


class OpenedClip:
    """One opened file with its reader."""

    def __init__(self, path: Path, shown: str, limits: MediaLimits) -> None:
        """Open it.

        Raises:
            av.FFmpegError: PyAV cannot.
            UnsupportedMedia: it has no moving picture, or a codec that is not read.
            MediaTooLarge: too many pixels.
        """
        self.container = _open(path, limits)
        try:
            self.stream = _video_stream(self.container, shown, limits)
            self.base = self.stream.time_base or Fraction(1)
            self.reader = ClipReader(self.container, self.stream)
        except BaseException:
            self.close()
            raise
        self._latest: Picture | None = None
        self._developer: FrameConverter | None = None

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def pictures(self, times: list[int], max_side: int | None) -> Iterator[Picture | None]:
        """For each of the rising times, in ticks, the picture shown then; None where nothing can be read."""
        for ticks, following in zip_longest(times, times[1:]):
            frame = self.reader.at(ticks, following)
            if frame is None or frame.pts is None:
                yield None
                continue
            if self._latest is None or self._latest[0] != frame.pts:
                self._developer = self._developer or FrameConverter(max_side, self.stream.sample_aspect_ratio)
                self._latest = frame.pts, self._developer.to_image(frame)
            yield self._latest


def _open(path: Path, limits: MediaLimits) -> InputContainer:
    # `max_pixels` holds while streams are probed only as a stream option.
    probing = {
        "max_pixels": str(limits.video_pixels + _ROOM),
        "codec_whitelist": ",".join(DECODERS),
    }
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
    """Find the stream with the moving picture, bound its decoder, and shut the others off."""
    still = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    streams = [stream for stream in container.streams.video if not stream.disposition & still]
    if not streams:
        raise UnsupportedMedia(f"{shown} has no moving picture, only sound or a still; send a clip or a picture.")
    best = container.streams.best("video")
    stream = best if isinstance(best, VideoStream) and best in streams else streams[0]
    codec = stream.codec_context.name if stream.codec_context else "a codec we do not know"
    if codec not in DECODERS:
        raise UnsupportedMedia(
            f"{shown} is encoded as {codec}, which Glimpse does not read; convert it to H.264 in MP4."
        )
    check_size(shown, stream.codec_context.width, stream.codec_context.height, limits)
    stream.codec_context.options = {"max_pixels": str(limits.video_pixels + _ROOM)}
    for other in container.streams:
        if other is not stream:
            other.discard = Discard.all
    return stream
