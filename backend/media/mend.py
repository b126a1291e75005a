"""Mends picture files that decoders refuse although nothing of the picture is missing.

Browsers show them: metadata may be as large, as broken and as wrongly counted as it likes, and the last bytes of a
file may have been lost. What is really cut stays as it is. Knows bytes, and Pillow to see how far a cut one reaches.
"""

import contextlib
import io
import math
import struct
import zlib
from collections.abc import Callable, Iterator
from itertools import takewhile
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile

# Of a picture's rows, or its bytes where rows are not known, at most this share may be missing at its end.
_LOST = 16
_BLOCK, _MCU = 8, 16
_PNG = b"\x89PNG\r\n\x1a\n"
_ANCILLARY = 0x20
_EOI = b"\xff\xd9"
_ANALYSED_PIXELS = 12_000_000


def mended(data: bytes) -> Iterator[bytes]:
    """Make other bytes for the same picture, the most faithful first, for a decoder that could not read it."""
    if data.startswith(_PNG):
        yield from _mended_png(data)
    elif data.startswith(b"\xff\xd8\xff"):
        yield from _mended_jpeg(data)
    elif data.startswith(b"GIF8"):
        yield from _mended_gif(data)
    elif data.startswith(b"BM"):
        yield from _mended_bmp(data)


def _mended_png(data: bytes) -> Iterator[bytes]:
    """First without what does not matter to the picture, then with its rows packed anew."""
    kept: dict[bytes, bytes] = {}
    rows: list[memoryview] = []
    for kind, content, sound in _chunks(data):
        if kind == b"IDAT":
            rows.append(content)
        elif _matters(kind, content, sound, bool(rows), kept):
            kept.setdefault(kind, bytes(content))
    if len(kept.get(b"IHDR", b"")) != 13:
        return
    header = [_chunk(kind, kept[kind]) for kind in (b"IHDR", b"iCCP", b"PLTE", b"tRNS", b"eXIf") if kind in kept]
    yield b"".join([_PNG, *header, *(_chunk(b"IDAT", content) for content in rows), _chunk(b"IEND", b"")])
    if pixels := _pixels(kept[b"IHDR"], rows):
        yield b"".join([_PNG, *header, _chunk(b"IDAT", zlib.compress(pixels, 1)), _chunk(b"IEND", b"")])


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, bool]]:
    """Kind, content and whether the checksum is right of each chunk; the last may be cut."""
    view, begin = memoryview(data), len(_PNG)
    while begin + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, begin)
        content = view[begin + 8 : begin + 8 + length]
        checksum = data[begin + 8 + length : begin + 12 + length]
        if not kind.isalpha():
            return
        yield kind, content, checksum == struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))
        begin += 12 + length


