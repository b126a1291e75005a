"""Which clips a browser plays, told by their codec, and what is said of the others."""

from pathlib import Path

import pytest

from backend.media.files import MediaFacts, save_facts
from backend.media.store import MediaStore
from tests.support.clips import encode

PLAYED = [
    ("h264.mp4", "libx264", "yuv420p"),
    ("h264.mov", "libx264", "yuv420p"),
    ("deep.mp4", "libx264", "yuv420p10le"),
    ("full.mp4", "libx264", "yuv444p"),
    ("vp8.webm", "libvpx", "yuv420p"),
    ("vp9.mp4", "libvpx-vp9", "yuv420p"),
    ("av1.mp4", "libsvtav1", "yuv420p"),
]
OTHERS = [
    ("clip.mov", "libx265", "yuv420p", "HEVC (H.265)"),
    ("clip.mp4", "libx265", "yuv420p", "HEVC (H.265)"),
    ("clip.mov", "prores_ks", "yuv422p10le", "ProRes"),
    ("clip.mp4", "mpeg4", "yuv420p", "MPEG-4 part 2"),
    ("clip.mov", "mjpeg", "yuvj420p", "Motion JPEG"),
    ("clip.mp4", "mpeg2video", "yuv420p", "MPEG-2"),
    ("clip.avi", "libx264", "yuv420p", "AVI"),
    ("clip.mkv", "libx264", "yuv420p", "MKV"),
]


@pytest.fixture
def store(tmp_path: Path):
    made = MediaStore(tmp_path / "media")
    yield made
    made.close()


@pytest.mark.parametrize(("name", "codec", "layout"), PLAYED)
async def test_a_clip_of_a_codec_that_browsers_know_plays(tmp_path, store, name, codec, layout) -> None:
    part = await store.add(encode(tmp_path / name, 3, codec=codec, layout=layout), frames=2)
    assert (store.plays(part.media_id), store.note(part.media_id)) == (True, "")


@pytest.mark.parametrize(("name", "codec", "layout", "kind"), OTHERS)
async def test_any_other_clip_is_shown_by_frames_with_a_word(tmp_path, store, name, codec, layout, kind) -> None:
    part = await store.add(encode(tmp_path / name, 3, codec=codec, layout=layout), frames=2)
    assert (store.plays(part.media_id), store.note(part.media_id)) == (
        False,
        f"“{name}” is {kind}, which not every browser plays; here are frames of it.",
    )


def test_a_clip_that_was_kept_before_its_codec_was_noted_plays_by_its_suffix(tmp_path: Path) -> None:
    store = MediaStore(tmp_path / "media")
    folder = tmp_path / "media" / "ab" / ("ab" * 32)
    folder.mkdir(parents=True)
    (folder / "original.mp4").write_bytes(b"")
    save_facts(folder, MediaFacts("clip.mp4", "video", 1.0))
    assert (store.plays("ab" * 32), store.note("ab" * 32)) == (True, "")
