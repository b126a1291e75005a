"""How what was computed of a conversation is continued, where that is known to be exact. Does not know conversations.

A prompt for such a model is put together from its text and from images that were processed one by one, so pixels are
read and encoded for new images alone.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from transformers.models.mllama.processing_mllama import (
    convert_sparse_cross_attention_mask_to_dense,
    get_cross_attention_token_mask,
)

from backend.engine.families import vision


@dataclass(frozen=True)
class Processed:
    """One image as the processor makes it: the tokens that stand for it, and its tensors.

    `tiles` is how many tiles of it the cross-attention layers keep; 0 where an image is tokens among the text.
    """

    ids: tuple[int, ...]
    pixels: dict[str, Any] = field(default_factory=dict)
    tiles: int = 0


class PrefixRules(Protocol):
    """What a family needs for a new prompt to continue on the cache of an earlier one."""

    @property
    def image_token(self) -> int | None:
        """The token that stands for an image in the text of a prompt; None for a model that reads text alone."""
        ...

    def process(self, processor: Any, image: Image.Image) -> Processed:
        """One RGB image as the processor makes it."""
        ...

    def masks(self, ids: Sequence[int], tiles: Sequence[int]) -> dict[str, Any]:
        """The inputs that go with the ids of a whole prompt, the tiles of its images given in order."""
        ...

    def crop(self, cache: Any, tokens: int, tiles: int, held: int) -> None:
        """Cut a cache that holds `held` tiles of images back to its first tokens and tiles."""
        ...

    def encode(self, model: Any, image: Processed) -> torch.Tensor:
        """What the vision tower makes of an image whose tensors are where the model is."""
        ...

    def given(self, model: Any, features: Sequence[torch.Tensor]) -> AbstractContextManager[dict[str, Any]]:
        """While it is open, the next prefill sees these features as its new images; yields inputs for `generate`."""
        ...


@dataclass(frozen=True)
class TokenRules:
    """Text, and images that are a run of tokens among the text: everything cached belongs to a token."""

    image_token: int | None = None

    def process(self, processor: Any, image: Image.Image) -> Processed:
        """As the processor makes it, of a text that is the image alone."""
        made = processor(text=[processor.image_token], images=[image], return_tensors="pt", add_special_tokens=False)
        ids = made["input_ids"][0].tolist()
        return Processed(
            tuple(ids), {name: made[name] for name in made if name not in ("input_ids", "attention_mask")}
        )

    def masks(self, ids: Sequence[int], tiles: Sequence[int]) -> dict[str, Any]:
        """None."""
        return {}

    def crop(self, cache: Any, tokens: int, tiles: int, held: int) -> None:
        """Cut all layers alike."""
        for layer in cache.layers:
            cut(layer, tokens)

    def encode(self, model: Any, image: Processed) -> torch.Tensor:
        """A row for each of its tokens."""
        return vision.encode_tokens(model, image.pixels)

    def given(self, model: Any, features: Sequence[torch.Tensor]) -> AbstractContextManager[dict[str, Any]]:
        """In the place of what the vision tower would make."""
        return vision.given_tokens(model, features)


@dataclass(frozen=True)
class CrossRules:
    """Mllama: an image is one token, and its keys and values stand in the cross-attention layers, in order.

    The ids and the cross-attention mask stay those of the whole conversation; only the pixels are of new images alone.
    The processor pads every image to the largest number of tiles; here only its own tiles are kept and attended to,
    so an image of one tile takes a quarter of the memory. The mask counts each tile as an image of one tile.
    """

    image_token: int
    layers: frozenset[int]

    def process(self, processor: Any, image: Image.Image) -> Processed:
        """One token; the tensors still have all tiles, as the vision tower wants them."""
        made = dict(processor.image_processor([[image]], return_tensors="pt"))
        tiles = int(made.pop("num_tiles")[0][0])
        return Processed((self.image_token,), made, tiles)

    def masks(self, ids: Sequence[int], tiles: Sequence[int]) -> dict[str, Any]:
        """Which token attends to which tile: (1, tokens, all tiles, 1)."""
        if not tiles:
            return {}
        spans = get_cross_attention_token_mask(list(ids), self.image_token)
        dense = convert_sparse_cross_attention_mask_to_dense([spans], [list(tiles)], max(tiles), len(ids))
        own = np.concatenate([dense[0, :, number, :count] for number, count in enumerate(tiles)], axis=1)
        return {"cross_attention_mask": torch.from_numpy(own)[None, :, :, None]}

    def crop(self, cache: Any, tokens: int, tiles: int, held: int) -> None:
        """Cut the text layers by tokens and the cross-attention layers by tiles: tokens never shorten those."""
        for index, layer in enumerate(cache.layers):
            if index not in self.layers:
                cut(layer, tokens)
            elif held > tiles:
                cut(layer, layer.get_seq_length() // held * tiles)

    def encode(self, model: Any, image: Processed) -> torch.Tensor:
        """Its own tiles: (tiles, tokens of a tile, width)."""
        return vision.encode_tiles(model, image.pixels)[: image.tiles]

    def given(self, model: Any, features: Sequence[torch.Tensor]) -> AbstractContextManager[dict[str, Any]]:
        """As cross-attention states."""
        return vision.given_tiles(model, features)


def cut(layer: Any, length: int) -> None:
    """Shorten a layer of a cache, if it is longer."""
    # Not `crop`: what its argument means has changed between versions of transformers.
    if layer.get_seq_length() > length:
        layer.keys, layer.values = layer.keys[..., :length, :].clone(), layer.values[..., :length, :].clone()
