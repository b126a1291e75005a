"""Models that read text alone, such as Llama 3.2 1B and 3B: an image gets a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from backend.engine.families.family import Reach, Shown
from backend.engine.families.prefix import PrefixRules, TokenRules
from backend.errors import UnsupportedMedia
from backend.media.frame import Frame


@dataclass(frozen=True)
class TextFamily:
    """Shows nothing."""

    name: str
    images: bool = False
    video: bool = False
    canvas: int = 0
    reach: Reach = field(default_factory=Reach)
    prefix: PrefixRules | None = field(default_factory=TokenRules)
    steps: tuple[str, ...] = ()

    def show_image(self, image: Image.Image, step: int = 0) -> Shown | None:
        """Refuse."""
        raise self._refusal("an image")

    def show_clip(self, frames: Sequence[Frame], step: int = 0) -> Shown | None:
        """Refuse."""
        raise self._refusal("a clip")

    def call(self, shown: Sequence[Shown]) -> dict[str, Any]:
        """Nothing."""
        return {}

    def _refusal(self, what: str) -> UnsupportedMedia:
        return UnsupportedMedia(
            f"This model reads text only and cannot see {what}; choose a vision model with --model."
        )
