"""Models that read images among the tokens, such as LLaVA or Gemma 3: a clip is its frames, each after its time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backend.engine.families.family import IMAGE, ImageFamily, Shown
from backend.engine.families.sheets import NOTE, show_sheets
from backend.media.frame import Frame, clock

SIDE = 1024


@dataclass(frozen=True)
class FrameFamily(ImageFamily):
    """Frames as images with their times; contact sheets where that is too long for the context."""

    steps: tuple[str, ...] = ("the clip as contact sheets",)

    def show_clip(self, frames: Sequence[Frame], step: int = 0) -> Shown | None:
        """Each frame after a line with its time; contact sheets at step 1."""
        if step:
            return show_sheets(frames, SIDE, NOTE) if step == 1 else None
        content: list[dict[str, Any]] = []
        for frame in frames:
            content += [{"type": "text", "text": f"{clock(frame.time)}\n"}, IMAGE]
        return Shown(tuple(content), tuple(frame.image for frame in frames), frames=len(frames))
