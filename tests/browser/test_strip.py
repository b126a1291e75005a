"""Under an answer stand the frames that the model saw, and times seek: pytest tests/browser/test_strip.py"""

import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Locator, expect

from backend.media.video import sample_frames
from backend.types import VideoPart
from tests.support.clips import encode
from tests.support.page import Runtime
from tests.support.screen import Screen

CLIP = Path(__file__).parents[2] / "assets" / "examples" / "clip.mp4"
BOTH = pytest.mark.parametrize("context", ["desktop", "phone"], indirect=True)


def ask(screen: Screen, text: str = "What happens?") -> None:
    screen.page.locator("#composer input[type=file]").set_input_files([CLIP])
    expect(screen.attached).to_have_count(1)
    screen.send(text)
    screen.finished()


def player(screen: Screen) -> Locator:
    video = screen.page.locator("#chat .user-row video")
    expect(video).to_have_js_property("videoWidth", 320)
    return video


def strip(screen: Screen) -> Locator:
    return screen.page.locator("#chat .strip").last


@BOTH
def test_a_time_in_an_answer_moves_the_player(runtime: Runtime, screen: Screen) -> None:
    runtime.engine.script = ["It falls from [0:01] on; at 9:59 there is nothing."]
    ask(screen)
    times = screen.page.locator("#chat .prose p a.moment")
    expect(times).to_have_text(["0:01"])
    times.click()
    expect(player(screen)).to_have_js_property("currentTime", 1)
    expect(player(screen)).to_be_in_viewport()


@BOTH
def test_the_strip_has_the_very_frames_each_with_its_time(runtime: Runtime, screen: Screen) -> None:
    ask(screen)
    (part,) = runtime.history.turns(runtime.only(), owner="")[0].media
    assert isinstance(part, VideoPart)
    wanted = sample_frames(CLIP, 64)
    assert [frame.time for frame in runtime.store.frames(part)] == [frame.time for frame in wanted]
    expect(strip(screen).locator("img")).to_have_count(64)
    expect(strip(screen).locator(".seen")).to_have_text(
        "What the model saw of clip.mp4: 64 frames, 0:00 to 0:06. It does not hear the sound."
    )
    last = strip(screen).locator("a.moment").last
    last.scroll_into_view_if_needed()
    expect(last.locator("img")).to_have_js_property("naturalWidth", 224)
    expect(last).to_have_text("0:06.0")
    last.click()
    shown = player(screen).evaluate("video => video.currentTime")
    assert wanted[-1].time <= shown < wanted[-1].time + 0.002


def test_a_question_about_an_interval_is_answered_from_frames_inside_of_it(runtime: Runtime, screen: Screen) -> None:
    ask(screen)
    screen.send("What happens between 0:01 and 0:03?")
    screen.finished(2)
    assert runtime.engine.requests[-1].messages[-1].media[0].start == 1.0
    expect(strip(screen).locator(".seen")).to_have_text(
        "What the model saw of clip.mp4: 24 frames, 0:01 to 0:02. It does not hear the sound."
    )
    expect(screen.page.locator("#chat video")).to_have_count(1)
    strip(screen).locator("a.moment").first.click()
    expect(player(screen)).to_have_js_property("currentTime", 1)


def test_an_interval_in_the_settings_holds_for_the_next_clip(runtime: Runtime, screen: Screen) -> None:
    screen.open_settings()
    screen.page.locator("#set-start input, #set-start textarea").fill("0:02")
    screen.page.locator("#set-frames input, #set-frames textarea").fill("4")
    ask(screen)
    assert runtime.engine.requests[-1].messages[-1].media[0].start == 2.0
    expect(strip(screen).locator("img")).to_have_count(4)


def test_what_is_copied_has_no_links_in_it(runtime: Runtime, context: BrowserContext, screen: Screen) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    runtime.engine.script = ["It falls at [0:01]."]
    ask(screen)
    screen.press("Copy message")
    screen.page.wait_for_function("navigator.clipboard.readText().then((text) => text.includes('falls'))")
    assert screen.page.evaluate("navigator.clipboard.readText()") == "It falls at [0:01]."


def test_the_small_pictures_are_small(runtime: Runtime, screen: Screen) -> None:
    ask(screen)
    source = strip(screen).locator("img").first.evaluate("image => image.src")
    content = screen.page.request.get(source).body()
    with Image.open(io.BytesIO(content)) as image:
        assert image.size == (224, 224)
    assert len(content) < 20_000


def test_a_clip_that_the_browser_cannot_play_is_shown_by_frames_and_times_lead_to_them(
    runtime: Runtime, screen: Screen, tmp_path: Path
) -> None:
    runtime.engine.script = ["It falls from [0:02] on."]
    ask(screen)
    screen.page.locator("#composer input[type=file]").set_input_files(
        [encode(tmp_path / "phone.mov", 90, codec="libx265")]
    )
    expect(screen.attached).to_have_count(1)
    screen.send("And here?")
    screen.finished(2)
    expect(screen.page.locator("#chat video")).to_have_count(1)
    expect(screen.page.locator("#chat .user-row .note")).to_have_text(
        "“phone.mov” is HEVC (H.265), which not every browser plays; here are frames of it."
    )
    expect(screen.page.locator("#chat .user-row img").last).to_have_js_property("naturalWidth", 160)
    screen.page.locator("#chat .prose p a.moment").last.click()
    expect(strip(screen).locator("a.moment:focus")).to_have_text("0:01.9")
    expect(player(screen)).to_have_js_property("currentTime", 0)
