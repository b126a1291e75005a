"""What to do about a page that has frozen: Playwright waits for it without an end, so its browser is ended."""

import faulthandler
import os
import signal
import sys
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

LIMIT = 150.0  # seconds that a test may take; the longest takes 20 on two idle cores, and waits 120 at most
GRACE = 60.0  # seconds that a test may go on for without its browser
GAVE_UP = 75  # EX_TEMPFAIL of sysexits.h: what the Makefile knows this by


def give_up(failed: int) -> None:
    """End the whole run, with what every thread was doing: a test waits that nothing can wake.

    `failed` is how many tests have failed before; without any, the status tells that another try is worth it.
    """
    sys.stderr.write("\nA test did not end without its browser either:\n")
    faulthandler.dump_traceback(file=sys.stderr)
    os._exit(1 if failed else GAVE_UP)


def end_browsers() -> list[int]:
    """End the browsers that this process has Playwright drive, with all that they began; returns their processes.

    To end the page's process alone is not enough: what Playwright asks of a page that has crashed may wait for ever.
    Nor is it enough to end the browser alone: one that has ended counts as running while a frozen page of it holds
    its pipes.
    """
    children: dict[int, list[int]] = defaultdict(list)
    browsers = set()
    for pid, parent, command in _processes():
        children[parent].append(pid)
        if b"--remote-debugging-pipe" in command and b"--type=" not in command:
            browsers.add(pid)
    ended = [pid for pid in _family(os.getpid(), children) if pid in browsers]
    for browser in ended:
        for pid in _family(browser, children):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    return ended


def _family(pid: int, children: dict[int, list[int]]) -> list[int]:
    """A process, then its children, then theirs."""
    family = [pid]
    for member in family:
        family += children[member]
    return family


def _processes() -> list[tuple[int, int, bytes]]:
    """Number, parent and command of all processes; none where there is no /proc."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            found.append((int(folder.name), parent, (folder / "cmdline").read_bytes()))
        except (OSError, ValueError):  # it has ended since
            continue
    return found
