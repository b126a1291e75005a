"""What is kept of a conversation between its turns: keys and values of the tokens that the next prompt begins with.

A new prompt continues on what was kept by the longest prefix they share, so a follow-up reads only what is new, and a
retry or an edit goes back to where they part. Bounded by bytes, least recently used first. Does not run the model.
"""

import logging
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from backend.engine.families.prefix import PrefixRules
from backend.engine.prompt import Prompt

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Start:
    """Where an answer starts: a cache that holds `reused` tokens of the prompt, and the inputs that go with it."""

    cache: Any
    reused: int
    inputs: dict[str, Any]


@dataclass(frozen=True)
class _Kept:
    cache: Any
    tokens: list[int]
    images: tuple[Hashable, ...]

    @property
    def bytes(self) -> int:
        return sum(layer.keys.nbytes + layer.values.nbytes for layer in self.cache.layers if layer.is_initialized)


class PrefixCache:
    """The caches of the latest conversations, at most `limit` bytes of them; with rules None nothing is kept."""

    def __init__(self, config: Any, rules: PrefixRules | None, limit: int) -> None:
        self._config = config
        self._limit = limit
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        fresh = DynamicCache(config=config)
        # Sliding windows and recurrent layers cannot go back to an earlier token.
        exact = bool(fresh.layers) and all(type(layer) is DynamicLayer for layer in fresh.layers)
        self._rules = rules if exact else None

    def take(self, conversation: str, prompt: Prompt) -> Start:
        """Where the answer to a prompt starts. What was kept of the conversation is given away, not copied."""
        if self._rules is None:
            return Start(None, 0, prompt.inputs)
        kept = self._kept.pop(conversation, None)
        spans = self._rules.spans(prompt.ids, len(prompt.image_keys))
        if kept is None or spans is None:
            return Start(DynamicCache(config=self._config), 0, prompt.inputs)
        tokens, images = _shared(kept, prompt, spans)
        self._rules.crop(kept.cache, tokens, images, len(kept.images))
        left = len(prompt.image_keys) - images
        return Start(kept.cache, tokens, self._rules.without(prompt.inputs, images, left))

    def keep(self, conversation: str, start: Start, prompt: Prompt, answer: Sequence[int]) -> None:
        """Keep the cache of an answer; the last tokens drawn may not be in it yet."""
        if self._rules is None or not (length := start.cache.get_seq_length()):
            return
        kept = _Kept(start.cache, [*prompt.ids, *answer][:length], prompt.image_keys)
        self._kept[conversation] = kept
        total = sum(one.bytes for one in self._kept.values())
        while total > self._limit and self._kept:
            _, dropped = self._kept.popitem(last=False)
            total -= dropped.bytes

    def clear(self) -> None:
        """Drop everything."""
        self._kept.clear()


def _shared(kept: _Kept, prompt: Prompt, spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """How many tokens and how many images at the start are the same; at least one token is left to read."""
    tokens = 0
    for old, new in zip(kept.tokens, prompt.ids[:-1], strict=False):
        if old != new:
            break
        tokens += 1
    for number, (start, end) in enumerate(spans):
        same = number < len(kept.images) and kept.images[number] == prompt.image_keys[number]
        if end > tokens or not same:
            return min(tokens, start), number
    return tokens, len(spans)
