"""How many bytes an answer takes, and how many there are: known before it is started."""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from backend.engine.lru import ByteLRU
from backend.engine.prompt import Prompt
from backend.machine import memory_free

SHARE = 4  # a quarter of what the model leaves free may be kept between answers, unless --cache-gb says how much
UNKNOWN = 2 * 2**30  # bytes that may be kept where it is not known what is free
SPARE = 0.95  # of what is free; allocators lose some to fragments


@dataclass(frozen=True)
class Footprint:
    """Bytes that an answer takes, by what it reads.

    `token` and `tile` are keys and values of one in all layers, with the features of the tile; `reading` is working
    memory for each token that is read at once, `looking` for each pair of token and tile, `seeing` while one image
    is encoded.
    """

    token: int
    tile: int = 0
    reading: int = 0
    looking: int = 0
    seeing: int = 0

    def of(self, prompt: Prompt, answer: int) -> int:
        """Bytes for a prompt that is read from its start, and an answer of so many tokens."""
        tiles = prompt.tiles if self.tile else 0
        return (
            self.token * (prompt.tokens + answer)
            + self.tile * tiles
            + (self.reading + self.looking * tiles) * prompt.tokens
            + (self.seeing if prompt.tiles else 0)
        )


def footprint(config: Any, dtype: torch.dtype) -> Footprint:
    """The footprint of a model with this config.

    Keys and values are 2 x heads x width of a head in each layer. Of Llama 3.2 11B in 16 bits that is 131 kB a token,
    and 52 MB a tile in the cross-attention layers. What is read at once passes the widest part of a layer, its
    feed-forward part, three times; a tile is masked for each token, twice. Layers that keep a window or a state alone
    are not counted: they do not grow.
    """
    text, item = config.get_text_config(), dtype.itemsize
    growing = sum(type(layer) is DynamicLayer for layer in DynamicCache(config=config).layers)
    if not growing:
        return Footprint(0)
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    cross = len(getattr(text, "cross_attention_layers", None) or ())
    layer = 2 * heads * width * item
    token = (growing - cross) * layer
    inner = getattr(text, "intermediate_size", None) or 4 * text.hidden_size
    reading = (3 * inner + 8 * text.hidden_size) * item
    if not cross:
        return Footprint(token, reading=reading)
    vision = config.vision_config
    patches = (vision.image_size // vision.patch_size) ** 2 + 1
    padded = vision.max_num_tiles * -(-patches // 8) * 8
    depth = vision.num_hidden_layers + vision.num_global_layers
    return Footprint(
        token,
        tile=patches * (cross * layer + text.hidden_size * item),
        reading=reading,
        looking=2 * patches * item,
        seeing=(padded * padded + depth * padded * vision.hidden_size) * item,
    )


def free_bytes(device: torch.device) -> int | None:
    """Bytes that can be had on a device now; None where that is not known."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + unused)
    return (memory_free() or None) if device.type == "cpu" else None


def cache_limit(device: torch.device) -> int:
    """Bytes that may be kept between answers where nobody said how many."""
    free = free_bytes(device)
    return UNKNOWN if free is None else free // SHARE


class Budget:
    """What there is for one answer of so many tokens: what is free, and what is kept and can be dropped."""

    def __init__(self, needs: Footprint, kept: ByteLRU, device: torch.device, answer: int) -> None:
        free = free_bytes(device)
        self._spare = None if free is None else int(SPARE * free)
        self._needs = needs
        self._kept = kept
        self._answer = answer

    def fits(self, prompt: Prompt) -> bool:
        """Whether there is memory for it; true where that is not known."""
        return self._spare is None or self._needs.of(prompt, self._answer) <= self._spare + self._kept.bytes

    def make_room(self, prompt: Prompt, own: int) -> None:
        """Drop of what is kept as much as it needs; `own` bytes of that are its own conversation's, and stay."""
        if self._spare is not None:
            more = max(0, self._needs.of(prompt, self._answer) - own)
            self._kept.shrink(max(own, self._kept.bytes + self._spare - more))
