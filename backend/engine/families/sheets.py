"""Models with cross-attention to one canvas, such as Llama 3.2 Vision (Mllama): clips become contact sheets.

An answer can see only the latest run of consecutive images, and each image costs the same however small it is, so a
clip is shown as sheets of sixteen frames rather than frame by frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

from backend.engine.families.family import IMAGE, ImageFamily, Reach, Shown
from backend.engine.families.prefix import CrossRules
from backend.media.frame import Frame
from backend.media.sheets import contact_sheets

GRID = (4, 4)
NOTE = (
    "The images are contact sheets of one video: its frames in order, row by row from the top left, "
    "each with its time in its top left corner."
)


@dataclass(frozen=True)
class SheetFamily(ImageFamily):
    """`side` is the longest side in pixels that the processor takes without shrinking; `note` explains the sheets."""

    side: int = 1120
    note: str = NOTE

    def show_clip(self, frames: Sequence[Frame], step: int = 0) -> Shown | None:
        """Sixteen frames a sheet, the sheets consecutive; a sheet is one token, so nothing is smaller."""
        return None if step else show_sheets(frames, self.side, self.note)


def show_sheets(frames: Sequence[Frame], side: int, note: str) -> Shown:
    """A clip as contact sheets of at most `side` pixels, with the note after them if there is one."""
    sheets = tuple(contact_sheets(frames, GRID, side))
    explained = ({"type": "text", "text": note},) if note else ()
    return Shown((IMAGE,) * len(sheets) + explained, sheets, frames=len(frames))


def mllama(config: Any, processor: Any) -> SheetFamily:
    """The family of a loaded Mllama.

    A checkpoint trained on bare sheets says so with `"clip_note": ""` in its config.
    """
    images = processor.image_processor
    tile = images.size["height"] if "height" in images.size else max(images.size.values())
    return SheetFamily(
        name=config.model_type,
        reach=Reach(latest_only=True, repeat=4),
        prefix=CrossRules(processor.image_token_id, frozenset(config.get_text_config().cross_attention_layers)),
        side=tile * max(1, isqrt(images.max_image_tiles)),
        note=getattr(config, "clip_note", NOTE),
    )
