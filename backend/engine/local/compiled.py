"""Decodes on caches of fixed size, so that a token costs its memory traffic and not forty layers of Python.

Prefill runs as usual, on a cache that grows. To decode, that cache is copied into one of fixed size, a captured or
compiled step (step.py) runs on it, and at the end the new tokens are copied back: what is kept between turns is the
same either way. Sizes come in buckets, since a step is made for each one, and attention reads all of its size. They
hold at most a third of the memory that is free when the first is made; the least recently used goes first.

Example: 900 cached tokens and an image of 3 tiles are decoded in `Size(1024, 4, masked=True)`, the fourth tile masked.
When its 1024 tokens are full, the new ones are copied back and decoding goes on in `Size(2048, 4, masked=True)` if
that is warm, else the plain way for the rest of the answer.

Make a decoder, warm it up and use it on the inference thread: steps are bound to it.
"""

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from cachetools import LRUCache
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer
from transformers.modeling_outputs import CausalLMOutputWithPast

from backend.engine.families.internals import declares_one_graph, static_layer
from backend.engine.local.memory import UNKNOWN, free_bytes
from backend.engine.local.step import StaticInputs, Step, Steps

log = logging.getLogger(__name__)

LENGTHS = (1024, 2048, 4096, 8192)  # tokens; a conversation longer than the last is decoded the plain way
TILES = (0, 1, 2, 4, 8, 16)  # image tiles in the cross-attention layers, likewise
ALIKE = 0.99  # cosine of the plain step's scores and the other one's, at least; precision alone costs less
WANTED = 4  # sizes that wait to be made; what was asked for longest ago is forgotten
SHARE = 3  # a third of what is free when the first size is made may be held by all of them

