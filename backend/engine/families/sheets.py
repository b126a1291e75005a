"""Models with cross-attention to one canvas, such as Llama 3.2 Vision (Mllama): clips become contact sheets.

An answer can see only the latest run of consecutive images, and each image costs the same however small it is, so a
clip is shown as sheets of sixteen frames rather than frame by frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isqrt
from typing import Any

from PIL import Image

from backend.engine.families.family import IMAGE, ImageFamily, Reach, Shown, shown_image
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
    """`side` is the longest side in pixels that the processor takes without shrinking; `note` explains the sheets.

    `tile` is the side of one of its tiles: at step 1 images and sheets take one tile, then clips lose frames.
    """

    side: int = 1120
    tile: int = 560
    note: str = NOTE
    steps: tuple[str, ...] = ("images in one tile", "half of the frames", "a quarter of the frames")

    def show_image(self, image: Image.Image, step: int = 0) -> Shown | None:
        """As it is; at step 1 so small that the processor makes one tile of it."""
        if step == 0:
            return shown_image(image)
        if step > 1 or max(image.size) <= self.tile:
            return None
        small = image.copy()
        small.thumbnail((self.tile, self.tile), Image.Resampling.LANCZOS)
        return shown_image(small)

    def show_clip(self, frames: Sequence[Frame], step: int = 0) -> Shown | None:
        """Sixteen frames a sheet, the sheets consecutive; fewer frames only where that saves a sheet."""
        kept = frames[:: 2 ** max(0, step - 1)]
        if step > len(self.steps) or (step > 1 and _sheets(kept) == _sheets(frames[:: 2 ** (step - 2)])):
            return None
        return show_sheets(kept, self.tile if step else self.side, self.note)


def _sheets(frames: Sequence[Frame]) -> int:
    return ceil(len(frames) / (GRID[0] * GRID[1]))


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
        canvas=images.max_image_tiles * tile * tile,
        reach=Reach(latest_only=True, repeat=4),
        prefix=CrossRules(processor.image_token_id, frozenset(config.get_text_config().cross_attention_layers)),
        side=tile * max(1, isqrt(images.max_image_tiles)),
        tile=tile,
        note=getattr(config, "clip_note", NOTE),
    )
