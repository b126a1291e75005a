"""Another model: what is offered, what is loaded, and the way back.

python -m pytest tests/backend/test_models.py
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from backend import models
from backend.catalog import CATALOG, FLAGSHIP, POCKET
from backend.engine.scripted import SCRIPTED
from backend.engine.spec import EngineSpec, Quantization
from backend.errors import InputError
from backend.last_model import chosen
from backend.machine import Gpu, Machine
from backend.models import Models, Offer
from backend.settings import Settings
from backend.types import EngineStatus

GIB = 2**30
FIRST = EngineSpec("ada/first", revision="v1", adapter="ada/tuned", queue_size=7)
QWEN = "Qwen/Qwen2.5-VL-3B-Instruct"


@dataclass
class Engine:
    """Does as it is told, and is ready when the test says so."""

    spec: EngineSpec = FIRST
    status: EngineStatus = field(default_factory=lambda: EngineStatus("ready", model=SCRIPTED))

    def switch(self, spec: EngineSpec) -> None:
        self.spec, self.status = spec, EngineStatus("loading")

    def ready(self) -> None:
        self.status = EngineStatus("ready", model=SCRIPTED)


@pytest.mark.parametrize("wanted", [QWEN, "qwen2.5-vl 3b", f" {QWEN} "])
def test_a_model_is_loaded_by_its_id_or_name_and_what_belongs_to_the_first_stays_with_it(wanted: str) -> None:
    engine = Engine()
    Models(engine, Settings(quantization="8bit")).load(wanted)
    assert engine.spec == EngineSpec(QWEN, quantization="8bit", queue_size=7)


@pytest.mark.parametrize(
    ("wanted", "model"),
    [("bob/vision", "bob/vision"), ("/models/vision", "/models/vision"), ("~/m", str(Path.home() / "m"))],
)
def test_any_id_and_folder_can_be_loaded(wanted: str, model: str) -> None:
    engine = Engine()
    Models(engine, Settings()).load(wanted)
    assert engine.spec == EngineSpec(model, queue_size=7)


def test_the_first_model_comes_back_with_all_that_it_was_started_with() -> None:
    engine = Engine()
    choice = Models(engine, Settings())
    choice.load(QWEN)
    engine.ready()
    choice.load("ada/first")
    assert engine.spec == FIRST


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("  ", "Choose a model, or write a Hugging Face id or a folder."),
        ("ada/first", "first is the model that answers now."),
    ],
)
def test_what_cannot_be_chosen_is_a_sentence_and_changes_nothing(wanted: str, sentence: str) -> None:
    engine = Engine()
    with pytest.raises(InputError, match=sentence):
        Models(engine, Settings()).load(wanted)
    assert (engine.spec, engine.status.state) == (FIRST, "ready")


def test_a_load_ends_for_what_was_ready_before_it_also_when_it_has_failed() -> None:
    engine = Engine()
    choice = Models(engine, Settings())
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
    choice = Models(engine, Settings())
    assert choice.instead == "Pocket"
    choice.go_back()
    assert engine.spec == EngineSpec(POCKET.id, queue_size=7)
    assert choice.instead is None  # it is what is being loaded
    engine.ready()
    choice.go_back()
    assert engine.status.state == "ready"


def test_only_another_model_that_answers_is_kept_for_the_next_start(tmp_path: Path) -> None:
    engine, settings = Engine(), Settings(data_dir=tmp_path)
    choice = Models(engine, settings)
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
    here = Machine((Gpu("RTX 4070", 12 * GIB, GIB),), GIB, cuda_torch=True, models=frozenset({QWEN}))
    monkeypatch.setattr(models, "look", lambda: here)
    engine = Engine(EngineSpec(FLAGSHIP.id, quantization="4bit"))
    engine.status = EngineStatus("ready", model=replace(SCRIPTED, device="RTX 4070"))
    offers = Models(engine, Settings()).offers()
    assert offers[:2] == [
        Offer(POCKET.id, "Pocket", "GPU, full precision"),
        Offer(FLAGSHIP.id, "Llama 3.2 11B Vision, 4 bits", "GPU, 4 bits"),
    ]
    assert Offer(QWEN, "Qwen2.5-VL 3B", "GPU, full precision, fetched") in offers
    assert offers[-1] == Offer(
        "meta-llama/Llama-3.2-90B-Vision-Instruct", "Llama 3.2 90B Vision", "too large here, login needed"
    )
    assert {offer.id for offer in offers} == {entry.id for entry in CATALOG}


@pytest.mark.parametrize(
    ("memory", "asked", "form"), [(64, "auto", "none"), (9, "auto", "4bit"), (1, "auto", "auto"), (64, "8bit", "8bit")]
)
def test_what_is_offered_in_a_form_is_loaded_in_it(
    memory: int, asked: Quantization, form: Quantization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "look", lambda: Machine(memory_free=memory * GIB))
    engine = Engine()
    Models(engine, Settings(quantization=asked)).load("Qwen2.5-VL 7B")
    assert engine.spec.quantization == form


def test_memory_of_a_model_that_we_do_not_know_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "look", lambda: Machine(memory_free=2 * GIB))
    assert [offer.name for offer in Models(Engine(), Settings()).offers() if "too large" not in offer.note] == [
        "Pocket",
        "Llama 3.2 1B",
        "SmolVLM2 500M",
    ]
