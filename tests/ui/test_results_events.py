"""The listeners of the panel of results: what they find in a conversation, and what a correction comes to."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import openpyxl
import pytest

from backend.reader.page import Page
from backend.types import Finished, Unsure, Usage
from tests.support.page import Runtime, picture
from tests.support.receipt import ANSWER, ROWS, receipt
from ui.page import build_page
from ui.results_events import CUT, ResultsEvents
from ui.uploads import SentFiles

RECEIPT = '{"shop":"Corner","items":[{"name":"Tea","amount":2.50}],"total":2.60}'
REQUEST: Any = SimpleNamespace(username=None)


@pytest.fixture
def panel(runtime: Runtime, tmp_path: Path) -> ResultsEvents:
    return ResultsEvents(runtime.history, runtime.store, SentFiles(tmp_path / "files").results, runtime.pages.get)


async def asked(runtime: Runtime, task: str, script: list[Any], *files: Path) -> str:
    runtime.engine.script = script
    conversation = runtime.history.create(owner="")
    async for _ in runtime.chat.submit(conversation, "", files, task=task, owner=""):
        pass
    return conversation


def note(updates: dict[str, Any]) -> str:
    return str(updates["note"])


async def test_a_conversation_without_results_has_no_panel(
    runtime: Runtime, panel: ResultsEvents, tmp_path: Path
) -> None:
    talk = await asked(runtime, "caption", ["A cat."], picture(tmp_path / "a.png"))
    for conversation in (talk, "", "gone"):
        bar = panel.show(REQUEST, conversation)["bar"]
        assert (bar.visible, bar.open) == (False, False)


async def test_a_receipt_is_shown_beside_its_image_with_what_is_doubtful(
    runtime: Runtime, panel: ResultsEvents, tmp_path: Path
) -> None:
    ending = Finished("stop", Usage(1, 1), (Unsure(9, 12, 0.3),))
    conversation = await asked(runtime, "receipt", [RECEIPT, ending], picture(tmp_path / "a.png"))
    parts = panel.show(REQUEST, conversation)
    assert (parts["bar"].open, parts["picker"].visible, parts["tables"].visible) == (True, False, True)
    assert 'alt="Image 1"' in parts["figure"]
    assert "<svg" not in parts["figure"]
    assert "- **total**: the lines above add up to 2.50" in parts["note"]
    assert "- **shop**: the model was only 30% sure" in parts["note"]
    assert [row[0] for row in parts["fields"].value["data"] if row[2] == "⚠"] == ["shop", "total"]
    assert parts["items"].value["data"] == [["Tea", "2.50", ""]]
    assert parts["source"].endswith('"total": 2.60\n}')
    assert [parts[name].visible for name in ("json", "csv", "xlsx", "evidence")] == [True, True, True, False]


async def test_what_was_read_twice_is_said(runtime: Runtime, panel: ResultsEvents, tmp_path: Path) -> None:
    ending = Finished("stop", Usage(1, 1), (Unsure(8, 16, 1.0, reread=True),))
    right = RECEIPT.replace("2.60", "2.50")
    conversation = await asked(runtime, "receipt", [right, ending], picture(tmp_path / "a.png"))
    assert note(panel.show(REQUEST, conversation)) == "Read a second time at higher resolution: shop."


async def test_a_correction_is_checked_anew(runtime: Runtime, panel: ResultsEvents, tmp_path: Path) -> None:
    conversation = await asked(runtime, "receipt", [RECEIPT], picture(tmp_path / "a.png"))
    key = panel.show(REQUEST, conversation)["picker"].value
    fields = [["shop", "Corner", ""], ["total", "2.50", "⚠"]]
    fixed = panel.correct(REQUEST, conversation, key, fields, [["Tea", "2.50", ""]])
    assert (fixed["note"], fixed["fields"][1]) == ("", ["total", "2.50", ""])
    assert fixed["source"].endswith('"total": 2.50\n}')


async def test_a_correction_that_no_field_can_have_changes_nothing_and_says_why(
    runtime: Runtime, panel: ResultsEvents, tmp_path: Path
) -> None:
    conversation = await asked(runtime, "receipt", [RECEIPT], picture(tmp_path / "a.png"))
    before = panel.show(REQUEST, conversation)
    key, items = before["picker"].value, [["Tea", "2.50", ""]]
    refused = panel.correct(REQUEST, conversation, key, [["shop", "Corner", ""], ["total", "five", "⚠"]], items)
    assert refused == {
        "note": f'<span class="failure">“five” is no number; write it as 12.75.</span>\n\n{note(before)}',
        "fields": before["fields"].value["data"],
        "items": before["items"].value["data"],
    }
    assert note(panel.show(REQUEST, conversation)) == note(before)
    understood = panel.correct(REQUEST, conversation, key, [["total", "£2,50", "⚠"]], items)
    assert understood["source"].endswith('"total": 2.50\n}')


async def test_a_correction_is_there_again_and_can_be_taken_back(
    runtime: Runtime, panel: ResultsEvents, tmp_path: Path
) -> None:
    ending = Finished("stop", Usage(1, 1), (Unsure(9, 12, 0.3),))
    conversation = await asked(runtime, "receipt", [RECEIPT, ending], picture(tmp_path / "a.png"))
    before = panel.show(REQUEST, conversation)
    key, items = before["picker"].value, [["Tea", "2.50", ""]]
    panel.correct(REQUEST, conversation, key, [["total", "2.50", "⚠"]], items)
    after = panel.show(REQUEST, conversation)
    assert note(after) == "Look at these again:\n\n- **shop**: the model was only 30% sure"
    assert after["fields"].value["data"][1] == ["total", "2.50", ""]
    assert after["source"][-15:] == '"total": 2.50\n}'
    (turn,) = runtime.history.turns(conversation, owner="")
    assert (turn.answer.text, list(turn.corrections)) == (RECEIPT, [0])
    panel.correct(REQUEST, conversation, key, [["total", "2.60", ""]], items)
    assert runtime.history.turns(conversation, owner="")[0].corrections == {}
    assert note(panel.show(REQUEST, conversation)) == note(before)


async def test_of_two_results_each_has_its_own_corrections(
    runtime: Runtime, panel: ResultsEvents, tmp_path: Path
) -> None:
    files = picture(tmp_path / "a.png"), picture(tmp_path / "b.png", "red")
    conversation = await asked(runtime, "receipt", [RECEIPT], *files)
    (_, first), (_, second) = panel.show(REQUEST, conversation)["picker"].choices
    for key, shop in ((second, "Two"), (first, "One")):
        panel.correct(REQUEST, conversation, key, [["shop", shop, ""]], [["Tea", "2.50", ""]])
    for key, shop in ((second, "Two"), (first, "One")):
        fields = panel.pick(REQUEST, conversation, key)["fields"]
        assert fields.value["data"][0] == ["shop", shop, ""]


async def test_a_formula_is_kept_as_it_was_corrected_once_it_stands(
    runtime: Runtime, panel: ResultsEvents, tmp_path: Path
) -> None:
    conversation = await asked(runtime, "latex", ["x^{2}"], picture(tmp_path / "a.png"))
    key = panel.show(REQUEST, conversation)["picker"].value
    for latex, kept in (("x^{2}", {}), ("x^{3", {}), ("x^{3}", {0: "x^{3}"}), ("x^{3", {0: "x^{3}"}), ("x^{2}", {})):
        panel.typeset(REQUEST, conversation, key, latex)
        assert runtime.history.turns(conversation, owner="")[0].corrections == kept
    panel.typeset(REQUEST, conversation, key, "y")
    now = panel.show(REQUEST, conversation)
    assert (now["formula"], now["latex"]) == ("\\[y\\]", "y")


async def test_what_was_cut_keeps_no_corrections(runtime: Runtime, panel: ResultsEvents, tmp_path: Path) -> None:
    conversation = await asked(
        runtime, "latex", ["x^{2", Finished("length", Usage(1, 1))], picture(tmp_path / "a.png")
    )
    key = panel.show(REQUEST, conversation)["picker"].value
    panel.typeset(REQUEST, conversation, key, "x^{2}")
    assert runtime.history.turns(conversation, owner="")[0].corrections == {}


async def test_that_a_formula_was_cut_stays_said_whatever_is_typed(
    runtime: Runtime, panel: ResultsEvents, tmp_path: Path
) -> None:
    conversation = await asked(
        runtime, "latex", ["x^{2", Finished("length", Usage(1, 1))], picture(tmp_path / "a.png")
    )
    first = panel.show(REQUEST, conversation)
    key, cut = first["picker"].value, note(first)
    assert CUT in cut
    assert [panel.typeset(REQUEST, conversation, key, latex)["note"] for latex in ("y", "x^{2", "")] == [cut] * 3


async def test_nobody_corrects_what_is_another_owners(runtime: Runtime, panel: ResultsEvents, tmp_path: Path) -> None:
    conversation = await asked(runtime, "receipt", [RECEIPT], picture(tmp_path / "a.png"))
    key = panel.show(REQUEST, conversation)["picker"].value
    stranger: Any = SimpleNamespace(username="eve")
    with pytest.raises(gr.Error, match="This result is not in the conversation any more"):
        panel.correct(stranger, conversation, key, [["shop", "Eve's", ""]], [])
    assert runtime.history.turns(conversation, owner="")[0].corrections == {}


async def test_a_result_that_is_gone_is_a_sentence(runtime: Runtime, panel: ResultsEvents) -> None:
    with pytest.raises(gr.Error, match="This result is not in the conversation any more"):
        panel.pick(REQUEST, "", "1-0")


@pytest.mark.parametrize(("task", "text"), [("receipt", '{"shop":"Co'), ("latex", "x^{2}"), ("table", "a,b\n1,2")])
async def test_what_was_cut_is_marked_as_cut(
    runtime: Runtime, panel: ResultsEvents, tmp_path: Path, task: str, text: str
) -> None:
    conversation = await asked(runtime, task, [text, Finished("length", Usage(1, 1))], picture(tmp_path / "a.png"))
    updates = panel.show(REQUEST, conversation)
    assert CUT in note(updates)
    assert not any(updates[name].visible for name in ("json", "csv", "xlsx") if name in updates)


async def test_two_receipts_have_each_their_own_image(runtime: Runtime, panel: ResultsEvents, tmp_path: Path) -> None:
    files = picture(tmp_path / "a.png"), picture(tmp_path / "b.png", "red")
    conversation = await asked(runtime, "receipt", [RECEIPT], *files)
    first = panel.show(REQUEST, conversation)
    assert [name for name, _ in first["picker"].choices] == ["Receipt to JSON 1", "Receipt to JSON 2"]
    second = panel.pick(REQUEST, conversation, first["picker"].choices[1][1])
    assert (first["figure"].count("<img"), second["figure"].count("<img")) == (1, 1)
    assert first["figure"] != second["figure"]


def test_a_formula_that_does_not_stand_keeps_the_last_that_did(panel: ResultsEvents) -> None:
    math = '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"><mrow><mi>x</mi></mrow></math>'
    assert panel.typeset(REQUEST, "", None, "x") == {"note": "", "formula": "\\[x\\]", "mathml": math}
    for typed in ("$x$", r"\(x\)", "```latex\nx\n```", "x % not y"):
        assert panel.typeset(REQUEST, "", None, typed) == {"note": "", "formula": "\\[x\\]", "mathml": math}
    half = panel.typeset(REQUEST, "", None, "x^")
    assert half["note"].startswith("Not a LaTeX formula yet")
    assert (set(half), half["mathml"]) == ({"note", "mathml"}, "")  # the formula stays as it is


async def read(runtime: Runtime, tmp_path: Path, task: str = "receipt", script: str = ANSWER) -> str:
    """A conversation about a drawn receipt that was read."""
    file = tmp_path / "receipt.png"
    runtime.read(file, receipt(file))
    return await asked(runtime, task, [script], file)


async def test_a_receipt_that_was_read_says_what_stands_on_its_image(
    runtime: Runtime, panel: ResultsEvents, tmp_path: Path
) -> None:
    parts = panel.show(REQUEST, await read(runtime, tmp_path))
    assert "16 of 19 values stand on the image · 1 nearly · 2 nowhere" in parts["figure"]
    assert (parts["figure"].count('class="box exact"'), parts["figure"].count('class="box near"')) == (16, 1)
    assert "items 2, amount: 8.58 — nearly: the image has 8.59" in parts["figure"]
    assert parts["fields"].value["data"] == [
        ["shop", "Corner Market Sdn Bhd", "✓"],
        ["address", "12 Harbour Street, 50000 Kuala Lumpur", "✓"],
        ["date", "2018-03-19", "✓"],
        ["time", "11:12", "✓"],
        ["subtotal", "60.30", "✓ ⚠"],
        ["discount", "4.75", "✗ nowhere"],
        ["total", "60.30", "✓ ⚠"],
    ]
    assert [row[-1] for row in parts["items"].value["data"]] == ["✓", "≈ amount", "✗ name", "✓"]
    assert note(parts).splitlines() == [
        "Look at these again:",
        "",
        "- **items 2, amount**: the image has 8.59",
        "- **items 3, name**: it stands nowhere on the image",
        "- **discount**: it stands nowhere on the image",
        "- **subtotal**: the items add up to 60.29",
        "- **total**: the lines above add up to 55.55",
    ]
    assert (parts["evidence"].visible, parts["opener"].visible) == (True, False)


async def test_a_corrected_value_is_looked_for_again(runtime: Runtime, panel: ResultsEvents, tmp_path: Path) -> None:
    conversation = await read(runtime, tmp_path)
    parts = panel.show(REQUEST, conversation)
    fields, items = parts["fields"].value["data"], parts["items"].value["data"]
    items[1][2] = "8.59"
    fixed = panel.correct(REQUEST, conversation, parts["picker"].value, fields, items)
    assert "17 of 19 values stand on the image · 2 nowhere" in fixed["figure"]
    assert "items 2" not in fixed["note"]
    assert fixed["items"][1] == ["Green tea", "1", "8.59", "✓"]


async def test_the_files_say_where_the_values_stand_when_asked(
    runtime: Runtime, panel: ResultsEvents, tmp_path: Path
) -> None:
    conversation = await read(runtime, tmp_path, script='{"shop":"Nobody","total":60.30}')
    parts = panel.show(REQUEST, conversation)
    key = parts["picker"].value
    assert json.loads(content(parts["json"])) == {"shop": "Nobody", "total": 60.3}
    written, table, book = (panel.write(REQUEST, conversation, key, True)[name] for name in ("json", "csv", "xlsx"))
    (page,) = runtime.pages.values()
    box = [line.box for line in page.lines if line.text == "60.30"][1]
    places = [{"image": 0, "box": list(box), "text": "TOTAL 60.30"}]
    assert json.loads(content(written)) == {
        "data": {"shop": "Nobody", "total": 60.3},
        "evidence": {"shop": {"kind": "nowhere", "places": []}, "total": {"kind": "exact", "places": places}},
    }
    assert content(table).decode("utf-8-sig").splitlines() == [
        "shop,shop evidence,total,total evidence",
        f'Nobody,nowhere,60.30,"exact: “TOTAL 60.30” at {", ".join(map(str, box))}"',
    ]
    sheet = openpyxl.load_workbook(io.BytesIO(content(book)))["Evidence"]
    assert list(sheet.iter_rows(values_only=True))[1:] == [
        ("shop", "Nobody", "nowhere", *[None] * 7),
        ("total", "60.30", "exact", None, 1, "TOTAL 60.30", *box),
    ]
    without = panel.write(REQUEST, conversation, key, False)["json"]
    assert content(without) == content(parts["json"])


async def test_the_evidence_stays_in_the_files_when_a_value_is_corrected(
    runtime: Runtime, panel: ResultsEvents, tmp_path: Path
) -> None:
    conversation = await read(runtime, tmp_path, script='{"total":60.30}')
    key = panel.show(REQUEST, conversation, True)["picker"].value
    written = panel.correct(REQUEST, conversation, key, [["total", "61.30", ""]], [], True)["json"]
    assert json.loads(content(written))["data"] == {"total": 61.3}
    assert json.loads(content(written))["evidence"]["total"]["kind"] == "near"


async def test_where_text_was_read_and_there_is_no_result_a_button_shows_it(
    runtime: Runtime, panel: ResultsEvents, tmp_path: Path
) -> None:
    conversation = await read(runtime, tmp_path, "caption", "A receipt.")
    closed = panel.show(REQUEST, conversation)
    assert (closed["bar"].visible, closed["opener"].visible) == (False, True)
    parts = panel.read(REQUEST, conversation)
    assert (parts["bar"].open, parts["opener"].visible, parts["tables"].visible) == (True, False, False)
    assert (parts["picker"].choices, parts["picker"].visible) == ([("Text", "text")], False)
    assert 'data-key="0/9" aria-selected="false">TOTAL  60.30</div>' in parts["text"].value
    assert parts["figure"].count('class="box row"') == len(ROWS)
    assert "values stand" not in parts["figure"]


async def test_beside_a_result_the_text_is_one_of_the_things_to_pick(
    runtime: Runtime, panel: ResultsEvents, tmp_path: Path
) -> None:
    conversation = await read(runtime, tmp_path)
    picker = panel.show(REQUEST, conversation)["picker"]
    assert ([name for name, _ in picker.choices], picker.visible) == (["Receipt to JSON 1", "Text"], True)
    parts = panel.pick(REQUEST, conversation, "text")
    assert (parts["picker"].value, parts["tables"].visible, parts["text"].visible) == ("text", False, True)
    reread = panel.pick(REQUEST, conversation, picker.value)
    assert (reread["tables"].visible, reread["text"].visible) == (True, False)


async def test_who_reads_the_text_goes_on_with_it_until_a_result_comes(
    runtime: Runtime, panel: ResultsEvents, tmp_path: Path
) -> None:
    conversation = await read(runtime, tmp_path, "caption", "A receipt.")
    kept = panel.show(REQUEST, conversation, before="text")
    assert (kept["bar"].visible, kept["text"].visible, kept["chosen"]) == (True, True, "text")
    runtime.engine.script = [ANSWER]
    async for _ in runtime.chat.submit(conversation, "", [], task="receipt", owner=""):
        pass
    result = panel.show(REQUEST, conversation, before="text")
    assert (result["bar"].open, result["text"].visible, result["chosen"]) == (True, False, result["picker"].value)


async def test_nothing_is_said_of_text_where_none_was_read(
    runtime: Runtime, panel: ResultsEvents, tmp_path: Path
) -> None:
    file = picture(tmp_path / "a.png")
    for page in (None, Page(160, 120)):
        runtime.pages.clear()
        if page:
            runtime.read(file, page)
        caption = panel.show(REQUEST, await asked(runtime, "caption", ["A disc."], file))
        assert (caption["bar"].visible, caption["opener"].visible) == (False, False)
        result = panel.show(REQUEST, await asked(runtime, "receipt", [RECEIPT], file))
        assert [name for name, _ in result["picker"].choices] == ["Receipt to JSON 1"]


async def test_a_long_list_of_doubts_is_cut(runtime: Runtime, panel: ResultsEvents, tmp_path: Path) -> None:
    table = "\n".join(["TOTAL,CASH", *(f"Word{number},Nothing{number}" for number in range(10))])
    said = note(panel.show(REQUEST, await read(runtime, tmp_path, "table", table))).splitlines()
    assert (len(said), said[2], said[-1]) == (
        15, "- **TOTAL, row 1**: it stands nowhere on the image", "- and 8 more, marked in the table",
    )  # fmt: skip


def content(button: Any) -> bytes:
    """The file behind a download."""
    return Path(button.value["path"]).read_bytes()


def test_the_server_knows_which_result_is_shown_before_the_browser_has_drawn_its_picker(runtime: Runtime) -> None:
    page = build_page(runtime.chat, runtime.history, runtime.store, runtime.engine, runtime.settings)
    picker = next(part["id"] for part in page.config["components"] if part["props"].get("elem_id") == "result-picker")
    readers = [each["targets"] for each in page.config["dependencies"] if picker in each["inputs"]]
    assert readers == [[(picker, "input")]]
