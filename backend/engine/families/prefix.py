"""How a kept cache is cut back and continued, where that is known to be exact. Does not know conversations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Span = tuple[int, int]


class PrefixRules(Protocol):
    """What a family needs for a new prompt to continue on the cache of an earlier one."""

    def spans(self, ids: Sequence[int], images: int) -> list[Span] | None:
        """The half-open range of tokens that each image takes; None where it cannot be told."""
        ...

    def without(self, inputs: dict[str, Any], images: int, left: int) -> dict[str, Any]:
        """The inputs without the pixels of the first `images` images, of which `left` stay."""
        ...

    def crop(self, cache: Any, tokens: int, images: int, held: int) -> None:
        """Cut a cache that holds `held` images back to its first tokens and images."""
        ...


@dataclass(frozen=True)
class TokenRules:
    """Text, and images that are a run of tokens among the text: everything cached belongs to a token."""

    image_token: int | None = None

    def spans(self, ids: Sequence[int], images: int) -> list[Span] | None:
        """Each image takes an equal share of the image tokens, if they come in such runs."""
        if not images:
            return []
        places = [place for place, token in enumerate(ids) if token == self.image_token]
        share, rest = divmod(len(places), images)
        if rest or not share:
            return None
        spans = [(run[0], run[-1] + 1) for run in (places[i : i + share] for i in range(0, len(places), share))]
        return spans if all(end - start == share for start, end in spans) else None

    def without(self, inputs: dict[str, Any], images: int, left: int) -> dict[str, Any]:
        """Cut the rows of the first images."""
        if not images:
            return inputs
        kept = {name: value for name, value in inputs.items() if name != "pixel_values"}
        return {**kept, "pixel_values": inputs["pixel_values"][images:]} if left else kept

    def crop(self, cache: Any, tokens: int, images: int, held: int) -> None:
        """Cut all layers alike."""
        for layer in cache.layers:
            cut(layer, tokens)


@dataclass(frozen=True)
class CrossRules:
    """Mllama: an image is one token, and its keys and values stand in the cross-attention layers, in order.

    The ids and the cross-attention mask stay those of the whole conversation; only the pixels are of new images alone.
    """

    image_token: int
    layers: frozenset[int]

    def spans(self, ids: Sequence[int], images: int) -> list[Span] | None:
        """One token an image."""
        spans = [(place, place + 1) for place, token in enumerate(ids) if token == self.image_token]
        return spans if len(spans) == images else None

    def without(self, inputs: dict[str, Any], images: int, left: int) -> dict[str, Any]:
        """Cut the first images, and all three inputs of images where none is left."""
        of_images = ("pixel_values", "aspect_ratio_ids", "aspect_ratio_mask")
        kept = {name: value for name, value in inputs.items() if name not in of_images}
        return {**kept, **{name: inputs[name][:, images:] for name in of_images}} if left else kept

    def crop(self, cache: Any, tokens: int, images: int, held: int) -> None:
        """Cut the text layers by tokens and the cross-attention layers by images: tokens never shorten those."""
        for index, layer in enumerate(cache.layers):
            if index not in self.layers:
                cut(layer, tokens)
            elif held > images:
                cut(layer, layer.get_seq_length() // held * images)


def cut(layer: Any, length: int) -> None:
    """Shorten a layer of a cache, if it is longer."""
    # Not `crop`: what its argument means has changed between versions of transformers.
    if layer.get_seq_length() > length:
        layer.keys, layer.values = layer.keys[..., :length, :].clone(), layer.values[..., :length, :].clone()


def mask_text_before_images(model: Any) -> None:
    """Let text that sees no image take nothing from cross-attention, as the model was trained.

    transformers masks the feed-forward part of such rows but not the attention part (its issue 39379): their softmax
    over nothing but masked keys is uniform, so the first tokens of a prompt see every image that comes later. That is
    wrong, and it makes an answer depend on what was cached when.
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
