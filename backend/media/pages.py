"""Pages of PDFs as picture files, drawn by a confined child. Runs in the page's process; see `decoder`."""

from pathlib import Path

from backend.errors import MediaTooLarge, UnsupportedMedia
from backend.media.decoder import Decoder
from backend.media.frame import Frame
from backend.media.limits import MediaLimits
from backend.media.names import quoted
from backend.media.passing import passing_folder
from backend.media.worker import Job


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
        with passing_folder() as folder:
            said = await self._decoder.decode(self._job(path, folder, page=0), _keep_nothing)
        return int(said["total"])

    async def draw(self, path: Path, page: int, folder: Path) -> Path:
        """Page number `page`, from 1, as a PNG file in `folder`, named after the PDF."""
        self._check_size(path)
        drawn = folder / f"{path.stem} page {page}.png"

        def save(_index: int, _total: int, frame: Frame) -> None:
            frame.image.save(drawn, compress_level=1)

        with passing_folder() as raw:
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

    def _job(self, path: Path, out: Path, page: int) -> Job:
        limits = self._limits
        return Job(
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
    """Only the count is wanted."""
