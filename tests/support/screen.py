"""The page as a person uses it: what can be seen and done on it, in the words of the tests."""

import base64
import mimetypes
import re
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

expect.set_options(timeout=15_000)

STOPPED = re.compile(
    r"^\s*stopped · \d+ tokens?( · [\d.]+ tokens/s)? · first token \d+\.\d\d s( · 1 image)? · scripted\s*$"
)
"""The figures of an answer that was stopped; their speed is the machine's."""
DROP = """([content, name, type]) => {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type }));
    return transfer;
}"""
PASTE = """(field, clipboardData) => {
    field.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
}"""

FRAMES = """(count) => new Promise((drawn) => {
    const frame = () => (count-- ? requestAnimationFrame(frame) : drawn());
    frame();
})"""


class Screen:
    """One tab."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self._leaving = False
        page.on("console", self._note)
        page.on("pageerror", lambda error: self._complain(str(error)))
        self.open(url)

    def open(self, url: str) -> None:
        self._leaving = True  # what the old page says when its streams are cut is no complaint
        self.page.goto(url)
        self._leaving = False
        expect(self.words).to_be_editable()
        expect(self.page.locator("#model .ready")).to_be_visible(timeout=20_000) if not self.small else None

    def reload(self) -> None:
        self.open(self.page.url)

    @property
    def small(self) -> bool:
        size = self.page.viewport_size
        return size is not None and size["width"] < 768

    # --- the composer ---

    @property
    def words(self) -> Locator:
        return self.page.locator("#composer textarea")

    @property
    def attached(self) -> Locator:
        return self.page.locator("#composer .thumbnail-item")

    @property
    def send_button(self) -> Locator:
        return self.page.locator("#composer .submit-button")

    @property
    def stop_button(self) -> Locator:
        return self.page.locator("#composer .stop-button")

    def send(self, text: str) -> None:
        self.words.fill(text)
        self.words.press("Enter")

    def stop(self) -> None:
        self.stop_button.click()
        expect(self.send_button).to_be_visible()

    def drop(self, *files: Path) -> None:
        """As a person drags files in from their desktop."""
        before = self.attached.count()
        for file in files:
            kind = mimetypes.guess_type(file.name)[0] or ""
            content = base64.b64encode(file.read_bytes()).decode()
            transfer = self.page.evaluate_handle(DROP, [content, file.name, kind])
            for event in ("dragenter", "dragover", "drop"):
                self.page.dispatch_event("#composer .full-container", event, {"dataTransfer": transfer})
        expect(self.attached).to_have_count(before + len(files))

    def paste(self, file: Path) -> None:
        """As a person pastes a screenshot."""
        before = self.attached.count()
        content = base64.b64encode(file.read_bytes()).decode()
        transfer = self.page.evaluate_handle(DROP, [content, file.name, mimetypes.guess_type(file.name)[0]])
        self.words.evaluate(PASTE, transfer)
        expect(self.attached).to_have_count(before + 1)

    def choose(self, preset: str) -> None:
        label = self.page.locator("#presets label", has=self.page.get_by_text(preset, exact=True))
        label.click()
        expect(label).to_have_class(re.compile("selected"))

    # --- the chat ---

    @property
    def answers(self) -> Locator:
        """The answers, and what is said about them, one row each."""
        return self.page.locator("#chat .bot-row")

    @property
    def questions(self) -> Locator:
        return self.page.locator("#chat .user-row")

    @property
    def figures(self) -> Locator:
        return self.page.locator("#chat .figures")

    @property
    def failures(self) -> Locator:
        return self.page.locator("#chat .failure")

    @property
    def pictures(self) -> Locator:
        return self.page.locator("#chat .user-row img")

    def finished(self, count: int = 1) -> None:
        """Wait until so many answers are there, and none is being written."""
        expect(self.figures).to_have_count(count)
        expect(self.send_button).to_be_visible()

    def press(self, button: str) -> None:
        """A button under the latest bubble that has one."""
        self.page.locator(f"#chat [aria-label='{button}']:visible").last.click()

    # --- the side bar ---

    @property
    def conversations(self) -> Locator:
        return self.page.locator("#conversations label")

    def open_settings(self) -> None:
        self.page.locator("#settings > button").click()
        expect(self.page.locator("#system textarea")).to_be_visible()
        # In the next frame Gradio writes their first values into what an accordion shows for the first time.
        self.page.evaluate(FRAMES, 6)

    def unfold(self) -> None:
        self.page.locator("#sidebar .toggle-button").click()

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complain(message.text)

    def _complain(self, text: str) -> None:
        if not self._leaving:
            self.complaints.append(text)
