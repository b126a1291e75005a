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
from tests.ui.drawn import ANSWER, ROWS, receipt
from tests.ui.house import House, picture
from ui.takeaway import CUT, Takeaway

RECEIPT = '{"shop":"Corner","items":[{"name":"Tea","amount":2.50}],"total":2.60}'
PARTS = (
    *("bar", "opener", "picker", "figure", "note", "tables", "fields", "items", "json", "csv", "xlsx", "evidence"),
    *("source", "formulas", "formula", "latex", "mathml", "text", "chosen"),
)
REQUEST: Any = SimpleNamespace(username=None)


@pytest.fixture
def panel(house: House, tmp_path: Path) -> Takeaway:
    return Takeaway(house.history, house.store, tmp_path / "files", house.pages.get)


async def asked(house: House, task: str, script: list[Any], *files: Path) -> str:
    house.engine.script = script
    conversation = house.history.create()
    async for _ in house.chat.submit(conversation, "", files, task=task):
        pass
    return conversation


def shown(updates: list[Any]) -> dict[str, Any]:
    """What `show`, `pick` and `read` fill, by name."""
    return dict(zip(PARTS, updates, strict=True))


def note(updates: list[Any]) -> str:
    return str(shown(updates)["note"])


async def test_a_conversation_without_results_has_no_panel(house: House, panel: Takeaway, tmp_path: Path) -> None:
    talk = await asked(house, "caption", ["A cat."], picture(tmp_path / "a.png"))
    for conversation in (talk, "", "gone"):
        bar = panel.show(REQUEST, conversation)[0]
        assert (bar.visible, bar.open) == (False, False)


async def test_a_receipt_is_shown_beside_its_image_with_what_is_doubtful(
    house: House, panel: Takeaway, tmp_path: Path
) -> None:
    ending = Finished("stop", Usage(1, 1), (Unsure(9, 12, 0.3),))
    conversation = await asked(house, "receipt", [RECEIPT, ending], picture(tmp_path / "a.png"))
    parts = shown(panel.show(REQUEST, conversation))
    assert (parts["bar"].open, parts["picker"].visible, parts["tables"].visible) == (True, False, True)
    assert 'alt="Image 1"' in parts["figure"]
    assert "<svg" not in parts["figure"]
    assert "- **total**: by what is printed above it, it is 2.50" in parts["note"]
    assert "- **shop**: the model was unsure here &#40;30%&#41;" in parts["note"]
    assert [row[0] for row in parts["fields"].value["data"] if row[2] == "⚠"] == ["shop", "total"]
    assert parts["items"].value["data"] == [["Tea", "2.50", ""]]
    assert parts["source"].endswith('"total": 2.60\n}')
    assert [parts[name].visible for name in ("json", "csv", "xlsx", "evidence")] == [True, True, True, False]


async def test_what_was_read_twice_is_said(house: House, panel: Takeaway, tmp_path: Path) -> None:
    ending = Finished("stop", Usage(1, 1), (Unsure(8, 16, 1.0, again=True),))
    right = RECEIPT.replace("2.60", "2.50")
    conversation = await asked(house, "receipt", [right, ending], picture(tmp_path / "a.png"))
    assert note(panel.show(REQUEST, conversation)) == "Read twice, the second time closer: shop."


async def test_a_correction_is_checked_anew(house: House, panel: Takeaway, tmp_path: Path) -> None:
    conversation = await asked(house, "receipt", [RECEIPT], picture(tmp_path / "a.png"))
    key = shown(panel.show(REQUEST, conversation))["picker"].value
    fields = [["shop", "Corner", ""], ["total", "2.50", "⚠"]]
    _, said, fixed, _, *_, source = panel.correct(REQUEST, conversation, key, fields, [["Tea", "2.50", ""]])
    assert (said, fixed[1], source.endswith('"total": 2.50\n}')) == ("", ["total", "2.50", ""], True)