# What `generate` gives a step that draws one more token, as far as it matters here.
_STEP = {"input_ids", "position_ids", "cross_attention_mask", "past_key_values", "use_cache", "logits_to_keep"}


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a cache: tokens, tiles, and whether some of the tiles are masked."""

    length: int
    tiles: int = 0
    masked: bool = False


@dataclass(frozen=True)
class _Warm:
    """A cache of fixed size, and the step that runs on it."""

    inputs: StaticInputs
    step: Step
    bytes: int


def can_compile(model: Any) -> bool:
    """Whether a model decodes on a cache of fixed size in one graph; Mllama does from transformers 5.18 on."""
    return declares_one_graph(model) and all(
        type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers
    )


class StaticCacheDecoder:
    """Decodes with one model for which `can_compile` holds, by steps of one kind. Only sizes that are warm are used.

    `free` says how many bytes a device has left, None where that is not known. `wanted` has the sizes that were asked
    for and are not warm.
    """

    def __init__(self, model: Any, steps: Steps, free: Callable[[torch.device], int | None] = free_bytes) -> None:
        self._model = model
        self._steps = steps
        self._free = free
        self._plain = MethodType(type(model).forward, model)
        self._warm: LRUCache[Size, _Warm] | None = None  # until the first size is made
        self._failed = False
        self.wanted: dict[Size, None] = {}
        text = model.config.get_text_config()
        self._heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
        self._head_size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        self._layers = text.num_hidden_layers
        self.cross = frozenset(getattr(text, "cross_attention_layers", None) or ())
        self.patches = model.model.vision_model.num_patches if self.cross else 1

    @property
    def warm(self) -> frozenset[Size]:
        """The sizes that are ready."""
        return frozenset(self._warm or ())

    @contextmanager
    def decoding(self, cache: Any) -> Iterator[None]:
        """While open, `generate` decodes on the DynamicCache `cache` by the step of its size, where that is warm.

        At the end `cache` holds what it would hold without.
        """
        run = _Run(self, cache)

        @functools.wraps(self._plain)
        def forward(*args: Any, **inputs: Any) -> Any:
            if not args and run.takes(inputs):
                try:
                    return run.step(inputs)
                except RuntimeError:
                    log.warning("decoding goes on the plain way", exc_info=True)
                    run.flush()
                    self.give_up()
            return self._plain(*args, **inputs)

        self._model.forward = forward
        try:
            yield
        finally:
            del self._model.forward
            run.flush()

    def want(self, size: Size) -> None:
        """Have a size made while nobody waits, unless all that may be held is too little for it."""
        if self._failed or (self._warm is not None and self.bytes_of(size) > self._warm.maxsize):
            return
        self.wanted.pop(size, None)
        self.wanted[size] = None
        if len(self.wanted) > WANTED:
            del self.wanted[next(iter(self.wanted))]

    def warm_up(self, size: Size) -> bool:
        """Make one size and compare its scores with the plain step's; returns whether it is used from now on."""
        self.wanted.pop(size, None)
        if self._failed or size in self.warm:
            return size in self.warm
        try:
            with torch.no_grad():
                if not self._make(size):
                    log.info("%s is decoded the plain way: it would hold too much memory", size)
                    return False
                alike = self._alike(size)
            if alike < ALIKE:
                raise RuntimeError(f"the step computes something else (cosine {alike:.3f})")
        except Exception:
            log.warning("decoding goes on the plain way: %s failed", size, exc_info=True)
            self.give_up()
            return False
        log.info("decoding is faster for up to %d tokens and %d tiles", size.length, size.tiles)
        return True

    def give_up(self) -> None:
        """Decode the plain way from now on, and give back the memory of all sizes."""
        self._failed = True
        self._warm = None
        self.wanted.clear()
        self._steps.forget()

    def fixed(self, size: Size) -> _Warm | None:
        """Return the cache of a size if it is warm, used now; else have it made later."""
        found = self._warm.get(size) if self._warm is not None else None
        if found is None:
            self.want(size)
        return found

    def bytes_of(self, size: Size) -> int:
        """Count the bytes of the keys and values that a size holds."""
        held = sum(self._held(number, size) for number in range(self._layers))
        return int(2 * self._heads * self._head_size * self._model.dtype.itemsize * held)

    def _held(self, number: int, size: Size) -> int:
        """How many keys the layer of a number holds."""
        return size.tiles * self.patches if number in self.cross else size.length

    def _make(self, size: Size) -> bool:
        """Make the cache of a size and its step, once there is room; returns whether there is."""
        if self._warm is None:
            free = self._free(self._model.device)
            limit = UNKNOWN if free is None else free // SHARE
            self._warm = LRUCache(limit, getsizeof=lambda warm: warm.bytes)
        needed = self.bytes_of(size)
        if needed > self._warm.maxsize:
            return False
        while self._warm.currsize + needed > self._warm.maxsize:
            self._warm.popitem()
        like, masked = self._random(0), size.tiles if size.masked else 0
        layers = [static_layer(self._held(number, size), like) for number in range(self._layers)]
        inputs = StaticInputs.allocate(Cache(layers=layers), size.length, masked, like)
        self._warm[size] = _Warm(inputs, self._steps.make(inputs), needed)
        return True

    def _alike(self, size: Size) -> float:
        """The cosine between both ways' scores of one token on a cache of random content."""
        made = DynamicCache(config=self._model.config)
        for number, layer in enumerate(made.layers):
            if held := self._held(number, size) - (0 if number in self.cross else 8):
                layer.update(self._random(held), self._random(held))
        ids = torch.zeros((1, 1), dtype=torch.long, device=self._model.device)
        seen = torch.ones((1, 1, size.tiles, 1), dtype=torch.long, device=self._model.device)
        seen[:, :, : int(size.masked)] = 0
        inputs = {"input_ids": ids, "cross_attention_mask": seen if size.tiles else None, "past_key_values": made}
        run = _Run(self, made, prompt_read=True)
        if not run.takes(inputs):
            raise RuntimeError("a step of this size is not taken")
        for _ in range(3):  # the later ones read what the first wrote
            ours = run.step(inputs).logits
        plain = [self._plain(**inputs, use_cache=True, logits_to_keep=1).logits for _ in range(3)][-1]
        return float(torch.cosine_similarity(ours.float().flatten(), plain.float().flatten(), dim=0))

    def _random(self, held: int) -> torch.Tensor:
        shape = 1, self._heads, held, self._head_size
        return torch.randn(shape, device=self._model.device, dtype=self._model.dtype)


