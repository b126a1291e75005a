"""What a confined process may not do to the rest of the machine, by each of the two means that close it."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from backend.media.formats import MediaLimits
from backend.media.sandbox.pool import Decoder
from backend.media.sandbox.worker import DecodeJob

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="confinement is Linux's")

# Each of these is tried by a process that was handed the numbers and paths of things that are not its own.
ATTEMPTS = {
    "a new process": "os._exit(0) if os.fork() == 0 else None",
    "another program": "os.execv('/bin/true', ['true'])",
    "a signal to another process": f"os.kill(other, {int(signal.SIGTERM)})",
    "whether another process is there": "os.kill(other, 0)",
    "a socket of the network": "socket.socket()",
    "a socket by its path": "socket.socket(socket.AF_UNIX).connect(str(folder / 'listening'))",
    "a file cut to nothing": "os.truncate(folder / 'file', 0)",
    "a file opened to be cut": "os.open(folder / 'file', os.O_WRONLY | os.O_TRUNC)",
    "a file's rights": "os.chmod(folder / 'file', 0o777)",
    "a file's time": "os.utime(folder / 'file', (1, 1))",
    "another process's limits": "resource.prlimit(other, resource.RLIMIT_NOFILE, (1, 1))",
}
OWN = {
    "a thread": "thread = threading.Thread(target=int); thread.start(); thread.join()",
    "a file in its folder": "[(folder / 'out' / 'new').write_bytes(data) for data in (b'longer', b'new')]",
    "a signal to itself": "os.kill(os.getpid(), 0)",
}
CONFINED = """
import os, resource, socket, sys, threading
from pathlib import Path
from backend.media.sandbox import confine
folder, other = Path(sys.argv[1]), int(sys.argv[2])
if sys.argv[4] == "without a filter":
    confine.shut_calls = lambda: False
missing = confine.confine(1 << 30)
closed = confine.restrict_files([folder / "mine"], folder / "out")
try:
    exec(sys.argv[3])
except OSError as error:
    print("refused", error.errno, ", ".join(missing))
else:
    print("done", ", ".join(missing))
"""


def _tried(folder: Path, code: str, how: str = "") -> str:
    for name in ("file", "mine"):
        (folder / name).write_text("text")
    (folder / "out").mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", CONFINED, str(folder), str(os.getppid()), code, how],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize("what", ATTEMPTS)
def test_a_confined_process_leaves_the_rest_alone(tmp_path: Path, what: str) -> None:
    before = (tmp_path.stat().st_mode, os.getppid())
    said = _tried(tmp_path, ATTEMPTS[what])
    assert said.startswith("refused") or "closed system calls" in said
    assert (tmp_path.stat().st_mode, os.getppid()) == before
    assert (tmp_path / "file").read_text() == "text" or "closed folders" in said


@pytest.mark.parametrize("what", OWN)
def test_a_confined_process_may_do_what_it_needs(tmp_path: Path, what: str) -> None:
    assert _tried(tmp_path, OWN[what]).startswith("done")
    if what == "a file in its folder":
        assert (tmp_path / "out" / "new").read_bytes() == b"new"


@pytest.mark.parametrize("what", ["whether another process is there", "a file cut to nothing", "another program"])
def test_landlock_closes_what_it_can_where_calls_cannot_be_shut(tmp_path: Path, what: str) -> None:
    said = _tried(tmp_path, ATTEMPTS[what], "without a filter")
    gaps = {"a file cut to nothing": "truncation", "whether another process is there": "signals"}
    assert "closed system calls" in said
    assert said.startswith("refused") or gaps.get(what, "closed folders") in said or "closed folders" in said


async def test_all_children_together_take_no_more_memory_than_they_may(tmp_path: Path) -> None:
    each = MediaLimits().memory_bytes
    decoder = Decoder(MediaLimits(children_bytes=2 * each))
    started: list[int] = []
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")

    async def read(index: int) -> None:
        out = tmp_path / f"out{index}"
        out.mkdir()
        job = DecodeJob("image", str(tmp_path / "a.png"), str(out), "a.png", 30.0, MediaLimits(), pixels=100)
        # Beside those that work stands the spare one.
        await decoder.decode(job, lambda *_: started.append(len(decoder.processes)))

    await asyncio.gather(*(read(index) for index in range(8)))
    decoder.close()
    assert (len(started), max(started) <= 3) == (8, True)


async def test_a_picture_does_not_wait_for_clips_and_pages(tmp_path: Path) -> None:
    decoder = Decoder(MediaLimits(children_bytes=1))
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    os.mkfifo(tmp_path / "never.mp4")
    for name in ("one", "two", "picture"):
        (tmp_path / name).mkdir()

    def job(kind, path: str, out: str) -> DecodeJob:
        return DecodeJob(kind, str(tmp_path / path), str(tmp_path / out), path, 30.0, MediaLimits(), pixels=100)

    slow = [
        asyncio.ensure_future(decoder.decode(job("video", "never.mp4", out), lambda *_: None))
        for out in ("one", "two")
    ]
    seen: list[tuple[int, int]] = []
    await decoder.decode(job("image", "a.png", "picture"), lambda *args: seen.append(args[2].image.size))
    for each in slow:
        each.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    decoder.close()
    assert seen == [(4, 4)]