def _matters(kind: bytes, content: memoryview, sound: bool, late: bool, kept: dict[bytes, bytes]) -> bool:
    """Whether a chunk changes how the picture looks, and browsers would heed it."""
    colours = kept.get(b"IHDR", bytes(13))[9]
    if not sound:
        return False
    if kind == b"tRNS":
        room = {0: 2, 2: 6, 3: len(kept.get(b"PLTE", b"")) // 3}.get(colours, 0)
        return not late and (0 < len(content) <= room if colours == 3 else len(content) == room > 0)
    if kind == b"PLTE":
        return colours == 3
    return kind in (b"IHDR", b"eXIf") or (kind == b"iCCP" and _is_profile(content))


def _is_profile(content: memoryview) -> bool:
    """Whether a name of at most 79 letters, method 0 and something that unpacks stand there."""
    name, _, packed = bytes(content).partition(b"\0")
    try:
        unpacked = zlib.decompressobj().decompress(packed[1:], PROFILE_BYTES)
    except zlib.error:
        return False
    return 0 < len(name) < 80 and packed[:1] == b"\0" and 0 < len(unpacked) < PROFILE_BYTES


PROFILE_BYTES = 16 << 20
"""The largest colour profile that is used; larger ones are left out."""


def _chunk(kind: bytes, content: bytes | memoryview) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return b"".join([struct.pack(">I", len(content)), kind, content, struct.pack(">I", checksum)])


def _pixels(header: bytes, packed: list[memoryview]) -> bytes:
    """The filtered rows of a PNG, the last few filled up where they are lost; nothing where more is."""
    size = _filtered_size(header)
    unpack = zlib.decompressobj(-15)  # without the checksum over all, which may be wrong or lost
    pixels = bytearray()
    try:
        for index, content in enumerate(packed):
            pixels += unpack.decompress(content[2:] if index == 0 else content, max(1, size - len(pixels)))
    except zlib.error:
        pass
    missing = size - len(pixels)
    return b"" if missing * _LOST > size else bytes(pixels) + bytes(max(0, missing))


def _filtered_size(header: bytes) -> int:
    """How many bytes the rows of a PNG have, each with the number of its filter before it."""
    width, height, depth, colours, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = depth * {2: 3, 4: 2, 6: 4}.get(colours, 1)
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    sides = (
        (math.ceil((width - left) / across), math.ceil((height - top) / down))
        for left, top, across, down in (passes if interlaced else [(0, 0, 1, 1)])
    )
    return sum(tall * (1 + math.ceil(wide * bits / 8)) for wide, tall in sides if wide > 0 and tall > 0)


def _mended_jpeg(data: bytes) -> Iterator[bytes]:
    segments, begin = _segments(data)
    if not begin:
        return
    plain = b"".join([b"\xff\xd8", *segments, data[begin:]])
    if _EOI in data[begin:]:
        yield plain
    elif (progressive := _all_begun(plain)) is not None and _reaches_the_end(plain, progressive):
        yield plain + _EOI


def _segments(data: bytes) -> tuple[list[bytes], int]:
    """The segments before the first scan that matter to the picture, and where that scan begins; 0 where none does."""
    kept: list[bytes] = []
    begin = 2
    while (begin := data.find(b"\xff", begin)) >= 0 and begin + 4 <= len(data):
        marker = data[begin + 1]
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD9:
            begin += 1
            continue
        if marker == 0xDA:
            return kept, begin
        end = begin + 2 + int.from_bytes(data[begin + 2 : begin + 4], "big")
        if _counts(marker, data[begin + 4 : end]):
            kept.append(data[begin:end])
        begin = end
    return [], 0


def _counts(marker: int, content: bytes) -> bool:
    """Whether a segment says how the picture looks, and is long enough to say it."""
    if not (0xE0 <= marker <= 0xEF or marker == 0xFE):
        return True
    least = {0xE0: (b"JFIF\0", 14), 0xE1: (b"Exif\0\0", 14), 0xE2: (b"ICC_PROFILE\0", 15), 0xEE: (b"Adobe", 12)}
    name, length = least.get(marker, (b"", 1 << 16))
    return content.startswith(name) and len(content) >= length


def _all_begun(data: bytes) -> bool | None:
    """Whether the JPEG is progressive; None where one of its scans is missing altogether."""
    wanted: set[tuple[int, int]] = set()
    progressive, begin = False, 2
    while (begin := data.find(b"\xff", begin)) >= 0 and begin + 4 <= len(data):
        marker, length = data[begin + 1], int.from_bytes(data[begin + 2 : begin + 4], "big")
        if marker == 0 or marker == 0xFF or 0xD0 <= marker <= 0xD7:
            begin += 1
            continue
        content = data[begin + 4 : begin + 2 + length]
        if marker in (0xC0, 0xC1, 0xC2) and len(content) > 6:
            progressive = marker == 0xC2
            wanted = {(name, band) for name in content[6::3] for band in range(64)}
        elif marker == 0xDA and len(content) >= 4:
            first, last, steps = content[-3:]
            if steps & 15 == 0:  # to the last bit
                names = content[1:-3:2]
                wanted -= {(name, band) for name in names for band in range(first, last + 1)}
        begin += 2 + length
    return None if wanted else progressive


def _reaches_the_end(data: bytes, progressive: bool) -> bool:
    """Whether all but the last of a JPEG without its end mark is there.

    Its decoder does not say how far it came. But where bytes are taken off its end, the picture changes from there on.
    """
    picture = _jpeg(data)
    change = _first_change(picture, (_jpeg(data[:-lost]) for lost in _losses(data)))
    if change is None:
        return progressive
    height, width, _ = picture.shape
    top, left = ((place + 2) // _BLOCK * _BLOCK for place in change)  # smoothing reaches two pixels further
    below = max(0, height - top - _MCU) * width
    if below + min(_MCU, height - top) * (width - left) <= max(height * width // _LOST, _MCU * _MCU):
        return True
    # The last scans make finer what is there from the top to the bottom; where nothing is fine, they are empty.
    fine = np.abs(np.diff(picture.astype(np.int16), axis=1)).max(axis=(1, 2), initial=0) > _MCU
    return progressive and bool(fine[top + _MCU :].sum() * _LOST <= fine.sum())


def _losses(data: bytes) -> Iterator[int]:
    """How many bytes to take off: 1, 2, 4 and so on, of what may be missing."""
    return takewhile(lambda lost: lost * _LOST <= max(len(data), 256), (1 << power for power in range(40)))


def _first_change(picture: npt.NDArray[np.uint8], others: Iterator[npt.NDArray[np.uint8]]) -> tuple[int, int] | None:
    """Row and column, block row by block row, at which the first of the others that differs begins to."""
    with contextlib.suppress(OSError):  # so little is left that nothing can be read
        for other in others:
            changed = (picture != other).any(axis=2)
            if changed.any():
                top = int(changed.any(axis=1).argmax())
                return top, int(changed[top : top + _MCU].any(axis=0).argmax())
    return None


def _jpeg(data: bytes) -> npt.NDArray[np.uint8]:
    with JpegImageFile(io.BytesIO(data + _EOI)) as image:
        width, height = image.size
        reduction = 1
        while reduction < 8 and width * height > _ANALYSED_PIXELS * reduction**2:
            reduction *= 2
        image.draft("RGB", (width // reduction, height // reduction))
        return np.asarray(image.convert("RGB"))


def _mended_gif(data: bytes) -> Iterator[bytes]:
    """The first picture as a PNG, where all but its last rows are there."""
    whole, order = _gif(data)
    rows = np.asarray(whole.convert("RGB"))[order]
    change = _first_change(rows, (np.asarray(_gif(data[:-lost])[0].convert("RGB"))[order] for lost in _losses(data)))
    if change and len(rows) - change[0] <= max(1, len(rows) // _LOST):
        packed = io.BytesIO()
        whole.save(packed, "PNG", compress_level=1)
        yield packed.getvalue()


def _gif(data: bytes) -> tuple[Image.Image, list[int]]:
    """The first picture, as far as it goes, and its rows in the order in which the file has them."""
    with Image.open(io.BytesIO(data), formats=("GIF",)) as image:
        rows = range(image.height)
        described: Any = image.tile[0].args if image.tile else (0, 0)  # bits and whether rows are interlaced
        woven = bool(described[1])
        order = [*rows[::8], *rows[4::8], *rows[2::4], *rows[1::2]] if woven else list(rows)
        return _as_far_as_it_goes(lambda: image.convert("RGBA")), order


def _as_far_as_it_goes(read: Callable[[], Image.Image]) -> Image.Image:
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        return read()
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _mended_bmp(data: bytes) -> Iterator[bytes]:
    yield data + bytes(len(data) // _LOST + 1)
