"""The page around the chat, in a real Chromium: pytest tests/browser/test_page.py"""

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from backend.engine.scripted import Gate
from backend.tasks.registry import tasks
from backend.types import EngineStatus, GenerationRequest, SamplingParams
from tests.support.page import Runtime, picture
from tests.support.screen import STOPPED, Screen
from ui.chat_view import find_examples

PHONE = pytest.mark.parametrize("context", ["phone"], indirect=True)
BOTH = pytest.mark.parametrize("context", ["desktop", "phone"], indirect=True)

ANSWERS = {
    "receipt": '{"shop": "Kiosk", "items": [{"name": "Tea", "amount": 2.50}], "total": 2.50}',
    "latex": r"\frac{a}{b} = \sqrt{c}",
}


def answer(request: GenerationRequest) -> list[str]:
    return [ANSWERS.get(request.task, f"The answer of {request.task}.")]


def test_every_preset_answers_a_file_without_a_word(runtime: Runtime, screen: Screen, tmp_path: Path) -> None:
    runtime.engine.script = answer
    file = picture(tmp_path / "circle.png")
    wanted = [task for task in tasks().values() if task.needs == "image"]
    for count, task in enumerate(wanted, 1):
        screen.choose(task.title)
        screen.drop(file)
        screen.send_button.click()
        screen.finished(count)
    assert [request.task for request in runtime.engine.requests] == [task.name for task in wanted]
    expect(screen.page.locator("#chat .preset")).to_have_text([task.title for task in wanted])
    expect(screen.page.locator("#chat pre code.language-json")).to_contain_text('"total": 2.50')
    expect(screen.page.locator("#chat .katex-display")).to_have_count(1)


def test_a_preset_without_its_file_says_what_is_missing(screen: Screen) -> None:
    screen.choose("Receipt to JSON")
    screen.send("Read it")
    expect(screen.failures).to_have_text(["Add a picture: the preset “Receipt to JSON” reads one."])
    expect(screen.words).to_have_value("Read it")


@pytest.mark.parametrize("index", range(len(find_examples())))
def test_an_example_answers_at_a_click(runtime: Runtime, screen: Screen, index: int) -> None:
    example = find_examples()[index]
    runtime.engine.script = answer
    screen.page.locator("#chat .example", has_text=example.label).click()
    screen.finished()
    assert [request.task for request in runtime.engine.requests] == [example.task]
    shown = screen.page.locator("#chat .user-row").locator("img, video")
    expect(shown).to_have_count(1)
    if example.file.suffix == ".mp4":
        expect(shown).to_have_js_property("videoWidth", 320)
        expect(screen.figures).to_contain_text("64 frames")


def test_an_example_can_be_stopped(runtime: Runtime, screen: Screen) -> None:
    runtime.engine.script = ["A scene", Gate()]
    screen.page.locator("#chat .example").first.click()
    expect(screen.answers).to_have_text(["A scene"])
    screen.stop()
    expect(screen.answers).to_have_text(["A scene", STOPPED])


def test_prices_are_no_formulas_and_strangers_markup_is_shown(runtime: Runtime, screen: Screen) -> None:
    runtime.engine.script = [
        r"It is $4.00 or $5.00, and \(x^2\). ![x](http://127.0.0.1:9/x.png) <img src=http://127.0.0.1:9/y.png>"
    ]
    screen.send("How much?")
    screen.finished()
    expect(screen.answers.first).to_contain_text("It is $4.00 or $5.00, and")
    expect(screen.answers.first.locator(".katex")).to_have_count(1)
    expect(screen.answers.first.locator("img")).to_have_count(0)
    expect(screen.answers.first).to_contain_text("<\u2060img src=")


