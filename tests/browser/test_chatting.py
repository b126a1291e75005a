"""A person chats in a real Chromium: pytest tests/browser/test_chatting.py"""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from backend.engine.scripted import Gate
from backend.errors import OutOfMemory
from backend.types import Progress, Queued
from tests.support.page import Runtime, picture
from tests.support.pdfs import write_pdf
from tests.support.screen import STOPPED, Screen

BOTH = pytest.mark.parametrize("context", ["desktop", "phone"], indirect=True)


@BOTH
def test_a_dropped_picture_is_answered_word_by_word(runtime: Runtime, screen: Screen, tmp_path: Path) -> None:
    gates = [Gate() for _ in range(4)]
    runtime.engine.script = [
        *(Queued(2), gates[0], Progress("reading the image"), gates[1]),
        *("A teal", gates[2], " circle.", gates[3]),
    ]
    screen.drop(picture(tmp_path / "circle.png"))
    screen.send("What is this?")
    expect(screen.answers).to_have_text(["queued as number 2"])
    expect(screen.attached).to_have_count(0)
    expect(screen.words).to_have_value("")
    gates[0].open()
    expect(screen.answers).to_have_text(["reading the image"])
    gates[1].open()
    expect(screen.answers).to_have_text(["A teal"])
    gates[2].open()
    expect(screen.answers).to_have_text(["A teal circle."])
    gates[3].open()
    screen.finished()
    expect(screen.figures).to_have_text(["3 tokens · first token 0.00 s · 1 image · scripted"])
    expect(screen.questions).to_have_text(["", "What is this?"])
    expect(screen.pictures).to_have_js_property("naturalWidth", 160)


def test_a_dropped_pdf_is_shown_page_by_page(runtime: Runtime, screen: Screen, tmp_path: Path) -> None:
    screen.drop(write_pdf(tmp_path / "bill.pdf", ["1 0 0 rg 0 0 72 72 re f", "0 0 1 rg 0 0 72 72 re f"]))
    screen.send("How much?")
    screen.finished()
    expect(screen.pictures).to_have_count(2)
    expect(screen.figures).to_contain_text("2 images")


@BOTH
def test_stop_stops_and_the_next_message_starts_at_once(runtime: Runtime, screen: Screen) -> None:
    gate = Gate()
    runtime.engine.script = ["Half of", gate, " it"]
    screen.send("Tell")
    expect(screen.answers).to_have_text(["Half of"])
    screen.stop()
    expect(screen.answers).to_have_text(["Half of", STOPPED])
    assert (runtime.engine.active, runtime.engine.cancelled) == (0, 1)
    runtime.engine.script = ["Next."]
    screen.send("And?")
    screen.finished(2)
    expect(screen.answers).to_have_text(
        [
            "Half of",
            STOPPED,
            "Next.",
            "1 token · first token 0.00 s · scripted",
        ]
    )


@BOTH
def test_a_reload_brings_the_conversation_back_and_it_goes_on(
    runtime: Runtime, screen: Screen, tmp_path: Path
) -> None:
    runtime.engine.script = ["A circle."]
    screen.drop(picture(tmp_path / "circle.png"))
    screen.send("What is this?")
    screen.finished()
    screen.reload()
    screen.finished()
    expect(screen.questions).to_have_text(["", "What is this?"])
    expect(screen.pictures).to_have_js_property("naturalWidth", 160)
    runtime.engine.script = ["Teal."]
    screen.send("Which colour?")
    screen.finished(2)
    texts = [message.text for message in runtime.engine.requests[-1].messages]
    assert texts == ["What is this?", "A circle.", "Which colour?"]
    assert runtime.engine.requests[-1].messages[0].media != ()


def test_a_pasted_picture_and_chosen_files_go_out_together(runtime: Runtime, screen: Screen, tmp_path: Path) -> None:
    screen.paste(picture(tmp_path / "pasted.png"))
    chosen = [picture(tmp_path / f"chosen.{kind}", "navy") for kind in ("jpg", "webp", "gif", "bmp")]
    screen.page.locator("#composer input[type=file]").set_input_files(chosen)
    expect(screen.attached).to_have_count(5)
    screen.send("What are these?")
    screen.finished()
    assert len(runtime.engine.requests[-1].messages[0].media) == 5
    for index in range(5):
        expect(screen.pictures.nth(index)).to_have_js_property("naturalWidth", 160)


def test_a_restart_brings_the_conversation_back(chromium: Browser, tmp_path: Path) -> None:
    first = Runtime(tmp_path)
    first.open()
    context = chromium.new_context()
    screen = Screen(context.new_page(), first.url)
    screen.send("Before")
    screen.finished()
    first.close()
    again = Runtime(tmp_path, port=urlsplit(first.url).port)
    again.open()
    screen.open(again.url)
    expect(screen.questions).to_have_text(["Before"])
    screen.send("After")
    screen.finished(2)
    assert [message.text for message in again.engine.requests[-1].messages if message.role == "user"] == [
        "Before",
        "After",
    ]
    context.close()
    again.close()


