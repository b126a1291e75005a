"""A frame of a clip: its pixels and when it is shown. Does not know where it came from."""

from dataclasses import dataclass

from PIL import Image


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
