"""What is kept of files from strangers, for whom, and how it goes away again."""

import asyncio
import errno
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from backend.errors import MediaTooLarge, StorageError, UnsupportedMedia
from backend.media import store as store_module
from backend.media.store import MediaLimits, MediaStore
from backend.types import ImagePart, Progress, VideoPart
from tests.support.clips import encode, read


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture
def store(root: Path) -> Iterator[MediaStore]:
    made = MediaStore(root)
    yield made
    made.close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encode(tmp_path_factory.mktemp("clip") / "clip.mp4", 60)


def _picture(path: Path, colour: str = "red", kind: str = "PNG", size: tuple[int, int] = (20, 10)) -> Path:
    Image.new("RGB", size, colour).save(path, format=kind)
    return path


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _kept(root: Path) -> list[Path]:
    return list(root.glob("[0-9a-f][0-9a-f]/*"))


def _left_over(root: Path) -> list[str]:
    return os.listdir(root / "tmp")


async def test_an_image_is_kept_as_it_came_and_as_clean_pixels(tmp_path: Path, root: Path, store: MediaStore) -> None:
    path = _picture(tmp_path / "My photo.PNG")
    told: list[Progress] = []
    part = await store.add(path, progress=told.append)
    assert part == ImagePart(_digest(path))
    assert told == [Progress("reading the image")]
    path.unlink()
    image = store.image(part.media_id)
    assert (image.mode, image.size, image.getpixel((3, 3))) == ("RGB", (20, 10), (255, 0, 0))
    assert _digest(store.original(part.media_id)) == part.media_id
    assert store.original(part.media_id).suffix == ".png"
    assert store.name(part.media_id) == "My photo.PNG"
    assert Image.open(store.preview(part)).getpixel((0, 0)) == (255, 0, 0)
    assert store.note(part.media_id) == ""
    assert _left_over(root) == []


async def test_a_clip_is_kept_with_its_frames_and_their_times(clip: Path, root: Path, store: MediaStore) -> None:
    told: list[Progress] = []
    part = await store.add(clip, frames=4, progress=told.append)
    assert part == VideoPart(_digest(clip), 4)
    assert told == [Progress("reading the clip", done, 4) for done in range(5)]
    assert [(frame.time, read(frame.image)) for frame in store.frames(part)] == [
        (pytest.approx(number / 30), number) for number in (7, 22, 37, 52)
    ]
    assert [read(Image.open(path)) for _, path in store.strip(part)] == [7, 22, 37, 52]
    assert read(Image.open(store.preview(part))) == 37
    assert store.facts(part.media_id).duration == 2.0
    assert store.original(part.media_id).name == "original.mp4"
    assert _left_over(root) == []


async def test_other_frames_of_a_kept_clip_are_made_when_they_are_asked_for(clip, root, store: MediaStore) -> None:
    whole = await store.add(clip, frames=2)
    inside = VideoPart(whole.media_id, 3, 0.5, 1.0)
    assert (store.sampled(whole), store.sampled(inside)) == (True, False)
    told: list[Progress] = []
    await store.sample(inside, told.append)
    assert [read(frame.image) for frame in store.frames(inside)] == [17, 22, 27]
    assert [read(frame.image) for frame in store.frames(whole)] == [15, 45]
    assert told[-1] == Progress("reading the clip", 3, 3)
    told.clear()
    await store.sample(inside, told.append)
    assert told == []
    later = await store.add(clip, frames=1, start=1)
    assert [read(frame.image) for frame in store.frames(later)] == [45]
    assert [read(frame.image) for frame in store.frames(VideoPart(whole.media_id, 1, 1.0))] == [45]
    assert _left_over(root) == []


@pytest.mark.parametrize(
    ("name", "kind", "kept", "clean"),
    [
        ("wrong.jpg", "PNG", "original.jpg", "clean.png"),
        ("nothing", "JPEG", "original.jpg", "clean.jpg"),
        ("page.html", "GIF", "original.gif", "clean.png"),
        ("clip.mp4", "WEBP", "original.mp4", "clean.png"),
        ("large.bmp", "BMP", "original.bmp", "clean.jpg"),
    ],
)
async def test_content_decides_and_not_the_name(tmp_path, store, name, kind, kept, clean) -> None:
    size = (1200, 900) if name == "large.bmp" else (20, 10)
    part = await store.add(_picture(tmp_path / name, kind=kind, size=size))
    assert isinstance(part, ImagePart)
    assert (store.original(part.media_id).name, store.preview(part).name) == (kept, clean)


