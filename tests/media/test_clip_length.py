"""How long a clip is: what its headers and its frames say, whatever order it is decoded in."""

from pathlib import Path

import pytest

from backend.errors import UnsupportedMedia
from backend.media.video.sample import open_clip, sample_frames
from tests.support.clips import MILLI, encode, read

# Three seconds of motion, half a minute of a still picture, and four more frames.
STILL_THEN_END = [33 * number for number in range(90)] + [33_000 + 33 * number for number in range(4)]
# A screen recorder's: frames only where something changes.
UNEVEN = [sum(([17, 33, 33, 400, 34, 50, 8, 120, 1000, 40] * 4)[:number]) for number in range(37)]
KINDS = [
    ("h264.mp4", "libx264", {}),
    ("h264-plain.mp4", "libx264", {"options": {"preset": "veryfast", "bf": "0"}}),
    ("h264.mov", "libx264", {}),
    ("h264.mkv", "libx264", {}),
    ("hevc.mp4", "libx265", {}),
    ("vp8.webm", "libvpx", {}),
    ("fragments.mp4", "libx264", {"container": {"movflags": "frag_keyframe+empty_moov"}}),
]


@pytest.mark.parametrize("times", [STILL_THEN_END, UNEVEN], ids=["still then end", "uneven"])
@pytest.mark.parametrize(("name", "codec", "options"), KINDS, ids=[name for name, *_ in KINDS])
def test_a_clip_ends_with_its_last_frame(tmp_path: Path, name: str, codec: str, options: dict, times: list) -> None:
    path = encode(tmp_path / name, len(times), codec=codec, times=times, time_base=MILLI, gop=300, **options)
    with open_clip(path) as clip:
        duration, unreadable = clip.duration, clip.unreadable
    assert duration == pytest.approx((times[-1] + 33) / 1000, abs=0.05)
    assert unreadable is None
    seen = sample_frames(path, 20)
    middles = [(index + 0.5) * duration * 1000 / 20 for index in range(20)]
    assert [read(frame.image) for frame in seen] == [sum(time <= middle for time in times) - 1 for middle in middles]


@pytest.mark.parametrize("name", ["h264.mp4", "h264.mkv"])
def test_an_interval_after_the_end_of_a_clip_is_refused(tmp_path: Path, name: str) -> None:
    path = encode(tmp_path / name, len(STILL_THEN_END), times=STILL_THEN_END, time_base=MILLI, gop=300)
    with pytest.raises(UnsupportedMedia, match=f"“{name}” is only 0:33 long; choose an interval that lies inside"):
        sample_frames(path, 8, 40.0, 60.0)
