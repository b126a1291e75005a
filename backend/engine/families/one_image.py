"""Models that see one image and answer about nothing else, such as BLIP or Florence-2: a clip is one contact sheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backend.engine.families.base import GRID, ImageFamily, Shown, show_sheets
from backend.errors import UnsupportedMedia
from backend.media.clip import Frame

SIDE = 1024

NOTE = (
    "The image is a contact sheet of a video: its frames in order, row by row from the top left, "
    "each with its time in its top left corner."
)


@dataclass(frozen=True)
class OneImageFamily(ImageFamily):
    """Shows one image or one clip in a conversation.

    Their processors put the image's tokens before the text by themselves, whatever the chat template writes. Of
    several images some take the first and say nothing, others raise.
    """

    image_needed: bool = True

    def show_clip(self, frames: Sequence[Frame], step: int = 0) -> Shown | None:
        """As many frames as one contact sheet holds, evenly chosen."""
        room = GRID[0] * GRID[1]
        kept = [frames[place * len(frames) // min(room, len(frames))] for place in range(min(room, len(frames)))]
        return None if step else show_sheets(kept, SIDE, NOTE)

    def call(self, shown: Sequence[Shown]) -> dict[str, Any]:
        """Pass the image.

        Raises:
            UnsupportedMedia: there is none, or more than one.
        """
        arguments = ImageFamily.call(self, shown)
        if len(arguments["images"]) > 1:
            raise UnsupportedMedia("This model sees one image in a conversation; start a new one for the next image.")
        return arguments