async def test_a_clip_without_a_suffix_is_a_clip(tmp_path: Path, clip: Path, store: MediaStore) -> None:
    shutil.copy(clip, tmp_path / "blob")
    assert isinstance(await store.add(tmp_path / "blob", frames=1), VideoPart)


async def test_what_the_camera_wrote_beside_the_pixels_is_not_in_the_clean_copy(tmp_path, store) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "at home"
    Image.new("RGB", (30, 10), "red").save(tmp_path / "photo.jpg", exif=exif, comment=b"at home")
    part = await store.add(tmp_path / "photo.jpg")
    assert store.image(part.media_id).size == (10, 30)
    assert b"at home" in store.original(part.media_id).read_bytes()
    assert b"at home" not in store.preview(part).read_bytes()


async def test_the_size_of_an_image_is_that_of_its_clean_pixels(tmp_path: Path, store: MediaStore) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    part = await store.add(tmp_path / "a.png")
    assert store.size(part.media_id) == store.image(part.media_id).size == (40, 30)


async def test_a_huge_photo_is_kept_smaller(tmp_path: Path, root: Path) -> None:
    store = MediaStore(root, MediaLimits(clean_pixels=10_000))
    part = await store.add(_picture(tmp_path / "huge.jpg", kind="JPEG", size=(400, 100)))
    assert store.image(part.media_id).size == (200, 50)
    store.close()


async def test_the_same_file_again_costs_only_its_hash(tmp_path, clip, store, monkeypatch) -> None:
    first = [await store.add(_picture(tmp_path / "a.png")), await store.add(clip, frames=2)]

    async def decode(*_) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(store.decoder, "decode", decode)
    shutil.copy(tmp_path / "a.png", tmp_path / "b.png")
    assert [await store.add(tmp_path / "b.png"), await store.add(clip, frames=2)] == first


async def test_the_same_file_at_the_same_time_is_decoded_once(tmp_path, root, store, monkeypatch) -> None:
    path = _picture(tmp_path / "a.png")
    decode, jobs = store.decoder.decode, []

    async def count(job, save):
        jobs.append(job)
        return await decode(job, save)

    monkeypatch.setattr(store.decoder, "decode", count)
    parts = await asyncio.gather(*(store.add(path) for _ in range(5)))
    assert (set(parts), len(jobs), _left_over(root)) == ({ImagePart(_digest(path))}, 1, [])


async def test_two_stores_on_one_root_may_add_the_same(tmp_path: Path, root: Path, clip: Path) -> None:
    stores = [MediaStore(root), MediaStore(root)]
    parts = await asyncio.gather(*(store.add(clip, frames=2) for store in stores))
    assert parts[0] == parts[1]
    assert [read(frame.image) for frame in stores[0].frames(parts[0])] == [15, 45]
    assert _left_over(root) == []
    for store in stores:
        store.close()


async def test_another_process_reads_what_was_added_without_any_decoder(tmp_path, root, clip, store) -> None:
    image, video = await store.add(_picture(tmp_path / "a.png")), await store.add(clip, frames=2)
    code = f"""
import sys
from pathlib import Path
from backend.media.store import MediaStore
from backend.types import VideoPart
store = MediaStore(Path({str(root)!r}))
print(store.image({image.media_id!r}).size, [f.time for f in store.frames(VideoPart({video.media_id!r}, 2))])
print([name for name in ("av", "cv2", "torch") if name in sys.modules])
"""
    reader = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE)
    output, _ = await reader.communicate()
    assert output.decode() == "(20, 10) [0.5, 1.5]\n[]\n"


