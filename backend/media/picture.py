"""A decoded video frame becomes the picture a player would show: right colours, right shape, upright, no larger than
asked. Knows one frame at a time and nothing of files."""

from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from PIL import Image

from backend.media import tone

# Without these two flags libswscale's averaging is off by several levels.
_AREA = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_UNSPECIFIED = 2
_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


class Developer:
    """Turns the frames of one clip into pictures; keeps the scaler between them."""

    def __init__(self, max_side: int | None, pixel_aspect: Fraction | None) -> None:
        """`max_side` bounds the longer side in pixels; `pixel_aspect` is width over height of a pixel."""
        self._max_side = max_side
        self._aspect = pixel_aspect if pixel_aspect and Fraction(1, 8) <= pixel_aspect <= 8 else Fraction(1)
        self._reformatter = VideoReformatter()

    def develop(self, frame: av.VideoFrame) -> Image.Image:
        """The frame as RGB, upright, with square pixels."""
        size = self._size(frame.width, frame.height)
        if frame.color_trc in tone.HDR:
            pixels = tone.to_srgb(self._rgb(frame, size, "rgb48le"), frame.color_trc)
        elif frame.interlaced_frame and frame.height >= 4:
            pixels = _one_field(self._rgb(frame, (frame.width, frame.height), "rgb24"), size)
        else:
            pixels = self._rgb(frame, size, "rgb24")
        turn = _TURNS.get(round(frame.rotation / 90) * 90 % 360)
        return Image.fromarray(pixels if turn is None else np.asarray(cv2.rotate(pixels, turn)))

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
    """Every second line, enlarged again: half the height and no combs where something moved between the fields."""
    field = np.ascontiguousarray(pixels[::2])
    smaller = size[0] * size[1] < field.shape[0] * field.shape[1]
    return np.asarray(cv2.resize(field, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR))
