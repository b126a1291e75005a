"""The child's owner: when a child runs, how it ends, and what it may not say."""

import json
import threading

import psutil
import pytest
from PIL import Image

from backend.errors import ReadingFailed
from backend.reader.page import MOST_LINES, Page
from backend.reader.process import ReaderProcess

IMAGE = Image.new("RGB", (4, 3), "white")
PAGE = Page(4, 3)

HEAD = """
import json, sys, os
def tell(value):
    print(json.dumps(value), flush=True)
def take():
    size = json.loads(sys.stdin.buffer.readline())
    sys.stdin.buffer.read(3 * size["width"] * size["height"])
tell({"ready": []})
"""
READS = """
while True:
    take()
    tell({"done": 0, "total": 1})
    tell({"page": [4, 3, 0, []]})
"""


def child(code: str, idle: float = 300.0) -> ReaderProcess:
    """A process whose child does what the code says."""
    return ReaderProcess(idle, ("-c", HEAD + code))


def quiet(done: int, total: int) -> None:
    """Hear nothing."""


def children() -> list[psutil.Process]:
    return psutil.Process().children()


def test_the_child_starts_with_the_first_image_and_serves_the_next() -> None:
    process = child(READS)
    assert not process.running
    told: list[tuple[int, int]] = []
    assert process.read(IMAGE, lambda done, total: told.append((done, total))) == PAGE
    before = children()
    assert process.read(IMAGE, quiet) == PAGE
    assert (process.running, children(), told) == (True, before, [(0, 1)])
    process.end()
    process.end()
    assert not process.running
    assert not any(one.is_running() for one in before)


def test_a_child_that_was_killed_is_replaced() -> None:
    process = child(READS)
    process.read(IMAGE, quiet)
    (one,) = children()
    one.kill()
    one.wait()
    assert not process.running
    assert process.read(IMAGE, quiet) == PAGE
    process.end()


def test_a_child_that_dies_at_work_fails_one_image() -> None:
    process = child("take()\nos._exit(3)")
    with pytest.raises(ReadingFailed, match=r"^The text on this image could not be read; the answer goes on without"):
        process.read(IMAGE, quiet)
    assert not process.running
    process.end()


def test_what_the_child_complained_of_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    process = child("take()\nsys.stderr.write('no memory left')\nsys.stderr.flush()\nos._exit(1)")
    with pytest.raises(ReadingFailed):
        process.read(IMAGE, quiet)
    assert "no memory left" in caplog.text


def test_one_image_that_cannot_be_read_says_so() -> None:
    process = child("take()\ntell({'error': 'failed'})\nsys.stdin.read()")
    with pytest.raises(ReadingFailed):
        process.read(IMAGE, quiet)
    process.end()


def test_end_from_another_thread_breaks_a_read_off() -> None:
    process = child("take()\ntell({'done': 0, 'total': 9})\nsys.stdin.read()")
    reached, raised = threading.Event(), []

    def read() -> None:
        try:
            process.read(IMAGE, lambda done, total: reached.set())
        except ReadingFailed as error:
            raised.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    assert reached.wait(30)
    process.end()
    thread.join(30)
    assert (len(raised), process.running) == (1, False)


def test_a_read_that_was_stopped_before_it_began_starts_no_child() -> None:
    process, stop = child(READS), threading.Event()
    stop.set()
    with pytest.raises(ReadingFailed):
        process.read(IMAGE, quiet, stop)
    assert not process.running


def test_a_listener_that_fails_takes_the_child_along() -> None:
    process = child(READS)

    def fail(done: int, total: int) -> None:
        raise RuntimeError("nobody listens")

    with pytest.raises(RuntimeError, match="nobody listens"):
        process.read(IMAGE, fail)
    assert not process.running
    assert process.read(IMAGE, quiet) == PAGE
    process.end()


def test_a_child_that_is_idle_for_long_is_ended() -> None:
    process = child(READS, idle=0.01)
    process.read(IMAGE, quiet)
    _, alive = psutil.wait_procs(children(), timeout=30)
    assert (alive, process.running) == ([], False)
    assert process.read(IMAGE, quiet) == PAGE
    process.end()


@pytest.mark.parametrize(
    "said",
    [
        b"garbage",
        b"\xff\xfe",
        b"[]",
        b"7",
        b"{}",
        b"[" * 100_000,
        b'{"page": null}',
        b'{"page": [5, 3, 0, []]}',
        b'{"page": [4, 3, 0, [["a", [0, 0, 0, 0, 0, 0, 0, 1e999], 1]]]}',
        b'{"done": Infinity, "total": 5}',
        b'{"done": "many", "total": 5}',
        b'{"done": 5, "total": 5}',
        b'{"done": -1, "total": 5}',
        json.dumps({"done": 0, "total": MOST_LINES + 1}).encode(),
    ],
)
def test_nonsense_of_a_child_is_refused(said: bytes) -> None:
    process = child(f"take()\nsys.stdout.buffer.write({said!r} + b'\\n')\nsys.stdout.flush()\nsys.stdin.read()")
    with pytest.raises(ReadingFailed):
        process.read(IMAGE, quiet)
    assert not process.running


def test_progress_that_never_ends_is_refused() -> None:
    process = child("take()\nwhile True: tell({'done': 1, 'total': 2})")
    told: list[int] = []
    with pytest.raises(ReadingFailed):
        process.read(IMAGE, lambda done, total: told.append(done))
    assert (told, process.running) == ([1], False)


@pytest.mark.slow
def test_a_page_of_far_too_many_lines_is_refused() -> None:
    line = '["a", [0, 0, 1, 0, 1, 1, 0, 1], 1]'
    code = f"take()\nprint('{{\"page\": [4, 3, 0, [' + ', '.join(['{line}'] * 200_000) + ']]}}', flush=True)"
    process = child(code + "\nsys.stdin.read()")
    with pytest.raises(ReadingFailed):
        process.read(IMAGE, quiet)
    process.end()


def test_a_child_that_cannot_be_started_fails_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nonexistent/python")
    process = child(READS)
    with pytest.raises(ReadingFailed):
        process.read(IMAGE, quiet)
    assert not process.running


def test_rights_that_the_system_does_not_take_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    code = HEAD.replace('"ready": []', '"ready": ["a closed network", "closed folders"]') + READS
    process = ReaderProcess(command=("-c", code))
    process.read(IMAGE, quiet)
    process.end()
    process.read(IMAGE, quiet)
    process.end()
    assert [record.getMessage() for record in caplog.records] == [
        "this system reads text without a closed network and without closed folders"
    ]
