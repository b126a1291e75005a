"""The reader of kept images: each read once, for all who wait, and kept."""

import asyncio
import errno
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from backend.errors import ReadingFailed, StorageError
from backend.media.store import MediaStore
from backend.reader.page import Line, Page
from backend.reader.process import FAILED
from backend.reader.reader import OcrReader
from backend.types import Progress

QUAD = ((1.0, 1.0), (9.0, 1.0), (9.0, 5.0), (1.0, 5.0))


def page(width: int) -> Page:
    """What the fake child reads on an image of a width."""
    return Page(width, 20, (Line(f"width {width}", QUAD),))


class FakeProcess:
    """A child that answers at once, or waits at a gate until it is opened or ended."""

    def __init__(self) -> None:
        self.read_widths: list[int] = []
        self.ended = 0
        self.fails = False
        self.gate = threading.Event()
        self.gate.set()
        self.began = threading.Event()
        self._broken = threading.Event()

    def read(self, image: Image.Image, tell: Callable[[int, int], None], stop: threading.Event | None = None) -> Page:
        self.read_widths.append(image.width)
        self._broken.clear()
        tell(0, 2)
        self.began.set()
        while not self.gate.wait(0.01):
            if self._broken.is_set() or (stop is not None and stop.is_set()):
                raise ReadingFailed(FAILED)
        if self.fails:
            raise ReadingFailed(FAILED)
        return page(image.width)

    def end(self) -> None:
        self.ended += 1
        self._broken.set()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MediaStore]:
    store = MediaStore(tmp_path / "media")
    yield store
    store.close()


@pytest.fixture
def process() -> FakeProcess:
    return FakeProcess()


@pytest.fixture
def reader(store: MediaStore, process: FakeProcess) -> OcrReader:
    return OcrReader(store, process)  # type: ignore[arg-type]


async def image(store: MediaStore, tmp_path: Path, width: int = 30) -> str:
    path = tmp_path / f"{width}.png"
    Image.new("RGB", (width, 20), "white").save(path)
    return (await store.add(path)).media_id


async def began(process: FakeProcess) -> None:
    assert await asyncio.to_thread(process.began.wait, 30)


async def test_an_image_is_read_once_and_then_remembered(
    store: MediaStore, process: FakeProcess, reader: OcrReader, tmp_path: Path
) -> None:
    media_id = await image(store, tmp_path)
    assert reader.kept(media_id) is None
    assert await reader.read(media_id) == page(30)
    assert await reader.read(media_id) == page(30)
    assert (reader.kept(media_id), process.read_widths) == (page(30), [30])


async def test_who_reads_hears_how_far_it_is(store: MediaStore, reader: OcrReader, tmp_path: Path) -> None:
    told: list[Progress] = []
    await reader.read(await image(store, tmp_path), told.append)
    assert told == [Progress("reading the text"), Progress("reading the text", 0, 2)]


async def test_two_who_ask_for_one_image_share_the_work(
    store: MediaStore, process: FakeProcess, reader: OcrReader, tmp_path: Path
) -> None:
    media_id = await image(store, tmp_path)
    pages = await asyncio.gather(reader.read(media_id), reader.read(media_id))
    assert (pages, process.read_widths) == ([page(30), page(30)], [30])


async def test_who_leaves_does_not_end_what_another_waits_for(
    store: MediaStore, process: FakeProcess, reader: OcrReader, tmp_path: Path
) -> None:
    media_id = await image(store, tmp_path)
    process.gate.clear()
    told: list[Progress] = []
    leaving, staying = (
        asyncio.create_task(reader.read(media_id, told.append)),
        asyncio.create_task(reader.read(media_id)),
    )
    await began(process)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    process.gate.set()
    assert await staying == page(30)
    assert (process.ended, process.read_widths) == (0, [30])


async def test_when_the_last_one_leaves_the_work_ends(
    store: MediaStore, process: FakeProcess, reader: OcrReader, tmp_path: Path
) -> None:
    media_id = await image(store, tmp_path)
    process.gate.clear()
    both = [asyncio.create_task(reader.read(media_id)) for _ in range(2)]
    await began(process)
    for task in both:
        task.cancel()
    assert [type(one) for one in await asyncio.gather(*both, return_exceptions=True)] == [asyncio.CancelledError] * 2
    # Who asks right then begins anew, and is not taken for one who left.
    process.gate.set()
    assert await reader.read(media_id) == page(30)
    assert (process.ended, process.read_widths) == (1, [30, 30])