def test_an_answer_is_copied_without_its_figures(runtime: Runtime, screen: Screen, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    runtime.engine.script = ["**Bold** <i>answer</i>."]
    screen.send("Hi")
    screen.finished()
    screen.press("Copy message")
    expect(screen.page.locator("#chat [aria-label='Copied message']")).to_be_visible()
    assert screen.page.evaluate("navigator.clipboard.readText()") == "**Bold** <i>answer</i>."


def test_conversations_are_listed_opened_named_and_deleted(runtime: Runtime, screen: Screen) -> None:
    for name in ("Apples", "Pears"):
        screen.page.locator("#new-chat").click()
        expect(screen.page.locator("#chat .welcome")).to_be_visible()
        screen.send(name)
        screen.finished()
    expect(screen.conversations).to_have_text(["Pears", "Apples"])
    screen.conversations.nth(1).click()
    expect(screen.questions).to_have_text(["Apples"])
    screen.page.locator("#rename").click()
    field = screen.page.locator("#title").locator("input, textarea")
    expect(field).to_have_value("Apples")
    field.fill("Fruit")
    field.press("Enter")
    expect(screen.conversations).to_have_text(["Pears", "Fruit"])
    screen.reload()
    expect(screen.questions).to_have_text(["Apples"])
    screen.page.locator("#delete").click()
    screen.page.locator("#confirm").click()
    expect(screen.page.locator("#chat .welcome")).to_be_visible()
    expect(screen.conversations).to_have_text(["Pears"])
    assert runtime.kept() == [("Pears", runtime.kept()[0][1], "stop")]


def test_two_tabs_do_not_mix_and_each_comes_back_to_its_own(
    runtime: Runtime, screen: Screen, context: BrowserContext
) -> None:
    screen.send("In the first tab")
    screen.finished()
    other = Screen(context.new_page(), runtime.url)
    other.page.locator("#new-chat").click()
    expect(other.page.locator("#chat .welcome")).to_be_visible()
    other.send("In the second tab")
    other.finished()
    for tab, words in ((screen, "In the first tab"), (other, "In the second tab")):
        tab.reload()
        expect(tab.questions).to_have_text([words])
    assert [message.text for message in runtime.engine.requests[-1].messages] == ["In the second tab"]


def test_opening_another_conversation_ends_the_answer_and_shows_no_more_of_it(
    runtime: Runtime, screen: Screen
) -> None:
    screen.send("Quiet")
    screen.finished()
    screen.page.locator("#new-chat").click()
    expect(screen.page.locator("#chat .welcome")).to_be_visible()
    runtime.engine.script = ["Loud", Gate(), " noise"]
    screen.send("Noisy")
    expect(screen.answers).to_have_text(["Loud"])
    screen.conversations.filter(has_text="Quiet").click()
    expect(screen.questions).to_have_text(["Quiet"])
    expect(screen.send_button).to_be_visible()
    assert runtime.engine.active == 0
    screen.conversations.filter(has_text="Noisy").click()
    expect(screen.answers).to_have_text(["Loud", STOPPED])


def test_a_setting_that_cannot_be_is_a_sentence_and_the_message_stays(runtime: Runtime, screen: Screen) -> None:
    screen.open_settings()
    screen.page.locator("#set-top-p").locator("input, textarea").fill("2")
    screen.send("Hi")
    expect(screen.page.locator(".toast-body")).to_contain_text("Top-p is a number from 0 to 1, not “2”.")
    expect(screen.words).to_have_value("Hi")
    assert runtime.engine.requests == []


def test_settings_are_the_models_own_until_they_are_set(runtime: Runtime, screen: Screen) -> None:
    screen.open_settings()
    field = {
        name: screen.page.locator(f"#set-{name} input, #set-{name} textarea")
        for name in ("temperature", "top-k", "seed", "frames")
    }
    placeholders = [each.get_attribute("placeholder") for each in field.values()]
    assert placeholders == ["0.7", "50", "random", "64"]
    screen.page.locator("#system textarea").fill("Be brief.")
    field["temperature"].fill("0.25")
    field["seed"].fill("7")
    screen.send("Hi")
    screen.finished()
    assert runtime.engine.requests[-1].sampling == SamplingParams(temperature=0.25, seed=7)
    assert runtime.engine.requests[-1].messages[0].text == "Be brief."
    screen.page.locator("#reset").click()
    expect(field["temperature"]).to_have_value("")
    screen.send("Hi again")
    screen.finished(2)
    assert runtime.engine.requests[-1].sampling.temperature is None
    assert runtime.engine.requests[-1].messages[0].role == "user"


def test_the_models_line_follows_its_loading(runtime: Runtime, context: BrowserContext) -> None:
    ready = runtime.engine.status
    runtime.engine.status = EngineStatus("loading", "loading the weights", 4 * 10**8, 10**9)
    page = context.new_page()
    page.goto(runtime.url)
    expect(page.locator("#model")).to_have_text("loading the weights 0.4 of 1.0 GB")
    runtime.engine.status = EngineStatus("failed", "There is no such model; see --model.")
    expect(page.locator("#model .failure")).to_have_text("There is no such model; see --model.")
    runtime.engine.status = ready
    page.reload()
    expect(page.locator("#model .ready")).to_have_text("Scripted (no model)")


@PHONE
def test_on_a_phone_the_side_bar_opens_on_demand(runtime: Runtime, screen: Screen) -> None:
    screen.send("Pocket-sized")
    screen.finished()
    expect(screen.page.locator("#sidebar")).not_to_have_class("open")
    expect(screen.words).to_be_in_viewport()
    screen.unfold()
    screen.page.locator("#new-chat").click()
    expect(screen.page.locator("#chat .welcome")).to_be_visible()
    expect(screen.words).to_be_in_viewport()
    screen.unfold()
    screen.conversations.first.click()
    expect(screen.questions).to_have_text(["Pocket-sized"])


@BOTH
def test_nothing_sticks_out_of_the_screen(runtime: Runtime, screen: Screen, tmp_path: Path) -> None:
    wide = "x" * 300
    runtime.engine.script = [
        f"{wide}\n\n```\n{wide}\n```\n\n\\[{'x+' * 200}x\\]\n\n|{'a|' * 40}\n|{'-|' * 40}\n|{'b|' * 40}"
    ]
    screen.drop(picture(tmp_path / "wide.png", size=(3000, 200)))
    screen.send(wide)
    screen.finished()
    room = screen.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    size = screen.page.viewport_size
    assert size is not None
    assert room == [size["width"], size["height"]]
    expect(screen.words).to_be_in_viewport()
    assert screen.page.evaluate("document.querySelector('#chat .bubble-wrap').scrollWidth") <= size["width"]
