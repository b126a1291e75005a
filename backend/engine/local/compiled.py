"""Decodes with a compiled step, so that a token costs its memory traffic and not forty layers of Python.

Prefill runs as usual, on a cache that grows. To decode, that cache is copied into one of fixed size, a compiled
forward runs on it, and at the end the new tokens are copied back: what is kept between turns is the same either way.
Sizes come in buckets, since each one is compiled once, and attention reads all of its size.

Example: 900 cached tokens and an image of 3 tiles are decoded in `Size(1024, 4, masked=True)`, the fourth tile masked.
When its 1024 tokens are full, the new ones are copied back and decoding goes on in `Size(2048, 4, masked=True)` if
that is warm, else the plain way for the rest of the answer.

CUDA graphs are bound to the thread that recorded them: make it, warm it up and use it on the inference thread.
"""

import functools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer
from transformers.modeling_outputs import CausalLMOutputWithPast

from backend.engine.families.internals import allow_graphs, declares_one_graph, keep_address, static_layer

log = logging.getLogger(__name__)

LENGTHS = (1024, 2048, 4096, 8192)  # tokens; a conversation longer than the last is decoded the plain way
TILES = (0, 1, 2, 4, 8, 16)  # image tiles in the cross-attention layers, likewise
ALIKE = 0.99  # cosine of the plain step's scores and the compiled one's, at least; precision alone costs less

