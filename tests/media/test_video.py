"""Frames of clips: which ones, at which times, how they look, and what is refused in which words."""

import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from backend.errors import MediaTooLarge, UnsupportedMedia
from backend.media.formats import MediaLimits
from backend.media.video.opencv import OpenCvClip
from backend.media.video.packets import ClipReader, OpenedClip
from backend.media.video.pyav import AvClip
from backend.media.video.sample import Frame, open_clip, sample_frames
from backend.types import Progress
from tests.support.clips import MILLI, SIZE, Pipe, draw, encode, read, trim, turn
from tests.support.nasty import NASTY, frameless, song, unfinished

KINDS = {
    "h264.mp4": {"codec": "libx264"},
    "open-gop.mov": {"codec": "libx264", "options": {"preset": "veryfast", "x264-params": "open-gop=1:bframes=3"}},
    "h264.mkv": {"codec": "libx264"},
    "h264.ts": {"codec": "libx264"},
    "h264.avi": {"codec": "libx264"},
    "hevc.mp4": {"codec": "libx265"},
    "av1.mp4": {"codec": "libsvtav1"},
    "vp8.webm": {"codec": "libvpx"},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "mpeg4.avi": {"codec": "mpeg4"},
    "mpeg2.mpg": {"codec": "mpeg2video", "format": "mpeg"},
    "mjpeg.mov": {"codec": "mjpeg", "layout": "yuvj420p"},
    "fragments.mp4": {"codec": "libx264", "container": {"movflags": "frag_keyframe+empty_moov"}},
}


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    for name, options in KINDS.items():
        encode(folder / name, **options)
    return folder


@pytest.fixture(scope="module")
def clip(kinds: Path) -> Path:
    return kinds / "h264.mp4"


