"""How fast 64 exact frames of a long clip are had, beside OpenCV's frame seek and transformers' own loader.

All read the same generated clips, in turns, in one process; ratios above 1 are in our favour.
Run it alone as `python -m benchmarks.video`; the last line is JSON.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import av
import cv2
import numpy as np
from PIL import Image
from transformers.video_utils import load_video

from backend.media.video import sample_frames
from backend.media.video.pyav import cores
from benchmarks.clips import LONG_GOP, MINUTE, PERIOD, RATE, SHORT_GOP, SHORT_PERIOD, Pixels, clip, read_number

FRAMES = 64
PAIRS = 3  # of ours and OpenCV's, on each clip
TEN_MINUTES, HOUR = 10, 60

Timed = tuple[float, Image.Image | Pixels]
"""When a frame is on screen, in seconds, and what it shows, as each way hands it over."""


def measure(quick: bool = False) -> dict[str, float | bool | None]:
    """Seconds of the others over ours, for the worse of two clips; whether each of our frames was the right one.

    The clips have ten minutes and keyframes 250 and 60 frames apart. `video_hour_ratio` is ours over an hour by ours
    over ten minutes, with keyframes 250 frames apart. `quick` reads one minute and six, with keyframes 60 frames
    apart, once each. `video_bound` is what OpenCV takes over the bare decoding of what the 64 frames are made from:
    the most that exact frames can reach on this machine, for a frame refers to others, and those must be decoded.
    """
    exact: list[bool] = []
    if quick:
        opencv, transformers, bound, ours = _beside(1, SHORT_GOP, SHORT_PERIOD, 1, exact)
        hour = _ours(6, SHORT_GOP, SHORT_PERIOD, exact)
    else:
        opencv, transformers, bound, _ = _beside(TEN_MINUTES, SHORT_GOP, PERIOD, PAIRS, exact)
        *others, ours = _beside(TEN_MINUTES, LONG_GOP, PERIOD, PAIRS, exact)
        opencv, transformers, bound = map(min, (opencv, transformers, bound), others)
        hour = _ours(HOUR, LONG_GOP, PERIOD, exact)
    return {
        "video_vs_opencv": round(opencv, 2),
        "video_bound": round(bound, 2),
        "video_vs_transformers": round(transformers, 2),
        "video_exact": all(exact),
        "video_hour_ratio": round(hour / ours, 2),
    }


def _beside(minutes: int, gop: int, period: int, pairs: int, exact: list[bool]) -> tuple[float, float, float, float]:
    """OpenCV over ours, transformers over ours, OpenCV over bare decoding, and ours in seconds; medians of pairs."""
    path, count = clip(minutes, gop, period), minutes * MINUTE
    ours, ratios, bounds = [], [], []
    for _ in range(pairs):
        ours.append(_ours(minutes, gop, period, exact))
        opencv = _timed(f"OpenCV's frame seek, GOP {gop}", _seek, path, _midpoints(count), period)[0]
        ratios.append(opencv / ours[-1])
        bounds.append(opencv / _decode(path, _midpoints(count)))
    loader = _timed(f"transformers' load_video, GOP {gop}", _load, path, _evenly(count), period)[0]
    return median(ratios), loader / median(ours), median(bounds), median(ours)


def _decode(path: Path, wanted: Sequence[int]) -> float:
    """Seconds to decode what the wanted frames are made from, on all cores, and to look at nothing."""
    count = cores()
    began = time.perf_counter()
    with ThreadPoolExecutor(count) as threads:
        list(threads.map(_decode_needed, [path] * count, [wanted[first::count] for first in range(count)]))
    seconds = time.perf_counter() - began
    print(f"bare decoding, {path.name}: {seconds:.1f} s", file=sys.stderr)
    return seconds


def _decode_needed(path: Path, wanted: Sequence[int]) -> None:
    """From the keyframe before each frame on, all frames that others refer to, one thread."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        codec = stream.codec_context
        codec.thread_type, codec.thread_count = av.codec.context.ThreadType.NONE, 1
        for number in wanted:
            time_shown = round(number / RATE / (stream.time_base or 1))
            container.seek(time_shown, stream=stream)
            for packet in container.demux(stream):
                if packet.pts is None or packet.dts is None or packet.dts > time_shown:
                    break
                codec.skip_frame = "NONREF" if packet.pts != time_shown else "DEFAULT"
                codec.decode(packet)
            codec.flush_buffers()


def _ours(minutes: int, gop: int, period: int, exact: list[bool]) -> float:
    wanted = _midpoints(minutes * MINUTE)
    seconds, right = _timed(f"Glimpse, {minutes} min, GOP {gop}", _sample, clip(minutes, gop, period), wanted, period)
    exact.append(right)
    return seconds


def _sample(path: Path) -> list[Timed]:
    return [(frame.time, frame.image) for frame in sample_frames(path, FRAMES)]


def _seek(path: Path) -> list[Timed]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    for index in _midpoints(int(capture.get(cv2.CAP_PROP_FRAME_COUNT))):
        capture.set(cv2.CAP_PROP_POS_FRAMES, index)
        frames.append((index / RATE, cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB)))
    capture.release()
    return frames


def _load(path: Path) -> list[Timed]:
    pictures, metadata = load_video(str(path), num_frames=FRAMES)
    return [(index / RATE, picture) for index, picture in zip(metadata.frames_indices, pictures, strict=True)]


def _midpoints(count: int) -> list[int]:
    """The numbers of the frames on screen in the middle of 64 equal spans."""
    return [count * (2 * n + 1) // (2 * FRAMES) for n in range(FRAMES)]


def _evenly(count: int) -> list[int]:
    """The numbers of the frames that transformers takes."""
    return [n * count // FRAMES for n in range(FRAMES)]


def _timed(
    name: str, read: Callable[[Path], list[Timed]], path: Path, wanted: Sequence[int], period: int
) -> tuple[float, bool]:
    """Seconds that it took, and whether all frames were right; says on standard error how much computing that was."""
    began, computed = time.perf_counter(), time.process_time()
    frames = read(path)
    seconds, computing = time.perf_counter() - began, time.process_time() - computed
    right = sum(_is(number, period, *frame) for number, frame in zip(wanted, frames, strict=False))
    print(f"{name}: {seconds:.1f} s, computing {computing:.1f} s, {right} of {FRAMES} exact", file=sys.stderr)
    return seconds, right == len(frames) == FRAMES


def _is(number: int, period: int, seconds: float, picture: Image.Image | Pixels) -> bool:
    """Whether a frame is number so and so, by its time and by what it shows."""
    return round(seconds * RATE) == number and read_number(np.asarray(picture)) == number % period


if __name__ == "__main__":
    print(json.dumps(measure()))
