"""Pages of PDFs, drawn in a confined child: pytest tests/media/test_pdf.py"""

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from backend.batch.files import kind_of
from backend.errors import MediaTooLarge, UnsupportedMedia
from backend.media.formats import MediaLimits, sniff
from backend.media.pages import PageReader
from backend.media.sandbox.pool import Decoder
from tests.support.pdfs import write_pdf


@pytest_asyncio.fixture
async def reader() -> AsyncIterator[PageReader]:
    limits = MediaLimits()
    with closing(Decoder(limits)) as decoder:
        yield PageReader(decoder, limits)


async def test_each_page_is_drawn_upright_on_white(reader: PageReader, tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "two pages.pdf", ["1 0 0 rg 0 0 36 72 re f", "0 0 1 rg 0 36 72 36 re f"])
    assert await reader.count(path) == 2
    first = await reader.draw(path, 1, tmp_path)
    second = await reader.draw(path, 2, tmp_path)
    assert (first.name, second.name) == ("two pages page 1.png", "two pages page 2.png")
    red, white, blue = (255, 0, 0), (255, 255, 255), (0, 0, 255)
    with Image.open(first) as page:
        assert (page.mode, page.size) == ("RGB", (200, 200))
        assert [page.getpixel(at) for at in ((50, 100), (150, 100))] == [red, white]
    with Image.open(second) as page:
        assert [page.getpixel(at) for at in ((100, 50), (100, 150))] == [blue, white]


async def test_a_page_that_is_turned_is_turned_back(reader: PageReader, tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", ["1 0 0 rg 0 0 36 144 re f"], size=(72, 144), extra="/Rotate 90")
    with Image.open(await reader.draw(path, 1, tmp_path)) as page:
        assert page.size == (400, 200)
        assert [page.getpixel(at) for at in ((200, 50), (200, 150))] == [(255, 0, 0), (255, 255, 255)]


async def test_a_huge_page_is_drawn_smaller(reader: PageReader, tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "poster.pdf", [""], size=(14_400, 14_400))
    with Image.open(await reader.draw(path, 1, tmp_path)) as page:
        assert page.width * page.height == pytest.approx(MediaLimits().clean_pixels, rel=0.01)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"%PDF-1.7\nnothing more", "“a.pdf” is a PDF that is damaged or cut short; export it again."),
        (b"", "“a.pdf” is a PDF that is damaged or cut short; export it again."),
        (None, "“a.pdf” cannot be read; check that it is there."),
    ],
)
async def test_what_is_no_whole_pdf_is_one_sentence(
    reader: PageReader, tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / "a.pdf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnsupportedMedia) as refusal:
        await reader.count(path)
    assert str(refusal.value) == sentence


async def test_a_pdf_that_asks_for_a_password_says_so(reader: PageReader, tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "secret.pdf", [""], locked=True)
    with pytest.raises(UnsupportedMedia, match=r"“secret.pdf” asks for a password; save it without one"):
        await reader.count(path)


async def test_a_page_that_is_not_there_is_refused(reader: PageReader, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedMedia, match=r"“a.pdf” has no page 2"):
        await reader.draw(write_pdf(tmp_path / "a.pdf", [""]), 2, tmp_path)


async def test_too_many_pages_or_bytes_are_refused(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", ["", "", ""])
    for limits, sentence in (
        (MediaLimits(pdf_pages=2), r"“a.pdf” has more than the 2 pages we read"),
        (MediaLimits(file_bytes=10), r"“a.pdf” has 0 MB, more than the 0 MB we read"),
    ):
        with closing(Decoder(limits)) as decoder, pytest.raises(MediaTooLarge, match=sentence):
            await PageReader(decoder, limits).count(path)


LEADS = {
    "a line feed": b"\n",
    "a byte order mark": b"\xef\xbb\xbf",
    "a form's head": b'--x\r\nContent-Disposition: form-data; name="f"\r\nContent-Type: application/pdf\r\n\r\n',
    "200 bytes of text": b"x" * 200,
    "200 bytes of zeros": bytes(200),
    "what begins a program": b"MZ" + bytes(30),
    "1000 bytes": b" " * 1000,
}


@pytest.mark.parametrize("lead", LEADS)
async def test_a_pdf_is_read_with_bytes_before_its_header(reader: PageReader, tmp_path: Path, lead: str) -> None:
    path = write_pdf(tmp_path / "a.pdf", ["1 0 0 rg 0 0 72 72 re f"])
    path.write_bytes(LEADS[lead] + path.read_bytes())
    assert (sniff(path).suffix, kind_of(path)) == (".pdf", "pdf")
    assert await reader.count(path) == 1
    with Image.open(await reader.draw(path, 1, tmp_path)) as page:
        assert page.getpixel((100, 100)) == (255, 0, 0)


def test_what_only_speaks_of_a_pdf_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x" * 1100 + b"%PDF-1.4")
    (tmp_path / "b.txt").write_bytes(b"A file begins with %PDF.")
    Image.new("RGB", (8, 8)).save(tmp_path / "c.jpg", comment=b"%PDF-1.4")
    assert [sniff(tmp_path / name).suffix for name in ("a.txt", "b.txt", "c.jpg")] == ["", "", ".jpg"]