@pytest.fixture(autouse=True)
def no_second_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the first decoder cannot do must show."""

    def refuse(_path: Path, shown: str, _limits: MediaLimits) -> None:
        raise UnsupportedMedia(f"{shown} is damaged or cut short; send the whole file again.")

    monkeypatch.setattr("backend.media.video.sample.OpenCvClip", refuse)


def _numbers(frames: list[Frame]) -> list[int]:
    return [read(frame.image) for frame in frames]


def _shown_at_midpoints(times: list[float], end: float, count: int, start: float = 0.0) -> list[int]:
    middles = (start + (index + 0.5) * (end - start) / count for index in range(count))
    return [sum(time <= middle for time in times) - 1 for middle in middles]


@pytest.mark.parametrize("count", [1, 7, 64])
@pytest.mark.parametrize("name", KINDS)
def test_the_frames_at_the_midpoints_are_found_in_every_kind_of_file(kinds: Path, name: str, count: int) -> None:
    frames = sample_frames(kinds / name, count)
    expected = _shown_at_midpoints([number / 30 for number in range(90)], 3.0, count)
    assert _numbers(frames) == expected
    assert [frame.time for frame in frames] == pytest.approx([number / 30 for number in expected], abs=0.001)
    assert {(frame.image.mode, frame.image.size) for frame in frames} == {("RGB", SIZE)}


@pytest.mark.parametrize("name", KINDS)
def test_a_part_of_a_clip_gives_its_own_frames(kinds: Path, name: str) -> None:
    assert _numbers(sample_frames(kinds / name, 5, 1.01, 2.01)) == [33, 39, 45, 51, 57]
    assert _numbers(sample_frames(kinds / name, 500, 0.99, 1.19)) == [29, 30, 31, 32, 33, 34, 35]
    assert _numbers(sample_frames(kinds / name, 3, 2.61)) == [80, 84, 88]


@pytest.mark.parametrize("name", KINDS)
def test_a_clip_with_fewer_frames_gives_each_once(kinds: Path, name: str) -> None:
    assert _numbers(sample_frames(kinds / name, 91)) == list(range(90))
    assert _numbers(sample_frames(kinds / name, 90)) == list(range(90))


STEPS = [17, 33, 33, 400, 34, 50, 8, 120, 1000, 40]
VARIABLE = [sum((STEPS * 8)[:number]) for number in range(80)]


@pytest.mark.parametrize("name", ["variable.mp4", "variable.webm", "variable.mkv"])
def test_frames_of_uneven_length_are_taken_by_time_and_not_by_count(tmp_path: Path, name: str) -> None:
    codec = "libvpx" if name.endswith("webm") else "libx264"
    encode(tmp_path / name, 80, codec=codec, times=VARIABLE, time_base=MILLI)
    with open_clip(tmp_path / name) as opened:
        end = opened.duration
    assert end == pytest.approx((VARIABLE[-1] + 33) / 1000, abs=0.05)
    frames = sample_frames(tmp_path / name, 20)
    expected = _shown_at_midpoints([ms / 1000 for ms in VARIABLE], end, 20)
    assert _numbers(frames) == expected
    assert [frame.time for frame in frames] == pytest.approx([VARIABLE[n] / 1000 for n in expected], abs=0.002)
    assert _numbers(sample_frames(tmp_path / name, 80)) == list(range(80))


def test_a_browser_recording_without_duration_or_index_is_read_whole(tmp_path: Path) -> None:
    pipe = Pipe(tmp_path / "live.webm")
    encode(
        tmp_path,
        80,
        codec="libvpx",
        times=VARIABLE,
        time_base=MILLI,
        format="webm",
        container={"live": "1"},
        file=pipe,
    )
    pipe.close()
    with av.open(str(tmp_path / "live.webm")) as container:
        assert (container.duration, container.streams.video[0].frames) == (None, 0)
    assert _numbers(sample_frames(tmp_path / "live.webm", 80)) == list(range(80))
    with open_clip(tmp_path / "live.webm") as opened:
        end = opened.duration
    assert end == pytest.approx(VARIABLE[-1] / 1000, abs=0.15)
    expected = _shown_at_midpoints([ms / 1000 for ms in VARIABLE], end, 20)
    assert _numbers(sample_frames(tmp_path / "live.webm", 20)) == expected


def test_a_clip_that_starts_late_counts_from_its_start(tmp_path: Path) -> None:
    encode(tmp_path / "late.ts", 60, times=[900 + number for number in range(60)])
    frames = sample_frames(tmp_path / "late.ts", 60)
    assert [frame.time for frame in frames] == pytest.approx([number / 30 for number in range(60)], abs=0.001)


def test_a_picture_that_follows_its_sound_keeps_the_players_clock(tmp_path: Path) -> None:
    encode(tmp_path / "sound.mkv", 60, times=[30 + number for number in range(60)], sound_from=0.0)
    frames = sample_frames(tmp_path / "sound.mkv", 2)
    assert [frame.time for frame in frames] == pytest.approx([1.5, 2.5], abs=0.04)
    assert _numbers(frames) == [15, 45]


def test_an_edit_list_hides_the_beginning(tmp_path: Path) -> None:
    trim(encode(tmp_path / "trimmed.mp4"), Fraction(40, 30), 15360)
    frames = sample_frames(tmp_path / "trimmed.mp4", 50)
    assert _numbers(frames) == list(range(40, 90))
    assert frames[0].time == 0
    assert frames[-1].time == pytest.approx(49 / 30, abs=0.001)
    assert _numbers(sample_frames(tmp_path / "trimmed.mp4", 5)) == [45, 55, 65, 75, 85]


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_clip_stands_upright_however_the_camera_was_held(tmp_path: Path, degrees: int) -> None:
    turn(encode(tmp_path / "turned.mp4", 3), degrees)
    frames = sample_frames(tmp_path / "turned.mp4")
    assert {frame.image.size for frame in frames} == {SIZE if degrees == 180 else SIZE[::-1]}
    assert [read(frame.image.rotate(degrees, expand=True)) for frame in frames] == [0, 1, 2]


def test_pixels_that_are_not_square_are_stretched_as_a_player_does(tmp_path: Path) -> None:
    def widen(stream) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    encode(tmp_path / "wide.mp4", 3, prepare=widen)
    assert sample_frames(tmp_path / "wide.mp4")[0].image.size == (213, 96)


@pytest.mark.parametrize(("codec", "name"), [("libx264", "odd.mp4"), ("libvpx-vp9", "odd.webm")])
def test_odd_sizes_are_kept(tmp_path: Path, codec: str, name: str) -> None:
    encode(tmp_path / name, 3, codec=codec, size=(161, 97), layout="yuv444p" if codec == "libx264" else "yuv420p")
    frames = sample_frames(tmp_path / name)
    assert (frames[0].image.size, _numbers(frames)) == ((161, 97), [0, 1, 2])


@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9", "mpeg4", "mjpeg"])
@pytest.mark.parametrize("size", [(590, 590), (602, 598), (100, 3598), (3598, 100)])
def test_a_clip_may_have_as_many_pixels_as_the_limit(tmp_path: Path, codec: str, size: tuple[int, int]) -> None:
    layout = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = encode(tmp_path / "full.mp4", 2, codec=codec, size=size, layout=layout)
    limits = MediaLimits(video_pixels=size[0] * size[1])
    assert _numbers(sample_frames(path, 2, max_side=None, limits=limits)) == [0, 1]
    with pytest.raises(MediaTooLarge):
        sample_frames(path, 2, limits=MediaLimits(video_pixels=size[0] * size[1] - 1))


def test_large_frames_are_shrunk_to_the_side_asked_for(clip: Path) -> None:
    assert sample_frames(clip, 1, max_side=80)[0].image.size == (80, 48)
    assert sample_frames(clip, 1, max_side=None)[0].image.size == SIZE
    assert read(sample_frames(clip, 1, max_side=80)[0].image) == 45


def _plain(colour: tuple[int, int, int]):
    return lambda number, size: np.full((size[1], size[0], 3), colour, np.uint8)


@pytest.mark.parametrize(("space", "full"), [(1, False), (6, False), (1, True)])
def test_colours_come_out_as_they_were_tagged(tmp_path: Path, space: int, full: bool) -> None:
    colour = (200, 40, 60)

    def tag(stream) -> None:
        stream.codec_context.colorspace = space
        stream.codec_context.color_range = 2 if full else 1

    def picture(number, size):
        return np.full((size[1], size[0], 3), colour, np.uint8)

    path = tmp_path / "tagged.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=30, options={"qp": "4"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        tag(stream)
        frame = av.VideoFrame.from_ndarray(picture(0, (64, 48)), format="rgb24").reformat(
            format="yuv420p", dst_colorspace=1 if space == 1 else 5, dst_color_range=2 if full else 1
        )
        frame.colorspace, frame.color_range = space, 2 if full else 1
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    assert np.abs(np.subtract(sample_frames(path)[0].image.getpixel((20, 20)), colour)).max() <= 4


def test_untagged_high_definition_is_taken_for_bt709_as_players_do(tmp_path: Path) -> None:
    path = encode(tmp_path / "hd.mp4", 1, size=(1280, 720), picture=_plain((200, 40, 60)), options={"qp": "4"})
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        told = frame.to_ndarray(format="rgb24", src_colorspace="itu709")[20, 20]
    assert np.abs(np.subtract(sample_frames(path)[0].image.getpixel((20, 20)), told)).max() <= 2


@pytest.mark.parametrize(
    ("transfer", "level", "wanted"),
    [
        # A grey that PQ puts at diffuse white (58 %), and one at a third of that light (46 %).
        (16, 0.58, 238),
        (16, 0.463, 150),
        (16, 0.0, 0),
        # By BT.2408 diffuse white in HLG is a signal of 75 %, and a grey card, 26 nits of white's 203, one of 38 %.
        (18, 0.75, 238),
        (18, 0.38, 101),
        (18, 0.0, 0),
    ],
)
def test_high_dynamic_range_comes_out_as_bright_as_it_was_meant(
    tmp_path: Path, transfer: int, level: float, wanted: int
) -> None:
    def tag(stream) -> None:
        stream.codec_context.color_trc, stream.codec_context.color_primaries = transfer, 9
        stream.codec_context.colorspace = 9

    path = encode(
        tmp_path / "hdr.mp4", 1, layout="yuv420p10le", prepare=tag, picture=_plain((round(level * 255),) * 3)
    )
    assert np.abs(np.subtract(sample_frames(path)[0].image.getpixel((50, 50)), (wanted,) * 3)).max() <= 8


def test_interlaced_frames_have_no_combs(tmp_path: Path) -> None:
    def combed(number, size):
        pixels = np.zeros((size[1], size[0], 3), np.uint8)
        pixels[1::2] = 255
        return pixels

    def interlace(stream) -> None:
        stream.codec_context.flags |= 1 << 18 | 1 << 29

    options = {"preset": "veryfast", "qp": "10", "x264-params": "tff=1"}
    encode(tmp_path / "fields.mp4", 2, options=options, prepare=interlace, picture=combed)
    pixels = np.asarray(sample_frames(tmp_path / "fields.mp4")[0].image)
    assert pixels.max() < 40


def test_progress_is_told_frame_by_frame_and_may_end_the_work(clip: Path) -> None:
    told: list[Progress] = []
    sample_frames(clip, 3, progress=told.append)
    assert told == [Progress("reading the clip", done, 3) for done in range(4)]

    def stop(progress: Progress) -> None:
        told.append(progress)
        if progress.done == 2:
            raise KeyboardInterrupt

    told.clear()
    with pytest.raises(KeyboardInterrupt):
        sample_frames(clip, 64, progress=stop)
    assert len(told) == 3


def test_frames_of_one_group_are_read_without_seeking_again(tmp_path: Path) -> None:
    encode(tmp_path / "one-group.mp4", gop=300)
    encode(tmp_path / "groups.mp4", gop=10)
    assert _seeks(tmp_path / "one-group.mp4", 9) == 0
    assert _seeks(tmp_path / "groups.mp4", 3) == 2


def _seeks(path: Path, count: int) -> int:
    seeks = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        reader = ClipReader(container, stream)
        seek = reader._seek
        reader._seek = lambda ticks: seeks.append(ticks) or seek(ticks)
        for middle in range(count):
            assert reader.at(int((middle + 0.5) * stream.duration / count)) is not None
    return len(seeks)


@pytest.mark.parametrize("cores", [1, 4])
def test_decoders_side_by_side_find_the_same_frames(tmp_path: Path, monkeypatch, cores: int) -> None:
    encode(tmp_path / "long.mp4", 600, gop=15)
    monkeypatch.setattr("backend.media.video.pyav.cores", lambda: cores)
    opened = []
    lane = OpenedClip.__init__
    monkeypatch.setattr(OpenedClip, "__init__", lambda *args: opened.append(args) or lane(*args))
    frames = sample_frames(tmp_path / "long.mp4", 24)
    assert _numbers(frames) == [12 + 25 * index for index in range(24)]
    assert len(opened) == cores


def test_times_in_any_order_are_exact_too(clip: Path) -> None:
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        reader = ClipReader(container, stream)
        for number in (50, 49, 51, 3, 89, 88, 0, 64):
            frame = reader.at(int(number / 30 / stream.time_base) + 1)
            assert frame is not None
            assert read(frame.to_image()) == number


# What is broken or no clip at all.


def test_a_clip_whose_tail_is_gone_gives_what_is_good_and_says_so(tmp_path: Path) -> None:
    encode(tmp_path / "whole.mp4", 300, container={"movflags": "faststart"})
    content = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) * 6 // 10])
    with open_clip(tmp_path / "cut.mp4") as opened:
        assert opened.unreadable is not None
        good, end = opened.unreadable
    assert 4 < good < 8
    assert end == pytest.approx(10)
    numbers = _numbers(sample_frames(tmp_path / "cut.mp4"))
    assert len(numbers) == 64
    assert numbers == sorted(numbers)
    assert good * 30 - 8 < numbers[-1] < good * 30
    with open_clip(tmp_path / "whole.mp4") as opened:
        assert opened.unreadable is None


def test_bytes_changed_in_the_middle_still_give_frames_in_order(tmp_path: Path) -> None:
    encode(tmp_path / "hit.mp4", 120)
    content = bytearray((tmp_path / "hit.mp4").read_bytes())
    for place in range(len(content) // 3, len(content) // 2, 50):
        content[place] ^= 0x5A
    (tmp_path / "hit.mp4").write_bytes(content)
    times = [frame.time for frame in sample_frames(tmp_path / "hit.mp4", 16)]
    assert times == sorted(times)
    assert len(times) >= 8


@pytest.mark.parametrize("kind", NASTY)
def test_what_is_no_clip_is_refused_in_one_sentence_and_soon(tmp_path: Path, clip: Path, kind: str) -> None:
    content, sentence = NASTY[kind]
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "bad.mp4").write_bytes(content)
    begin = time.monotonic()
    with pytest.raises(UnsupportedMedia) as refusal:
        sample_frames(tmp_path / "bad.mp4")
    assert str(refusal.value) == sentence
    assert time.monotonic() - begin < 5


def test_a_still_renamed_is_refused_as_what_it_is(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "still.mp4", format="PNG")
    with pytest.raises(UnsupportedMedia) as refusal:
        sample_frames(tmp_path / "still.mp4")
    assert str(refusal.value) == "“still.mp4” is a PNG picture and not a clip; send it as a picture."


def test_a_recording_that_was_never_finished_is_refused(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "half.mp4").write_bytes(unfinished(clip))
    with pytest.raises(UnsupportedMedia) as refusal:
        sample_frames(tmp_path / "half.mp4", name="my clip.mp4")
    assert str(refusal.value) == "“my clip.mp4” is damaged or cut short; send the whole file again."


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    song(tmp_path / "song.mp4")
    with pytest.raises(UnsupportedMedia) as refusal:
        sample_frames(tmp_path / "song.mp4")
    assert str(refusal.value) == ("“song.mp4” has no moving picture, only sound or a still; send a clip or a picture.")


def test_a_clip_without_a_single_frame_is_refused(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "zeros.mp4").write_bytes(frameless(clip))
    with pytest.raises(UnsupportedMedia) as refusal:
        sample_frames(tmp_path / "zeros.mp4")
    assert str(refusal.value) == "“zeros.mp4” holds no frames that can be read; record or export it again."


def test_a_codec_off_the_list_is_refused_by_name(tmp_path: Path) -> None:
    encode(tmp_path / "rare.mkv", 3, codec="ffv1", layout="yuv444p")
    with pytest.raises(UnsupportedMedia) as refusal:
        sample_frames(tmp_path / "rare.mkv")
    assert (
        str(refusal.value) == "“rare.mkv” is encoded as ffv1, which Glimpse does not read; convert it to H.264 in MP4."
    )


def test_limits_on_pixels_and_duration_hold(clip: Path) -> None:
    with pytest.raises(MediaTooLarge) as refusal:
        sample_frames(clip, limits=MediaLimits(video_pixels=10_000))
    assert str(refusal.value) == (
        "“h264.mp4” has 160 × 96 pixels, more than the 0.01 million we read; send a smaller version."
    )
    with pytest.raises(MediaTooLarge) as refusal:
        sample_frames(clip, limits=MediaLimits(video_seconds=2))
    assert str(refusal.value) == "“h264.mp4” is longer than the 0:02 we read; cut it to the part you mean."


@pytest.mark.parametrize(
    ("start", "end", "sentence"),
    [
        (3.5, None, "“h264.mp4” is only 0:03 long; choose an interval that lies inside of it."),
        (3.0, 9.0, "“h264.mp4” is only 0:03 long; choose an interval that lies inside of it."),
        (2.0, 1.0, "The interval 0:02 to 0:01 of “h264.mp4” is empty; let it end after it starts."),
    ],
)
def test_an_interval_outside_of_the_clip_is_refused(clip: Path, start, end, sentence) -> None:
    with pytest.raises(UnsupportedMedia) as refusal:
        sample_frames(clip, 4, start, end)
    assert str(refusal.value) == sentence


# The second decoder.


@pytest.mark.parametrize("name", ["h264.mp4", "h264.ts", "vp9.webm", "mpeg4.avi"])
def test_opencv_reads_what_pyav_cannot_open(kinds: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_) -> None:
        raise av.InvalidDataError(1, "no")

    monkeypatch.setattr("backend.media.video.sample.AvClip", refuse)
    monkeypatch.setattr("backend.media.video.sample.OpenCvClip", OpenCvClip)
    frames = sample_frames(kinds / name, 10, max_side=80)
    assert _numbers(frames) == [4, 13, 22, 31, 40, 49, 58, 67, 76, 85]
    assert {frame.image.size for frame in frames} == {(80, 48)}
    assert _numbers(sample_frames(kinds / name, 99, 1.0, 1.2)) == [30, 31, 32, 33, 34, 35]


@pytest.mark.parametrize("content", [NASTY["a playlist"][0], NASTY["a concat script"][0], NASTY["prose"][0]])
def test_neither_decoder_follows_a_script_to_other_files(tmp_path: Path, clip: Path, content: bytes) -> None:
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "bad.mp4").write_bytes(content.replace(b"file:///etc/passwd", b"clip.mp4"))
    with pytest.raises((av.FFmpegError, UnsupportedMedia)):
        AvClip(tmp_path / "bad.mp4", "“bad.mp4”", MediaLimits())
    with pytest.raises(UnsupportedMedia):
        OpenCvClip(tmp_path / "bad.mp4", "“bad.mp4”", MediaLimits())


def test_the_tests_can_read_their_own_numbers() -> None:
    assert [read(Image.fromarray(draw(number))) for number in (0, 1, 300, 65535)] == [0, 1, 300, 65535]