async def test_cancelling_leaves_nothing_and_the_next_try_works(tmp_path, root, store) -> None:
    path = encode(tmp_path / "long.mp4", 300, gop=300)
    started = asyncio.Event()

    def tell(progress: Progress) -> None:
        if progress.done:
            started.set()

    task = asyncio.create_task(store.add(path, frames=200, progress=tell))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert _left_over(root) == []
    assert not store.holds(_digest(path))
    part = await store.add(path, frames=2)
    assert [read(frame.image) for frame in store.frames(part)] == [75, 225]


# What is refused.


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "“x.png” is empty; send it again."),
        (b"hello", "“x.png” is a text file; {SEND}"),
        (b"%PDF-1.7\0", "“x.png” is a PDF document; {SEND}"),
        (b"\0\1\2\3", "“x.png” is not a picture or a clip that we can read; {SEND}"),
        (b"\x89PNG\r\n\x1a\n\0", "“x.png” is a PNG picture that is damaged or cut short; send the whole file again."),
        (b"\0\0\0\x14ftypisom\0", "“x.png” is damaged or cut short; send the whole file again."),
    ],
)
async def test_what_cannot_be_read_is_refused_and_nothing_of_it_kept(tmp_path, root, store, content, sentence) -> None:
    send = "send a picture (PNG, JPEG, WebP, …) or a clip (MP4, MOV, WebM, MKV, AVI, MPEG-TS or Ogg)."
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(UnsupportedMedia) as refusal:
        await store.add(tmp_path / "x.png")
    assert str(refusal.value) == sentence.format(SEND=send)
    assert _kept(root) == []


async def test_what_is_not_a_file_is_refused(tmp_path: Path, store: MediaStore) -> None:
    for path in (tmp_path, tmp_path / "missing.png"):
        with pytest.raises(UnsupportedMedia, match=rf"^“{path.name}” cannot be read; send it again\.$"):
            await store.add(path)


async def test_a_file_past_the_limit_on_bytes_is_refused_before_it_is_read(tmp_path: Path, root: Path) -> None:
    with _picture(tmp_path / "large.png").open("ab") as file:
        file.write(bytes(2_000_000))
    with pytest.raises(MediaTooLarge) as refusal:
        await MediaStore(root, MediaLimits(file_bytes=1_000_000)).add(tmp_path / "large.png")
    assert str(refusal.value) == (
        "“large.png” has 2 MB, more than the 1 MB a file may have; send a shorter or smaller version."
    )
    assert _kept(root) == []


@pytest.mark.parametrize("frames", [0, -1, 513])
async def test_a_number_of_frames_that_makes_no_sense_is_refused(clip: Path, store: MediaStore, frames: int) -> None:
    with pytest.raises(UnsupportedMedia) as refusal:
        await store.add(clip, frames=frames)
    assert str(refusal.value) == "Between 1 and 512 frames can be taken of a clip; set another number."


@pytest.mark.parametrize("start", [float("nan"), float("inf")])
async def test_an_interval_that_makes_no_sense_is_refused(clip: Path, store: MediaStore, start: float) -> None:
    with pytest.raises(
        UnsupportedMedia, match=r"^An interval of a clip is two times in seconds; set them as numbers\.$"
    ):
        await store.add(clip, start=start)


async def test_a_clip_with_a_broken_tail_is_kept_and_says_so(tmp_path: Path, store: MediaStore) -> None:
    encode(tmp_path / "whole.mp4", 300, container={"movflags": "faststart"})
    content = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) * 6 // 10])
    part = await store.add(tmp_path / "cut.mp4", frames=8)
    assert len(store.frames(part)) == 8
    assert store.note(part.media_id) == "“cut.mp4” is damaged from 0:04 on; only what comes before is seen."


