"""One process of the engine, and the pipe to it. It knows how to start it, to talk to it and to end it, not why.

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

from backend.engine.pipe import Start, ToChild, ToPage, receive, send

KILL_GRACE = 2.0  # seconds to end when told, before the process is killed


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
        """What the child says, until it closes the pipe or dies."""
        return receive(self._pipe)

    def end(self, grace: float) -> None:
        """Wait `grace` seconds for the process to end, then make it."""
        for force, patience in ((None, grace), (self.process.terminate, KILL_GRACE), (self.process.kill, None)):
            if force:
                force()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
                return

    def bury(self) -> str:
        """Free what belonged to the process once its pipe has ended, and tell how it ended."""
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
    root = str(Path(__file__).parent.parent.parent)
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    code = "from backend.engine.worker import main; main()"
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code, str(descriptor), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=2,  # standard output belongs to answers
        pass_fds=(descriptor,),
        start_new_session=True,  # Ctrl-C in the terminal is the parent's, which then closes in order
        env=os.environ | {"PYTHONPATH": path} | ({"HF_HUB_OFFLINE": "1"} if offline else {}),
    )
