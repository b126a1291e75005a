"""A limit on the time that one step of a test may take, so that what hangs fails and the tests after it still run."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

LIMIT = 300.0  # seconds; the slowest test takes 45 on two idle cores
AGAIN = 5.0  # seconds until it is raised once more, where what was interrupted went on waiting


@contextmanager
def limited(seconds: float, name: str) -> Iterator[None]:
    """Fail what runs in the block for longer than that, with a test's name; limits may stand inside of each other.

    The failure is raised in the main thread, wherever that is, in an event loop too. Python code that waits or counts
    is interrupted at once, a library's own code when it returns. Does nothing where there is no such signal (Windows).
    """
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def fail(number: int, frame: FrameType | None) -> None:
        pytest.fail(f"{name} hangs: it has taken more than {seconds:g} seconds.")

    usual = signal.signal(signal.SIGALRM, fail)
    outer = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *outer)
        signal.signal(signal.SIGALRM, usual)
