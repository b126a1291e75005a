"""Defines what every clip reader offers, and which times are sampled from a clip. Knows no decoder."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from PIL import Image

from backend.errors import MediaTooLarge, UnsupportedMedia
from backend.media.formats import MediaLimits


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; `time` is in seconds from the start of the clip as a player shows it, `image` is RGB and upright."""

    time: float
    image: Image.Image


def clock(seconds: float) -> str:
    """A time as a player shows it: m:ss, from one hour on h:mm:ss; fractions of a second are dropped."""
    # Presentation times are rationals: 6.999999 is second 7.
    minutes, second = divmod(int(max(seconds, 0.0) + 1e-3), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minutes}:{second:02}"


READABLE = "MP4, MOV, WebM, MKV, AVI, MPEG-TS or Ogg"


class Clip(Protocol):
    """An opened clip. Times are seconds from the start as a player shows it."""

    @property
    def duration(self) -> float:
        """Seconds for which the clip shows something that can be read."""
        ...

    @property
    def codec(self) -> str:
        """What its frames are encoded as, by FFmpeg's name for it: "h264", "hevc", "prores"."""
        ...

    @property
    def unreadable(self) -> tuple[float, float] | None:
        """Start and end of the part at its end that should be there and cannot be read."""
        ...

    def plan(self, count: int, start: float | None = None, end: float | None = None) -> list[Fraction]:
        """The times to take frames at: min(count, frames there are in [start, end)) of them, rising.

        Raises:
            UnsupportedMedia: the interval lies outside of the clip or is empty, or nothing in it can be read.
        """
        ...

    def frames(self, times: list[Fraction], max_side: int | None) -> Iterator[Frame]:
        """The frame that is shown at each of the rising times; fewer where some cannot be read."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


def midpoints(start: Fraction, end: Fraction, count: int) -> list[Fraction]:
    """The middle of each of `count` equal spans of [start, end)."""
    span = (end - start) / count
    return [start + span * (2 * index + 1) / 2 for index in range(count)]


def interval(
    shown: str, first: Fraction, last: Fraction, start: float | None, end: float | None
) -> tuple[Fraction, Fraction]:
    """The part of [first, last) that was asked for; None means from the beginning, or to the end.

    Raises:
        UnsupportedMedia: there is none.
    """
    begin = max(first, Fraction(start)) if start is not None else first
    stop = min(last, Fraction(end)) if end is not None else last
    if start is not None and end is not None and start >= end:
        raise UnsupportedMedia(
            f"The interval {clock(start)} to {clock(end)} of {shown} is empty; let it end after it starts."
        )
    if begin >= stop:
        raise UnsupportedMedia(
            f"{shown} is only {clock(float(last))} long; choose an interval that lies inside of it."
        )
    return begin, stop


def check_size(shown: str, width: int, height: int, limits: MediaLimits) -> None:
    """Raise unless frames have pixels, and not too many.

    Raises:
        UnsupportedMedia: none.
        MediaTooLarge: too many.
    """
    if width * height == 0:
        raise no_frames(shown)
    if width * height > limits.video_pixels:
        raise MediaTooLarge(
            f"{shown} has {width} × {height} pixels, more than the {limits.video_pixels / 1e6:.3g} million we read; "
            "send a smaller version."
        )


def too_long(shown: str, limits: MediaLimits) -> MediaTooLarge:
    """Make the error for a clip past the limit on duration."""
    return MediaTooLarge(
        f"{shown} is longer than the {clock(limits.video_seconds)} we read; cut it to the part you mean."
    )


def no_frames(shown: str) -> UnsupportedMedia:
    """Make the error for a clip without a single frame that can be decoded."""
    return UnsupportedMedia(f"{shown} holds no frames that can be read; record or export it again.")