async def test_a_correction_is_there_again_and_can_be_taken_back(
    house: House, panel: Takeaway, tmp_path: Path
) -> None:
    ending = Finished("stop", Usage(1, 1), (Unsure(9, 12, 0.3),))
    conversation = await asked(house, "receipt", [RECEIPT, ending], picture(tmp_path / "a.png"))
    before = panel.show(REQUEST, conversation)
    key, items = shown(before)["picker"].value, [["Tea", "2.50", ""]]
    panel.correct(REQUEST, conversation, key, [["total", "2.50", "⚠"]], items)
    after = panel.show(REQUEST, conversation)
    assert note(after) == "Look at these again:\n\n- **shop**: the model was unsure here &#40;30%&#41;"
    assert shown(after)["fields"].value["data"][1] == ["total", "2.50", ""]
    assert shown(after)["source"][-15:] == '"total": 2.50\n}'
    (turn,) = house.history.turns(conversation)
    assert (turn.reply, list(turn.corrections)) == (RECEIPT, [0])
    panel.correct(REQUEST, conversation, key, [["total", "2.60", ""]], items)
    assert house.history.turns(conversation)[0].corrections == {}
    assert note(panel.show(REQUEST, conversation)) == note(before)


async def test_of_two_results_each_has_its_own_corrections(house: House, panel: Takeaway, tmp_path: Path) -> None:
    files = picture(tmp_path / "a.png"), picture(tmp_path / "b.png", "red")
    conversation = await asked(house, "receipt", [RECEIPT], *files)
    (_, first), (_, second) = shown(panel.show(REQUEST, conversation))["picker"].choices
    for key, shop in ((second, "Two"), (first, "One")):
        panel.correct(REQUEST, conversation, key, [["shop", shop, ""]], [["Tea", "2.50", ""]])
    for key, shop in ((second, "Two"), (first, "One")):
        fields = shown(panel.pick(REQUEST, conversation, key))["fields"]
        assert fields.value["data"][0] == ["shop", shop, ""]


async def test_a_formula_is_kept_as_it_was_corrected_once_it_stands(
    house: House, panel: Takeaway, tmp_path: Path
) -> None:
    conversation = await asked(house, "latex", ["x^{2}"], picture(tmp_path / "a.png"))
    key = shown(panel.show(REQUEST, conversation))["picker"].value
    for latex, kept in (("x^{2}", {}), ("x^{3", {}), ("x^{3}", {0: "x^{3}"}), ("x^{3", {0: "x^{3}"}), ("x^{2}", {})):
        panel.typeset(REQUEST, conversation, key, latex, "")
        assert house.history.turns(conversation)[0].corrections == kept
    panel.typeset(REQUEST, conversation, key, "y", "")
    assert panel.show(REQUEST, conversation)[14:16] == ["\\[y\\]", "y"]


async def test_what_was_cut_keeps_no_corrections(house: House, panel: Takeaway, tmp_path: Path) -> None:
    conversation = await asked(house, "latex", ["x^{2", Finished("length", Usage(1, 1))], picture(tmp_path / "a.png"))
    key = shown(panel.show(REQUEST, conversation))["picker"].value
    panel.typeset(REQUEST, conversation, key, "x^{2}", "")
    assert house.history.turns(conversation)[0].corrections == {}


async def test_nobody_corrects_what_is_another_owners(house: House, panel: Takeaway, tmp_path: Path) -> None:
    conversation = await asked(house, "receipt", [RECEIPT], picture(tmp_path / "a.png"))
    key = shown(panel.show(REQUEST, conversation))["picker"].value
    stranger: Any = SimpleNamespace(username="eve")
    with pytest.raises(gr.Error, match="This result is not in the conversation any more"):
        panel.correct(stranger, conversation, key, [["shop", "Eve's", ""]], [])
    assert house.history.turns(conversation)[0].corrections == {}


async def test_a_result_that_is_gone_is_a_sentence(house: House, panel: Takeaway) -> None:
    with pytest.raises(gr.Error, match="This result is not in the conversation any more"):
        panel.pick(REQUEST, "", "1-0")


