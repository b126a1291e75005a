"""What a vision tower makes of an image, made once and given to the model again instead of pixels."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers.modeling_outputs import BaseModelOutputWithPooling


@torch.no_grad()
def encode_tiles(model: Any, pixels: dict[str, Any]) -> torch.Tensor:
    """Mllama: the projected states of one image, (tiles, tokens of a tile, width), its padding included."""
    inner = _inner(model)
    projected: torch.Tensor = inner.multi_modal_projector(inner.vision_model(**pixels).last_hidden_state)
    return projected[0, 0]


@contextmanager
def given_tiles(model: Any, features: Sequence[torch.Tensor]) -> Iterator[dict[str, Any]]:
    """Mllama: hand the tiles to the first forward pass alone.

    `generate` would hand them to every pass, and each would append their keys and values to the cache again.
    """
    if not features:
        yield {}
        return

    def hand(_: Any, args: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        handle.remove()
        return args, {**options, "cross_attention_states": torch.cat(list(features))}

    handle = _inner(model).register_forward_pre_hook(hand, with_kwargs=True)
    try:
        yield {}
    finally:
        handle.remove()


@torch.no_grad()
def encode_tokens(model: Any, pixels: dict[str, Any]) -> torch.Tensor:
    """Images among the tokens: what stands in the place of one image's tokens, (tokens, width)."""
    return torch.cat(list(_inner(model).get_image_features(**pixels, return_dict=True).pooler_output))


@contextmanager
def given_tokens(model: Any, features: Sequence[torch.Tensor]) -> Iterator[dict[str, Any]]:
    """Images among the tokens: answer for the vision tower; the model asks when it is given pixels of any kind."""
    if not features:
        yield {}
        return
    inner = _inner(model)

    # Its argument is named, since `generate` looks for it to decide what to hand over.
    def answer(pixel_values: Any = None, **_: Any) -> BaseModelOutputWithPooling:
        return BaseModelOutputWithPooling(pooler_output=list(features))

    inner.get_image_features = answer
    try:
        yield {"pixel_values": torch.zeros(len(features), 1)}
    finally:
        del inner.get_image_features


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


def _inner(model: Any) -> Any:
    """The model below its language head, and below an adapter."""
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    return whole.base_model
