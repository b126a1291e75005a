"""Reads made-up bytes and texts, guided by which code they reach, until the time is over: `make fuzz`.

Every target must return, or raise a sentence for the person; anything else ends its run, and libFuzzer writes the
input beside it as `crash-…`. What is found becomes a test. Run by hand: it needs atheris, which the tests do not.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.support.pdfs import write_pdf

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "assets" / "examples"
TARGETS = ("sniff", "image", "video", "pdf", "schema", "latex", "markdown", "history", "answer")
LONGEST = {"image": 200_000, "video": 200_000, "pdf": 100_000}  # bytes; else 4,000


def target(name: str, folder: Path) -> Callable[[bytes], object]:
    """What one target does with an input, in this process: no confinement, so that coverage guides it."""
    from backend.history.values import parts_from_json
    from backend.media.formats import MediaLimits, sniff
    from backend.media.image import read_image
    from backend.media.pdf import open_pdf
    from backend.media.video.sample import open_clip
    from backend.tasks.forms import own_schema
    from backend.tasks.forms.mathml import to_mathml
    from backend.tasks.presets import receipt
    from backend.tasks.result import Answer
    from ui.safe_markdown import neutralise

    limits = MediaLimits(image_pixels=1_000_000, video_pixels=1_000_000)

    def filed(read: Callable[[Path], object], suffix: str) -> Callable[[bytes], object]:
        path = folder / f"input{suffix}"

        def run(data: bytes) -> object:
            path.write_bytes(data)
            return read(path)

        return run

    def worded(read: Callable[[str], object]) -> Callable[[bytes], object]:
        return lambda data: read(data.decode("utf-8", "replace"))

    def pages(path: Path) -> object:
        with open_pdf(path, limits=limits) as found:
            return found.count

    def clip(path: Path) -> object:
        with open_clip(path, limits=limits) as found:
            return found

    return {
        "sniff": filed(sniff, ".bin"),
        "image": filed(lambda path: read_image(path, limits=limits), ".png"),
        "video": filed(clip, ".mp4"),
        "pdf": filed(pages, ".pdf"),
        "schema": worded(own_schema.find),
        "latex": worded(to_mathml),
        "markdown": worded(neutralise),
        "history": worded(parts_from_json),
        "answer": worded(lambda text: receipt.results(Answer(text))),
    }[name]


def seeds(name: str, folder: Path) -> None:
    """Put a few good inputs into a folder."""
    good: dict[str, list[bytes]] = {
        "image": [path.read_bytes() for path in EXAMPLES.glob("*.png")],
        "video": [(EXAMPLES / "clip.mp4").read_bytes()],
        "schema": [b'{"type":"object","properties":{"a":{"type":["string","null"],"format":"date"}}}'],
        "latex": [rb"\frac{1}{\sqrt{x}} \begin{matrix} a & b \\ c & d \end{matrix}"],
        "markdown": [b"- a `b` \\(c\\)\n\n| d | e |\n|---|---|\n```html\n<b>\n```\n> ```mermaid\n"],
        "history": [b'[{"kind":"text","text":"a"},{"kind":"video","media_id":"b","frames":8}]'],
        "answer": [b'{"shop":"A","items":[{"name":"B","amount":1.50}],"total":1.50}'],
    }
    if name in ("pdf", "sniff"):
        write_pdf(folder / "seed.pdf", ["1 0 0 rg 0 0 72 72 re f"])
    for number, content in enumerate(good.get(name, [b"%PDF-1.4\n", b"\x89PNG\r\n\x1a\n"])):
        (folder / f"seed-{number}").write_bytes(content)


def fuzz(name: str, seconds: int) -> None:
    """Run one target in this process; libFuzzer ends it."""
    import atheris

    with tempfile.TemporaryDirectory() as work:
        corpus = Path(work) / "corpus"
        corpus.mkdir()
        seeds(name, corpus)
        with atheris.instrument_imports(include=["backend", "ui"]):
            run = target(name, Path(work))
        from backend.errors import GlimpseError

        def once(data: bytes) -> None:
            with suppress(GlimpseError):
                run(data)

        options = [
            f"-max_total_time={seconds}",
            f"-max_len={LONGEST.get(name, 4000)}",
            "-timeout=30",
            "-rss_limit_mb=4096",
        ]
        atheris.Setup([sys.argv[0], str(corpus), *options], once)
        atheris.Fuzz()


def main() -> int:
    """Run the targets one after the other, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="for all targets together")
    parser.add_argument("--only", nargs="+", choices=TARGETS, default=TARGETS)
    parser.add_argument("--inside", choices=TARGETS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        fuzz(given.inside, given.seconds)
        return 0
    each = str(max(1, given.seconds // len(given.only)))
    failed = [
        name
        for name in given.only
        if subprocess.run(
            [sys.executable, "-m", "tests.fuzz", "--inside", name, "--seconds", each], cwd=ROOT
        ).returncode
    ]
    sys.stdout.write(f"Found something: {', '.join(failed)}.\n" if failed else "Nothing found.\n")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
