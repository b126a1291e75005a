"""Pictures that every browser shows although their files are not as they should be, and those that are really cut."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.errors import MediaTooLarge, UnsupportedMedia
from backend.media.formats import MediaLimits
from backend.media.image import read_image

SIZE = (320, 240)
MEGABYTES = b"x" * 3_000_000


def _photo(size: tuple[int, int] = SIZE, seed: int = 0) -> Image.Image:
    """A soft pattern without any flat part."""
    spots = np.random.default_rng(seed).integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    return Image.fromarray(spots).resize(size, Image.Resampling.BICUBIC)


def _saved(kind: str, image: Image.Image | None = None, **options) -> bytes:
    packed = io.BytesIO()
    (image or _photo()).save(packed, kind, **options)
    return packed.getvalue()


def _chunk(kind: bytes, content: bytes, checksum: int | None = None) -> bytes:
    right = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum or right)


def _second(chunk: bytes, image: Image.Image | None = None) -> bytes:
    """A PNG with a chunk after its header."""
    png = _saved("PNG", image)
    return png[:33] + chunk + png[33:]


def _last(chunk: bytes) -> bytes:
    """A PNG with a chunk before its end."""
    png = _saved("PNG")
    return png[:-12] + chunk + png[-12:]


def _repacked(checksum: slice) -> bytes:
    """A PNG in one chunk, with a part of the checksum over its rows."""
    png = _saved("PNG")
    with Image.open(io.BytesIO(png)) as image:
        rows = np.asarray(image).reshape(SIZE[1], -1)
    plain = b"".join(b"\0" + row.tobytes() for row in rows)
    packed = zlib.compress(plain)
    return png[:33] + _chunk(b"IDAT", packed[:-4] + packed[-4:][checksum]) + _chunk(b"IEND", b"")


def _segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def _jpeg(segment: bytes) -> bytes:
    jpeg = _saved("JPEG")
    return jpeg[:20] + segment + jpeg[20:]


def _mpo(*places: tuple[int, bytes]) -> bytes:
    """Two pictures in one file, with bytes of the index replaced: places count from its beginning."""
    content = bytearray(_saved("MPO", save_all=True, append_images=[_photo(seed=1)]))
    begin = content.index(b"MPF\0") + 4
    for place, new in places:
        content[begin + place : begin + place + len(new)] = new
    return bytes(content)


PNGS = {
    "packed text of 3 MB": lambda: _second(_chunk(b"zTXt", b"k\0\0" + zlib.compress(MEGABYTES))),
    "packed international text of 3 MB": lambda: _second(
        _chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(MEGABYTES))
    ),
    "packed text of 30 MB": lambda: _second(_chunk(b"zTXt", b"k\0\0" + zlib.compress(MEGABYTES * 10))),
    "plain text of 3 MB": lambda: _second(_chunk(b"tEXt", b"k\0" + MEGABYTES)),
    "much text": lambda: _second(_chunk(b"zTXt", b"k\0\0" + zlib.compress(MEGABYTES)) * 30),
    "text after the picture": lambda: _last(_chunk(b"zTXt", b"k\0\0" + zlib.compress(MEGABYTES))),
    "a profile of 3 MB": lambda: _second(_chunk(b"iCCP", b"p\0\0" + zlib.compress(MEGABYTES))),
    "a profile of 30 MB": lambda: _second(_chunk(b"iCCP", b"p\0\0" + zlib.compress(MEGABYTES * 10))),
    "a profile of no kind": lambda: _second(_chunk(b"iCCP", b"p\0\5xx")),
    "a profile without an end to its name": lambda: _second(_chunk(b"iCCP", b"p" * 100)),
    "a wrong checksum of the resolution": lambda: _second(_chunk(b"pHYs", struct.pack(">IIB", 1, 1, 1), 5)),
    "a wrong checksum of text": lambda: _second(_chunk(b"tEXt", b"a\0b", 5)),
    "a wrong checksum of a chunk that nobody knows": lambda: _second(_chunk(b"abCd", b"xx", 5)),
    "a wrong checksum of the profile": lambda: _second(_chunk(b"iCCP", b"p\0\0xx", 5)),
    "a resolution cut short": lambda: _second(_chunk(b"pHYs", b"\0\0")),
    "a gamma cut short": lambda: _second(_chunk(b"gAMA", b"\0")),
    "colours cut short": lambda: _second(_chunk(b"cHRM", b"\0" * 5)),
    "an empty colour space": lambda: _second(_chunk(b"sRGB", b"")),
    "a transparent colour cut short": lambda: _second(_chunk(b"tRNS", b"\0")),
    "an animation without frames": lambda: _second(_chunk(b"acTL", bytes(8))),
    "an animation cut short": lambda: _second(_chunk(b"acTL", b"\0\0")),
    "a wrong checksum over the rows": lambda: _wrong_sum(),
    "no checksum over the rows": lambda: _repacked(slice(0, 0)),
    "a length that lies after the picture": lambda: _saved("PNG")[:-12] + struct.pack(">I", 99999) + b"tEXtab",
    "no end": lambda: _saved("PNG")[:-12],
    "no last 20 bytes": lambda: _saved("PNG")[:-20],
}


def _wrong_sum() -> bytes:
    png = _repacked(slice(None))
    begin = png.index(b"IDAT")
    (length,) = struct.unpack(">I", png[begin - 4 : begin])
    content = png[begin + 4 : begin + length] + b"sum!"
    return png[: begin - 4] + _chunk(b"IDAT", content[:length]) + _chunk(b"IEND", b"")


JPEGS = {
    "a JFIF header cut short": lambda: _saved("JPEG")[:2] + _segment(0xE0, b"JFIF\0") + _saved("JPEG")[20:],
    "an Adobe segment cut short": lambda: _jpeg(_segment(0xEE, b"Adobe")),
    "a profile without its number": lambda: _jpeg(_segment(0xE2, b"ICC_PROFILE\0")),
    "a Photoshop segment cut short": lambda: _jpeg(_segment(0xED, b"Photoshop 3.0\x008BIM\x03\xed")),
    "an index of more pictures that is none": lambda: _jpeg(_segment(0xE2, b"MPF\0")),
    "an index of unknown byte order": lambda: _mpo((0, b"XX*\0")),
    "an index of zeros": lambda: _mpo((0, bytes(80))),
    "an index that lies outside of the file": lambda: _mpo((4, b"\xff\xff\xff\x7f")),
    "pictures that lie outside of the file": lambda: _mpo((50, b"\xff\xff\xff\x7f" * 8)),
    "its second picture cut away": lambda: _mpo()[: _mpo().index(b"\xff\xd8\xff", 100)],
}


@pytest.mark.parametrize("what", PNGS)
def test_a_png_is_read_whatever_stands_beside_its_picture(tmp_path: Path, what: str) -> None:
    (tmp_path / "picture.png").write_bytes(PNGS[what]())
    assert read_image(tmp_path / "picture.png").tobytes() == _photo().tobytes()


@pytest.mark.parametrize("what", JPEGS)
def test_a_jpeg_is_read_whatever_stands_beside_its_picture(tmp_path: Path, what: str) -> None:
    (tmp_path / "picture.jpg").write_bytes(JPEGS[what]())
    with Image.open(io.BytesIO(_saved("JPEG"))) as wanted:
        assert read_image(tmp_path / "picture.jpg").tobytes() == wanted.tobytes()


def test_a_palette_with_too_long_a_list_of_what_is_clear_keeps_its_colours(tmp_path: Path) -> None:
    image = _photo().quantize(16)
    png = _saved("PNG", image)
    begin = png.index(b"IDAT") - 4
    (tmp_path / "odd.png").write_bytes(png[:begin] + _chunk(b"pHYs", b"") + _chunk(b"tRNS", bytes(99)) + png[begin:])
    assert read_image(tmp_path / "odd.png").tobytes() == image.convert("RGB").tobytes()


def test_what_a_mended_png_says_of_its_turn_and_what_is_clear_still_counts(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("L", (40, 20), 7)
    image.paste(200, (0, 0, 20, 20))
    png = _saved("PNG", image, exif=exif, transparency=7)
    (tmp_path / "odd.png").write_bytes(png[:33] + _chunk(b"gAMA", b"") + png[33:])
    read = read_image(tmp_path / "odd.png")
    assert (read.size, read.getpixel((10, 10)), read.getpixel((10, 30))) == (
        (20, 40),
        (200, 200, 200),
        (255, 255, 255),
    )


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("lost", [1, 2, 4, 20])
@pytest.mark.parametrize("size", [(64, 64), SIZE, (640, 480)])
def test_a_jpeg_is_read_without_its_last_bytes(tmp_path: Path, size, lost: int, progressive: bool) -> None:
    whole = _saved("JPEG", _photo(size), progressive=progressive)
    (tmp_path / "cut.jpg").write_bytes(whole[:-lost])
    with Image.open(io.BytesIO(whole)) as wanted:
        apart = np.abs(np.subtract(read_image(tmp_path / "cut.jpg"), wanted, dtype=np.int16))
    assert apart[:-18].max(initial=0) == 0
    assert apart.mean() < 6


@pytest.mark.parametrize(("kind", "lost"), [("GIF", 1), ("GIF", 4), ("GIF", 20), ("BMP", 1), ("BMP", 20)])
def test_pictures_of_other_kinds_are_read_without_their_last_bytes(tmp_path: Path, kind: str, lost: int) -> None:
    whole = _saved(kind)
    (tmp_path / "cut").write_bytes(whole[:-lost])
    with Image.open(io.BytesIO(whole)) as wanted:
        rows = np.asarray(wanted.convert("RGB"))
    read = np.asarray(read_image(tmp_path / "cut"))
    assert read.shape == rows.shape
    assert (read == rows).all(axis=(1, 2)).mean() > 0.98


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.85])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("GIF", {}),
        ("GIF", {"interlace": 0}),
        ("BMP", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("AVIF", {}),
    ],
)
def test_a_picture_that_is_really_cut_is_refused(tmp_path: Path, kind: str, options: dict, share: float) -> None:
    whole = _saved(kind, _photo((640, 480)), **options)
    (tmp_path / "cut").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UnsupportedMedia, match="damaged or cut short; send the whole file again"):
        read_image(tmp_path / "cut")


@pytest.mark.parametrize("begin", [0, 200])
def test_a_picture_that_is_flat_below_is_told_from_one_that_is_cut(tmp_path: Path, begin: int) -> None:
    image = Image.new("RGB", (320, 320), "white")
    image.paste(_photo((320, 120)), (0, begin))
    for progressive in (False, True):
        whole = _saved("JPEG", image, progressive=progressive)
        (tmp_path / "whole.jpg").write_bytes(whole[:-2])
        assert read_image(tmp_path / "whole.jpg").size == (320, 320)
        (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(UnsupportedMedia):
            read_image(tmp_path / "cut.jpg")


def test_a_jpeg_with_a_second_picture_may_be_as_large_as_one_without(tmp_path: Path) -> None:
    limits = MediaLimits(image_pixels=SIZE[0] * SIZE[1] // 2)
    (tmp_path / "two.jpg").write_bytes(_mpo())
    assert read_image(tmp_path / "two.jpg", limits=limits).size == (160, 120)
    with pytest.raises(MediaTooLarge):
        read_image(tmp_path / "two.jpg", limits=MediaLimits(image_pixels=SIZE[0] * SIZE[1] // 5))


def test_a_cameras_raw_picture_is_nothing_that_is_read(tmp_path: Path) -> None:
    (tmp_path / "raw.cr3").write_bytes(b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(100))
    with pytest.raises(UnsupportedMedia, match=r"“raw\.cr3” is not a picture we can read; send the picture as PNG"):
        read_image(tmp_path / "raw.cr3")
