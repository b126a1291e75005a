"""Turns a decoded video frame into the picture that a player would show: right colours, right shape, upright.

It is made no larger than asked. Knows one frame at a time and nothing of files.
"""

import struct
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from PIL import Image

# Without these two flags libswscale's averaging is off by several levels.
_AREA = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_UNSPECIFIED = 2


def upright(pixels: npt.NDArray[np.uint8], matrix: Sequence[int]) -> npt.NDArray[np.uint8]:
    """Turn and mirror a picture as a display matrix says: the nearest of the eight ways to lay it.

    Args:
        pixels: shape (height, width, 3).
        matrix: a, b, u, c, d, v, x, y, w of ISO 14496-12: (x', y') = (a x + c y, b x + d y).

    Returns:
        The picture as a player shows it, its sides swapped where it is turned by 90 degrees.
    """
    a, b, _, c, d = matrix[:5]
    across, down = a, d
    if abs(b) + abs(c) > abs(a) + abs(d):
        pixels, across, down = pixels.swapaxes(0, 1), c, b
    return np.ascontiguousarray(pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])


class FrameConverter:
    """Turns the frames of one clip into pictures; keeps the scaler between them."""

    def __init__(self, max_side: int | None, pixel_aspect: Fraction | None) -> None:
        """`max_side` bounds the longer side in pixels; `pixel_aspect` is width over height of a pixel."""
        self._max_side = max_side
        self._aspect = pixel_aspect if pixel_aspect and Fraction(1, 8) <= pixel_aspect <= 8 else Fraction(1)
        self._reformatter = VideoReformatter()

    def to_image(self, frame: av.VideoFrame) -> Image.Image:
        """The frame as RGB, upright, with square pixels."""
        size = self._size(frame.width, frame.height)
        if frame.color_trc in HDR:
            pixels = to_srgb(self._rgb(frame, size, "rgb48le"), frame.color_trc)
        elif frame.interlaced_frame and frame.height >= 4:
            pixels = _one_field(self._rgb(frame, (frame.width, frame.height), "rgb24"), size)
        else:
            pixels = self._rgb(frame, size, "rgb24")
        matrix: Any = frame.side_data.get("DISPLAYMATRIX")
        return Image.fromarray(upright(pixels, struct.unpack("=9i", bytes(matrix))) if matrix else pixels)

    def _size(self, width: int, height: int) -> tuple[int, int]:
        wide = max(1, round(width * self._aspect))
        scale = min(1.0, self._max_side / max(wide, height)) if self._max_side else 1.0
        return max(1, round(wide * scale)), max(1, round(height * scale))

    def _rgb(self, frame: av.VideoFrame, size: tuple[int, int], layout: str) -> npt.NDArray[Any]:
        # Untagged HD is BT.709 by convention, and players show it so; libswscale would take it for BT.601.
        guess = frame.colorspace == _UNSPECIFIED and frame.height >= 720 and "rgb" not in frame.format.name
        scaled = self._reformatter.reformat(
            frame,
            width=size[0],
            height=size[1],
            format=layout,
            interpolation=_AREA,
            src_colorspace=Colorspace.ITU709 if guess else None,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )
        return scaled.to_ndarray()


def _one_field(pixels: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[Any]:
    """Take every second line, enlarged again: half the height, no combs where something moved between the fields."""
    field = np.ascontiguousarray(pixels[::2])
    smaller = size[0] * size[1] < field.shape[0] * field.shape[1]
    return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR))


# Transfer characteristics as ISO/IEC 23091-2 numbers them.
PQ, HLG = 16, 18
HDR = (PQ, HLG)

_WHITE_NITS = 203.0
_KNEE = 0.6
_BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)


def to_srgb(pixels: npt.NDArray[np.uint16], transfer: int) -> npt.NDArray[np.uint8]:
    """Map 16-bit RGB of shape (height, width, 3) with the given transfer to 8-bit sRGB of the same shape."""
    light = _light(transfer)[pixels]
    if transfer == HLG:
        # The display's own gamma for a screen of 1000 nits acts on luminance.
        luminance = light @ np.array([0.2627, 0.6780, 0.0593], np.float32)
        light *= (1000 / _WHITE_NITS) * np.maximum(luminance, 1e-6)[..., None] ** 0.2
    light = np.maximum(light @ _BT2020_TO_BT709.T, 0)
    peak = np.maximum(light.max(axis=-1, keepdims=True), 1e-6)
    rolled = np.where(peak > _KNEE, 1 - (1 - _KNEE) * np.exp(-(peak - _KNEE) / (1 - _KNEE)), peak)
    light *= rolled / peak
    srgb: npt.NDArray[np.uint8] = _encoded()[(light * 4095 + 0.5).astype(np.uint16)]
    return srgb


@cache
def _light(transfer: int) -> npt.NDArray[np.float32]:
    """For every 16-bit value the light it stands for: PQ in units of diffuse white, HLG of the scene's peak."""
    signal = np.linspace(0, 1, 65536)
    if transfer == PQ:
        root = signal ** (1 / 78.84375)
        nits = 10000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
        return (nits / _WHITE_NITS).astype(np.float32)
    high = (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return np.where(signal <= 0.5, signal**2 / 3, high).astype(np.float32)


@cache
def _encoded() -> npt.NDArray[np.uint8]:
    light = np.linspace(0, 1, 4096)
    signal = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(signal * 255).astype(np.uint8)
