"""Draws pages of PDFs as picture files in a confined child. Runs in the page's process; see `sandbox.pool`."""

from pathlib import Path

from backend.errors import MediaTooLarge, UnsupportedMedia
from backend.media.clip import Frame
from backend.media.formats import MediaLimits, quoted
from backend.media.sandbox.pool import Decoder
from backend.media.sandbox.worker import DecodeJob
from backend.media.scratch import scratch_folder


class PageReader:
    """Counts and draws pages, one child a call. Use it from one event loop.

    Raises:
        UnsupportedMedia, MediaTooLarge: from `count` and `draw`, with a sentence for the person.
        StorageError: the disk is full.
    """

    def __init__(self, decoder: Decoder, limits: MediaLimits) -> None:
        self._decoder = decoder
        self._limits = limits

    async def count(self, path: Path) -> int:
        """How many pages the PDF has."""
        self._check_size(path)
        with scratch_folder() as folder:
            said = await self._decoder.decode(self._job(path, folder, page=0), _keep_nothing)
        return int(said["total"])

    async def draw(self, path: Path, page: int, folder: Path) -> Path:
        """Page number `page`, from 1, as a PNG file in `folder`, named after the PDF."""
        self._check_size(path)
        drawn = folder / f"{path.stem} page {page}.png"

        def save(_index: int, _total: int, frame: Frame) -> None:
            frame.image.save(drawn, compress_level=1)

        with scratch_folder() as raw:
            await self._decoder.decode(self._job(path, raw, page), save)
        return drawn

    def _check_size(self, path: Path) -> None:
        shown, most = quoted(path.name), self._limits.file_bytes
        try:
            size = path.stat().st_size
        except OSError as error:
            raise UnsupportedMedia(f"{shown} cannot be read; check that it is there.") from error
        if size > most:
            raise MediaTooLarge(
                f"{shown} has {size / 1e6:.0f} MB, more than the {most / 1e6:.0f} MB we read; split it."
            )

    def _job(self, path: Path, out: Path, page: int) -> DecodeJob:
        limits = self._limits
        return DecodeJob(
            "pdf",
            str(path.absolute()),
            str(out),
            path.name,
            limits.image_seconds,
            limits,
            pixels=limits.clean_pixels,
            page=page,
        )


def _keep_nothing(_index: int, _total: int, _frame: Frame) -> None:
    """Drop a picture: only the count is wanted."""