@pytest.mark.parametrize(("task", "text"), [("receipt", '{"shop":"Co'), ("latex", "x^{2}"), ("table", "a,b\n1,2")])
async def test_what_was_cut_is_marked_as_cut(
    house: House, panel: Takeaway, tmp_path: Path, task: str, text: str
) -> None:
    conversation = await asked(house, task, [text, Finished("length", Usage(1, 1))], picture(tmp_path / "a.png"))
    updates = panel.show(REQUEST, conversation)
    assert CUT in note(updates)
    assert not any(getattr(one, "visible", False) for one in updates[8:11])


async def test_two_receipts_have_each_their_own_image(house: House, panel: Takeaway, tmp_path: Path) -> None:
    files = picture(tmp_path / "a.png"), picture(tmp_path / "b.png", "red")
    conversation = await asked(house, "receipt", [RECEIPT], *files)
    first = shown(panel.show(REQUEST, conversation))
    assert [name for name, _ in first["picker"].choices] == ["Receipt to JSON 1", "Receipt to JSON 2"]
    second = shown(panel.pick(REQUEST, conversation, first["picker"].choices[1][1]))
    assert (first["figure"].count("<img"), second["figure"].count("<img")) == (1, 1)
    assert first["figure"] != second["figure"]


def test_a_formula_that_does_not_stand_keeps_the_last_that_did(panel: Takeaway) -> None:
    assert panel.typeset(REQUEST, "", None, "x", "") == [
        "", "\\[x\\]",
        '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"><mrow><mi>x</mi></mrow></math>',
    ]  # fmt: skip
    said, formula, mathml = panel.typeset(REQUEST, "", None, "x^", "")
    assert said.startswith("This is no LaTeX formula yet")
    assert (formula, mathml) == (gr.skip(), "")


async def read(house: House, tmp_path: Path, task: str = "receipt", script: str = ANSWER) -> str:
    """A conversation about a drawn receipt that was read."""
    file = tmp_path / "receipt.png"
    house.read(file, receipt(file))
    return await asked(house, task, [script], file)


async def test_a_receipt_that_was_read_says_what_stands_on_its_image(
    house: House, panel: Takeaway, tmp_path: Path
) -> None:
    parts = shown(panel.show(REQUEST, await read(house, tmp_path)))
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
    assert note(list(parts.values())).splitlines() == [
        "Look at these again:",
        "",
        "- **items 2, amount**: the image has 8.59",
        "- **items 3, name**: it stands nowhere on the image",
        "- **discount**: it stands nowhere on the image",
        "- **subtotal**: the items add up to 60.29",
        "- **total**: by what is printed above it, it is 55.55",
    ]
    assert (parts["evidence"].visible, parts["opener"].visible) == (True, False)


async def test_a_corrected_value_is_looked_for_again(house: House, panel: Takeaway, tmp_path: Path) -> None:
    conversation = await read(house, tmp_path)
    parts = shown(panel.show(REQUEST, conversation))
    fields, items = parts["fields"].value["data"], parts["items"].value["data"]
    items[1][2] = "8.59"
    drawn, said, _, corrected, *_ = panel.correct(REQUEST, conversation, parts["picker"].value, fields, items)
    assert "17 of 19 values stand on the image · 2 nowhere" in drawn
    assert "items 2" not in said
    assert corrected[1] == ["Green tea", "1", "8.59", "✓"]


async def test_the_files_say_where_the_values_stand_when_asked(house: House, panel: Takeaway, tmp_path: Path) -> None:
    conversation = await read(house, tmp_path, script='{"shop":"Nobody","total":60.30}')
    parts = shown(panel.show(REQUEST, conversation))
    key = parts["picker"].value
    assert json.loads(content(parts["json"])) == {"shop": "Nobody", "total": 60.3}
    written, table, book = panel.write(REQUEST, conversation, key, True)
    (page,) = house.pages.values()
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
    (without, *_) = panel.write(REQUEST, conversation, key, False)
    assert content(without) == content(parts["json"])