class _Run:
    """Decodes the tokens of one answer on caches of fixed size, and copies them back.

    The first call is always plain, since it reads the prompt, even one of a single token: the hooks that cancel
    prefill cannot be part of a graph.
    """

    def __init__(self, decoder: StaticCacheDecoder, cache: Any, prompt_read: bool = False) -> None:
        self._decoder = decoder
        self._cache = cache
        self._fixed: _Warm | None = None
        self._begun = self._length = 0
        self._prompt_read = prompt_read
        self._plain = False  # once so, for the whole answer

    def takes(self, inputs: dict[str, Any]) -> bool:
        """Whether a step of `generate` can run on a cache of fixed size; begins on one if it must."""
        first, self._prompt_read = not self._prompt_read, True
        if first or self._plain or not self._is_step(inputs):
            return False
        if self._fixed is None or self._length == self._fixed.inputs.mask.shape[-1]:
            self.flush()
            self._plain = not self._begin(inputs.get("cross_attention_mask"))
        return not self._plain

    def step(self, inputs: dict[str, Any]) -> Any:
        """Decode one token; returns its scores as the plain step would."""
        assert self._fixed is not None
        self._fixed.inputs.set_token(inputs["input_ids"], self._length)
        scores = self._fixed.step().clone()  # the next step writes over them
        self._length += 1
        return CausalLMOutputWithPast(logits=scores, past_key_values=self._cache)

    def flush(self) -> None:
        """Copy the new tokens into the cache that grows, and leave the one of fixed size."""
        if self._fixed is not None and self._length > self._begun:
            new = slice(self._begun, self._length)
            for number, layer in enumerate(self._fixed.inputs.cache.layers):
                if number not in self._decoder.cross:
                    self._cache.update(layer.keys[:, :, new], layer.values[:, :, new], number)
        self._fixed = None

    def _is_step(self, inputs: dict[str, Any]) -> bool:
        ids = inputs.get("input_ids")
        strange = {name for name, value in inputs.items() if value is not None} - _STEP - {"return_dict"}
        return (
            ids is not None
            and tuple(ids.shape) == (1, 1)
            and not strange
            and self._cache.get_seq_length() > 0
            and inputs.get("past_key_values") is self._cache
        )

    def _begin(self, mask: torch.Tensor | None) -> bool:
        """Copy the cache into one of fixed size, if that is warm."""
        self._begun = self._length = int(self._cache.get_seq_length())
        decoder, tiles = self._decoder, self._tiles()
        length, room = _fitting(LENGTHS, self._length + 1), _fitting(TILES, tiles)
        seen = torch.ones(tiles, dtype=torch.long) if mask is None else mask.flatten().cpu()
        if length is None or room is None or (tiles and len(seen) != tiles):
            return False
        masked = bool(tiles) and (room > tiles or not bool(seen.all()))
        self._fixed = decoder.fixed(Size(length, room, masked))
        if self._fixed is None:
            return False
        if self._fixed.inputs.seen is not None:
            self._fixed.inputs.seen.copy_(_row(seen, room))
        self._copy(self._fixed.inputs)
        return True

    def _tiles(self) -> int:
        held: list[Any] = [self._cache.layers[number] for number in self._decoder.cross]
        return int(held[0].get_seq_length()) // self._decoder.patches if held and held[0].is_initialized else 0

    def _copy(self, fixed: StaticInputs) -> None:
        fixed.mask.fill_(torch.finfo(fixed.mask.dtype).min)
        fixed.mask[..., : self._length] = 0
        for grown, layer in zip(self._cache.layers, fixed.cache.layers, strict=True):
            if layer.is_initialized:
                held = grown.keys.shape[2]
                layer.keys[:, :, :held].copy_(grown.keys)
                layer.values[:, :, :held].copy_(grown.values)
                layer.cumulative_length.fill_(held)


def _fitting(sizes: tuple[int, ...], needed: int) -> int | None:
    return next((size for size in sizes if size >= needed), None)


def _row(seen: torch.Tensor, room: int) -> torch.Tensor:
    """Pad one token's cross-attention mask to `room` tiles, (1, 1, room, 1); the added ones are masked."""
    return torch.nn.functional.pad(seen, (0, room - len(seen))).reshape(1, 1, room, 1)
