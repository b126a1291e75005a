"""Opens a clip with PyAV under allow-lists and limits. One lane is one pass over it; several may run side by side."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.stream import VideoStream
from PIL import Image

from backend.errors import UnsupportedMedia
from backend.media.clip import check_size
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


Picture = tuple[int, Image.Image]
"""Since when it is on screen, in ticks, and what it looks like."""


class Lane:
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
        self._developer: Developer | None = None

    def close(self) -> None:
        """Let go of the file."""
        self.container.close()

    def pictures(self, times: list[int], max_side: int | None) -> Iterator[Picture | None]:
        """For each of the rising times, in ticks, the picture shown then; None where nothing can be read."""
        for ticks, following in zip_longest(times, times[1:]):
            frame = self.reader.at(ticks, following)
            if frame is None or frame.pts is None:
                yield None
                continue
            if self._latest is None or self._latest[0] != frame.pts:
                self._developer = self._developer or Developer(max_side, self.stream.sample_aspect_ratio)
                self._latest = frame.pts, self._developer.develop(frame)
            yield self._latest


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
