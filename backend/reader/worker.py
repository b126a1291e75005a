"""The child process that reads text on images. Started as `python -m backend.reader.worker MEMORY THREADS`.

It loads the models once, gives up its rights, and then reads one image after another: a line of JSON with width and
height and the pixels behind it on standard input, lines of JSON on standard output. It opens no file of a person's.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np

from backend.media.sandbox.confine import confine, restrict_files
from backend.media.sandbox.worker import Tell, private_output
from backend.reader.page import page_to_json

NOWHERE = Path("/nonexistent")  # the folder that it may write into


def main() -> None:
    """Confine this process, load the models, and answer until standard input ends."""
    tell = private_output()
    missing = confine(int(sys.argv[1]))
    from backend.reader.ocr import Recogniser

    recogniser = Recogniser(int(sys.argv[2]))
    restrict_files([Path(entry) for entry in (*sys.path, sys.prefix, sys.base_prefix) if entry], NOWHERE)
    tell({"ready": missing})
    while head := sys.stdin.buffer.readline():
        size = json.loads(head)
        width, height = int(size["width"]), int(size["height"])
        data = sys.stdin.buffer.read(3 * width * height)
        if len(data) < 3 * width * height:
            return
        _answer(recogniser, np.frombuffer(data, np.uint8).reshape(height, width, 3), tell)


def _answer(recogniser: Any, pixels: Any, tell: Tell) -> None:
    try:
        page = recogniser.read(pixels, lambda done, total: tell({"done": done, "total": total}))
    except Exception:  # whatever a library raises on strange pixels ends this image, not the child
        traceback.print_exc()
        sys.stderr.flush()
        tell({"error": "failed"})
    else:
        tell({"page": page_to_json(page)})


if __name__ == "__main__":
    main()
