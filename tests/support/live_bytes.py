"""Counts the bytes of all tensors that live at once, of a model of the true shape without its values."""

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):
    """Within it, `now` is the bytes of the tensors that were made since and still live, `peak` the most there were."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._seen: set[int] = set()
        self._given: dict[int, torch.UntypedStorage] = {}

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for storage in _storages((args, kwargs)):
            if id(storage) not in self._seen:  # what is handed in, such as weights, was made elsewhere
                self._given[id(storage)] = storage
        made = function(*args, **(kwargs or {}))
        for storage in _storages(made):
            self._count(storage)
        return made

    def _count(self, storage: torch.UntypedStorage) -> None:
        key = id(storage)
        if key in self._seen or key in self._given:
            return
        self._seen.add(key)
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._drop, key, storage.nbytes())

    def _drop(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.now -= size


def _storages(values: Any) -> list[torch.UntypedStorage]:
    return [each.untyped_storage() for each in tree_leaves(values) if isinstance(each, torch.Tensor)]