# What `generate` gives a step that draws one more token, as far as it matters here.
_STEP = {"input_ids", "position_ids", "cross_attention_mask", "past_key_values", "use_cache", "logits_to_keep"}


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a cache: tokens, tiles, and whether some of the tiles are masked."""

    length: int
    tiles: int = 0
    masked: bool = False


@dataclass(frozen=True)
class _Fixed:
    """A cache of fixed size and the additive attention mask over its tokens, both at addresses that stay."""

    cache: Cache
    mask: torch.Tensor


def can_compile(model: Any) -> bool:
    """Whether a model decodes on a cache of fixed size in one graph; Mllama does from transformers 5.18 on."""
    return declares_one_graph(model) and all(
        type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers
    )


class CompiledDecoder:
    """Runs the compiled step of one model for which `can_compile` holds. Only sizes that are warm are used.

    `backend` and `options` are those of `torch.compile`; CUDA graphs are the default. `wanted` has the sizes that were
    asked for and are not warm.
    """

    def __init__(self, model: Any, backend: str = "inductor", **options: Any) -> None:
        if backend == "inductor":
            options = {"mode": "reduce-overhead", **options}
        self._model = model
        self._plain = MethodType(type(model).forward, model)
        allow_graphs()
        self._compiled = torch.compile(self._plain, backend=backend, fullgraph=True, dynamic=False, **options)
        self._graphs = backend == "inductor"
        self._fixed: dict[Size, _Fixed] = {}
        self._failed = False
        self.wanted: dict[Size, None] = {}
        text = model.config.get_text_config()
        self._heads = text.num_key_value_heads
        self._head_size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
        self.cross = frozenset(getattr(text, "cross_attention_layers", None) or ())
        self.patches = model.model.vision_model.num_patches if self.cross else 1

    @property
    def warm(self) -> frozenset[Size]:
        """The sizes that are ready."""
        return frozenset(self._fixed)

    @contextmanager
    def decoding(self, cache: Any) -> Iterator[None]:
        """While open, `generate` decodes on the DynamicCache `cache` by the compiled step, where its size is warm.

        At the end `cache` holds what it would hold without.
        """
        run = _Run(self, cache)

        @functools.wraps(self._plain)
        def forward(*args: Any, **inputs: Any) -> Any:
            if not args and run.takes(inputs):
                try:
                    # A guard that fails would have a person wait for the compiler in the midst of an answer.
                    with torch.compiler.set_stance("fail_on_recompile"):
                        return run.step(inputs)
                except RuntimeError:
                    log.warning("decoding is not compiled any more", exc_info=True)
                    run.flush()
                    self.give_up()
            return self._plain(*args, **inputs)

        self._model.forward = forward
        try:
            yield
        finally:
            del self._model.forward
            run.flush()

    def warm_up(self, size: Size) -> bool:
        """Compile one size and compare its scores with the plain step's; returns whether it is used from now on."""
        self.wanted.pop(size, None)
        if self._failed or size in self._fixed:
            return size in self._fixed
        try:
            with torch.no_grad():
                self._fixed[size] = self._allocate(size)
                alike = self._alike(size)
            if alike < ALIKE:
                raise RuntimeError(f"the compiled step computes something else (cosine {alike:.3f})")
        except Exception:
            log.warning("decoding is not compiled: %s failed", size, exc_info=True)
            self.give_up()
            return False
        log.info("decoding is compiled for %d tokens and %d tiles", size.length, size.tiles)
        return True

    def give_up(self) -> None:
        """Decode the plain way from now on, and give back the memory of the graphs that were recorded."""
        self._failed = True
        self._fixed.clear()
        self.wanted.clear()
        torch.compiler.reset()  # the graphs' pool is the process's, not this object's

    def fixed(self, size: Size) -> _Fixed | None:
        """Return the cache of a size if it is warm; else note the size in `wanted`."""
        if size not in self._fixed and not self._failed:
            self.wanted[size] = None
        return self._fixed.get(size)

    def call(self, fixed: _Fixed, ids: torch.Tensor, place: int, seen: torch.Tensor | None) -> torch.Tensor:
        """Compute the scores after one more token, at `place`; `seen` is 1 for each tile to be seen, None for all."""
        if self._graphs:
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        fixed.mask[..., place] = 0
        found = self._compiled(
            input_ids=ids.clone(),
            position_ids=torch.full((1, 1), place, device=ids.device),
            attention_mask=fixed.mask,
            cross_attention_mask=seen,
            past_key_values=fixed.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        scores: torch.Tensor = found.logits
        return scores.clone()  # the next replay of the graph writes over it

    def _allocate(self, size: Size) -> _Fixed:
        numbers = range(self._model.config.get_text_config().num_hidden_layers)
        held = [size.tiles * self.patches if number in self.cross else size.length for number in numbers]
        layers = [static_layer(length, self._random(0)) for length in held]
        mask = torch.full((1, 1, 1, size.length), 0, device=self._model.device, dtype=self._model.dtype)
        return _Fixed(Cache(layers=layers), keep_address(mask))

    def _alike(self, size: Size) -> float:
        """The cosine between both ways' scores of one token on a cache of random content."""
        made = DynamicCache(config=self._model.config)
        for number, layer in enumerate(made.layers):
            if held := size.tiles * self.patches if number in self.cross else size.length - 8:
                layer.update(self._random(held), self._random(held))
        ids = torch.zeros((1, 1), dtype=torch.long, device=self._model.device)
        seen = torch.ones((1, 1, size.tiles, 1), dtype=torch.long, device=self._model.device)
        seen[:, :, : int(size.masked)] = 0
        inputs = {"input_ids": ids, "cross_attention_mask": seen if size.tiles else None, "past_key_values": made}
        run = _Run(self, made, prompt_read=True)
        if not run.takes(inputs):
            raise RuntimeError("a step of this size is not taken")
        # The first call compiles, the second records, the third is what a person gets.
        for _ in range(3):
            compiled = run.step(inputs).logits
        plain = [self._plain(**inputs, use_cache=True, logits_to_keep=1).logits for _ in range(3)][-1]
        return float(torch.cosine_similarity(compiled.float().flatten(), plain.float().flatten(), dim=0))

    def _random(self, held: int) -> torch.Tensor:
        model = self._model
        return torch.randn((1, self._heads, held, self._head_size), device=model.device, dtype=model.dtype)


class _Run:
    """Decodes the tokens of one answer on caches of fixed size, and copies them back.

    The first call is always plain, since it reads the prompt, even one of a single token: the hooks that cancel
    prefill cannot be part of a graph.
    """

    def __init__(self, decoder: CompiledDecoder, cache: Any, prompt_read: bool = False) -> None:
        self._decoder = decoder
        self._cache = cache
        self._fixed: _Fixed | None = None
        self._seen: torch.Tensor | None = None
        self._begun = self._length = 0
        self._prompt_read = prompt_read
        self._plain = False  # once so, for the whole answer

    def takes(self, inputs: dict[str, Any]) -> bool:
        """Whether a step of `generate` can run compiled; begins on a cache of fixed size if it must."""
        first, self._prompt_read = not self._prompt_read, True
        if first or self._plain or not self._is_step(inputs):
            return False
        if self._fixed is None or self._length == self._fixed.mask.shape[-1]:
            self.flush()
            self._plain = not self._begin(inputs.get("cross_attention_mask"))
        return not self._plain

    def step(self, inputs: dict[str, Any]) -> Any:
        """Decode one token; returns its scores as the plain step would."""
        assert self._fixed is not None
        scores = self._decoder.call(self._fixed, inputs["input_ids"], self._length, self._seen)
        self._length += 1
        return CausalLMOutputWithPast(logits=scores, past_key_values=self._cache)

    def flush(self) -> None:
        """Copy the new tokens into the cache that grows, and leave the one of fixed size."""
        if self._fixed is not None and self._length > self._begun:
            new = slice(self._begun, self._length)
            for number, layer in enumerate(self._fixed.cache.layers):
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
        """Copy the cache into one of fixed size, if there is a warm one."""
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
        self._seen = _row(seen, room).to(self._fixed.mask.device) if masked else None
        self._copy(self._fixed)
        return True

    def _tiles(self) -> int:
        held: list[Any] = [self._cache.layers[number] for number in self._decoder.cross]
        return int(held[0].get_seq_length()) // self._decoder.patches if held and held[0].is_initialized else 0

    def _copy(self, fixed: _Fixed) -> None:
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
