"""The choice of another model: its listeners, called as Gradio calls them."""

from pathlib import Path

import gradio as gr
import pytest

from backend.engine.engine import LocalSpec
from backend.models import switch
from backend.models.catalog import POCKET
from backend.models.hardware import Machine
from backend.models.switch import ModelSwitch
from backend.settings import Settings
from tests.support.models import QWEN, Engine
from tests.support.page import Runtime
from ui.model_picker import ModelChoice
from ui.page import build_page


def shown(*updates: gr.blocks.Block) -> list[bool]:
    return [update.visible for update in updates]


async def test_the_list_takes_the_place_of_its_button_and_names_every_model() -> None:
    button, panel, wanted = await ModelChoice(ModelSwitch(Engine(), Settings())).open()
    assert shown(button, panel) == [False, True]
    assert [(label.partition(" · ")[0], value) for label, value in wanted.choices if value == QWEN] == [
        ("Qwen2.5-VL 3B", QWEN)
    ]


def test_what_is_chosen_is_loaded_and_the_way_back_is_a_button() -> None:
    engine = Engine(LocalSpec("ada/first"))
    choice = ModelChoice(ModelSwitch(engine, Settings()))
    assert shown(choice.instead()) == [False]
    assert shown(*choice.load(QWEN)) == [True, False]
    assert (engine.spec.model, choice.instead().value, *shown(choice.instead())) == (QWEN, "Use first instead", True)
    choice.go_back()
    assert (engine.spec.model, *shown(choice.instead())) == ("ada/first", False)


async def test_what_is_suggested_is_loaded_by_one_click(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch, "probe", lambda: Machine(memory_free=16 * 2**30))
    monkeypatch.setattr(switch, "memory_bandwidth", lambda: 20e9)
    engine = Engine(LocalSpec(POCKET.id))
    choice = ModelChoice(ModelSwitch(engine, Settings()))
    button = await choice.suggest()
    assert (button.visible, button.value) == (
        True, "Try MiniCPM-V 4.6: 2.6 GB to fetch, about 4 tokens a second here",
    )  # fmt: skip
    assert shown(choice.load_suggested()) == [False]
    assert engine.spec.model == "openbmb/MiniCPM-V-4.6"
    assert shown(await choice.suggest()) == [False]


def test_nothing_chosen_is_a_sentence_and_the_list_stays() -> None:
    with pytest.raises(gr.Error, match="Choose a model, or write a Hugging Face id or a folder"):
        ModelChoice(ModelSwitch(Engine(), Settings())).load(None)


@pytest.mark.parametrize("choosing", [True, False])
def test_a_page_that_others_reach_offers_no_models(tmp_path: Path, choosing: bool) -> None:
    runtime = Runtime(tmp_path)
    models = ModelSwitch(Engine(), runtime.settings) if choosing else None
    page = build_page(runtime.chat, runtime.history, runtime.store, runtime.engine, runtime.settings, models)
    button = next(each for each in page.blocks.values() if each.elem_id == "model-change")
    assert button.visible is choosing
    runtime.close()
