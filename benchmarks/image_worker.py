"""What it costs that a stranger's photo is decoded by a confined child and not in this process."""

import select
import statistics
from pathlib import Path

from backend.media.clip import Frame
from backend.media.formats import MediaLimits
from backend.media.image import read_image
from backend.media.sandbox.pool import Decoder
from backend.media.sandbox.worker import DecodeJob
from benchmarks.bench import Bench, bench, photo
from benchmarks.pairs import note, timed

SIZE = (4032, 3024)  # a telephone's photo, 12 megapixels


def measure(quick: bool) -> dict[str, float]:
    """image_worker_ms: milliseconds for the child to decode a JPEG, less those of decoding it here.

    The spare child stands ready, as it does when a person drops a photo; its start is not waited for.
    """
    extra = []
    with bench(64) as here:
        path = here.folder / "photo.jpg"
        photo(1024).resize(SIZE).save(path, quality=90)
        decoder = Decoder(MediaLimits())
        try:
            for number in range(3 if quick else 15):
                there, inside = _in_child(here, decoder, path, number), timed(lambda: _here(path))
                extra.append(1000 * (there - inside))
                note(f"{1000 * there:.0f} ms in a child, {1000 * inside:.0f} ms here")
        finally:
            decoder.close()
    return {"image_worker_ms": statistics.median(extra[1:])}


def _in_child(here: Bench, decoder: Decoder, path: Path, number: int) -> float:
    pictures: list[Frame] = []

    def save(index: int, total: int, frame: Frame) -> None:
        pictures.append(frame)

    out = here.folder / f"raw-{number}"
    out.mkdir()
    limits = MediaLimits()
    job = DecodeJob("image", str(path), str(out), path.name, limits.image_seconds, limits, pixels=limits.clean_pixels)
    _wait_for_spare(decoder)
    seconds = timed(lambda: here.run(decoder.decode(job, save)))
    if len(pictures) != 1:
        raise RuntimeError("the child saw no picture")
    return seconds


def _here(path: Path) -> None:
    read_image(path, pixels=MediaLimits().clean_pixels)


def _wait_for_spare(decoder: Decoder) -> None:
    """Until the spare child has said that its imports are done; what it said stays unread."""
    decoder.warm()
    spare = decoder.spare
    if spare and spare.stdout:
        select.select([spare.stdout], [], [], 60)
