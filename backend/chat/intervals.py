"""Which part of a clip a question is about: "what happens between 0:10 and 0:15?" is shown those seconds. Pure.

A question that names no part goes on with what was shown last. Words count in English, times in any language.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from backend.types import MediaPart, VideoPart

_CLOCK = r"(?:(\d{1,2}):)?(\d{1,2}):([0-5]\d)(?!\d|:\d)"
_CLOCKS = re.compile(rf"(?<![\d:]){_CLOCK}\]?\s*(?:[-–—]|\w{{1,6}})\s*\[?{_CLOCK}")
_SECONDS = re.compile(
    r"(?<![\d.,:])(\d+(?:\.\d+)?)(?:\s*(?:s|secs?|seconds?))?\s*(?:-|–|—|to|and|until|till)\s*(\d+(?:\.\d+)?)\s*"
    r"(?:s|secs?|seconds?)\b"
    r"|\bseconds?\s+(\d+(?:\.\d+)?)\s*(?:-|–|—|to|and|until|till)\s*(\d+(?:\.\d+)?)(?![\d:])",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"\b(?:whole|entire|full|complete)\s+(?:clip|video|film|movie|recording)\b", re.IGNORECASE)


def named_interval(text: str) -> tuple[float, float] | None:
    """The first interval that a text names, in seconds: "0:10 to 0:15", "between 10 and 15 seconds"; None without."""
    if found := _CLOCKS.search(text):
        hours, minutes, seconds, *last = (int(group or 0) for group in found.groups())
        start, end = 3600.0 * hours + 60 * minutes + seconds, 3600.0 * last[0] + 60 * last[1] + last[2]
    elif found := _SECONDS.search(text):
        start, end = (float(group) for group in found.groups() if group is not None)
    else:
        return None
    return (start, end) if start < end else None


def shown_with(messages: Iterable[tuple[str, Sequence[MediaPart]]]) -> list[tuple[MediaPart, ...]]:
    """For each message (its words, the files sent with it) the images and clips that the model is shown with it.

    Those are the files themselves, but of the clip that an interval is named for, only that interval: the last clip
    of the message, else the last one before it. The whole clip is shown again where the words ask for it.
    """
    shown: list[tuple[MediaPart, ...]] = []
    sent: VideoPart | None = None
    view: VideoPart | None = None
    for text, media in messages:
        own = next((part for part in reversed(media) if isinstance(part, VideoPart)), None)
        sent, before = own or sent, None if own else view
        view = _view(text, sent, before) if sent else None
        if own:
            shown.append(tuple(view if part is own and view else part for part in media))
        else:
            shown.append((*media, *([view] if view and view != before else [])))
    return shown


def _view(text: str, sent: VideoPart, before: VideoPart | None) -> VideoPart:
    """What is to be seen of a clip: the interval named, else what was seen before, else what was sent."""
    if interval := named_interval(text):
        return replace(sent, start=interval[0], end=interval[1])
    return sent if before is None or _WHOLE.search(text) else before
