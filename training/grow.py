"""Makes a trained model larger without changing what it says: more layers, wider ones, more tokens, larger tiles.

What is added is silent at first: new layers and heads write nothing, new widths hold zeros, and a norm over more
numbers is scaled so that the old ones come out as before. Example: for RMSNorm over 192 numbers made 288, the mean of
squares falls by 192/288, so its weights are multiplied by the root of that.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional
from transformers import MllamaConfig, MllamaForConditionalGeneration, PreTrainedTokenizerFast

Weights = dict[str, Tensor]

PLACE = "model.vision_model.gated_positional_embedding."
LAYERS = "model.language_model.layers."


def stretched(model: MllamaForConditionalGeneration, tile: int) -> MllamaForConditionalGeneration:
    """The same model for larger tiles: every patch begins with the position of what stood there before."""
    shape = copy.deepcopy(model.config)
    patch, old, width = shape.vision_config.patch_size, shape.vision_config.image_size, shape.vision_config.hidden_size
    shape.vision_config.image_size = tile
    larger, weights = MllamaForConditionalGeneration(shape), model.state_dict()
    before, after = old // patch, tile // patch
    for name in (f"{PLACE}embedding", f"{PLACE}tile_embedding.weight"):
        rows = weights[name].view(-1, before**2 + 1, width)
        patches = rows[:, 1:].view(-1, before, before, width).permute(0, 3, 1, 2)
        wider = functional.interpolate(patches, (after, after), mode="bicubic").permute(0, 2, 3, 1)
        rows = torch.cat([rows[:, :1], wider.flatten(1, 2)], 1)
        weights[name] = rows.view(larger.state_dict()[name].shape)
    larger.load_state_dict(weights)
    return larger


def grown(
    model: MllamaForConditionalGeneration,
    before: PreTrainedTokenizerFast,
    config: MllamaConfig,
    after: PreTrainedTokenizerFast,
    places: Mapping[int, int],
) -> MllamaForConditionalGeneration:
    """The model in the shape of `config`, with another tokenizer: `places` says which old text layer goes where.

    Its heads keep their size, and its layers their kind (cross-attention or not).
    """
    larger = MllamaForConditionalGeneration(config)
    old, new = model.state_dict(), larger.state_dict()
    rows = _rows(before, after)
    for name in new:
        source = _source(name, places)
        if source is None:
            new[name] = _silent(name, new[name])
        elif name.endswith(("embed_tokens.weight", "lm_head.weight")):
            new[name] = _tokens(old[name], new[name], rows, name)
        else:
            new[name] = _widened(name, old[source], new[name])
    larger.load_state_dict(new)
    return larger


def _rows(before: PreTrainedTokenizerFast, after: PreTrainedTokenizerFast) -> dict[int, int]:
    """For each token of the new tokenizer that the old one had, the old one's number."""
    known = before.get_vocab()
    return {number: known[token] for token, number in after.get_vocab().items() if token in known}


def _source(name: str, places: Mapping[int, int]) -> str | None:
    """The old weight that goes into a new one; None for a layer that is new."""
    if not name.startswith(LAYERS):
        return name
    number, rest = name[len(LAYERS) :].split(".", 1)
    old = next((old for old, at in places.items() if at == int(number)), None)
    return None if old is None else f"{LAYERS}{old}.{rest}"


def _silent(name: str, weight: Tensor) -> Tensor:
    """A new layer's weight: what it writes with is zero."""
    if name.endswith(("o_proj.weight", "down_proj.weight")):
        return torch.zeros_like(weight)
    return weight


def _tokens(old: Tensor, new: Tensor, rows: Mapping[int, int], name: str) -> Tensor:
    """Rows of tokens by their names; what is new begins small."""
    made = torch.randn_like(new) * float(old.std()) * 0.5
    for number, source in rows.items():
        if number < len(made) and source < len(old):
            made[number] = 0.0
            made[number, : old.shape[1]] = old[source]
    made[:, old.shape[1] :] = 0.0 if name.endswith("lm_head.weight") else made[:, old.shape[1] :]
    return made


def _widened(name: str, old: Tensor, new: Tensor) -> Tensor:
    """An old weight in the corner of a larger one."""
    if old.shape == new.shape:
        return old
    if old.dim() == 1:
        made = torch.ones_like(new)
        made[: len(old)] = old
        # A norm over more numbers of which the new ones are zero.
        return (
            made * math.sqrt(len(old) / len(new))
            if "norm" in name
            else torch.cat([old, torch.zeros(len(new) - len(old))])
        )
    made = new.clone()
    writes = name.endswith(("o_proj.weight", "down_proj.weight", "multi_modal_projector.weight"))
    made[:, old.shape[1] :] = 0.0 if name.endswith(("o_proj.weight", "down_proj.weight")) else made[:, old.shape[1] :]
    made[old.shape[0] :] = 0.0 if writes else made[old.shape[0] :]
    made[: old.shape[0], : old.shape[1]] = old
    return made