def test_enter_while_an_answer_is_written_keeps_the_words(runtime: Runtime, screen: Screen) -> None:
    gate = Gate()
    runtime.engine.script = ["One", gate]
    screen.send("First")
    expect(screen.answers).to_have_text(["One"])
    screen.send("Second")
    expect(screen.page.locator(".toast-body")).to_contain_text("Your message waits in the box")
    expect(screen.words).to_have_value("Second")
    gate.open()
    screen.finished()
    expect(screen.words).to_have_value("Second")
    assert runtime.kept() == [("First", "One", "stop")]


def test_retry_answers_again_with_the_files_and_can_be_stopped(
    runtime: Runtime, screen: Screen, tmp_path: Path
) -> None:
    runtime.engine.script = ["First."]
    screen.drop(picture(tmp_path / "circle.png"))
    screen.send("What?")
    screen.finished()
    gate = Gate()
    runtime.engine.script = ["Second", gate]
    screen.press("Retry")
    expect(screen.answers).to_have_text(["Second"])
    screen.page.keyboard.press("Escape")
    expect(screen.answers).to_have_text(["Second", STOPPED])
    expect(screen.pictures).to_have_count(1)
    first, second = (request.messages for request in runtime.engine.requests)
    assert first == second


def test_an_edited_message_keeps_its_files_and_can_be_stopped(
    runtime: Runtime, screen: Screen, tmp_path: Path
) -> None:
    screen.drop(picture(tmp_path / "circle.png"))
    screen.send("What?")
    screen.finished()
    screen.send("More")
    screen.finished(2)
    gate = Gate()
    runtime.engine.script = ["Edited", gate]
    screen.page.locator("#chat [aria-label='Edit']:visible").first.click()
    screen.page.locator("#chat textarea").fill("Which <b>colour</b>?")
    screen.press("Submit")
    expect(screen.answers).to_have_text(["Edited"])
    screen.stop()
    expect(screen.answers).to_have_text(["Edited", STOPPED])
    expect(screen.questions).to_have_text(["", "Which <\u2060b>colour<\u2060/b>?"])
    expect(screen.pictures).to_have_count(1)
    assert runtime.kept() == [("Which <b>colour</b>?", "Edited", "cancelled")]
    assert runtime.engine.requests[-1].messages[0].media == runtime.engine.requests[0].messages[0].media


def test_undo_puts_words_files_and_preset_back(runtime: Runtime, screen: Screen, tmp_path: Path) -> None:
    screen.choose("Alt text")
    screen.drop(picture(tmp_path / "circle.png"))
    screen.send("In Welsh")
    screen.finished()
    screen.choose("Chat")
    screen.press("Undo")
    expect(screen.words).to_have_value("In Welsh")
    expect(screen.attached).to_have_count(1)
    expect(screen.answers).to_have_count(0)
    screen.send_button.click()
    screen.finished()
    first, second = runtime.engine.requests
    assert (first.task, first.messages) == ("alt_text", second.messages)
    assert second.task == "alt_text"


def test_a_bad_file_is_a_sentence_and_nothing_is_lost(runtime: Runtime, screen: Screen, tmp_path: Path) -> None:
    bad = tmp_path / "holiday.png"
    bad.write_bytes(b"no picture")
    screen.drop(picture(tmp_path / "good.jpg"), bad)
    screen.send("What are these?")
    expect(screen.failures).to_contain_text("“holiday.png”")
    expect(screen.words).to_have_value("What are these?")
    expect(screen.attached).to_have_count(2)
    assert runtime.history.conversations(owner="") == []
    screen.attached.nth(1).locator("button").click()
    screen.send_button.click()
    screen.finished()
    expect(screen.failures).to_have_count(0)


def test_an_error_of_the_model_stays_with_its_message_until_a_retry(runtime: Runtime, screen: Screen) -> None:
    runtime.engine.script = [OutOfMemory("The GPU is full; send fewer images.")]
    screen.send("Hi")
    expect(screen.failures).to_have_text(["The GPU is full; send fewer images."])
    screen.reload()
    expect(screen.failures).to_have_text(["The GPU is full; send fewer images."])
    runtime.engine.script = ["Hello."]
    screen.press("Retry")
    screen.finished()
    expect(screen.answers).to_have_text(["Hello.", "1 token · first token 0.00 s · scripted"])


def test_a_closed_tab_stops_its_answer(runtime: Runtime, screen: Screen, context: BrowserContext) -> None:
    closed = runtime.hold("Half")
    screen.send("Tell")
    expect(screen.answers).to_have_text(["Half"])
    address = screen.page.url
    screen.page.close()
    closed.wait_blocking()
    other = Screen(context.new_page(), address)
    expect(other.answers).to_have_text(["Half", STOPPED])
