"""HDR to what a plain screen shows: PQ or HLG light in BT.2020 becomes sRGB. Knows numbers only, no files.

Up to diffuse white nothing but the encoding changes, so faces and paper keep their brightness; only highlights are
rolled off, on the brightest channel, which keeps hues.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

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
