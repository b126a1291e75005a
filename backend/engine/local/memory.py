"""Counts the bytes that an answer will take and the bytes that are free, before it is started."""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from backend.engine.families.mllama import tile_cost
from backend.engine.local.lru import LRU
from backend.engine.local.prompt import Prompt
from backend.models.hardware import memory_free

SHARE = 4  # a quarter of what the model leaves free may be kept between answers, unless --cache-gb says how much
UNKNOWN = 2 * 2**30  # bytes that may be kept where it is not known what is free
SPARE = 0.95  # of what is free; allocators lose some to fragments


@dataclass(frozen=True)
class Footprint:
    """Bytes that an answer takes, by what it reads.

    `token` and `tile` are the keys and values of one token or tile in all layers, for a tile with its features.
    Working memory is `prefill_per_token` for each token or `prefill_per_tile` for each tile that is read at once, as
    different parts of a layer take them, `mask_per_token_and_tile` for each pair of those, and `vision_encoding` while
    one image is encoded; `weight` is the largest weight of few bits as it is computed with, 0 where there is none.
    """

    token: int
    tile: int = 0
    prefill_per_token: int = 0
    prefill_per_tile: int = 0
    mask_per_token_and_tile: int = 0
    vision_encoding: int = 0
    weight: int = 0

    def of(self, prompt: Prompt, answer: int) -> int:
        """Count the bytes for a prompt that is prefilled from its start, and an answer of so many tokens."""
        tiles = prompt.tiles if self.tile else 0
        return (
            self.token * (prompt.tokens + answer)
            + self.tile * tiles
            + max(self.prefill_per_token * prompt.tokens, self.prefill_per_tile * tiles)
            + self.mask_per_token_and_tile * tiles * prompt.tokens
            + (self.vision_encoding if prompt.tiles else 0)
            + self.weight
        )


def footprint(config: Any, dtype: torch.dtype) -> Footprint:
    """The footprint of a model with this config.

    Keys and values are 2 x heads x width of a head in each layer. Of Llama 3.2 11B in 16 bits that is 131 kB a token.
    What is read at once passes the widest part of a layer, its feed-forward part, three times. Layers that keep a
    window or a state alone are not counted: they do not grow.
    """
    text, item = _widest(config.get_text_config()), dtype.itemsize
    growing = sum(type(layer) is DynamicLayer for layer in DynamicCache(config=config).layers)
    if not growing:
        return Footprint(0)
    layer = _kept_numbers(text) * item
    cross = len(getattr(text, "cross_attention_layers", None) or ())
    inner = getattr(text, "intermediate_size", None) or 4 * text.hidden_size
    tile = tile_cost(config, layer, item)
    return Footprint(
        token=(growing - cross) * layer,
        prefill_per_token=(3 * inner + 8 * text.hidden_size) * item,
        tile=tile.kept if tile else 0,
        prefill_per_tile=tile.prefill if tile else 0,
        mask_per_token_and_tile=tile.mask_per_token if tile else 0,
        vision_encoding=tile.encoding if tile else 0,
        weight=inner * text.hidden_size * item if getattr(config, "quantization_config", None) else 0,
    )


def _widest(text: Any) -> Any:
    """The config of the layer that keeps the most, where layers differ (Gemma 4); else the config itself."""
    differ = getattr(text, "is_heterogeneous", False)
    return max(text.per_layer_config, key=_kept_numbers) if differ else text


def _kept_numbers(text: Any) -> int:
    """Count the keys and values of one token in one layer."""
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    return int(2 * heads * width)


def free_bytes(device: torch.device) -> int | None:
    """Bytes that can be had on a device now; None where that is not known."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + unused)
    if device.type == "xpu":
        return int(torch.xpu.mem_get_info(device)[0])
    # An Apple GPU's memory is the machine's.
    return (memory_free() or None) if device.type in ("cpu", "mps") else None


def cache_limit(device: torch.device) -> int:
    """Bytes that may be kept between answers where nobody said how many."""
    free = free_bytes(device)
    return UNKNOWN if free is None else free // SHARE


class Budget:
    """Checks whether one answer of so many tokens fits into free memory and into what is kept and can be dropped."""

    def __init__(self, needs: Footprint, kept: LRU, device: torch.device, answer: int) -> None:
        free = free_bytes(device)
        self._spare = None if free is None else int(SPARE * free)
        self._needs = needs
        self._kept = kept
        self._answer = answer

    def fits(self, prompt: Prompt) -> bool:
        """Whether there is memory for it; true where that is not known."""
        return self._spare is None or self._needs.of(prompt, self._answer) <= self._spare + self._kept.bytes

    def make_room(self, prompt: Prompt, own: int) -> None:
        """Drop as much of what is kept as the prompt needs; the `own` bytes of its own conversation stay."""
        if self._spare is not None:
            more = max(0, self._needs.of(prompt, self._answer) - own)
            self._kept.shrink(max(own, self._kept.bytes + self._spare - more))
