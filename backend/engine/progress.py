"""How far a load is, in bytes: transformers tells it only to a progress bar of its own."""

import contextlib
from collections.abc import Iterator
from typing import Any

from transformers.utils import logging as transformers_logging

from backend.engine.hub import Report


@contextlib.contextmanager
def weights_reported(total: int, report: Report) -> Iterator[None]:
    """Turn the progress bar that transformers draws while it loads weights into bytes."""

    class Bar:
        def __init__(self, iterable: Any = None, total: float | None = None, **_: Any) -> None:
            self.iterable = iterable
            self.total = total or (len(iterable) if hasattr(iterable, "__len__") else 0)
            self.n = 0.0

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            if self.total:
                report(round(total * min(1.0, self.n / self.total)), total)

        def __iter__(self) -> Iterator[Any]:
            for item in self.iterable:
                yield item
                self.update()

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *_: Any) -> None:
            return None

        def __getattr__(self, _: str) -> Any:
            return lambda *args, **kwargs: None

    hook = getattr(transformers_logging, "set_tqdm_hook", None)
    if hook is None:
        yield
        return
    report(0, total)
    before = hook(lambda factory, args, kwargs: Bar(*args, **kwargs))
    try:
        yield
    finally:
        hook(before)
