"""The panel of results, in a browser: it opens with the answer, is corrected, and is taken away."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import expect

from backend.engine.scripted import SCRIPTED, Gate
from backend.reader.page import Line, Page
from backend.types import Finished, Usage
from tests.support.page import Runtime, picture
from tests.support.pages import quad
from tests.support.screen import Screen

pytestmark = pytest.mark.browser

RECEIPT = json.dumps(
    {"shop": "Corner", "items": [{"name": "Tea", "amount": 2.5}, {"name": "Jam", "amount": 3.1}], "total": 5.7}
)


def ask(screen: Screen, preset: str, *files: Path) -> None:
    screen.page.locator("#presets label").filter(has_text=preset).click()
    for file in files:
        screen.drop(file)
    screen.send("")
    screen.finished()


def correct(screen: Screen, old: str, new: str) -> None:
    """Type another value into a field's cell."""
    screen.page.locator("#result-fields .body-cell").filter(has_text=old).dblclick()
    field = screen.page.locator("#result-fields").locator("input:focus, textarea:focus, [contenteditable]:focus")
    expect(field).to_be_visible()
    field.fill(new)
    field.press("Enter")


def test_a_receipt_is_checked_corrected_and_taken_away(runtime: Runtime, screen: Screen, tmp_path: Path) -> None:
    runtime.engine.script = [RECEIPT]
    ask(screen, "Receipt to JSON", picture(tmp_path / "receipt.png"))
    note = screen.page.locator("#result-note")
    expect(note).to_contain_text("total: the lines above add up to 5.60")
    expect(screen.page.locator("#result-figure img")).to_be_visible()
    correct(screen, "5.7", "5.60")
    expect(note).not_to_contain_text("total")
    taken = {}
    for name in ("json", "csv", "xlsx"):
        with screen.page.expect_download() as download:
            screen.page.locator(f"#take-{name}").click()
        taken[download.value.suggested_filename] = Path(download.value.path()).read_bytes()
    assert json.loads(taken["receipt.json"])["total"] == 5.6
    assert taken["receipt.csv"].decode("utf-8-sig").splitlines()[1] == "Tea,2.5,Corner,5.60"
    assert taken["receipt.xlsx"][:2] == b"PK"


def test_a_correction_that_does_not_fit_is_taken_back_and_the_result_stays(
    runtime: Runtime, screen: Screen, tmp_path: Path
) -> None:
    runtime.engine.script = [RECEIPT]
    ask(screen, "Receipt to JSON", picture(tmp_path / "receipt.png"))
    cells, note = screen.page.locator("#result-fields .body-cell"), screen.page.locator("#result-note")
    correct(screen, "5.7", "a lot")
    expect(note).to_contain_text("“a lot” is no number; write it as 12.75.")
    expect(note).to_contain_text("total: the lines above add up to 5.60")
    expect(cells.filter(has_text="5.7")).to_be_visible()
    expect(screen.page.locator("#take-json")).to_be_visible()
    correct(screen, "5.7", "5,60 EUR")
    expect(cells.filter(has_text="5.60")).to_be_visible()
    expect(note).not_to_contain_text("total")


def test_a_correction_outlives_a_reload_and_goes_with_a_retry(
    runtime: Runtime, screen: Screen, tmp_path: Path
) -> None:
    runtime.engine.script = [RECEIPT]
    ask(screen, "Receipt to JSON", picture(tmp_path / "receipt.png"))
    cells, note = screen.page.locator("#result-fields .body-cell"), screen.page.locator("#result-note")
    correct(screen, "5.7", "5.60")
    expect(note).not_to_contain_text("total")
    screen.reload()
    expect(cells.filter(has_text="5.60")).to_be_visible()
    expect(screen.answers.first).to_contain_text("5.7")  # as the model wrote it
    expect(screen.page.locator("#chat .note")).to_have_text(
        "corrected in the panel of results, as later answers read it"
    )
    screen.page.locator("#new-chat").click()
    expect(screen.page.locator("#results")).not_to_be_visible()
    screen.conversations.first.click()
    expect(cells.filter(has_text="5.60")).to_be_visible()
    screen.press("Retry")
    expect(cells.filter(has_text="5.7")).to_be_visible()
    assert runtime.history.turns(runtime.only(), owner="")[0].corrections == {}


