"""Reads one picture from a stranger's file: RGB, upright, as a person would see it on white paper.

Knows Pillow and nothing of processes: call it from a confined child for files that came from elsewhere.
"""

import io
import logging
import warnings
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageCms, ImageOps, PngImagePlugin
from PIL.JpegImagePlugin import JpegImageFile

from backend.errors import GlimpseError, MediaTooLarge, UnsupportedMedia
from backend.media.formats import MediaLimits, quoted, sniff
from backend.media.mend import PROFILE_BYTES, mended

log = logging.getLogger(__name__)

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "AVIF")
READABLE = "PNG, JPEG, WebP, GIF, BMP or AVIF"

# Models resize to a grid of patches and refuse slivers; 100 leaves room for the longest screenshots.
MAX_ASPECT = 100
# A JPEG can be read at 1/2, 1/4 or 1/8 of its sides, so it may have this many times the pixels of other files; more
# than that and even its coefficients do not fit into a child's memory.
_JPEG_HEADROOM = 4


def read_image(
    path: Path | str, *, name: str | None = None, limits: MediaLimits | None = None, pixels: int | None = None
) -> Image.Image:
    """Read the first picture of a file.

    Args:
        path: the file.
        name: what to call it in a sentence; its own name by default.
        limits: ceilings; a JPEG past the ceiling on pixels is read at 1/2, 1/4 or 1/8 of its size.
        pixels: shrink to at most this many pixels; None keeps the size.

    Returns:
        An RGB image, rotated as its EXIF says, alpha laid on white, 16 bits scaled to 8, colours in sRGB.

    Raises:
        UnsupportedMedia: not a picture we read, or a broken one.
        MediaTooLarge: more pixels than allowed.
    """
    path, shown = Path(path), quoted(name or Path(path).name)
    limits = limits or MediaLimits()
    try:
        with warnings.catch_warnings():
            # Pillow warns of metadata; a photo with a broken index or EXIF is a photo.
            warnings.simplefilter("ignore")
            Image.MAX_IMAGE_PIXELS = max(_JPEG_HEADROOM * limits.image_pixels, Image.MAX_IMAGE_PIXELS or 0)
            PngImagePlugin.MAX_TEXT_CHUNK = PROFILE_BYTES
            return _read_or_mend(path, shown, limits, pixels)
    except GlimpseError:
        raise
    except MemoryError as error:
        raise MediaTooLarge(f"{shown} needs too much memory to open; send a smaller version.") from error
    except Image.DecompressionBombError as error:
        raise MediaTooLarge(f"{shown} has more pixels than we read; send a smaller version.") from error
    except Exception as error:
        log.info("cannot read %s", path, exc_info=True)
        raise _refusal(path, shown) from error


def _read_or_mend(path: Path, shown: str, limits: MediaLimits, pixels: int | None) -> Image.Image:
    try:
        with path.open("rb") as file:
            return _read(file, shown, limits, pixels)
    except (GlimpseError, MemoryError, Image.DecompressionBombError):
        raise
    except Exception as error:
        # Everything about the file that a decoder may stumble over: there is no base class for it.
        log.info("%s is read in another way", path, exc_info=True)
        for data in mended(path.read_bytes()):
            try:
                return _read(io.BytesIO(data), shown, limits, pixels)
            except (OSError, SyntaxError, ValueError):
                log.info("%s cannot be read so either", path, exc_info=True)
        raise error


def _open(file: IO[bytes]) -> Image.Image:
    """Open the first picture; a JPEG as one, whatever an index in it says of more pictures."""
    head = file.read(3)
    file.seek(0)
    return JpegImageFile(file) if head == b"\xff\xd8\xff" else Image.open(file, formats=_formats())


