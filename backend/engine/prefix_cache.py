"""What is kept of a conversation between its turns: keys and values of the tokens that the next prompt begins with.

A new prompt continues on what was kept by the longest prefix they share, so a follow-up reads only what is new, and a
retry or an edit goes back to where they part. Bounded by bytes, least recently used first. Does not run the model.
"""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from backend.engine.families.prefix import PrefixRules, cut
from backend.engine.prompt import Prompt


@dataclass(frozen=True)
class Start:
    """Where an answer starts: a cache that holds `reused` tokens and `images` images of the prompt, and the inputs.

    `lengths` are those of the cache's layers, `cache` is None where nothing is to be kept.
    """

    inputs: dict[str, Any]
    cache: Any = None
    reused: int = 0
    images: int = 0
    lengths: tuple[int, ...] = ()


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
            return Start(prompt.inputs)
        kept = self._kept.pop(conversation, None)
        spans = self._rules.spans(prompt.ids, len(prompt.image_keys))
        if kept is None or spans is None:
            return Start(prompt.inputs, DynamicCache(config=self._config))
        tokens, images = _shared(kept, prompt, spans)
        self._rules.crop(kept.cache, tokens, images, len(kept.images))
        left = len(prompt.image_keys) - images
        lengths = tuple(layer.get_seq_length() for layer in kept.cache.layers)
        return Start(self._rules.without(prompt.inputs, images, left), kept.cache, tokens, images, lengths)

    def keep(self, conversation: str, start: Start, prompt: Prompt, answer: Sequence[int]) -> None:
        """Keep the cache of an answer; the last tokens drawn may not be in it yet."""
        if self._rules is None or not (length := start.cache.get_seq_length()):
            return
        self._put(conversation, _Kept(start.cache, [*prompt.ids, *answer][:length], prompt.image_keys))

    def put_back(self, conversation: str, start: Start, prompt: Prompt) -> None:
        """Keep what an answer started from, after it was cut off amid its prompt: some layers have read more of it."""
        if start.reused:
            for layer, length in zip(start.cache.layers, start.lengths, strict=True):
                cut(layer, length)
            self._put(conversation, _Kept(start.cache, prompt.ids[: start.reused], prompt.image_keys[: start.images]))

    def _put(self, conversation: str, kept: _Kept) -> None:
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
