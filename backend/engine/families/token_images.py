"""Models that read images among the tokens, such as LLaVA or Gemma 3: a clip is its frames, each after its time."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from transformers.modeling_outputs import BaseModelOutputWithPooling

from backend.engine.families.base import IMAGE, NOTE, ImageFamily, Processed, Shown, cut, inner_model, show_sheets
from backend.media.clip import Frame, clock

SIDE = 1024


@dataclass(frozen=True)
class FrameFamily(ImageFamily):
    """Shows a clip as its frames, each after its time; as contact sheets where that is too long for the context."""

    steps: tuple[str, ...] = ("the clip as contact sheets",)

    def show_clip(self, frames: Sequence[Frame], step: int = 0) -> Shown | None:
        """Each frame after a line with its time; contact sheets at step 1."""
        if step:
            return show_sheets(frames, SIDE, NOTE) if step == 1 else None
        content: list[dict[str, Any]] = []
        for frame in frames:
            content += [{"type": "text", "text": f"{clock(frame.time)}\n"}, IMAGE]
        return Shown(tuple(content), tuple(frame.image for frame in frames), frames=len(frames))


@dataclass(frozen=True)
class TokenRules:
    """Continues caches of models whose images are runs of tokens in the text: everything cached belongs to a token."""

    image_token: int | None = None

    def process(self, processor: Any, image: Image.Image) -> Processed:
        """Run the processor on a text that is the image's token alone."""
        made = processor(text=[processor.image_token], images=[image], return_tensors="pt", add_special_tokens=False)
        ids = made["input_ids"][0].tolist()
        return Processed(
            tuple(ids), {name: made[name] for name in made if name not in ("input_ids", "attention_mask")}
        )

    def masks(self, ids: Sequence[int], tiles: Sequence[int]) -> dict[str, Any]:
        """Return nothing: the ids need no mask."""
        return {}

    def crop(self, cache: Any, tokens: int, tiles: int, held: int) -> None:
        """Cut every layer to `tokens`."""
        for layer in cache.layers:
            cut(layer, tokens)

    def encode(self, model: Any, image: Processed) -> torch.Tensor:
        """Encode an image to a row for each of its tokens: (tokens, width)."""
        return _encode_tokens(model, image.pixels)

    def inject_features(self, model: Any, features: Sequence[torch.Tensor]) -> AbstractContextManager[dict[str, Any]]:
        """Return the features in place of the vision tower's output."""
        return _given_tokens(model, features)


@torch.no_grad()
def _encode_tokens(model: Any, pixels: dict[str, Any]) -> torch.Tensor:
    """Encode the image's pixels to the embeddings of its tokens, (tokens, width)."""
    return torch.cat(list(inner_model(model).get_image_features(**pixels, return_dict=True).pooler_output))


@contextmanager
def _given_tokens(model: Any, features: Sequence[torch.Tensor]) -> Iterator[dict[str, Any]]:
    """Answer in place of the vision tower; the model calls it when it is given pixels of any kind."""
    if not features:
        yield {}
        return
    inner = inner_model(model)

    # Its argument is named, since `generate` looks for it to decide what to hand over.
    def answer(pixel_values: Any = None, **_: Any) -> BaseModelOutputWithPooling:
        return BaseModelOutputWithPooling(pooler_output=list(features))

    inner.get_image_features = answer
    try:
        yield {"pixel_values": torch.zeros(len(features), 1)}
    finally:
        del inner.get_image_features