def _read(file: IO[bytes], shown: str, limits: MediaLimits, pixels: int | None) -> Image.Image:
    with _open(file) as image:
        _check_header(image, shown, limits)
        if image.format == "JPEG":
            _draft(image, min(limits.image_pixels, 4 * pixels if pixels else limits.image_pixels))
        image.load()
        profile = image.info.get("icc_profile")
        mode = image.mode
        _turn_upright(image)
        image.info = {key: value for key, value in image.info.items() if key == "transparency"}
        picture = _in_srgb(_on_white(image), mode, profile)
    return shrink(picture, pixels) if pixels else picture


def _formats() -> tuple[str, ...]:
    try:
        import pillow_heif
    except ImportError:
        return FORMATS
    pillow_heif.register_heif_opener(thumbnails=False)
    return (*FORMATS, "HEIF")


def _check_header(image: Image.Image, shown: str, limits: MediaLimits) -> None:
    width, height = image.size
    ceiling = limits.image_pixels * (_JPEG_HEADROOM if image.format == "JPEG" else 1)
    if width * height > ceiling:
        raise MediaTooLarge(
            f"{shown} has {width} × {height} pixels, more than the {ceiling / 1e6:.3g} million we read; "
            "send a smaller version."
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise UnsupportedMedia(f"{shown} is only a sliver of {width} × {height} pixels; crop it to the part you mean.")


def _draft(image: Image.Image, pixels: int) -> None:
    """Have the JPEG decoder read at a fraction of the size, still at least `pixels` unless the file has fewer."""
    width, height = image.size
    reduction = 1
    while reduction < 8 and width * height > pixels * reduction**2:
        reduction *= 2
    image.draft(None, (width // reduction, height // reduction))


def _turn_upright(image: Image.Image) -> None:
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:
        log.info("EXIF cannot be read", exc_info=True)


def _on_white(image: Image.Image) -> Image.Image:
    """Convert any mode to RGB as a person sees it: transparent pixels turn white, not the colour hidden in them."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        grey = _eight_bits(image)
        if isinstance(clear := image.info.get("transparency"), int):
            grey.paste(255, mask=Image.fromarray(np.asarray(image) == clear))
        return grey.convert("RGB")
    if not image.has_transparency_data:
        # Of RGB that would be a copy, which costs a third of what decoding does.
        return image if image.mode == "RGB" else image.convert("RGB")
    paper = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    # Pillow's own conversion clips 16-bit values at 255: nearly everything would be white.
    return image.convert("I").point(lambda value: value * (1 / 257) + 0).convert("L")


def _in_srgb(picture: Image.Image, mode: str, profile: bytes | None) -> Image.Image:
    """Convert a picture from its colour profile to sRGB: Display P3, as phones use it, would look pale."""
    if not profile or mode not in ("RGB", "RGBA"):
        return picture
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return picture
        target = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, source, target) or picture
    except (ImageCms.PyCMSError, OSError, ValueError):
        log.info("colour profile cannot be used", exc_info=True)
        return picture


def shrink(picture: Image.Image, pixels: int) -> Image.Image:
    """Shrink a picture to at most `pixels` pixels, its shape kept."""
    width, height = picture.size
    scale = (pixels / (width * height)) ** 0.5
    if scale >= 1:
        return picture
    size = max(1, int(width * scale)), max(1, int(height * scale))
    return picture.resize(size, Image.Resampling.BOX if scale < 0.5 else Image.Resampling.LANCZOS)


def _refusal(path: Path, shown: str) -> UnsupportedMedia:
    try:
        sniffed = sniff(path)
        empty = path.stat().st_size == 0
    except OSError:
        return UnsupportedMedia(f"{shown} cannot be read; send it again.")
    if empty:
        return UnsupportedMedia(f"{shown} is empty; send it again.")
    if sniffed.suffix == ".heic" and "HEIF" not in _formats():
        return UnsupportedMedia(f"{shown} is a HEIC picture; install pillow-heif or send it as JPEG.")
    if sniffed.kind == "image":
        return UnsupportedMedia(f"{shown} is {sniffed.what} that is damaged or cut short; send the whole file again.")
    what = sniffed.what or "not a picture we can read"
    return UnsupportedMedia(f"{shown} is {what}; send the picture as {READABLE}.")
