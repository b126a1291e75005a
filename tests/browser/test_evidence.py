"""Boxes on the image, in a browser: from a field to its place and back, with mouse and keys, large, and on a phone."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.support.page import Runtime
from tests.support.receipt import ANSWER, ROWS, receipt
from tests.support.screen import Screen

pytestmark = pytest.mark.browser

CHOSEN = re.compile(r"\bchosen\b")
PHONE = pytest.mark.parametrize("context", ["phone"], indirect=True)


@pytest.fixture
def panel(runtime: Runtime, screen: Screen, tmp_path: Path) -> Locator:
    """The panel with the result of a receipt that was read."""
    file = tmp_path / "receipt.png"
    runtime.read(file, receipt(file))
    runtime.engine.script = [ANSWER]
    screen.choose("Receipt to JSON")
    screen.drop(file)
    screen.send("")
    screen.finished()
    panel = screen.page.locator("#results")
    if screen.small:
        panel.locator(".toggle-button").click()
    expect(panel.locator("#result-figure .standing")).to_have_text(
        "16 of 19 values stand on the image · 1 nearly · 2 nowhere"
    )
    return panel


def box(panel: Locator, label: str) -> Locator:
    """The box that says this."""
    return panel.locator(f"#result-figure .box[aria-label^='{label}']")


def said(panel: Locator) -> Locator:
    return panel.locator("#result-figure .said")


def cell(panel: Locator, table: str, row: int, column: int) -> Locator:
    return panel.locator(f"#result-{table} .body-cell[data-row='{row}'][data-col='{column}']")


def test_a_click_on_a_field_shows_its_place_on_the_image(panel: Locator) -> None:
    cell(panel, "fields", 6, 0).click()
    total = box(panel, "total")
    expect(total).to_have_class(CHOSEN)
    expect(panel.locator("#result-figure .chosen")).to_have_count(1)
    expect(said(panel)).to_have_text("total: 60.30 — stands on the image")
    expect(total).to_be_in_viewport(ratio=1)
    cell(panel, "items", 1, 2).click()
    expect(box(panel, "items 2, amount")).to_have_class(CHOSEN)
    expect(said(panel)).to_have_text("items 2, amount: 8.58 — nearly: the image has 8.59")


def test_a_value_without_a_place_says_that_it_stands_nowhere(panel: Locator) -> None:
    cell(panel, "fields", 5, 1).click()
    expect(said(panel)).to_have_text("discount: 4.75 — nowhere on the image")
    expect(panel.locator("#result-figure .chosen")).to_have_count(0)
    expect(cell(panel, "fields", 5, 2)).to_have_text("✗ nowhere")


def test_a_click_on_a_box_marks_its_field(panel: Locator) -> None:
    for label, table, row, column in (("items 2, amount", "items", 1, 2), ("date", "fields", 2, 1)):
        box(panel, label).click()
        field = cell(panel, table, row, column)
        expect(field).to_be_focused()
        expect(field).to_have_attribute("aria-selected", "true")
        expect(field).to_be_in_viewport()
        expect(box(panel, label)).to_have_class(CHOSEN)


def test_boxes_and_fields_are_reached_with_keys(screen: Screen, panel: Locator) -> None:
    keys = screen.page.keyboard
    box(panel, "shop").focus()
    keys.press("ArrowDown")
    expect(box(panel, "address")).to_be_focused()
    expect(said(panel)).to_have_text("address: 12 Harbour Street, 50000 Kuala Lumpur — stands on the image")
    keys.press("End")
    expect(box(panel, "total")).to_be_focused()
    keys.press("ArrowUp")
    keys.press("Enter")
    expect(cell(panel, "fields", 4, 1)).to_be_focused()
    keys.press("ArrowUp")
    expect(box(panel, "time")).to_have_class(CHOSEN)
    assert panel.locator("#result-figure .box[tabindex='0']").count() == 1


def test_a_corrected_value_has_its_box_and_stays_chosen(screen: Screen, panel: Locator) -> None:
    cell(panel, "items", 1, 2).dblclick()
    field = panel.locator("#result-items").locator("input:focus, textarea:focus, [contenteditable]:focus")
    expect(field).to_be_visible()
    field.fill("8.59")
    field.press("Enter")
    expect(panel.locator("#result-figure .standing")).to_have_text("17 of 19 values stand on the image · 2 nowhere")
    expect(cell(panel, "items", 1, 3)).to_have_text("✓")
    expect(box(panel, "items 2, amount: 8.59 — stands on the image")).to_have_count(1)


def test_the_image_opens_large_is_zoomed_and_moved_and_escape_closes_it(screen: Screen, panel: Locator) -> None:
    page = screen.page
    panel.locator("#result-figure .enlarge").click()
    large = page.locator("#large")
    canvas = large.locator(".canvas")
    expect(large).to_be_visible()
    fitted = canvas.bounding_box()
    assert fitted is not None
    assert (fitted["height"] <= 800, fitted["x"] > 0) == (True, True)
    page.mouse.move(fitted["x"] + 300, fitted["y"] + 200)
    page.mouse.wheel(0, -400)
    zoomed = canvas.bounding_box()
    assert zoomed is not None
    assert zoomed["width"] == pytest.approx(fitted["width"] * 2.718, rel=0.01)
    assert zoomed["x"] + 300 * 2.718 == pytest.approx(fitted["x"] + 300, abs=3)
    page.mouse.down()
    page.mouse.move(fitted["x"] + 340, fitted["y"] + 260, steps=4)
    page.mouse.up()
    moved = canvas.bounding_box()
    assert moved is not None
    assert (moved["x"] - zoomed["x"], moved["y"] - zoomed["y"]) == pytest.approx((40, 60), abs=1)
    page.keyboard.press("0")
    assert canvas.bounding_box() == fitted
    large.locator(".box[aria-label^='total']").click()
    expect(large.locator(".said")).to_have_text("total: 60.30 — stands on the image")
    page.keyboard.press("Escape")
    expect(large).to_have_count(0)
    expect(cell(panel, "fields", 6, 1)).to_be_focused()


def test_escape_in_the_large_image_stops_no_answer(runtime: Runtime, screen: Screen, panel: Locator) -> None:
    runtime.hold("Well")
    screen.send("And now?")
    expect(screen.stop_button).to_be_visible()
    panel.locator("#result-figure .stage img").click(position={"x": 5, "y": 5})
    expect(screen.page.locator("#large")).to_be_visible()
    screen.page.keyboard.press("Escape")
    expect(screen.page.locator("#large")).to_have_count(0)
    expect(screen.stop_button).to_be_visible()
    screen.stop()


@PHONE
def test_on_a_phone_field_and_place_are_in_sight_together(screen: Screen, panel: Locator) -> None:
    field = cell(panel, "fields", 6, 1)
    field.click()
    expect(box(panel, "total")).to_be_in_viewport(ratio=1)
    expect(field).to_be_in_viewport()
    box(panel, "items 1, name").click()
    expect(cell(panel, "items", 0, 0)).to_be_in_viewport(ratio=1)
    assert screen.page.evaluate("document.documentElement.scrollWidth") == 390
    panel.locator("#result-figure .enlarge").click()
    canvas = screen.page.locator("#large .canvas").bounding_box()
    assert canvas is not None
    assert (canvas["x"], canvas["width"]) == pytest.approx((0, 390), abs=1)
    screen.page.locator("#large").get_by_text("Close").click()
    expect(screen.page.locator("#large")).to_have_count(0)


def test_the_text_that_was_read_is_searched_and_copied(screen: Screen, panel: Locator) -> None:
    screen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    panel.locator("#result-picker label").filter(has_text="Text").click()
    rows, boxes = panel.locator("#result-text .row"), panel.locator("#result-figure .box")
    expect(rows).to_have_count(len(ROWS))
    expect(panel.locator("#result-fields")).not_to_be_visible()
    panel.locator("#result-text .find").fill("TOTAL 60")
    expect(panel.locator("#result-text .hits")).to_have_text("2 lines")
    expect(panel.locator("#result-text .row.hit")).to_have_text(["SUBTOTAL  60.30", "TOTAL  60.30"])
    expect(panel.locator("#result-figure .box.hit")).to_have_count(2)
    expect(panel.locator("#result-figure .box.hit").last).to_be_in_viewport()
    panel.locator("#result-text .find").fill("no such words")
    expect(panel.locator("#result-text .hits")).to_have_text("no lines")
    rows.nth(1).click()
    expect(boxes.nth(1)).to_have_class(CHOSEN)
    boxes.nth(5).locator("polygon").first.click()
    expect(rows.nth(5)).to_be_focused()
    screen.page.keyboard.press("ArrowDown")
    expect(rows.nth(6)).to_have_attribute("aria-selected", "true")
    panel.locator("#result-text .copy").click()
    expect(panel.locator("#result-text .copy")).to_have_text("Copied")
    assert screen.page.evaluate("navigator.clipboard.readText()").splitlines()[8:10] == [
        "SUBTOTAL  60.30",
        "TOTAL  60.30",
    ]


@pytest.mark.parametrize("context", ["desktop", "phone"], indirect=True)
def test_a_button_shows_the_text_where_there_is_no_result(runtime: Runtime, screen: Screen, tmp_path: Path) -> None:
    files = tmp_path / "first.png", tmp_path / "second.png"
    for file, rows in zip(files, (ROWS, ROWS[8:]), strict=True):
        runtime.read(file, receipt(file, rows))
    runtime.engine.script = ["Two receipts."]
    screen.drop(*files)
    screen.send("What is it?")
    screen.finished()
    screen.page.locator("#show-text").click()
    panel = screen.page.locator("#results")
    expect(panel.locator("#result-text .row:visible")).to_have_count(5)
    panel.locator("#result-figure .picture").first.click()
    expect(panel.locator("#result-text .row:visible")).to_have_count(len(ROWS))
    panel.locator("#result-text .find").fill("change")
    expect(panel.locator("#result-figure figure:visible .box.hit")).to_have_count(1)
    expect(screen.page.locator("#show-text")).not_to_be_visible()


def test_an_answer_from_a_document_shows_its_place_at_once(runtime: Runtime, screen: Screen, tmp_path: Path) -> None:
    file = tmp_path / "receipt.png"
    runtime.read(file, receipt(file))
    runtime.engine.script = ["The total is 60.30.\n\n> TOTAL 60.30"]
    screen.choose("Document question")
    screen.drop(file)
    screen.send("What is the total?")
    screen.finished()
    panel = screen.page.locator("#results")
    expect(panel.locator("#result-figure .standing")).to_have_text("2 of 2 values stand on the image")
    expect(box(panel, "answer 1: 60.30")).to_be_in_viewport(ratio=1)
    cell(panel, "fields", 1, 0).click()
    expect(said(panel)).to_have_text("quote: TOTAL 60.30 — stands on the image")


def test_a_value_on_another_image_brings_that_image(runtime: Runtime, screen: Screen, tmp_path: Path) -> None:
    files = tmp_path / "first.png", tmp_path / "second.png"
    for file, rows in zip(files, (ROWS[:6], ROWS[9:]), strict=True):
        runtime.read(file, receipt(file, rows))
    runtime.engine.script = ["Name,Amount\nGreen tea,8.59\nBread rolls,7.00\nCASH,100.00"]
    screen.choose("Table or chart to CSV")
    screen.drop(*files)
    screen.send("")
    screen.finished()
    panel = screen.page.locator("#results")
    expect(cell(panel, "items", 2, 2)).to_have_text("✓ on image 2")
    tabs = panel.locator("#result-figure .picture")
    expect(tabs.first).to_have_attribute("aria-pressed", "true")
    cell(panel, "items", 2, 1).click()
    expect(tabs.nth(1)).to_have_attribute("aria-pressed", "true")
    expect(box(panel, "Amount, row 3")).to_be_visible()
    expect(box(panel, "Amount, row 3")).to_have_class(CHOSEN)


def test_evidence_goes_into_the_files_by_a_switch(screen: Screen, panel: Locator) -> None:
    panel.locator("#take-evidence input").check()
    texts = (taken(screen, panel.locator("#take-json")) for _ in range(20))  # the file changes a moment later
    written = next(text for text in texts if "evidence" in text)
    assert '"evidence": {\n    "shop": {"kind": "exact", "places"' in written


def taken(screen: Screen, button: Locator) -> str:
    """The file that a button brings."""
    with screen.page.expect_download() as download:
        button.click()
    return Path(download.value.path()).read_text()
