"""The listeners of the panel of results: what they find in a conversation, and what a correction comes to."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from backend.types import Finished, Unsure, Usage
from tests.ui.house import House, picture
from ui.takeaway import CUT, Takeaway

RECEIPT = '{"shop":"Corner","items":[{"name":"Tea","amount":2.50}],"total":2.60}'
REQUEST: Any = SimpleNamespace(username=None)


@pytest.fixture
def panel(house: House, tmp_path: Path) -> Takeaway:
    return Takeaway(house.history, house.store, tmp_path / "files")


async def asked(house: House, task: str, script: list[Any], *files: Path) -> str:
    house.engine.script = script
    conversation = house.history.create()
    async for _ in house.chat.submit(conversation, "", files, task=task):
        pass
    return conversation


def note(updates: list[Any]) -> str:
    return str(updates[3])


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
    bar, picker, image, said, tables, fields, items, source, *files = panel.show(REQUEST, conversation)[:11]
    assert (bar.open, picker.visible, image.visible, tables.visible) == (True, False, True, True)
    assert "- **total**: by what is printed above it, it is 2.50" in said
    assert "- **shop**: the model was unsure here &#40;30%&#41;" in said
    assert [row[0] for row in fields.value["data"] if row[2]] == ["shop", "total"]
    assert items.value["data"] == [["Tea", "2.50", ""]]
    assert source.endswith('"total": 2.60\n}')
    assert [file.visible for file in files] == [True, True, True]


async def test_what_was_read_twice_is_said(house: House, panel: Takeaway, tmp_path: Path) -> None:
    ending = Finished("stop", Usage(1, 1), (Unsure(8, 16, 1.0, again=True),))
    right = RECEIPT.replace("2.60", "2.50")
    conversation = await asked(house, "receipt", [right, ending], picture(tmp_path / "a.png"))
    assert note(panel.show(REQUEST, conversation)) == "Read twice, the second time closer: shop."


async def test_a_correction_is_checked_anew(house: House, panel: Takeaway, tmp_path: Path) -> None:
    conversation = await asked(house, "receipt", [RECEIPT], picture(tmp_path / "a.png"))
    key = panel.show(REQUEST, conversation)[1].value
    fields = [["shop", "Corner", ""], ["total", "2.50", "⚠"]]
    said, shown, _, source, *_ = panel.correct(REQUEST, conversation, key, fields, [["Tea", "2.50", ""]])
    assert (said, shown[1], source.endswith('"total": 2.50\n}')) == ("", ["total", "2.50", ""], True)


async def test_a_correction_is_there_again_and_can_be_taken_back(
    house: House, panel: Takeaway, tmp_path: Path
) -> None:
    ending = Finished("stop", Usage(1, 1), (Unsure(9, 12, 0.3),))
    conversation = await asked(house, "receipt", [RECEIPT, ending], picture(tmp_path / "a.png"))
    before = panel.show(REQUEST, conversation)
    key, items = before[1].value, [["Tea", "2.50", ""]]
    panel.correct(REQUEST, conversation, key, [["total", "2.50", "⚠"]], items)
    after = panel.show(REQUEST, conversation)
    assert note(after) == "Look at these again:\n\n- **shop**: the model was unsure here &#40;30%&#41;"
    assert (after[5].value["data"][1], after[7][-15:]) == (["total", "2.50", ""], '"total": 2.50\n}')
    (turn,) = house.history.turns(conversation)
    assert (turn.reply, list(turn.corrections)) == (RECEIPT, [0])
    panel.correct(REQUEST, conversation, key, [["total", "2.60", ""]], items)
    assert house.history.turns(conversation)[0].corrections == {}
    assert note(panel.show(REQUEST, conversation)) == note(before)


async def test_of_two_results_each_has_its_own_corrections(house: House, panel: Takeaway, tmp_path: Path) -> None:
    files = picture(tmp_path / "a.png"), picture(tmp_path / "b.png", "red")
    conversation = await asked(house, "receipt", [RECEIPT], *files)
    (_, first), (_, second) = panel.show(REQUEST, conversation)[1].choices
    for key, shop in ((second, "Two"), (first, "One")):
        panel.correct(REQUEST, conversation, key, [["shop", shop, ""]], [["Tea", "2.50", ""]])
    for key, shop in ((second, "Two"), (first, "One")):
        assert panel.pick(REQUEST, conversation, key)[5].value["data"][0] == ["shop", shop, ""]


async def test_a_formula_is_kept_as_it_was_corrected_once_it_stands(
    house: House, panel: Takeaway, tmp_path: Path
) -> None:
    conversation = await asked(house, "latex", ["x^{2}"], picture(tmp_path / "a.png"))
    key = panel.show(REQUEST, conversation)[1].value
    for latex, kept in (("x^{2}", {}), ("x^{3", {}), ("x^{3}", {0: "x^{3}"}), ("x^{3", {0: "x^{3}"}), ("x^{2}", {})):
        panel.typeset(REQUEST, conversation, key, latex, "")
        assert house.history.turns(conversation)[0].corrections == kept
    panel.typeset(REQUEST, conversation, key, "y", "")
    assert panel.show(REQUEST, conversation)[12:14] == ["\\[y\\]", "y"]


async def test_what_was_cut_keeps_no_corrections(house: House, panel: Takeaway, tmp_path: Path) -> None:
    conversation = await asked(house, "latex", ["x^{2", Finished("length", Usage(1, 1))], picture(tmp_path / "a.png"))
    key = panel.show(REQUEST, conversation)[1].value
    panel.typeset(REQUEST, conversation, key, "x^{2}", "")
    assert house.history.turns(conversation)[0].corrections == {}


async def test_nobody_corrects_what_is_another_owners(house: House, panel: Takeaway, tmp_path: Path) -> None:
    conversation = await asked(house, "receipt", [RECEIPT], picture(tmp_path / "a.png"))
    key = panel.show(REQUEST, conversation)[1].value
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
    picker, first = panel.show(REQUEST, conversation)[1:3]
    assert [name for name, _ in picker.choices] == ["Receipt to JSON 1", "Receipt to JSON 2"]
    second = panel.pick(REQUEST, conversation, picker.choices[1][1])[2]
    assert first.value["path"] != second.value["path"]


def test_a_formula_that_does_not_stand_keeps_the_last_that_did(panel: Takeaway) -> None:
    assert panel.typeset(REQUEST, "", None, "x", "") == [
        "", "\\[x\\]",
        '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"><mrow><mi>x</mi></mrow></math>',
    ]  # fmt: skip
    said, formula, mathml = panel.typeset(REQUEST, "", None, "x^", "")
    assert said.startswith("This is no LaTeX formula yet")
    assert (formula, mathml) == (gr.skip(), "")
