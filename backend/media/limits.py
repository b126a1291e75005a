"""How much of a file we are ready to read. Does not know why somebody would change it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """Limits on one file.

    `file_bytes` on the file as it came; `image_pixels` and `video_pixels` on width times height as stored (a JPEG past
    it is read at a fraction of its size instead of being refused; telephones make pictures of 48 million pixels, and
    JPEGs of 200 million); `video_seconds` on the length of a clip;
    `frames` on how many are taken of one clip; `pdf_pages` on the pages of a PDF; `clean_pixels` on the copy of an
    image that the model and the page get; `memory_bytes` on the address space of a decoding child; `image_seconds` and
    `clip_seconds` on its run time.
    """

    file_bytes: int = 200_000_000
    image_pixels: int = 50_000_000
    video_pixels: int = 36_000_000
    video_seconds: float = 6 * 3600.0
    frames: int = 512
    pdf_pages: int = 2000
    clean_pixels: int = 12_600_000
    memory_bytes: int = 3 << 30
    image_seconds: float = 30.0
    clip_seconds: float = 300.0
