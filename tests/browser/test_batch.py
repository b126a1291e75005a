"""Many files at once, in a real Chromium: pytest tests/browser/test_batch.py"""

import csv
import hashlib
import io
import json
from pathlib import Path

import pytest
from openpyxl import load_workbook
from playwright.sync_api import BrowserContext, Locator, expect

from backend.chat.one_shot import OWNER
from backend.engine.scripted import Gate, Step
from backend.errors import OutOfMemory
from backend.types import GenerationRequest, ImagePart
from tests.support.page import Runtime, picture
from tests.support.pdfs import write_pdf
from tests.support.screen import Screen

BOTH = pytest.mark.parametrize("context", ["desktop", "phone"], indirect=True)


def open_panel(screen: Screen) -> None:
    if screen.small:
        screen.unfold()
    screen.page.locator("#many").click()
    expect(screen.page.locator("#batch-start")).to_be_visible()
    expect(screen.page.locator("#composer")).to_be_hidden()


def give(screen: Screen, *files: Path) -> None:
    screen.page.locator("#batch-files input[type=file]").set_input_files(files)
    expect(screen.page.locator("#batch-files tr")).to_have_count(len(files))


def choose(screen: Screen, preset: str) -> None:
    screen.page.locator("#batch-actions input").click()
    screen.page.get_by_role("option", name=preset, exact=True).click()


def start(screen: Screen) -> None:
    screen.page.locator("#batch-start").click()


def lines(screen: Screen) -> Locator:
    return screen.page.locator("#batch-table tbody tr")


def said(screen: Screen) -> Locator:
    return screen.page.locator("#batch-line")


def download(screen: Screen, form: str) -> Path:
    with screen.page.expect_download() as downloaded:
        screen.page.locator("#batch-end").get_by_text(form).click()
    return Path(downloaded.value.path())


@BOTH
def test_a_table_fills_and_is_downloaded(runtime: Runtime, screen: Screen, tmp_path: Path) -> None:
    gate = Gate()

    def script(request: GenerationRequest) -> list[Step]:
        first = len(runtime.engine.requests) == 1
        return ['{"shop": "Café", "total": 2.50}'] if first else [gate, '{"shop": "=1+1", "total": 3}']

    runtime.engine.script = script
    open_panel(screen)
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    give(screen, picture(tmp_path / "a b.png"), bad, write_pdf(tmp_path / "scan.pdf", ["", "0 0 9 9 re f"]))
    choose(screen, "Receipt to JSON")
    start(screen)
    expect(lines(screen)).to_have_count(2)
    expect(said(screen)).to_contain_text("2 of 4")
    expect(screen.page.locator("#batch-start")).to_be_hidden()
    gate.open()
    expect(said(screen)).to_have_text("3 answered · 1 with an error")
    expect(screen.page.locator("#batch-table .failure")).to_contain_text("“bad.png” is a text file")
    assert [request.task for request in runtime.engine.requests] == ["receipt"] * 3
    with download(screen, "CSV").open(newline="", encoding="utf-8-sig") as file:
        table = [(row["file"], row["page"], row["shop"], row["total"]) for row in csv.DictReader(file)]
    assert table == [
        ("a b.png", "", "Café", "2.5"),
        ("bad.png", "", "", ""),
        ("scan.pdf", "1", "'=1+1", "3"),
        ("scan.pdf", "2", "'=1+1", "3"),
    ]
    sheet = load_workbook(io.BytesIO(download(screen, "Excel").read_bytes())).active
    assert sheet is not None
    assert [cell.value for cell in sheet["A"]] == ["file", "a b.png", "bad.png", "scan.pdf", "scan.pdf"]
    rows = [json.loads(line) for line in download(screen, "JSON lines").read_text().splitlines()]
    assert rows[2]["data"] == {"shop": "=1+1", "total": 3}
    size = screen.page.viewport_size
    assert size is not None
    room = screen.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert room == [size["width"], size["height"]]
    screen.page.locator("#batch-back").click()
    expect(screen.words).to_be_visible()
    assert runtime.history.conversations(owner="") == runtime.history.conversations(OWNER) == []


def test_a_hundred_files_are_all_answered(runtime: Runtime, screen: Screen, tmp_path: Path) -> None:
    runtime.engine.script = ["A circle."]
    open_panel(screen)
    give(screen, *(picture(tmp_path / f"{number}.png", size=(60 + number, 60)) for number in range(100)))
    start(screen)
    expect(said(screen)).to_have_text("100 answered", timeout=120_000)
    expect(lines(screen)).to_have_count(100)


def test_stop_keeps_what_is_there(runtime: Runtime, screen: Screen, tmp_path: Path) -> None:
    files = [picture(tmp_path / f"{name}.png", name) for name in ("red", "green", "blue")]
    red = hashlib.sha256(files[0].read_bytes()).hexdigest()

    def script(request: GenerationRequest) -> list[Step]:
        return ["A circle."] if request.messages[0].media == (ImagePart(red),) else [Gate()]

    runtime.engine.script = script
    open_panel(screen)
    give(screen, *files)
    start(screen)
    expect(lines(screen)).to_have_count(1)
    screen.page.locator("#batch-stop").click()
    expect(said(screen)).to_have_text("1 answered · stopped before the last 2")
    assert len(download(screen, "JSON lines").read_text().splitlines()) == 1
    assert runtime.engine.active == 0
    expect(screen.page.locator("#batch-start")).to_be_visible()


def test_a_closed_tab_stops_its_run(runtime: Runtime, screen: Screen, context: BrowserContext, tmp_path: Path) -> None:
    closed = runtime.hold()
    open_panel(screen)
    give(screen, picture(tmp_path / "a.png"))
    start(screen)
    expect(said(screen)).to_contain_text("0 of 1")
    while not runtime.engine.requests:
        screen.page.wait_for_timeout(10)
    screen.page.close()
    closed.wait_blocking()


def test_no_file_and_an_error_of_the_model_are_sentences(runtime: Runtime, screen: Screen, tmp_path: Path) -> None:
    open_panel(screen)
    start(screen)
    expect(screen.page.locator(".toast-body")).to_contain_text("Drop some pictures, clips or PDFs first.")
    runtime.engine.script = [OutOfMemory("The GPU is full; send fewer images.")]
    give(screen, picture(tmp_path / "a.png"))
    start(screen)
    expect(screen.page.locator("#batch-table .failure")).to_have_text("The GPU is full; send fewer images.")
    expect(said(screen)).to_have_text("0 answered · 1 with an error")


def test_whatever_is_opened_takes_the_panels_place(runtime: Runtime, screen: Screen) -> None:
    screen.send("Hello")
    screen.finished()
    for other in (screen.page.locator("#new-chat"), screen.conversations.first):
        open_panel(screen)
        other.click()
        expect(screen.page.locator("#batch")).to_be_hidden()
        expect(screen.words).to_be_visible()
