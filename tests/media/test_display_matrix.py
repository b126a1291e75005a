"""The eight ways in which a clip can lie in its file, as each decoder shows them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.media.formats import MediaLimits
from backend.media.video.opencv import OpenCvClip
from backend.media.video.pyav import AvClip
from tests.support.clips import encode, lay

SIDES = (160, 96)
# The display matrix (a, b, c, d), and what players then show at the corners: top left, top right, bottom left, bottom
# right. Stored are red, green, blue and white there.
SHOWN = {
    "as stored": ((1, 0, 0, 1), "RGBW"),
    "mirrored left to right": ((-1, 0, 0, 1), "GRWB"),
    "mirrored top to bottom": ((1, 0, 0, -1), "BWRG"),
    "turned by 180 degrees": ((-1, 0, 0, -1), "WBGR"),
    "turned by 90 degrees": ((0, 1, -1, 0), "BRWG"),
    "turned by 270 degrees": ((0, -1, 1, 0), "GWRB"),
    "turned by 90 degrees and mirrored": ((0, 1, 1, 0), "RBGW"),
    "turned by 270 degrees and mirrored": ((0, -1, -1, 0), "WGBR"),
}
COLOURS = {"R": (255, 0, 0), "G": (0, 255, 0), "B": (0, 0, 255), "W": (255, 255, 255)}


def _corners(_number: int, size: tuple[int, int]) -> np.ndarray:
    width, height = size
    pixels = np.zeros((height, width, 3), np.uint8)
    for index, colour in enumerate(COLOURS.values()):
        down, across = divmod(index, 2)
        pixels[down * height // 2 :, across * width // 2 :] = colour
    pixels[: height // 2, width // 2 :] = COLOURS["G"]
    pixels[height // 2 :, : width // 2] = COLOURS["B"]
    return pixels


def _read(image: Image.Image) -> str:
    """The letters of the colours in the four quarters."""
    width, height = image.size
    spots = [(x * width // 4, y * height // 4) for y in (1, 3) for x in (1, 3)]
    distances = [
        {name: np.abs(np.subtract(image.getpixel(spot), colour)).sum() for name, colour in COLOURS.items()}
        for spot in spots
    ]
    return "".join(min(each, key=lambda name: each[name]) for each in distances)


@pytest.mark.parametrize("decoder", [AvClip, OpenCvClip])
@pytest.mark.parametrize("how", SHOWN)
def test_a_clip_is_turned_and_mirrored_as_its_display_matrix_says(tmp_path: Path, decoder: type, how: str) -> None:
    matrix, corners = SHOWN[how]
    path = lay(encode(tmp_path / "clip.mp4", 3, size=SIDES, picture=_corners), matrix)
    clip = decoder(path, "“clip.mp4”", MediaLimits())
    images = [frame.image for frame in clip.frames(clip.plan(3), None)]
    clip.close()
    assert [_read(image) for image in images] == [corners] * 3
    assert {image.size for image in images} == {SIDES[::-1] if matrix[0] == 0 else SIDES}
