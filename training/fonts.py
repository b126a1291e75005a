"""The free fonts that are found on this machine, split into those for training and those kept for the test."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from PIL import ImageFont

FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "/Library/Fonts", ".cache/fonts")

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
    "DejaVuSerif-Bold",
    "LiberationSerif-Bold",
    "DejaVuSerifCondensed-Bold",
    "Caladea-Bold",
    "Caladea-Regular",
    "Carlito-Bold",
    "Carlito-Regular",
    "FreeMono",
    "FreeMonoBold",
    "FreeSerif",
    "Lato-Bold",
    "Lato-Regular",
    "Roboto-Bold",
    "Roboto-Regular",
    "RobotoCondensed-Regular",
)
HELD_OUT = ("NotoSans-Regular", "NotoSerif-Regular", "DejaVuSansMono-Bold")
MATHS = (
    "DejaVuSerif",
    "DejaVuSerif-Italic",
    "DejaVuSans",
    "LiberationSerif-Regular",
    "LiberationSerif-Italic",
    "Carlito-Italic",
    "FreeSerif",
    "FreeSerifItalic",
    "Lato-Italic",
    "Roboto-Italic",
)
MATHS_HELD_OUT = ("DejaVuSans-Oblique", "DejaVuMathTeXGyre")

PACKAGES = (
    "fonts-dejavu-core",
    "fonts-dejavu-extra",
    "fonts-liberation",
    "fonts-noto-core",
    "fonts-crosextra-caladea",
    "fonts-crosextra-carlito",
    "fonts-freefont-ttf",
    "fonts-lato",
    "fonts-roboto-unhinted",
)
"""The Debian packages that hold them."""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def _found() -> dict[str, str]:
    files: dict[str, str] = {}
    for folder in FOLDERS:
        for path in sorted(Path(folder).expanduser().rglob("*.ttf")):
            files.setdefault(path.stem, str(path))
    return files


def missing() -> tuple[str, ...]:
    """The fonts of all lists that this machine lacks."""
    listed = dict.fromkeys((*TRAINING, *HELD_OUT, *MATHS, *MATHS_HELD_OUT))
    return tuple(name for name in listed if name not in _found())


def require(lenient: bool = False) -> None:
    """Stop where listed fonts are missing, for then nothing drawn here can be repeated elsewhere; or only warn."""
    lacking = missing()
    if not lacking:
        return
    said = (
        f"These fonts are missing: {', '.join(lacking)}. Install them (Debian: apt install {' '.join(PACKAGES)}), or"
        " go on without them with --any-fonts; what is drawn, and every score, then differs from other machines'."
    )
    if not lenient:
        raise SystemExit(said)
    print(said, file=sys.stderr, flush=True)


def available(names: tuple[str, ...]) -> tuple[str, ...]:
    """The fonts of `names` that this machine has; never empty, "" stands for Pillow's own."""
    return tuple(name for name in names if name in _found()) or ("",)


@cache
def load(name: str, size: int) -> Font:
    """A font by its name at a size in pixels; Pillow's own where the file is missing."""
    path = _found().get(name)
    if path is None:
        return ImageFont.load_default(size)
    # The plain layout neither kerns nor depends on a library, so each character stands where its mark says.
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


@cache
def advance(name: str, size: int, character: str) -> float:
    """How far one character moves the pen."""
    return float(load(name, size).getlength(character))
