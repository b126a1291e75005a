"""How fast 64 exact frames of a long clip are had, beside OpenCV's frame seek and transformers' own loader.

All read the same generated clips one after the other in one process; ratios above 1 are in our favour.
Run it alone as `python -m benchmarks.video`; the last line is JSON.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from transformers.video_utils import load_video

from backend.media.video import sample_frames
from benchmarks.clips import LONG_GOP, MINUTE, PERIOD, RATE, SHORT_GOP, Pixels, clip, read_number

FRAMES = 64
TEN_MINUTES, HOUR = 10, 60

Timed = tuple[float, Image.Image | Pixels]
"""When a frame is on screen, in seconds, and what it shows, as each way hands it over."""


def measure() -> dict[str, float | bool | None]:
    """Seconds of the others over ours, for the worse of two clips; whether each of our frames was the right one.

    The clips have ten minutes and keyframes 250 and 60 frames apart. `video_hour_ratio` is ours over an hour by ours
    over ten minutes, with keyframes 250 frames apart.
    """
    exact: list[bool] = []
    ratios: dict[Callable[[Path], list[Timed]], list[float]] = {_seek: [], _load: []}
    ours: dict[int, float] = {}
    for gop in (LONG_GOP, SHORT_GOP):
        path = clip(TEN_MINUTES, gop)
        ours[gop] = _timed(f"Glimpse, GOP {gop}", partial(_sample, path), _midpoints(TEN_MINUTES * MINUTE), exact)
        for read, wanted in ((_seek, _midpoints(TEN_MINUTES * MINUTE)), (_load, _evenly(TEN_MINUTES * MINUTE))):
            seconds = _timed(f"{read.__doc__}, GOP {gop}", partial(read, path), wanted)
            ratios[read].append(seconds / ours[gop])
    path = clip(HOUR, LONG_GOP)
    hour = _timed(f"Glimpse, an hour, GOP {LONG_GOP}", partial(_sample, path), _midpoints(HOUR * MINUTE), exact)
    return {
        "video_vs_opencv": round(min(ratios[_seek]), 2),
        "video_vs_transformers": round(min(ratios[_load]), 2),
        "video_exact": all(exact),
        "video_hour_ratio": round(hour / ours[LONG_GOP], 2),
    }


def _sample(path: Path) -> list[Timed]:
    return [(frame.time, frame.image) for frame in sample_frames(path, FRAMES)]


def _seek(path: Path) -> list[Timed]:
    """OpenCV's frame seek"""
    capture = cv2.VideoCapture(str(path))
    frames = []
    for index in _midpoints(int(capture.get(cv2.CAP_PROP_FRAME_COUNT))):
        capture.set(cv2.CAP_PROP_POS_FRAMES, index)
        frames.append((index / RATE, cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB)))
    capture.release()
    return frames


def _load(path: Path) -> list[Timed]:
    """transformers' load_video"""
    pictures, metadata = load_video(str(path), num_frames=FRAMES)
    return [(index / RATE, picture) for index, picture in zip(metadata.frames_indices, pictures, strict=True)]


def _midpoints(count: int) -> list[int]:
    """The numbers of the frames on screen in the middle of 64 equal spans."""
    return [count * (2 * n + 1) // (2 * FRAMES) for n in range(FRAMES)]


def _evenly(count: int) -> list[int]:
    """The numbers of the frames that transformers takes."""
    return [n * count // FRAMES for n in range(FRAMES)]


def _timed(
    name: str, read: Callable[[], list[Timed]], wanted: Sequence[int], exact: list[bool] | None = None
) -> float:
    """Seconds that it took; says on standard error how much computing that was and how many frames were right."""
    began, computed = time.perf_counter(), time.process_time()
    frames = read()
    seconds, computing = time.perf_counter() - began, time.process_time() - computed
    right = sum(_is(number, *frame) for number, frame in zip(wanted, frames, strict=False))
    print(f"{name}: {seconds:.1f} s, computing {computing:.1f} s, {right} of {FRAMES} exact", file=sys.stderr)
    if exact is not None:
        exact.append(right == len(frames) == FRAMES)
    return seconds


def _is(number: int, seconds: float, picture: Image.Image | Pixels) -> bool:
    """Whether a frame is number so and so, by its time and by what it shows."""
    return round(seconds * RATE) == number and read_number(np.asarray(picture)) == number % PERIOD


if __name__ == "__main__":
    print(json.dumps(measure()))
