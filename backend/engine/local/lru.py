"""Keeps values between answers, bounded by bytes or by count: the least recently used goes first."""

import math
from collections.abc import Hashable
from typing import Any

from cachetools import LRUCache


class LRU:
    """Values by key, with sizes that come to `limit` at most: bytes, or 1 each. Used from one thread."""

    def __init__(self, limit: int) -> None:
        self.limit = limit  # may change
        self._kept = LRUCache[Hashable, tuple[Any, int]](math.inf, getsizeof=lambda kept: kept[1])

    @property
    def bytes(self) -> int:
        """The size of all that is kept."""
        return int(self._kept.currsize)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def get(self, key: Hashable) -> Any | None:
        """The value, used now; None where it is not kept."""
        return self._kept[key][0] if key in self._kept else None

    def size(self, key: Hashable) -> int:
        """The size of what is kept under a key, used now."""
        return self._kept[key][1] if key in self._kept else 0

    def pop(self, key: Hashable) -> Any | None:
        """The value, given away; None where it is not kept."""
        return self._kept.pop(key, (None, 0))[0]

    def put(self, key: Hashable, value: Any, size: int = 1) -> None:
        """Keep a value of some size; one larger than the limit is not kept, and costs no other its place."""
        self.pop(key)
        if size <= self.limit:
            self.shrink(self.limit - size)
            self._kept[key] = value, size

    def shrink(self, limit: int) -> None:
        """Drop the least recently used until the sizes come to at most `limit`."""
        while self.bytes > limit and self._kept:
            self._kept.popitem()

    def clear(self) -> None:
        """Drop everything."""
        self._kept.clear()
