"""Files that are cut, flipped and spliced: the outcome is always a value or a sentence.

Pictures are read in this process; clips and PDFs in confined children, as Glimpse reads them.
"""

import asyncio
import io
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from backend.errors import GlimpseError
from backend.media.formats import MediaLimits, sniff
from backend.media.image import read_image
from backend.media.pages import PageReader
from backend.media.sandbox.pool import Decoder
from backend.media.sandbox.worker import DecodeJob
from tests.support.clips import encode
from tests.support.pdfs import write_pdf

PICTURES = {
    "PNG": {},
    "JPEG": {},
    "JPEG progressive": {"progressive": True},
    "GIF": {},
    "WEBP": {},
    "WEBP lossless": {"lossless": True},
    "BMP": {},
    "AVIF": {},
}
Change = Callable[[bytes], bytes]


def _cut(at: float) -> Change:
    return lambda data: data[: int(at * len(data))]


def _flip(places: list[tuple[float, int]]) -> Change:
    def change(data: bytes) -> bytes:
        changed = bytearray(data)
        for at, mask in places:
            changed[int(at * len(data))] ^= mask
        return bytes(changed)

    return change


def _splice(begin: float, end: float, to: float) -> Change:
    def change(data: bytes) -> bytes:
        piece, place = data[int(min(begin, end) * len(data)) : int(max(begin, end) * len(data))], int(to * len(data))
        return data[:place] + piece + data[place:]

    return change


shares = st.floats(0, 1, exclude_max=True)
changes = st.one_of(
    shares.map(_cut),
    st.lists(st.tuples(shares, st.integers(1, 255)), min_size=1, max_size=8).map(_flip),
    # Headers are short, and most of what can go wrong is in them.
    st.lists(st.tuples(st.floats(0, 0.05), st.integers(1, 255)), min_size=1, max_size=4).map(_flip),
    st.builds(_splice, shares, shares, shares),
)
quick = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@cache
def _picture(kind: str) -> bytes:
    packed = io.BytesIO()
    scene = Image.effect_noise((48, 40), 60).convert("RGB")
    scene.save(packed, kind.split()[0], **PICTURES[kind])
    return packed.getvalue()


@pytest.mark.parametrize("kind", PICTURES)
@settings(quick, max_examples=60)
@given(change=changes)
def test_a_changed_picture_is_a_picture_or_a_sentence(tmp_path: Path, kind: str, change: Change) -> None:
    path = tmp_path / "picture"
    path.write_bytes(change(_picture(kind)))
    sniff(path)
    assert _mode_or_sentence(path).startswith(("RGB", "“picture” "))


def _mode_or_sentence(path: Path) -> str:
    try:
        return read_image(path, limits=MediaLimits(image_pixels=1_000_000)).mode
    except GlimpseError as refusal:
        return str(refusal)


@cache
def _clip(name: str, codec: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return encode(Path(folder) / name, 12, codec=codec, size=(64, 48)).read_bytes()


@cache
def _pdf() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write_pdf(Path(folder) / "a.pdf", ["1 0 0 rg 0 0 36 72 re f", ""]).read_bytes()


async def _read_clips(folder: Path, contents: list[bytes]) -> list[object]:
    limits = MediaLimits()
    outcomes: list[object] = []
    with closing(Decoder(limits)) as decoder:
        for index, content in enumerate(contents):
            path, out = folder / f"{index}.clip", folder / f"out{index}"
            path.write_bytes(content)
            out.mkdir()
            job = DecodeJob("video", str(path), str(out), path.name, 20.0, limits, count=4)
            outcomes += await asyncio.gather(decoder.decode(job, lambda *_: None), return_exceptions=True)
    return outcomes


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.webm", "libvpx"), ("a.avi", "mpeg4")])
# The first example is the simplest there is.
@settings(quick, max_examples=3)
@given(each=st.lists(changes, min_size=4, max_size=4))
def test_a_changed_clip_is_frames_or_a_sentence(tmp_path: Path, name: str, codec: str, each: list[Change]) -> None:
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        outcomes = asyncio.run(_read_clips(Path(folder), [change(_clip(name, codec)) for change in each]))
    assert [outcome for outcome in outcomes if not isinstance(outcome, dict | GlimpseError)] == []


async def _read_pages(folder: Path, contents: list[bytes]) -> list[object]:
    limits = MediaLimits()
    outcomes: list[object] = []
    with closing(Decoder(limits)) as decoder:
        reader = PageReader(decoder, limits)
        for index, content in enumerate(contents):
            path = folder / f"{index}.pdf"
            path.write_bytes(content)
            outcomes += await asyncio.gather(reader.draw(path, 1, folder), return_exceptions=True)
    return outcomes


@settings(quick, max_examples=3)
@given(each=st.lists(changes, min_size=4, max_size=4))
def test_a_changed_pdf_is_a_page_or_a_sentence(tmp_path: Path, each: list[Change]) -> None:
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        outcomes = asyncio.run(_read_pages(Path(folder), [change(_pdf()) for change in each]))
    assert [outcome for outcome in outcomes if not isinstance(outcome, Path | GlimpseError)] == []