def test_a_field_is_read_again_in_sight_and_stop_keeps_the_first_reading(
    runtime: Runtime, screen: Screen, tmp_path: Path
) -> None:
    gate, status = Gate(), runtime.engine.status
    runtime.engine.status = replace(status, model=replace(SCRIPTED, canvas=1120 * 1120))
    runtime.engine.script = lambda request: [gate] if "part of the receipt" in request.messages[-1].text else [RECEIPT]
    file = picture(tmp_path / "receipt.png", size=(1000, 2000))
    lines = Line("Corner", quad(100, 100, 300, 40)), Line("TOTAL 5.60", quad(100, 1800, 300, 40))
    runtime.read(file, Page(1000, 2000, lines))
    try:
        screen.choose("Receipt to JSON")
        screen.drop(file)
        screen.send("")
        expect(screen.page.locator("#chat .progress").filter(has_text="reading total again, closer")).to_be_visible()
        expect(screen.answers.first).to_contain_text("Corner")
        screen.stop()
        screen.finished()
    finally:
        runtime.engine.status = status
    expect(screen.page.locator("#result-note")).to_contain_text("the lines above add up to 5.60")
    assert runtime.kept()[0][1:] == (RECEIPT, "stop")


def test_two_receipts_are_two_results_each_beside_its_image(runtime: Runtime, screen: Screen, tmp_path: Path) -> None:
    runtime.engine.script = [RECEIPT]
    ask(screen, "Receipt to JSON", picture(tmp_path / "a.png"), picture(tmp_path / "b.png", "red"))
    picker, image = screen.page.locator("#result-picker label"), screen.page.locator("#result-figure img")
    expect(picker).to_have_text(["Receipt to JSON 1", "Receipt to JSON 2"])
    first = image.get_attribute("src")
    picker.nth(1).click()
    expect(image).not_to_have_attribute("src", first or "")


def test_the_chat_stands_where_it_stood_once_the_panel_is_gone(
    runtime: Runtime, screen: Screen, tmp_path: Path
) -> None:
    chat = screen.page.locator(".sidebar-parent")
    expect(chat).to_have_css("padding-left", "322px")
    runtime.engine.script = [RECEIPT]
    ask(screen, "Receipt to JSON", picture(tmp_path / "receipt.png"))
    expect(chat).to_have_css("padding-right", "490px")
    screen.page.locator("#new-chat").click()
    expect(chat).to_have_css("padding-right", "0px")
    expect(chat).to_have_css("padding-left", "322px")


def test_a_formula_is_set_again_as_it_changes(runtime: Runtime, screen: Screen, tmp_path: Path) -> None:
    runtime.engine.script = ["x^{2}"]
    ask(screen, "LaTeX", picture(tmp_path / "formula.png"))
    formula = screen.page.locator("#result-formula .katex")
    expect(formula).to_be_visible()
    screen.page.locator("#result-latex textarea").fill(r"\frac{a}{b}")
    expect(screen.page.locator("#result-formula .mfrac")).to_be_visible()
    mathml = screen.page.locator("#result-mathml textarea")
    expect(mathml).to_have_value(
        '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"><mrow><mfrac><mrow><mi>a</mi></mrow>'
        "<mrow><mi>b</mi></mrow></mfrac></mrow></math>"
    )
    screen.page.locator("#result-latex textarea").fill(r"\frac{a}{b")
    expect(screen.page.locator("#result-note")).to_have_text("Not a LaTeX formula yet: a brace is not closed.")


def test_what_was_cut_is_not_passed_off_as_whole(runtime: Runtime, screen: Screen, tmp_path: Path) -> None:
    runtime.engine.script = ["x^{2}", Finished("length", Usage(1, 1))]
    ask(screen, "LaTeX", picture(tmp_path / "formula.png"))
    expect(screen.page.locator("#result-note")).to_contain_text("This result was cut at the token limit")


def test_prices_in_an_answer_are_no_mathematics(runtime: Runtime, screen: Screen) -> None:
    runtime.engine.script = ["Tea is $2.40 and jam is $3.10, so $5.50."]
    screen.send("How much?")
    screen.finished()
    expect(screen.answers.first).to_contain_text("Tea is $2.40 and jam is $3.10, so $5.50.")
    expect(screen.page.locator("#chat .katex")).to_have_count(0)
    expect(screen.page.locator("#results")).not_to_be_visible()
