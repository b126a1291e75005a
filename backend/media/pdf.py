"""Draws one page of a PDF from a stranger's file as a picture, as a printer would put it on white paper.

Knows PDFium and nothing of processes: call it from a confined child for files that came from elsewhere.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from backend.errors import MediaTooLarge, UnsupportedMedia
from backend.media.formats import MediaLimits, quoted

log = logging.getLogger(__name__)

# 200 dots an inch: print of 6 points is still read, and an A4 page has 3.9 million pixels.
_SCALE = 200 / 72
_PASSWORD = 4  # FPDF_ERR_PASSWORD


@contextmanager
def open_pdf(path: Path, *, name: str | None = None, limits: MediaLimits | None = None) -> Iterator["Pages"]:
    """Open a PDF.

    Raises:
        UnsupportedMedia: none, a broken one, or one that asks for a password; from within the block as well.
        MediaTooLarge: more pages than we read.
    """
    import pypdfium2

    shown, limits = quoted(name or path.name), limits or MediaLimits()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about forms that this build cannot draw
            document = pypdfium2.PdfDocument(path)
            document.init_forms()
    except (pypdfium2.PdfiumError, OSError) as error:
        log.info("cannot open %s", path, exc_info=True)
        if getattr(error, "err_code", None) == _PASSWORD:
            raise UnsupportedMedia(f"{shown} asks for a password; save it without one and send that.") from error
        raise UnsupportedMedia(f"{shown} is a PDF that is damaged or cut short; export it again.") from error
    try:
        yield Pages(document, shown, limits)
    except pypdfium2.PdfiumError as error:
        raise UnsupportedMedia(f"{shown} has a page that cannot be drawn; export it again.") from error
    finally:
        document.close()


class Pages:
    """The pages of an open PDF."""

    def __init__(self, document: Any, shown: str, limits: MediaLimits) -> None:
        self._document = document
        self._shown = shown
        self.count = len(document)
        if not self.count:
            raise UnsupportedMedia(f"{shown} has no pages; export it again.")
        if self.count > limits.pdf_pages:
            raise MediaTooLarge(f"{shown} has more than the {limits.pdf_pages} pages we read; split it.")

    def draw(self, number: int, pixels: int) -> Image.Image:
        """Page `number`, from 1: RGB, upright, with what is filled into its forms, of at most `pixels` pixels.

        Raises:
            UnsupportedMedia: there is no such page, or it has no size.
        """
        if not 1 <= number <= self.count:
            raise UnsupportedMedia(f"{self._shown} has no page {number}.")
        page = self._document[number - 1]
        width, height = page.get_size()
        if not (width > 0 and height > 0):
            raise UnsupportedMedia(f"Page {number} of {self._shown} has no size; export it again.")
        scale = min(_SCALE, (pixels / (width * height)) ** 0.5)
        picture: Image.Image = page.render(scale=scale, rev_byteorder=True).to_pil()
        return picture.convert("RGB")
