"""A store for what is kept between answers, bounded by bytes or by count: the least recently used goes first."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Any


class LRU:
    """Values by key, with sizes that come to `limit` at most: bytes, or 1 each. Used from one thread."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = 0
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def get(self, key: Hashable) -> Any | None:
        """The value, used now; None where it is not kept."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key][0]

    def size(self, key: Hashable) -> int:
        """The size of what is kept under a key."""
        return self._kept[key][1] if key in self._kept else 0

    def pop(self, key: Hashable) -> Any | None:
        """The value, given away; None where it is not kept."""
        value, size = self._kept.pop(key, (None, 0))
        self.bytes -= size
        return value

    def put(self, key: Hashable, value: Any, size: int = 1) -> None:
        """Keep a value of some size; one larger than the limit is not kept, and costs no other its place."""
        self.pop(key)
        if size <= self.limit:
            self.shrink(self.limit - size)
            self._kept[key] = value, size
            self.bytes += size

    def shrink(self, limit: int) -> None:
        """Drop the least recently used until the sizes come to at most `limit`."""
        while self.bytes > limit and self._kept:
            self.pop(next(iter(self._kept)))

    def clear(self) -> None:
        """Drop everything."""
        self._kept.clear()
        self.bytes = 0
