"""Renders the strip under an answer: the frames that the model saw, with their times; and times that seek. Pure.

A time is a link to itself, `#t=7`, with the clip's id where that is known; `assets/page.js` moves the player to it.
"""

import html
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from backend.errors import StorageError
from backend.history import Turn
from backend.media.clip import clock
from backend.media.files import MediaFacts
from backend.types import MediaPart, VideoPart
from ui.safe_markdown import literal

_CLOCK = r"(?:\d{1,2}:)?\d{1,2}:[0-5]\d"
# A whole link, left as it is; or a time that is not in an address and not a part of a longer number.
_TIME = re.compile(rf"\[[^\[\]\n]*\]\([^()\n]*\)|(?<![\w:./#=@])(?:\[({_CLOCK})\](?![(\[])|({_CLOCK})(?!\w|:\d|\.\d))")


class Clips(Protocol):
    """Finds the frames of clips; `backend.media.store.MediaStore` fulfils it."""

    def thumbnails(self, part: VideoPart) -> list[tuple[float, Path]]:
        """Small copies of the frames that a part asks for, each with its time in seconds."""
        ...

    def facts(self, media_id: str) -> MediaFacts:
        """The clip's name and its length."""
        ...


@dataclass(frozen=True, slots=True)
class Seen:
    """The clips that an answer can mention: the strips of those shown with its question, and the latest one's seconds.

    `until` is 0 where there has been no clip yet, or it is not kept any more.
    """

    strips: tuple[str, ...] = ()
    until: float = 0.0

    def mark(self, prose: str) -> str:
        """Turn every time in the prose that is inside the clip into a link to it, "[0:07]" without its brackets."""
        return _TIME.sub(self._link, prose) if self.until else prose

    def _link(self, match: re.Match[str]) -> str:
        shown = match[1] or match[2]
        if not shown:
            return match[0]
        seconds = sum(int(digits) * 60**power for power, digits in enumerate(reversed(shown.split(":"))))
        return _moment(f"t={seconds}", shown) if seconds <= self.until else match[0]


def seen(turns: Sequence[Turn], shown: Sequence[Sequence[MediaPart]], clips: Clips) -> list[Seen]:
    """Find the clips that each turn's answer can mention; `shown` are the images and clips shown with each turn."""
    found: list[Seen] = []
    until = 0.0
    for turn, media in zip(turns, shown, strict=True):
        parts = [part for part in media if isinstance(part, VideoPart)]
        until = _length(parts[-1], clips) if parts else until
        alone = sum(isinstance(part, VideoPart) for each in shown for part in each) == 1
        frames = turn.usage.frames if turn.usage and alone else 0
        found.append(Seen(tuple(filter(None, (_strip(part, clips, frames) for part in parts))), until))
    return found


def _length(part: VideoPart, clips: Clips) -> float:
    try:
        return clips.facts(part.media_id).duration or 0.0
    except StorageError:
        return 0.0


def _strip(part: VideoPart, clips: Clips, frames: int) -> str:
    """The frames of one clip; every second one, and so on, where the model had room for `frames` only."""
    try:
        pictures, name = clips.thumbnails(part), clips.facts(part.media_id).name
    except StorageError:
        return ""
    if 0 < frames < len(pictures):
        pictures = pictures[:: round(len(pictures) / frames)]
    if not pictures:
        return ""
    first, last = clock(pictures[0][0]), clock(pictures[-1][0])
    count = f"{len(pictures)} frames" if len(pictures) > 1 else "1 frame"
    line = f"What the model saw of {' '.join(name.split())}: {count}, {first} to {last}. It does not hear the sound."
    fine = pictures[-1][0] - pictures[0][0] < len(pictures) - 1  # more than one frame a second
    links = "".join(_frame(time, path, part.media_id, fine=fine) for time, path in pictures)
    return f'<div class="strip"><div class="seen">{literal(line)}</div><div class="frames">{links}</div></div>'


def _frame(time: float, path: Path, media_id: str, *, fine: bool) -> str:
    shown = f"{clock(time)}.{int((time + 1e-3) * 10) % 10}" if fine else clock(time)
    # A hair later than the frame comes on, or a player may show the one before.
    target = f"t={math.ceil(time * 1000) / 1000:g}&clip={media_id}"
    picture = f'<img src="gradio_api/file={quote(str(path))}" alt="frame at {shown}" loading="lazy">'
    return _moment(target, f"{picture}<span>{shown}</span>")


def _moment(target: str, inside: str) -> str:
    return f'<a class="moment" href="#{html.escape(target)}">{inside}</a>'
