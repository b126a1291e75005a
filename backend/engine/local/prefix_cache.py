"""Keeps the KV cache of each conversation between turns, and continues it for a prompt with the same beginning.

A new prompt reuses the longest prefix that it shares with the kept one, so a follow-up prefills only what is new, and
a retry or an edit goes back to where they part. Does not run the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from backend.engine.families.base import PrefixRules, cut
from backend.engine.local.lru import LRU
from backend.engine.local.prompt import Prompt
from backend.engine.local.vision_cache import Picture


@dataclass(frozen=True)
class CachedPrefix:
    """What an answer starts from: a cache that holds `reused` tokens of the prompt, and the `new` images it lacks.

    `lengths` are those of the cache's layers; `cache` is None where nothing is to be kept.
    """

    cache: Any = None
    reused: int = 0
    new: tuple[Picture, ...] = ()
    lengths: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Kept:
    cache: Any
    tokens: list[int]
    pictures: tuple[Picture, ...]
    step: int


class PrefixCache:
    """Keeps the caches of the latest conversations in `memory`; with rules None nothing is kept."""

    def __init__(self, config: Any, rules: PrefixRules | None, memory: LRU) -> None:
        self._config = config
        self._memory = memory
        fresh = DynamicCache(config=config)
        # Sliding windows and recurrent layers cannot go back to an earlier token.
        exact = bool(fresh.layers) and all(type(layer) is DynamicLayer for layer in fresh.layers)
        self._rules = rules if exact else None

    def step(self, conversation: str) -> int:
        """Return the step at which the conversation's kept prompt showed media; 0 where nothing is kept."""
        kept: _Kept | None = self._memory.get(("prefix", conversation))
        return kept.step if kept else 0

    def bytes(self, conversation: str) -> int:
        """Count the bytes that are kept of a conversation."""
        return self._memory.size(("prefix", conversation))

    def take(self, conversation: str, prompt: Prompt) -> CachedPrefix:
        """Take the conversation's cache, cropped to what the prompt shares with it. It is given away, not copied."""
        pictures = prompt.pictures or ()
        if self._rules is None or prompt.pictures is None:
            return CachedPrefix(new=pictures)
        kept: _Kept | None = self._memory.pop(("prefix", conversation))
        if kept is None:
            return CachedPrefix(DynamicCache(config=self._config), new=pictures)
        tokens, images = _shared(kept, prompt)
        self._rules.crop(kept.cache, tokens, _tiles(kept.pictures[:images]), _tiles(kept.pictures))
        lengths = tuple(layer.get_seq_length() for layer in kept.cache.layers)
        return CachedPrefix(kept.cache, tokens, pictures[images:], lengths)

    def keep(self, conversation: str, start: CachedPrefix, prompt: Prompt, answer: Sequence[int]) -> None:
        """Keep the cache of an answer; the last tokens drawn may not be in it yet."""
        if start.cache is not None and (length := start.cache.get_seq_length()):
            self._put(conversation, start.cache, [*prompt.ids, *answer][:length], prompt.pictures or (), prompt.step)

    def put_back(self, conversation: str, start: CachedPrefix, prompt: Prompt) -> None:
        """Keep the cache as it was taken, after prefill was cancelled: layers that have read more are cut back."""
        if start.reused:
            for layer, length in zip(start.cache.layers, start.lengths, strict=True):
                cut(layer, length)
            pictures = prompt.pictures or ()
            held = pictures[: len(pictures) - len(start.new)]
            self._put(conversation, start.cache, prompt.ids[: start.reused], held, prompt.step)

    def _put(self, conversation: str, cache: Any, tokens: list[int], pictures: tuple[Picture, ...], step: int) -> None:
        size = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers if layer.is_initialized)
        self._memory.put(("prefix", conversation), _Kept(cache, tokens, pictures, step), size)


def _tiles(pictures: Sequence[Picture]) -> int:
    return sum(picture.tiles for picture in pictures)


def alike(tokens: Sequence[int], others: Sequence[int]) -> int:
    """Count the tokens at the start that are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(tokens, others, strict=False)))


def _shared(kept: _Kept, prompt: Prompt) -> tuple[int, int]:
    """Count the tokens and the images at the start that are the same; at least one token is left to prefill.

    Example: kept tokens `[1, 9, 9, 5, 6]` and prompt ids `[1, 9, 9, 5, 7]`, one image in `spans` `((1, 3),)`. With the
    same image (4, 1) is shared; with another image (1, 0), since its tokens alone do not tell them apart.
    """
    tokens = alike(kept.tokens, prompt.ids[:-1])
    pictures = prompt.pictures or ()
    for number, (start, end) in enumerate(prompt.spans):
        same = number < len(kept.pictures) and kept.pictures[number] == pictures[number]
        if end > tokens or not same:
            return min(tokens, start), number
    return tokens, len(prompt.spans)
