"""How far a load is, in bytes, and how long it takes still: transformers tells only a progress bar of its own."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from transformers.utils import logging as transformers_logging

from backend.engine.hub import Report

STEADY = 2.0  # seconds until a pace says anything


class Pace:
    """How long something takes still, by how fast it went so far."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began = (0.0, 0)
        self._done: int | None = None

    def left(self, done: int, total: int) -> float | None:
        """Seconds from `done` to `total`; None until that can be told. Less done than before is something new."""
        now = self._now()
        if self._done is None or done < self._done:
            self._began = now, done
        self._done = done
        seconds, gone = now - self._began[0], done - self._began[1]
        return (total - done) * seconds / gone if seconds >= STEADY and gone else None


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
