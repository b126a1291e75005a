"""Another model: what is offered, what is loaded, and the way back.

python -m pytest tests/models/test_switch.py
"""

from dataclasses import replace
from pathlib import Path

import pytest

from backend.engine.engine import LocalSpec, Quantization
from backend.engine.scripted import SCRIPTED
from backend.errors import InputError
from backend.models import switch
from backend.models.catalog import CATALOG, FLAGSHIP, POCKET, QWEN3_VL_4B, SMOLVLM2_500M
from backend.models.choose import chosen
from backend.models.hardware import Gpu, Machine
from backend.models.switch import ModelSwitch, Offer
from backend.settings import Settings
from backend.types import EngineStatus
from tests.support.models import FIRST, QWEN, Engine

GIB = 2**30


@pytest.mark.parametrize("wanted", [QWEN, "qwen2.5-vl 3b", f" {QWEN} "])
def test_a_model_is_loaded_by_its_id_or_name_and_what_belongs_to_the_first_stays_with_it(wanted: str) -> None:
    engine = Engine()
    ModelSwitch(engine, Settings(quantization="8bit", queue_size=7)).load(wanted)
    assert engine.spec == LocalSpec(QWEN, quantization="8bit", queue_size=7)


@pytest.mark.parametrize(
    ("wanted", "model"),
    [("bob/vision", "bob/vision"), ("/models/vision", "/models/vision"), ("~/m", str(Path.home() / "m"))],
)
def test_any_id_and_folder_can_be_loaded(wanted: str, model: str) -> None:
    engine = Engine()
    ModelSwitch(engine, Settings(queue_size=7)).load(wanted)
    assert engine.spec == LocalSpec(model, queue_size=7)


def test_the_first_model_comes_back_with_all_that_it_was_started_with() -> None:
    engine = Engine()
    choice = ModelSwitch(engine, Settings())
    choice.load(QWEN)
    engine.ready()
    choice.load("ada/first")
    assert engine.spec == FIRST


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("  ", "Choose a model, or write a Hugging Face id or a folder."),
        ("ada/first", "first is already the model that answers."),
    ],
)
def test_what_cannot_be_chosen_is_a_sentence_and_changes_nothing(wanted: str, sentence: str) -> None:
    engine = Engine()
    with pytest.raises(InputError, match=sentence):
        ModelSwitch(engine, Settings(queue_size=7)).load(wanted)
    assert (engine.spec, engine.status.state) == (FIRST, "ready")


def test_a_load_ends_for_what_was_ready_before_it_also_when_it_has_failed() -> None:
    engine = Engine()
    choice = ModelSwitch(engine, Settings())
    assert choice.instead is None
    choice.load(QWEN)
    assert choice.instead == "first"
    choice.load("bob/vision")
    engine.status = EngineStatus("failed", "There is no such model.")
    assert choice.instead == "first"
    choice.go_back()
    assert (engine.spec, engine.status.state, choice.instead) == (FIRST, "loading", None)


def test_where_nothing_was_ready_the_way_back_is_pocket() -> None:
    engine = Engine(status=EngineStatus("loading"))
    choice = ModelSwitch(engine, Settings(queue_size=7))
    assert choice.instead == "Pocket"
    choice.go_back()
    assert engine.spec == LocalSpec(POCKET.id, queue_size=7)
    assert choice.instead is None  # it is what is being loaded
    engine.ready()
    choice.go_back()
    assert engine.status.state == "ready"


def test_only_another_model_that_answers_is_kept_for_the_next_start(tmp_path: Path) -> None:
    engine, settings = Engine(), Settings(data_dir=tmp_path)
    choice = ModelSwitch(engine, settings)
    choice.keep()
    choice.load(QWEN)
    choice.keep()
    assert chosen(settings) == settings
    engine.ready()
    choice.keep()
    assert chosen(settings).model == QWEN


def test_what_fits_is_offered_first_and_counts_with_the_memory_that_comes_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = Machine(
        (Gpu("RTX 4070", 12 * GIB, GIB),), GIB, torch_cuda="13.0", torchvision=True, models=frozenset({QWEN})
    )
    monkeypatch.setattr(switch, "probe", lambda: here)
    engine = Engine(LocalSpec(FLAGSHIP.id, quantization="4bit"))
    engine.status = EngineStatus("ready", model=replace(SCRIPTED, device="RTX 4070"))
    offers = ModelSwitch(engine, Settings()).offers()
    assert offers[:2] == [
        Offer(POCKET.id, "Pocket", "GPU, full precision"),
        Offer(FLAGSHIP.id, "Llama 3.2 11B Vision, 4 bits", "GPU, 4 bits"),
    ]
    assert Offer(QWEN, "Qwen2.5-VL 3B", "GPU, full precision, fetched") in offers
    large = Offer("meta-llama/Llama-3.2-90B-Vision-Instruct", "Llama 3.2 90B Vision", "too large here, login needed")
    assert large in offers[-3:]
    assert {offer.id for offer in offers} == {entry.id for entry in CATALOG}


