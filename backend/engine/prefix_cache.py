"""What is kept of a conversation between its turns: keys and values of the tokens that the next prompt begins with.

A new prompt continues on what was kept by the longest prefix they share, so a follow-up reads only what is new, and a
retry or an edit goes back to where they part. Does not run the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from backend.engine.families.prefix import PrefixRules, cut
from backend.engine.lru import ByteLRU
from backend.engine.pictures import Picture
from backend.engine.prompt import Prompt


@dataclass(frozen=True)
class Start:
    """Where an answer starts: a cache that holds `reused` tokens of the prompt, and the `new` images it lacks.

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
    """The caches of the latest conversations, kept in `memory`; with rules None nothing is kept."""

    def __init__(self, config: Any, rules: PrefixRules | None, memory: ByteLRU) -> None:
        self._config = config
        self._memory = memory
        fresh = DynamicCache(config=config)
        # Sliding windows and recurrent layers cannot go back to an earlier token.
        exact = bool(fresh.layers) and all(type(layer) is DynamicLayer for layer in fresh.layers)
        self._rules = rules if exact else None

    def step(self, conversation: str) -> int:
        """At which step media were shown when the conversation was last answered; 0 where nothing is kept of it."""
        kept: _Kept | None = self._memory.get(("prefix", conversation))
        return kept.step if kept else 0

    def bytes(self, conversation: str) -> int:
        """How many bytes are kept of a conversation."""
        return self._memory.size(("prefix", conversation))

    def take(self, conversation: str, prompt: Prompt) -> Start:
        """Where the answer to a prompt starts. What was kept of the conversation is given away, not copied."""
        pictures = prompt.pictures or ()
        if self._rules is None or prompt.pictures is None:
            return Start(new=pictures)
        kept: _Kept | None = self._memory.pop(("prefix", conversation))
        if kept is None:
            return Start(DynamicCache(config=self._config), new=pictures)
        tokens, images = _shared(kept, prompt)
        self._rules.crop(kept.cache, tokens, _tiles(kept.pictures[:images]), _tiles(kept.pictures))
        lengths = tuple(layer.get_seq_length() for layer in kept.cache.layers)
        return Start(kept.cache, tokens, pictures[images:], lengths)

    def keep(self, conversation: str, start: Start, prompt: Prompt, answer: Sequence[int]) -> None:
        """Keep the cache of an answer; the last tokens drawn may not be in it yet."""
        if start.cache is not None and (length := start.cache.get_seq_length()):
            self._put(conversation, start.cache, [*prompt.ids, *answer][:length], prompt.pictures or (), prompt.step)

    def put_back(self, conversation: str, start: Start, prompt: Prompt) -> None:
        """Keep what an answer started from, after it was cut off amid its prompt: some layers have read more of it."""
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
    """How many tokens at the start are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(tokens, others, strict=False)))


def _shared(kept: _Kept, prompt: Prompt) -> tuple[int, int]:
    """How many tokens and how many images at the start are the same; at least one token is left to read."""
    tokens = alike(kept.tokens, prompt.ids[:-1])
    pictures = prompt.pictures or ()
    for number, (start, end) in enumerate(prompt.spans):
        same = number < len(kept.pictures) and kept.pictures[number] == pictures[number]
        if end > tokens or not same:
            return min(tokens, start), number
    return tokens, len(prompt.spans)
