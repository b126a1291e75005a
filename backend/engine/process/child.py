"""Starts one process of the engine, talks to it over a pipe, and ends it; when and why is decided elsewhere.

A thread writes, so that a child that does not read never holds the page's event loop.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path

from backend.engine.process.messages import Start, ToChild, ToPage, receive, send

# CUDA numbers the fastest GPU 0 by itself; nvidia-smi, by which a GPU is chosen, goes by the slots.
_USUAL = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
KILL_GRACE = 2.0  # seconds to end when asked, before the process is killed


class Child:
    """One process of the engine and the pipe to it.

    Raises:
        OSError: the process cannot be started.
    """

    def __init__(self, start: Start) -> None:
        self._pipe, theirs = Pipe()
        try:
            self.process = _spawn(theirs.fileno(), start.spec.offline)
        except OSError:
            self._pipe.close()
            raise
        finally:
            theirs.close()
        self._outbox: queue.SimpleQueue[ToChild | None] = queue.SimpleQueue()
        self.send(start)
        self._writer = threading.Thread(target=self._write, name="engine writer", daemon=True)
        self._writer.start()

    def send(self, message: ToChild) -> None:
        """Send without waiting; lost where the child is gone."""
        self._outbox.put(message)

    def _write(self) -> None:
        with suppress(OSError):  # the child is gone, which the reading side sees too
            while (message := self._outbox.get()) is not None:
                send(self._pipe, message)

    def messages(self) -> Iterator[ToPage | ToChild]:
        """Yield the child's messages until it closes the pipe or dies."""
        return receive(self._pipe)

    def end(self, grace: float) -> None:
        """Wait `grace` seconds for the process to end, then make it."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(grace)
            return
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(KILL_GRACE)
            return
        self.process.kill()
        self.process.wait()

    def reap(self) -> str:
        """Release the process's resources once its pipe has ended; returns how it ended, in words."""
        self.end(KILL_GRACE)
        self._outbox.put(None)
        self._writer.join()
        self._pipe.close()
        status = self.process.returncode
        if status >= 0:
            return f"ended with exit status {status}"
        hint = " (perhaps for want of memory)" if -status == signal.SIGKILL else ""
        return f"was killed by {signal.Signals(-status).name}{hint}"


def _spawn(descriptor: int, offline: bool) -> subprocess.Popen[bytes]:
    """A Python that runs the worker; -P and the path keep the current folder's modules out of it."""
    root = str(Path(__file__).resolve().parents[3])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    code = "from backend.engine.process.worker import main; main()"
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code, str(descriptor), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=2,  # standard output belongs to answers
        pass_fds=(descriptor,),
        start_new_session=True,  # Ctrl-C in the terminal is the parent's, which then closes in order
        env={**_USUAL, **os.environ, "PYTHONPATH": path, **({"HF_HUB_OFFLINE": "1"} if offline else {})},
    )
