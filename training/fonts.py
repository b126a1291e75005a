"""The free fonts that are found on this machine, split into those for training and those kept for the test."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PIL import ImageFont

FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "/Library/Fonts")

TRAINING = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSansCondensed",
    "DejaVuSansCondensed-Bold",
    "DejaVuSansMono",
    "DejaVuSerif",
    "DejaVuSerifCondensed",
    "LiberationSans-Regular",
    "LiberationSans-Bold",
    "LiberationMono-Regular",
    "LiberationMono-Bold",
    "LiberationSerif-Regular",
)
HELD_OUT = ("NotoSans-Regular", "NotoSerif-Regular", "DejaVuSansMono-Bold")
MATHS = ("DejaVuSerif", "DejaVuSerif-Italic")
MATHS_HELD_OUT = ("DejaVuSans-Oblique",)

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def _found() -> dict[str, str]:
    files: dict[str, str] = {}
    for folder in FOLDERS:
        for path in sorted(Path(folder).expanduser().rglob("*.ttf")):
            files.setdefault(path.stem, str(path))
    return files


def available(names: tuple[str, ...]) -> tuple[str, ...]:
    """The fonts of `names` that this machine has; never empty, "" stands for Pillow's own."""
    return tuple(name for name in names if name in _found()) or ("",)


@cache
def load(name: str, size: int) -> Font:
    """A font by its name at a size in pixels; Pillow's own where the file is missing."""
    path = _found().get(name)
    return ImageFont.truetype(path, size) if path else ImageFont.load_default(size)


@cache
def advance(name: str, size: int, character: str) -> float:
    """How far one character moves the pen."""
    return float(load(name, size).getlength(character))
