"""Long clips to measure with, made once and kept in the user's cache: every frame shows its number.

The number stands in coarse blocks, so it survives compression and can be read from the pixels of any decoder.
"""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from platformdirs import user_cache_path

RATE = 30
MINUTE = 60 * RATE
WIDTH, HEIGHT = 1280, 720
LONG_GOP, SHORT_GOP = 250, 2 * RATE
# What is encoded, in frames; longer clips repeat its packets. The long one holds whole groups of either length.
PERIOD, SHORT_PERIOD = 1500, 300

# Changes when what is drawn changes, so that no old clip is taken for a new one.
_VERSION = 2
_BITS, _COLUMNS = 16, 8
_BLOCK = 80
_SQUARE = 96

Pixels = npt.NDArray[np.uint8]


def clip(minutes: int, gop: int, period: int = PERIOD) -> Path:
    """A clip of 1280 x 720, 30 frames a second, a keyframe every `gop`; frame n shows n modulo `period`.

    It is what FFmpeg makes of H.264 unless told otherwise: B-frames, some of them referred to, at constant quality.
    """
    name = f"gop-{gop}-period-{period}"
    once = _kept(name, lambda path: _encode(path, gop, period))
    return _kept(f"{minutes}-minutes-{name}", lambda path: _repeat(once, path, minutes * MINUTE // period, period))


def read_number(pixels: Pixels) -> int:
    """The number in an RGB frame of any size, shape (height, width, 3)."""
    scale = pixels.shape[1] / WIDTH
    spots = (
        ((bit // _COLUMNS + 0.5) * _BLOCK * scale, (bit % _COLUMNS + 0.5) * _BLOCK * scale) for bit in range(_BITS)
    )
    return sum(1 << bit for bit, (row, column) in enumerate(spots) if pixels[int(row), int(column)].mean() > 128)


def _kept(name: str, make: Callable[[Path], None]) -> Path:
    folder = user_cache_path("glimpse", appauthor=False, ensure_exists=True) / "benchmarks"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{_VERSION}.mp4"
    if not path.is_file():
        made = folder / f"{name}.{os.getpid()}.mp4"
        try:
            make(made)
            made.replace(path)
        finally:
            made.unlink(missing_ok=True)
    return path


def _encode(path: Path, gop: int, period: int) -> None:
    options = {"x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0"}
    backdrop = _backdrop()
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(period):
            frame = av.VideoFrame.from_ndarray(_picture(backdrop, number), format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def _backdrop() -> Pixels:
    """Luma with the spectrum of a photograph, one over frequency, wider and higher than a frame by a few blocks."""
    height, width = HEIGHT + 2 * _BLOCK, WIDTH + 2 * _BLOCK
    rng = np.random.default_rng(1)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = np.inf
    texture = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(height, width))) / frequency, (height, width))
    return np.asarray(np.clip(120 + 35 * texture / texture.std(), 16, 235), np.uint8)


def _picture(backdrop: Pixels, number: int) -> Pixels:
    """Planes of YUV 4:2:0: the camera pans, a square wanders, and the number stands in the upper left."""
    planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
    turn = 2 * np.pi * number / PERIOD
    top, left = int(_BLOCK * (1 + np.sin(7 * turn))), int(_BLOCK * (1 + np.cos(11 * turn)))
    planes[:HEIGHT] = backdrop[top : top + HEIGHT, left : left + WIDTH]
    left, top = 7 * number % (WIDTH - _SQUARE), 2 * _BLOCK + 3 * number % (HEIGHT - 2 * _BLOCK - _SQUARE)
    planes[top : top + _SQUARE, left : left + _SQUARE] = 200
    for bit in range(_BITS):
        top, left = bit // _COLUMNS * _BLOCK, bit % _COLUMNS * _BLOCK
        planes[top : top + _BLOCK, left : left + _BLOCK] = 235 if number >> bit & 1 else 16
    return planes


def _repeat(source: Path, path: Path, times: int, period: int) -> None:
    """The same packets one after the other; nothing is encoded again."""
    with av.open(str(source)) as clip, av.open(str(path), "w") as output:
        video = clip.streams.video[0]
        stream = output.add_stream_from_template(video)
        assert video.time_base is not None
        length = int(Fraction(period, RATE) / video.time_base)
        for copy in range(times):
            clip.seek(0, stream=video)
            for packet in clip.demux(video):
                if packet.dts is None or packet.pts is None:
                    continue
                packet.pts, packet.dts = packet.pts + copy * length, packet.dts + copy * length
                packet.stream = stream
                output.mux(packet)
