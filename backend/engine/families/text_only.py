"""Models that read text alone, such as Llama 3.2 1B and 3B: an image or a clip is refused with a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image

from backend.engine.families.base import PrefixRules, Reach, Shown
from backend.engine.families.token_images import TokenRules
from backend.errors import UnsupportedMedia
from backend.media.clip import Frame


@dataclass(frozen=True)
class TextFamily:
    """Shows no media and refuses images and clips."""

    name: str
    images: bool = False
    video: bool = False
    canvas: int = 0
    reach: Reach = field(default_factory=Reach)
    prefix: PrefixRules | None = field(default_factory=TokenRules)
    steps: tuple[str, ...] = ()
    sheet_side: int = 0

    def prepare(self, model: Any) -> None:
        """Nothing to correct."""

    def show_image(self, image: Image.Image, step: int = 0) -> Shown | None:
        """Refuse."""
        raise self._refusal("an image")

    def show_clip(self, frames: Sequence[Frame], step: int = 0) -> Shown | None:
        """Refuse."""
        raise self._refusal("a clip")

    def call(self, shown: Sequence[Shown]) -> dict[str, Any]:
        """Return no arguments: there is nothing to show."""
        return {}

    def corrected_inputs(self, processor: Any, shown: Sequence[Shown]) -> dict[str, torch.Tensor]:
        """The tokenizer gets all inputs right."""
        return {}

    def _refusal(self, what: str) -> UnsupportedMedia:
        return UnsupportedMedia(
            f"This model reads text only and cannot see {what}; choose a vision model with --model."
        )