async def test_the_evidence_stays_in_the_files_when_a_value_is_corrected(
    house: House, panel: Takeaway, tmp_path: Path
) -> None:
    conversation = await read(house, tmp_path, script='{"total":60.30}')
    key = shown(panel.show(REQUEST, conversation, True))["picker"].value
    *_, written, _, _, _ = panel.correct(REQUEST, conversation, key, [["total", "61.30", ""]], [], True)
    assert json.loads(content(written))["data"] == {"total": 61.3}
    assert json.loads(content(written))["evidence"]["total"]["kind"] == "near"


async def test_where_text_was_read_and_there_is_no_result_a_button_shows_it(
    house: House, panel: Takeaway, tmp_path: Path
) -> None:
    conversation = await read(house, tmp_path, "caption", "A receipt.")
    closed = shown(panel.show(REQUEST, conversation))
    assert (closed["bar"].visible, closed["opener"].visible) == (False, True)
    parts = shown(panel.read(REQUEST, conversation))
    assert (parts["bar"].open, parts["opener"].visible, parts["tables"].visible) == (True, False, False)
    assert (parts["picker"].choices, parts["picker"].visible) == ([("Text", "text")], False)
    assert 'data-key="0/9" aria-selected="false">TOTAL  60.30</div>' in parts["text"].value
    assert parts["figure"].count('class="box row"') == len(ROWS)
    assert "values stand" not in parts["figure"]


async def test_beside_a_result_the_text_is_one_of_the_things_to_pick(
    house: House, panel: Takeaway, tmp_path: Path
) -> None:
    conversation = await read(house, tmp_path)
    picker = shown(panel.show(REQUEST, conversation))["picker"]
    assert ([name for name, _ in picker.choices], picker.visible) == (["Receipt to JSON 1", "Text"], True)
    parts = shown(panel.pick(REQUEST, conversation, "text"))
    assert (parts["picker"].value, parts["tables"].visible, parts["text"].visible) == ("text", False, True)
    again = shown(panel.pick(REQUEST, conversation, picker.value))
    assert (again["tables"].visible, again["text"].visible) == (True, False)


async def test_who_reads_the_text_goes_on_with_it_until_a_result_comes(
    house: House, panel: Takeaway, tmp_path: Path
) -> None:
    conversation = await read(house, tmp_path, "caption", "A receipt.")
    kept = shown(panel.show(REQUEST, conversation, before="text"))
    assert (kept["bar"].visible, kept["text"].visible, kept["chosen"]) == (True, True, "text")
    house.engine.script = [ANSWER]
    async for _ in house.chat.submit(conversation, "", [], task="receipt"):
        pass
    result = shown(panel.show(REQUEST, conversation, before="text"))
    assert (result["bar"].open, result["text"].visible, result["chosen"]) == (True, False, result["picker"].value)


async def test_nothing_is_said_of_text_where_none_was_read(house: House, panel: Takeaway, tmp_path: Path) -> None:
    file = picture(tmp_path / "a.png")
    for page in (None, Page(160, 120)):
        house.pages.clear()
        if page:
            house.read(file, page)
        caption = shown(panel.show(REQUEST, await asked(house, "caption", ["A disc."], file)))
        assert (caption["bar"].visible, caption["opener"].visible) == (False, False)
        result = shown(panel.show(REQUEST, await asked(house, "receipt", [RECEIPT], file)))
        assert [name for name, _ in result["picker"].choices] == ["Receipt to JSON 1"]


async def test_a_long_list_of_doubts_is_cut(house: House, panel: Takeaway, tmp_path: Path) -> None:
    table = "\n".join(["TOTAL,CASH", *(f"Word{number},Nothing{number}" for number in range(10))])
    said = note(panel.show(REQUEST, await read(house, tmp_path, "table", table))).splitlines()
    assert (len(said), said[2], said[-1]) == (
        15, "- **TOTAL, row 1**: it stands nowhere on the image", "- and 8 more, marked in the table",
    )  # fmt: skip


def content(button: Any) -> bytes:
    """The file behind a download."""
    return Path(button.value["path"]).read_bytes()