async def test_a_full_disk_is_said_before_anything_is_written(tmp_path, root, store, monkeypatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(store_module.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(StorageError) as refusal:
        await store.add(_picture(tmp_path / "a.png"))
    assert str(refusal.value) == "The disk is full; free some space and send “a.png” again."
    assert _left_over(root) == []


async def test_a_disk_that_fills_up_while_writing_leaves_nothing_half_made(tmp_path, root, store, monkeypatch) -> None:
    def full(*_, **__) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = _picture(tmp_path / "a.png")
    with monkeypatch.context() as patch:
        patch.setattr(store_module, "save_clean", full)
        with pytest.raises(StorageError, match=r"^The disk is full; free some space and send “a.png” again\.$"):
            await store.add(path)
    assert _left_over(root) == []
    assert not store.holds(_digest(path))
    assert store.image((await store.add(path)).media_id).size == (20, 10)


async def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError) as refusal:
        await MediaStore(tmp_path / "file" / "media").add(_picture(tmp_path / "a.png"))
    assert str(refusal.value) == "“a.png” cannot be kept: the data folder cannot be written (Not a directory)."


# How it goes away.


async def test_what_is_gone_says_so(tmp_path: Path, store: MediaStore) -> None:
    part = await store.add(_picture(tmp_path / "a.png"))
    store.remove(part.media_id)
    store.remove(part.media_id)
    for ask in (store.image, store.name, store.original, store.note):
        with pytest.raises(StorageError, match=r"^A file of this conversation is no longer kept; send it again\.$"):
            ask(part.media_id)
    with pytest.raises(StorageError):
        store.preview(part)
    with pytest.raises(StorageError):
        store.frames(VideoPart("0" * 64))
    with pytest.raises(StorageError):
        await store.sample(VideoPart("0" * 64))


@pytest.mark.parametrize("media_id", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "/.."])
def test_an_id_that_is_none_opens_no_path(store: MediaStore, media_id: str) -> None:
    with pytest.raises(StorageError):
        store.original(media_id)


async def test_the_janitor_takes_what_nobody_uses_and_nothing_young(tmp_path, root, store) -> None:
    used, unused, young = [
        (await store.add(_picture(tmp_path / f"{colour}.png", colour))).media_id for colour in ("red", "green", "blue")
    ]
    long_ago = time.time() - 4000
    for media_id in (used, unused):
        os.utime(root / media_id[:2] / media_id, (long_ago, long_ago))
    for name in ("stale", "fresh"):
        (root / "tmp" / name).mkdir()
    os.utime(root / "tmp" / "stale", (long_ago, long_ago))
    assert store.collect({used}) == 1
    assert [store.holds(media_id) for media_id in (used, unused, young)] == [True, False, True]
    assert _left_over(root) == ["fresh"]
    assert store.collect(set(), grace=-1.0) == 2
    assert not any(store.holds(media_id) for media_id in (used, unused, young))


async def test_files_from_before_the_history_that_says_what_is_used_stay(tmp_path, root, store) -> None:
    older, newer = [(await store.add(_picture(tmp_path / f"{name}.png", name))).media_id for name in ("red", "blue")]
    begun = time.time() - 3000
    for media_id, changed in ((older, begun - 1000), (newer, begun + 1000)):
        os.utime(root / media_id[:2] / media_id, (changed, changed))
    assert store.collect(set(), since=begun) == 1
    assert [store.holds(media_id) for media_id in (older, newer)] == [True, False]


async def test_a_file_sent_again_is_young_again(tmp_path: Path, root: Path, store: MediaStore) -> None:
    path = _picture(tmp_path / "a.png")
    media_id = (await store.add(path)).media_id
    long_ago = time.time() - 4000
    os.utime(root / media_id[:2] / media_id, (long_ago, long_ago))
    await store.add(path)
    assert store.collect(set()) == 0


def test_an_empty_root_can_be_read_and_cleaned(root: Path) -> None:
    assert MediaStore(root).collect(set()) == 0
    assert not root.exists()


def test_pixels_of_our_own_are_kept_exactly_and_once(root: Path, store: MediaStore) -> None:
    image = Image.effect_noise((40, 30), 60).convert("RGB")
    part = store.put(image, "drawn.png")
    assert store.put(image, "again.png") == part
    assert (store.name(part.media_id), store.size(part.media_id)) == ("drawn.png", (40, 30))
    assert store.image(part.media_id).tobytes() == image.tobytes()
    assert store.original(part.media_id).read_bytes()[:4] == b"\x89PNG"
    assert (len(_kept(root)), _left_over(root)) == (1, [])
