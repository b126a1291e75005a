"""What to do about a page that has frozen: Playwright waits for it without an end, so its browser is ended."""

import os
import signal
from collections import defaultdict
from pathlib import Path

LIMIT = 150.0  # seconds that a test may take; the longest takes 20 on two idle cores, and waits 120 at most


def end_browsers() -> list[int]:
    """End the browsers that this process has Playwright drive; returns their processes.

    To end the page's process alone is not enough: what Playwright asks of a page that has crashed may wait for ever.
    """
    children: dict[int, list[int]] = defaultdict(list)
    browsers = set()
    for pid, parent, command in _processes():
        children[parent].append(pid)
        if b"--remote-debugging-pipe" in command and b"--type=" not in command:
            browsers.add(pid)
    family = [os.getpid()]
    for pid in family:
        family += children[pid]
    ended = [pid for pid in family if pid in browsers]
    for pid in ended:
        os.kill(pid, signal.SIGKILL)
    return ended


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
