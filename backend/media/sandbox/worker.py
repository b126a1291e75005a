"""The child process that opens strangers' files: one job, then it ends.

Started as `python -m backend.media.sandbox.worker`.

It reads one job as a line of JSON, answers with lines of JSON, and leaves pixels as raw RGB files in a folder, so that
whoever started it never parses anything a decoder wrote. Knows nothing of the store nor of asyncio.
"""

import errno
import json
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from backend.errors import GlimpseError, StorageError, UnsupportedMedia
from backend.media.formats import MediaLimits, quoted
from backend.media.sandbox.confine import confine, limit_cpu, restrict_files

Tell = Callable[[dict[str, Any]], None]

# The size of a photo for which memory stands ready; PILLOW_BLOCKS_MAX has it kept.
_USUAL_SIZE = (4000, 3000)
# A PDF may leave its fonts to the reader.
FONTS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))


@dataclass(frozen=True, slots=True)
class DecodeJob:
    """A job for the child: decode `path` as `kind` into raw pictures under `out`.

    `pixels` bounds an image, `max_side` frames. `page` is the page of a PDF, from 1; with 0 its pages are only
    counted.
    """

    kind: Literal["image", "video", "pdf"]
    path: str
    out: str
    name: str
    seconds: float
    limits: MediaLimits
    pixels: int = 0
    count: int = 64
    start: float | None = None
    end: float | None = None
    max_side: int = 1280
    page: int = 0

    def dump(self) -> str:
        """The job as one line."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def load(cls, line: str) -> "DecodeJob":
        """The job in a line that `dump` made."""
        fields = json.loads(line)
        return cls(**{**fields, "limits": MediaLimits(**fields["limits"])})


def main() -> None:
    """Confine this process, then do the job that comes on standard input."""
    tell = private_output()
    missing = confine(int(sys.argv[1]))
    _warm_up()
    tell({"ready": missing})
    if line := sys.stdin.readline():
        job = DecodeJob.load(line)
        limit_cpu(job.seconds)
        _answer(job, tell)


def private_output() -> Tell:
    """Keep standard output for messages alone: what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(message: dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    return tell


def _warm_up() -> None:
    """Import what an image needs, so that the first one does not wait for it."""
    from PIL import AvifImagePlugin, Image, WebPImagePlugin  # noqa: F401

    import backend.media.image  # noqa: F401

    Image.preinit()
    Image.new("RGB", _USUAL_SIZE)  # leaves its memory, already the process's own, to the first picture


def _answer(job: DecodeJob, tell: Tell) -> None:
    try:
        {"image": _decode_image, "video": _decode_video, "pdf": _draw_page}[job.kind](job, tell)
    except GlimpseError as error:
        traceback.print_exc()
        tell({"error": type(error).__name__, "text": str(error)})
    except MemoryError:
        tell({"error": "MediaTooLarge", "text": f"{quoted(job.name)} needs too much memory; send a smaller version."})
    except Exception as error:
        traceback.print_exc()
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        refusal = StorageError if full else UnsupportedMedia
        text = "the disk is full; free some space" if full else "cannot be read; send it in another format"
        tell({"error": refusal.__name__, "text": f"{quoted(job.name)}: {text}."})


def _decode_image(job: DecodeJob, tell: Tell) -> None:
    from backend.media.image import read_image

    _shut_files(job)
    image = read_image(job.path, name=job.name, limits=job.limits, pixels=job.pixels)
    tell({"total": 1})
    _leave(job, tell, 0, 0.0, image)
    tell({"done": True})


def _decode_video(job: DecodeJob, tell: Tell) -> None:
    import av.logging

    from backend.media.video.sample import open_clip

    av.logging.set_level(None)
    _shut_files(job)
    with open_clip(Path(job.path), name=job.name, limits=job.limits) as clip:
        times = clip.plan(job.count, job.start, job.end)
        facts = {"duration": clip.duration, "unreadable": clip.unreadable, "codec": clip.codec}
        tell({"total": len(times), **facts})
        for index, frame in enumerate(clip.frames(times, job.max_side)):
            _leave(job, tell, index, frame.time, frame.image)
    tell({"done": True})


def _draw_page(job: DecodeJob, tell: Tell) -> None:
    import pypdfium2  # noqa: F401

    from backend.media.pdf import open_pdf

    _shut_files(job)
    with open_pdf(Path(job.path), name=job.name, limits=job.limits) as pages:
        tell({"total": pages.count})
        if job.page:
            _leave(job, tell, 0, 0.0, pages.draw(job.page, job.pixels))
    tell({"done": True})


def _shut_files(job: DecodeJob) -> None:
    """Restrict file access to the libraries, the system's fonts, the one file and the one folder."""
    libraries = [
        Path(entry) for entry in (*sys.path, sys.prefix, sys.base_prefix, "/usr/lib", "/lib", "/lib64") if entry
    ]
    restrict_files([*libraries, *FONTS, Path("/etc/ld.so.cache"), Path(job.path)], Path(job.out))


def _leave(job: DecodeJob, tell: Tell, index: int, time: float, image: Any) -> None:
    """Write a picture as a PPM file, and report it: raw RGB after three lines, at a third of what `tobytes` takes."""
    image.save(Path(job.out) / f"{index}.ppm")
    tell({"picture": index, "time": time, "width": image.width, "height": image.height})


if __name__ == "__main__":
    main()