async def test_who_stops_waiting_for_one_image_does_not_end_another(
    store: MediaStore, process: FakeProcess, reader: OcrReader, tmp_path: Path
) -> None:
    first, second = await image(store, tmp_path, 30), await image(store, tmp_path, 40)
    process.gate.clear()
    reading = asyncio.create_task(reader.read(first))
    await began(process)
    queued = asyncio.create_task(reader.read(second))
    queued.cancel()
    with pytest.raises(asyncio.CancelledError):
        await queued
    process.gate.set()
    assert await reading == page(30)
    assert (process.ended, process.read_widths) == (0, [30])


async def test_a_failure_reaches_all_who_wait_and_the_next_try_is_new(
    store: MediaStore, process: FakeProcess, reader: OcrReader, tmp_path: Path
) -> None:
    media_id = await image(store, tmp_path)
    process.fails = True
    both = await asyncio.gather(reader.read(media_id), reader.read(media_id), return_exceptions=True)
    assert [str(one) for one in both] == [FAILED, FAILED]
    process.fails = False
    assert await reader.read(media_id) == page(30)


async def test_an_image_that_takes_too_long_is_given_up(
    store: MediaStore, process: FakeProcess, tmp_path: Path
) -> None:
    media_id = await image(store, tmp_path)
    process.gate.clear()
    reader = OcrReader(store, process, seconds=0.05)  # type: ignore[arg-type]
    with pytest.raises(ReadingFailed):
        await reader.read(media_id)
    assert process.ended == 1


async def test_an_image_that_is_gone_is_no_failure_of_reading(reader: OcrReader) -> None:
    assert reader.kept("0" * 64) is None
    with pytest.raises(StorageError):
        await reader.read("0" * 64)


async def test_a_page_is_kept_over_a_restart(
    store: MediaStore, process: FakeProcess, reader: OcrReader, tmp_path: Path
) -> None:
    media_id = await image(store, tmp_path)
    await reader.read(media_id)
    again = OcrReader(store, process)  # type: ignore[arg-type]
    assert again.kept(media_id) == page(30)
    assert await again.read(media_id) == page(30)
    assert process.read_widths == [30]
    assert sorted(
        path.suffix for path in store.page_file(media_id).parent.iterdir() if path.name.startswith("page")
    ) == [".json"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "7",
        '{"version": 1}',
        '{"version": 1, "page": [1, 2]}',
        json.dumps({"version": 0, "page": [30, 20, 0, []]}),
        '{"version": 1, "page": ' + "[" * 100_000,
        "\udcff",
    ],
)
async def test_a_kept_page_that_is_broken_or_old_is_read_anew(
    store: MediaStore, process: FakeProcess, reader: OcrReader, tmp_path: Path, content: str
) -> None:
    media_id = await image(store, tmp_path)
    store.page_file(media_id).write_bytes(content.encode(errors="surrogateescape"))
    assert reader.kept(media_id) is None
    assert await reader.read(media_id) == page(30)
    assert OcrReader(store, process).kept(media_id) == page(30)  # type: ignore[arg-type]


async def test_a_full_disk_only_warns(
    store: MediaStore,
    reader: OcrReader,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    media_id = await image(store, tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    assert await reader.read(media_id) == page(30)
    assert reader.kept(media_id) == page(30)
    assert [record.getMessage() for record in caplog.records] == ["what was read on an image could not be kept"]
    assert not list(store.page_file(media_id).parent.glob("page*"))


async def test_closing_ends_the_work_and_what_waits_for_its_turn(
    store: MediaStore, process: FakeProcess, reader: OcrReader, tmp_path: Path
) -> None:
    first, second = await image(store, tmp_path, 30), await image(store, tmp_path, 40)
    process.gate.clear()
    reading, queued = asyncio.create_task(reader.read(first)), asyncio.create_task(reader.read(second))
    await began(process)
    reader.close()
    reader.close()
    assert [str(one) for one in await asyncio.gather(reading, queued, return_exceptions=True)] == [FAILED, FAILED]
    assert process.read_widths == [30]
