"""Llama 3.2 Vision (Mllama): cross-attention to one canvas, clips as contact sheets.

An answer can see only the latest run of consecutive images, and each image costs the same however small it is, so a
clip is shown as sheets of sixteen frames rather than frame by frame.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from math import ceil, isqrt
from typing import Any

import numpy as np
import torch
from PIL import Image

from backend.engine.families.base import (
    GRID,
    NOTE,
    ImageFamily,
    Processed,
    Reach,
    Shown,
    cut,
    inner_model,
    show_sheets,
    shown_image,
)
from backend.engine.families.internals import cross_attention_mask
from backend.media.clip import Frame


@dataclass(frozen=True)
class SheetFamily(ImageFamily):
    """Shows images as they are and clips as contact sheets, which `note` explains.

    `side` is the longest side in pixels that the processor takes without shrinking, `tile` the side of one of its
    tiles: at step 1 images and sheets take one tile, then clips lose frames.
    """

    side: int = 1120
    tile: int = 560
    note: str = NOTE
    steps: tuple[str, ...] = ("images in one tile", "half of the frames", "a quarter of the frames")

    @property
    def sheet_side(self) -> int:
        """The side of sheets that are asked about one at a time; 0 if the checkpoint was trained on several."""
        return self.side if self.note else 0

    def prepare(self, model: Any) -> None:
        """Correct what transformers gets wrong."""
        mask_text_before_images(model)

    def show_image(self, image: Image.Image, step: int = 0) -> Shown | None:
        """Show an image as it is; at step 1 so small that the processor makes one tile of it."""
        if step == 0:
            return shown_image(image)
        if step > 1 or max(image.size) <= self.tile:
            return None
        small = image.copy()
        small.thumbnail((self.tile, self.tile), Image.Resampling.LANCZOS)
        return shown_image(small)

    def show_clip(self, frames: Sequence[Frame], step: int = 0) -> Shown | None:
        """Show sixteen frames a sheet, the sheets consecutive; fewer frames only where that saves a sheet."""
        kept = frames[:: 2 ** max(0, step - 1)]
        if step > len(self.steps) or (step > 1 and _sheets(kept) == _sheets(frames[:: 2 ** (step - 2)])):
            return None
        return show_sheets(kept, self.tile if step else self.side, self.note)


def _sheets(frames: Sequence[Frame]) -> int:
    return ceil(len(frames) / (GRID[0] * GRID[1]))


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


@dataclass(frozen=True)
class CrossRules:
    """Continues caches of Mllama: an image is one token, its keys and values are in the cross-attention layers.

    The ids and the cross-attention mask stay those of the whole conversation; only the pixels are of new images alone.
    The processor pads every image to the largest number of tiles; here only its own tiles are kept and attended to,
    so an image of one tile takes a quarter of the memory. The mask counts each tile as an image of one tile.
    """

    image_token: int
    layers: frozenset[int]

    def process(self, processor: Any, image: Image.Image) -> Processed:
        """Process an image to one token and its tensors, which still have all tiles, for the vision tower."""
        made = dict(processor.image_processor([[image]], return_tensors="pt"))
        tiles = int(made.pop("num_tiles")[0][0])
        return Processed((self.image_token,), made, tiles)

    def masks(self, ids: Sequence[int], tiles: Sequence[int]) -> dict[str, Any]:
        """Make the cross-attention mask, which token attends to which tile: (1, tokens, all tiles, 1)."""
        if not tiles:
            return {}
        dense = cross_attention_mask(list(ids), self.image_token, list(tiles))
        own = np.concatenate([dense[0, :, number, :count] for number, count in enumerate(tiles)], axis=1)
        # The model adds its padding and turns it over in this type; int64 would take four times as much.
        return {"cross_attention_mask": torch.from_numpy(own.astype(np.float32))[None, :, :, None]}

    def crop(self, cache: Any, tokens: int, tiles: int, held: int) -> None:
        """Cut the text layers by tokens and the cross-attention layers by tiles: tokens never shorten those."""
        for index, layer in enumerate(cache.layers):
            if index not in self.layers:
                cut(layer, tokens)
            elif held > tiles:
                cut(layer, layer.get_seq_length() // held * tiles)

    def encode(self, model: Any, image: Processed) -> torch.Tensor:
        """Encode an image and keep its own tiles: (tiles, tokens of a tile, width)."""
        return _encode_tiles(model, image.pixels)[: image.tiles]

    def inject_features(self, model: Any, features: Sequence[torch.Tensor]) -> AbstractContextManager[dict[str, Any]]:
        """Feed the features as cross-attention states."""
        return _given_tiles(model, features)


@torch.no_grad()
def _encode_tiles(model: Any, pixels: dict[str, Any]) -> torch.Tensor:
    """Encode one image to projected states, (tiles, tokens of a tile, width), its padding included."""
    inner = inner_model(model)
    projected: torch.Tensor = inner.multi_modal_projector(inner.vision_model(**pixels).last_hidden_state)
    return projected[0, 0]


@contextmanager
def _given_tiles(model: Any, features: Sequence[torch.Tensor]) -> Iterator[dict[str, Any]]:
    """Hand the tiles to the first forward pass alone.

    `generate` would hand them to every pass, and each would append their keys and values to the cache again.
    """
    if not features:
        yield {}
        return

    def hand(_: Any, args: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        handle.remove()
        return args, {**options, "cross_attention_states": torch.cat(list(features))}

    handle = inner_model(model).register_forward_pre_hook(hand, with_kwargs=True)
    try:
        yield {}
    finally:
        handle.remove()


def mask_text_before_images(model: Any) -> None:
    """Let text that sees no image take nothing from cross-attention, as the model was trained.

    transformers masks the feed-forward part of such rows but not the attention part (its issue 39379): their softmax
    over nothing but masked keys is uniform, so the first tokens of a prompt see every image that comes later. That is
    wrong, and it makes an answer depend on what was cached when, and on how many tiles are padding.
    """
    for layer in model.get_decoder().layers:
        if hasattr(layer, "cross_attn"):
            layer.register_forward_pre_hook(_remember_rows, with_kwargs=True)
            layer.cross_attn.register_forward_hook(_mask_rows)


def _remember_rows(layer: Any, args: Any, options: dict[str, Any]) -> None:
    rows = options.get("full_text_row_masked_out_mask")
    # A token that is being decoded comes after the images: nothing to mask.
    layer.cross_attn.rows = rows[:, 0] if rows is not None and rows.shape[-2] > 1 else None


def _mask_rows(attention: Any, args: Any, output: tuple[Any, ...]) -> tuple[Any, ...] | None:
    return None if attention.rows is None else (output[0] * attention.rows, *output[1:])


@contextmanager
def unmasked(model: Any) -> Iterator[None]:
    """Leave the cross-attention mask out of each step after the prompt, if its row hides no tile.

    A decoded token has the row of the token before it, so checking once is enough for an answer.
    """
    hides: bool | None = None

    def drop(_: Any, args: Any, inputs: dict[str, Any]) -> tuple[Any, dict[str, Any]] | None:
        nonlocal hides
        mask, ids = inputs.get("cross_attention_mask"), inputs.get("input_ids")
        if mask is None or ids is None or ids.shape[-1] != 1:
            return None
        if hides is None:
            hides = not bool(mask.all())
        return None if hides else (args, {**inputs, "cross_attention_mask": None})

    # An adapter's wrapper has its model generate, and is never called itself.
    called = model.get_base_model() if hasattr(model, "get_base_model") else model
    handle = called.register_forward_pre_hook(drop, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


@dataclass(frozen=True)
class TileCost:
    """Bytes of a tile: in the cache, in prefill, as a mask for each token there, and while its image is encoded."""

    kept: int
    prefill: int
    mask_per_token: int
    encoding: int


def tile_cost(config: Any, layer: int, item: int) -> TileCost | None:
    """Compute what a tile costs; None for a model without cross-attention.

    `layer` is the bytes of one position's keys and values in one layer, `item` those of a number. Of Llama 3.2 11B in
    16 bits a tile takes 52 MB in the cross-attention layers. Prefill takes 39 MB more: one layer at a time repeats its
    keys and values for each head, and the features of all tiles are joined. A tile is masked for each token, twice.
    """
    text = config.get_text_config()
    cross = len(getattr(text, "cross_attention_layers", None) or ())
    if not cross:
        return None
    vision = config.vision_config
    patches = (vision.image_size // vision.patch_size) ** 2 + 1
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    padded = vision.max_num_tiles * -(-patches // 8) * 8
    depth = vision.num_hidden_layers + vision.num_global_layers
    return TileCost(
        kept=patches * (cross * layer + text.hidden_size * item),
        prefill=patches * (2 * text.num_attention_heads * width + text.hidden_size) * item,
        mask_per_token=2 * patches * item,
        # Three tenths more is what the steps within a layer were counted to take.
        encoding=(padded * padded + depth * padded * vision.hidden_size) * item * 13 // 10,
    )