def test_the_memory_comes_free_on_the_gpu_where_the_model_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = Gpu("T4", 15 * GIB, 2 * GIB), Gpu("RTX 4070", 12 * GIB, GIB, 1)
    monkeypatch.setattr(switch, "probe", lambda: Machine(gpus, GIB, torch_cuda="13.0", torchvision=True))
    engine = Engine(LocalSpec(FLAGSHIP.id, quantization="4bit"))
    engine.status = EngineStatus("ready", model=replace(SCRIPTED, device="RTX 4070"))
    notes = {offer.id: offer.note for offer in ModelSwitch(engine, Settings()).offers()}
    assert notes[FLAGSHIP.id] == "GPU, 4 bits"  # 1 GiB and the 8.75 that it gives back
    assert notes["Qwen/Qwen3-VL-8B-Instruct"] == "GPU, 4 bits"
    assert notes["Qwen/Qwen2.5-VL-7B-Instruct"] == "GPU, 4 bits"
    assert notes["unsloth/Llama-3.2-11B-Vision-Instruct"] == "too large here"


def test_a_model_says_what_to_install_for_video(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch, "CATALOG", (QWEN3_VL_4B, FLAGSHIP))
    monkeypatch.setattr(switch, "probe", lambda: Machine((Gpu("RTX 4060", 8 * GIB, 8 * GIB),), GIB, "13.0"))
    assert ModelSwitch(Engine(), Settings()).offers() == [
        Offer(QWEN3_VL_4B.id, "Qwen3-VL 4B", "GPU, 8 bits, for video: pip install torchvision"),
        Offer(FLAGSHIP.id, FLAGSHIP.name, "too large here"),
    ]


@pytest.mark.parametrize(
    ("memory", "asked", "form"), [(64, "auto", "none"), (9, "auto", "4bit"), (1, "auto", "auto"), (64, "8bit", "8bit")]
)
def test_what_is_offered_in_a_form_is_loaded_in_it(
    memory: int, asked: Quantization, form: Quantization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switch, "probe", lambda: Machine(memory_free=memory * GIB))
    engine = Engine()
    ModelSwitch(engine, Settings(quantization=asked)).load("Qwen2.5-VL 3B")
    assert engine.spec.quantization == form


def test_a_machine_without_a_gpu_is_suggested_the_best_small_model_with_size_and_speed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(switch, "memory_bandwidth", lambda: 20e9)
    monkeypatch.setattr(switch, "probe", lambda: Machine(memory_free=16 * GIB))
    choice = ModelSwitch(Engine(LocalSpec(POCKET.id)), Settings())
    assert choice.suggestion() == Offer(
        "openbmb/MiniCPM-V-4.6", "MiniCPM-V 4.6", "2.6 GB to fetch, about 4 tokens a second here"
    )
    monkeypatch.setattr(switch, "probe", lambda: Machine(memory_free=5 * GIB, models=frozenset({SMOLVLM2_500M.id})))
    assert choice.suggestion() == Offer(SMOLVLM2_500M.id, "SmolVLM2 500M", "fetched, about 10 tokens a second here")
    monkeypatch.setattr(switch, "probe", lambda: Machine(memory_free=2 * GIB))
    assert choice.suggestion() is None


@pytest.mark.parametrize("case", ["another model", "offline", "a GPU"])
def test_nothing_is_suggested_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    gpus = (Gpu("MX150", 2 * GIB, 2 * GIB),) if case == "a GPU" else ()
    monkeypatch.setattr(switch, "probe", lambda: Machine(gpus, 16 * GIB, torch_cuda="13.0"))
    engine = Engine(LocalSpec("ada/first" if case == "another model" else POCKET.id))
    assert ModelSwitch(engine, Settings(offline=case == "offline")).suggestion() is None


def test_memory_of_a_model_that_we_do_not_know_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switch, "probe", lambda: Machine(memory_free=2 * GIB))
    assert [offer.name for offer in ModelSwitch(Engine(), Settings()).offers() if "too large" not in offer.note] == [
        "Pocket",
        "Llama 3.2 1B",
        "SmolVLM2 500M",
    ]
