"""Clips for the tests: each frame carries its number as sixteen black or white blocks, so exactness is read off it."""

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

SIZE = (160, 96)
MILLI = Fraction(1, 1000)


def draw(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A grey picture with the number in its blocks: eight in the upper half, eight in the lower."""
    width, height = size
    pixels = np.full((height, width, 3), 90, np.uint8)
    for bit in range(16):
        row, column = divmod(bit, 8)
        top, left = height * (1 + 4 * row) // 8, width * column // 8
        pixels[top : top + height // 4, left : left + width // 8] = 255 if number >> bit & 1 else 0
    return pixels


def read(image: Image.Image) -> int:
    """The number in a picture, whatever its size."""
    width, height = image.size
    grey = image.convert("L")
    spots = ((width * (2 * (bit % 8) + 1) // 16, height * (2 + 4 * (bit // 8)) // 8) for bit in range(16))
    return sum(1 << bit for bit, spot in enumerate(spots) if grey.getpixel(spot) > 128)


def encode(
    path: Path,
    count: int = 90,
    *,
    codec: str = "libx264",
    rate: int = 30,
    times: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    size: tuple[int, int] = SIZE,
    layout: str = "yuv420p",
    gop: int = 30,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    format: str | None = None,
    sound_from: float | None = None,
    prepare: Callable[[Any], None] | None = None,
    picture: Callable[[int, tuple[int, int]], np.ndarray] = draw,
    file: Any = None,
) -> Path:
    """Write a clip; `times` are in `time_base`, by default one frame after the other. `sound_from` adds silence."""
    base = time_base or Fraction(1, rate)
    with av.open(file or str(path), "w", format=format, options=container or {}) as output:
        stream = output.add_stream(codec, rate=rate, options=options or _OPTIONS.get(codec, {}))
        stream.width, stream.height = size
        stream.pix_fmt = layout
        stream.codec_context.gop_size = gop
        stream.codec_context.time_base = base
        if prepare:
            prepare(stream)
        sound = output.add_stream("aac", rate=8000) if sound_from is not None else None
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(picture(number, size), format="rgb24")
            frame.pts, frame.time_base = number if times is None else times[number], base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound is not None and sound_from is not None:
            _silence(output, sound, sound_from, (count if times is None else times[-1] + 1) * base)
    return path


_OPTIONS = {
    "libx264": {"preset": "veryfast", "bf": "3", "sc_threshold": "0"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:keyint=30:bframes=3:open-gop=1"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libsvtav1": {"preset": "12", "crf": "20", "svtav1-params": "lp=1"},
    "mpeg4": {"bf": "2", "b": "2M"},
    "mpeg2video": {"bf": "2", "b": "4M"},
}


def _silence(output: Any, sound: Any, begin: float, end: Fraction) -> None:
    for index in range(int((float(end) - begin) * 8000 / 1024)):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        frame.pts, frame.time_base = int(begin * 8000) + 1024 * index, Fraction(1, 8000)
        output.mux(sound.encode(frame))
    output.mux(sound.encode(None))


class Pipe:
    """A file that cannot seek, as a browser's recorder writes: no duration, no frame count, no index."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def close(self) -> None:
        self._file.close()


TURNS = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}


def turn(path: Path, degrees: int) -> Path:
    """Tag an MP4 as filmed with the camera turned: players rotate it clockwise by so much."""
    return lay(path, TURNS[degrees])


def lay(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Tag an MP4 with a display matrix (a, b, c, d): players show what is at (x, y) at (a x + c y, b x + d y)."""
    a, b, c, d = (0x10000 * value for value in matrix)
    content = bytearray(path.read_bytes())
    struct.pack_into(">iiiiii", content, content.index(b"tkhd") + 4 + 40, a, b, 0, c, d, 0)
    path.write_bytes(content)
    return path


def trim(path: Path, seconds: Fraction, timescale: int) -> Path:
    """Hide the beginning of an MP4 by its edit list, as a phone's trimmer does."""
    content = bytearray(path.read_bytes())
    entry = content.index(b"elst") + 12
    length, begin = struct.unpack_from(">Ii", content, entry)
    struct.pack_into(">Ii", content, entry, length - int(seconds * 1000), begin + int(seconds * timescale))
    path.write_bytes(content)
    return path
