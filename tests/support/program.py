"""`app.py` in a process of its own, and how it ended."""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMEOUT = 60  # seconds after which a test has failed; none comes near

Start = Callable[..., "subprocess.Popen[str]"]


@contextmanager
def starting(folder: Path) -> Iterator[Start]:
    """What starts `app.py`, with a home and a temporary folder of its own below `folder`; all ends with the block."""
    running: list[tuple[subprocess.Popen[str], threading.Timer]] = []
    home, temporary = folder / "home", folder / "tmp"
    home.mkdir()
    temporary.mkdir()

    def start(*arguments: str, **variables: str) -> "subprocess.Popen[str]":
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GLIMPSE_", "XDG_"))}
        environ = kept | {"HOME": str(home), "TMPDIR": str(temporary)} | variables
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, str(ROOT / "app.py"), *arguments]
        # Where the tests themselves run in a shell's background, Ctrl-C is ignored, and a child would inherit that.
        listen = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
        process = subprocess.Popen(command, cwd=folder, env=environ, text=True, preexec_fn=listen, **pipes)
        watchdog = threading.Timer(TIMEOUT, process.kill)
        watchdog.start()
        running.append((process, watchdog))
        return process

    try:
        yield start
    finally:
        for process, watchdog in running:
            watchdog.cancel()
            process.kill()
            process.communicate()


def ended(process: "subprocess.Popen[str]", text: str | None = None) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a process that ends by itself."""
    out, err = process.communicate(text, timeout=TIMEOUT)
    return process.returncode, out, err


def engine_of(process: "subprocess.Popen[str]") -> int:
    """The engine's process; it is the child of a thread, so every thread is asked."""
    threads = Path(f"/proc/{process.pid}/task").iterdir()
    found = {int(child) for thread in threads for child in (thread / "children").read_text().split()}
    (engine,) = [pid for pid in found if "backend.engine.process.worker" in Path(f"/proc/{pid}/cmdline").read_text()]
    return engine


def gone(pid: int, timeout: float = TIMEOUT) -> bool:
    """Whether the process ends within `timeout` seconds; the kernel tells, nothing is polled."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], timeout)[0])
    finally:
        os.close(descriptor)
