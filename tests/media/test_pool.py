"""Confined children: what they may not do, how they end, and that nothing of them is left."""

import asyncio
import contextlib
import gc
import json
import os
import select
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image

from backend.errors import MediaTooLarge, StorageError, UnsupportedMedia
from backend.media.clip import Frame
from backend.media.formats import MediaLimits
from backend.media.sandbox import pool as decoder_module
from backend.media.sandbox.pool import Decoder
from backend.media.sandbox.worker import DecodeJob
from tests.support.clips import encode, read

LIMITS = MediaLimits()
CUT = "is damaged or cut short; send the whole file again."


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.fixture
def decoder():
    made = Decoder(LIMITS)
    yield made
    made.close()


def _job(path: Path, out: Path, kind: str = "image", seconds: float = 30, **options) -> DecodeJob:
    return DecodeJob(kind, str(path), str(out), path.name, seconds, LIMITS, **{"pixels": 1_000_000, **options})


def _nothing(*_) -> None:
    pass


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _act(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Have children run this instead."""
    monkeypatch.setattr(decoder_module, "COMMAND", ("-c", code))


async def test_an_image_comes_back_pixel_by_pixel(tmp_path: Path, out: Path, decoder: Decoder) -> None:
    image = Image.effect_noise((37, 23), 90).convert("RGB")
    image.save(tmp_path / "noise.png")
    seen: list[tuple[int, int, Frame]] = []
    await decoder.decode(_job(tmp_path / "noise.png", out), lambda *args: seen.append(args))
    ((index, total, frame),) = seen
    assert (index, total, frame.time, frame.image.tobytes()) == (0, 1, 0.0, image.tobytes())
    assert os.listdir(out) == []


async def test_a_large_image_comes_back_strip_by_strip(tmp_path: Path, out: Path, decoder: Decoder) -> None:
    image = Image.effect_noise((1201, 1003), 90).convert("RGB")
    image.save(tmp_path / "noise.png", compress_level=1)
    seen: list[Image.Image] = []
    await decoder.decode(_job(tmp_path / "noise.png", out, pixels=2_000_000), lambda *args: seen.append(args[2].image))
    assert [each.tobytes() for each in seen] == [image.tobytes()]


async def test_a_clip_comes_back_frame_by_frame_with_what_is_known_of_it(tmp_path, out, decoder) -> None:
    encode(tmp_path / "clip.mp4", 60)
    seen: list[tuple[int, int, Frame]] = []
    job = _job(tmp_path / "clip.mp4", out, "video", count=6, start=0.0, end=1.0)
    said = await decoder.decode(job, lambda *args: seen.append(args))
    assert [(index, total, read(frame.image)) for index, total, frame in seen] == [
        (index, 6, number) for index, number in enumerate((2, 7, 12, 17, 22, 27))
    ]
    assert (said["duration"], said["unreadable"]) == (2.0, None)
    assert os.listdir(out) == []


async def test_many_at_once_all_come_back(tmp_path: Path, decoder: Decoder) -> None:
    widths = range(3, 9)
    jobs = []
    for width in widths:
        Image.new("RGB", (width, 5)).save(tmp_path / f"{width}.png")
        (tmp_path / f"out{width}").mkdir()
        jobs.append(_job(tmp_path / f"{width}.png", tmp_path / f"out{width}"))
    seen: list[int] = []
    await asyncio.gather(*(decoder.decode(job, lambda _i, _n, frame: seen.append(frame.image.width)) for job in jobs))
    assert sorted(seen) == list(widths)


@pytest.mark.parametrize(
    ("name", "content", "kind", "sentence"),
    [
        (
            "a.png",
            b"\x89PNG\r\n\x1a\nno",
            "image",
            f"“a.png” is a PNG picture that {CUT}",
        ),
        ("b.mp4", b"\0\0\0\x18ftypmp42", "video", f"“b.mp4” {CUT}"),
    ],
)
async def test_a_refusal_crosses_over_as_it_was_said(tmp_path, out, decoder, name, content, kind, sentence) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnsupportedMedia) as refusal:
        await decoder.decode(_job(tmp_path / name, out, kind), _nothing)
    assert str(refusal.value) == sentence


async def test_cancelling_kills_the_child_at_once_and_leaves_nothing(tmp_path, out, decoder) -> None:
    encode(tmp_path / "long.mp4", 600, gop=600)
    first = asyncio.Event()
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(
        decoder.decode(
            _job(tmp_path / "long.mp4", out, "video", count=500),
            lambda *_: loop.call_soon_threadsafe(first.set),
        )
    )
    await first.wait()
    (child,) = decoder.processes
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert child.returncode == -9
    assert _gone(child.pid)
    assert child not in decoder.processes
    Image.new("RGB", (4, 4)).save(tmp_path / "next.png")
    seen: list[Frame] = []
    await decoder.decode(_job(tmp_path / "next.png", out), lambda _i, _n, frame: seen.append(frame))
    assert seen[0].image.size == (4, 4)


async def test_a_child_that_takes_too_long_is_killed(tmp_path, out, decoder, monkeypatch) -> None:
    _act(monkeypatch, "import time; time.sleep(1000)")
    with pytest.raises(UnsupportedMedia) as refusal:
        await decoder.decode(_job(tmp_path / "slow.mp4", out, "video", seconds=0.05), _nothing)
    assert str(refusal.value) == ("“slow.mp4” takes longer than 0 seconds to read; send a shorter or smaller one.")
    assert all(child.poll() is None for child in decoder.processes)


SAFELY = "“x.png” cannot be read safely; it may be damaged: export it again."
DEATHS = {
    "os.abort()": SAFELY,
    "os.kill(os.getpid(), 11)": SAFELY,
    "os.kill(os.getpid(), 9)": SAFELY,
    "os._exit(0)": SAFELY,
    "print('no json', flush=True)": SAFELY,
    "print('[1]', flush=True)": SAFELY,
    "print('x' * 1000000, flush=True)": SAFELY,
    "limit_cpu(1)\nwhile True: pass": "“x.png” takes too much computing to read; send a shorter or smaller one.",
}


@pytest.mark.parametrize("act", DEATHS)
async def test_a_child_that_dies_is_one_sentence(tmp_path, out, decoder, monkeypatch, act: str) -> None:
    _act(monkeypatch, f"import os\nfrom backend.media.sandbox.confine import limit_cpu\nos.close(2)\n{act}")
    with pytest.raises(UnsupportedMedia) as refusal:
        await decoder.decode(_job(tmp_path / "x.png", out), _nothing)
    assert str(refusal.value) == DEATHS[act]


LIES = {
    "more than it left": {"picture": 0, "time": 0, "width": 100, "height": 100},
    "no size": {"picture": 0, "time": 0, "width": -1, "height": -12},
    "too much": {"picture": 0, "time": 0, "width": 1 << 20, "height": 1 << 20},
    "another file": {"picture": "../x.png", "time": 0, "width": 2, "height": 2},
    "another size": {"picture": 0, "time": 0, "width": 4, "height": 1},
    "nothing": {"picture": 0},
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_child_that_lies_is_not_believed(tmp_path, out, decoder, monkeypatch, lie: str) -> None:
    (out / "0.ppm").write_bytes(b"P6\n2 2\n255\n" + bytes(12))
    lines = "\\n".join(json.dumps(line) for line in ({"total": 1}, LIES[lie], {"done": True}))
    _act(monkeypatch, f"print('{lines}', flush=True)")
    with pytest.raises(UnsupportedMedia) as refusal:
        await decoder.decode(_job(tmp_path / "x.png", out), _nothing)
    assert str(refusal.value) == SAFELY


async def test_a_child_cannot_have_its_parent_read_for_it(tmp_path, out, decoder, monkeypatch) -> None:
    (tmp_path / "secret").write_bytes(b"P6\n2 2\n255\n" + bytes(12))
    (out / "0.ppm").symlink_to(tmp_path / "secret")
    lines = "\\n".join(json.dumps(line) for line in ({"total": 1}, {"picture": 0, "time": 0, "width": 2, "height": 2}))
    _act(monkeypatch, f"print('{lines}', flush=True)")
    with pytest.raises(UnsupportedMedia) as refusal:
        await decoder.decode(_job(tmp_path / "x.png", out), _nothing)
    assert str(refusal.value) == SAFELY


async def test_what_a_child_says_of_its_errors_keeps_its_kind(tmp_path, out, decoder, monkeypatch) -> None:
    for kind in (MediaTooLarge, StorageError, UnsupportedMedia):
        _act(monkeypatch, f"print('{json.dumps({'error': kind.__name__, 'text': 'So.'})}', flush=True)")
        with pytest.raises(kind, match=r"^So\.$"):
            await decoder.decode(_job(tmp_path / "x.png", out), _nothing)
        decoder.close()


async def test_the_spare_child_is_used_and_replaced(tmp_path: Path, out: Path, decoder: Decoder) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    decoder.warm()
    spare = decoder.spare
    await decoder.decode(_job(tmp_path / "a.png", out), _nothing)
    assert spare.returncode is not None
    assert decoder.spare is not spare
    assert decoder.spare.poll() is None
    decoder.spare.kill()
    decoder.spare.wait()
    await decoder.decode(_job(tmp_path / "a.png", out), _nothing)
    decoder.close()
    assert decoder.processes == frozenset()


def test_a_forgotten_decoder_leaves_no_process(decoder: Decoder) -> None:
    forgotten = Decoder(LIMITS)
    forgotten.warm()
    process = forgotten.spare
    del forgotten
    gc.collect()
    assert process.returncode is not None


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="confinement is Linux's")


def _python(code: str, **options) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, **options)
    assert done.stderr == ""
    return done.stdout


@linux
def test_children_end_with_their_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import os, sys\nfrom backend.media.sandbox.pool import Decoder\n"
            "from backend.media.formats import MediaLimits\n"
            "d = Decoder(MediaLimits()); d.warm(); d.spare.stdout.readline()\nprint(d.spare.pid, flush=True)\n"
            "sys.stdin.read()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    child = int(parent.stdout.readline())
    watch = os.pidfd_open(child)
    parent.kill()
    parent.communicate()
    assert select.select([watch], [], [], 10)[0] == [watch]
    os.close(watch)


CONFINED = (
    "from backend.media.sandbox.confine import *\n"
    "from pathlib import Path\nimport os, socket\nmissing = confine(1 << 30)\n"
)


@linux
def test_a_child_has_no_network() -> None:
    with socket_server() as port:
        code = (
            CONFINED
            + f"""
try:
    socket.create_connection(("127.0.0.1", {port}), timeout=5)
    print("a closed network" in missing, "connected")
except OSError:
    print("a closed network" in missing, "refused")
"""
        )
        assert _python(code) in ("False refused\n", "True connected\n")


class socket_server:
    """Somebody who listens."""

    def __enter__(self) -> int:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self._socket.getsockname()[1]

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.accept()[0].close()

    def __exit__(self, *_) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@linux
def test_a_child_cannot_take_more_memory_than_it_may() -> None:
    code = (
        CONFINED
        + """
try:
    bytearray(2 << 30)
except MemoryError:
    print("no")
"""
    )
    assert _python(code) == "no\n"


@linux
def test_a_child_reads_its_file_and_writes_its_folder_and_no_other(tmp_path: Path) -> None:
    for name in ("mine", "other"):
        (tmp_path / name).write_text("x")
    (tmp_path / "out").mkdir()
    code = (
        CONFINED
        + f"""
root = Path({str(tmp_path)!r})
if not restrict_files([root / "mine"], root / "out"):
    print("cannot")
    raise SystemExit
def attempt(act):
    try:
        act()
        return True
    except OSError:
        return False
print(
    attempt((root / "mine").read_text),
    attempt((root / "other").read_text),
    attempt(lambda: (root / "out" / "new").write_text("x")),
    attempt(lambda: (root / "new").write_text("x")),
    attempt(lambda: (root / "mine").write_text("x")),
    attempt(lambda: os.listdir(root)),
)
"""
    )
    assert _python(code) in ("True False True False False False\n", "cannot\n")


async def test_a_child_sees_nothing_of_our_environment(tmp_path, out, decoder, monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    _act(monkeypatch, "import os, json\nprint(json.dumps({'error': '', 'text': ' '.join(sorted(os.environ))}))")
    with pytest.raises(UnsupportedMedia) as said:
        await decoder.decode(_job(tmp_path / "x.png", out), _nothing)
    assert "HF_TOKEN" not in str(said.value)
    assert "PATH" not in str(said.value).split()
