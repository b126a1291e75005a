"""The catalogue knows its models, and chooses the one that a machine can run and says why.

python -m pytest tests/models/test_catalog.py
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from backend.models.catalog import CATALOG, FLAGSHIP, POCKET, UNQUANTIZED, Entry, Need, find
from backend.models.choose import Choice, choose_default, fit
from backend.models.hardware import Gpu, Machine
from backend.settings import Settings

GIB = 2**30
AUTO = Settings()


def machine(free: float = 22, **values: object) -> Machine:
    """A machine that has all it takes."""
    gpus = (Gpu("RTX 4090", 24 * GIB, int(free * GIB)), Gpu("T4", 16 * GIB, 15 * GIB))
    return replace(Machine(gpus, 32 * GIB, cuda_torch=True, bitsandbytes=True), **values)


@pytest.mark.parametrize(
    ("here", "settings", "choice"),
    [
        (
            machine(),
            AUTO,
            Choice(
                FLAGSHIP.id,
                "4bit",
                "Llama 3.2 11B Vision in 4 bits through bitsandbytes: the RTX 4090 has 22.0 GiB free and 10.0 GiB are "
                "needed",
            ),
        ),
        (
            machine(unsloth=True, bitsandbytes=False),
            AUTO,
            Choice(
                FLAGSHIP.id,
                "4bit",
                "Llama 3.2 11B Vision in 4 bits through Unsloth: the RTX 4090 has 22.0 GiB free and 10.0 GiB are "
                "needed",
            ),
        ),
        (
            machine(),
            Settings(quantization="8bit", device="cuda:1"),
            Choice(
                UNQUANTIZED.id,
                "8bit",
                "Llama 3.2 11B Vision in 8 bits through bitsandbytes: the T4 has 15.0 GiB free and 15.0 GiB are "
                "needed",
            ),
        ),
        (
            machine(40, bitsandbytes=False),
            Settings(quantization="none"),
            Choice(
                UNQUANTIZED.id,
                "none",
                "Llama 3.2 11B Vision in full precision through transformers: the RTX 4090 has 40.0 GiB free and "
                "23.0 GiB are needed",
            ),
        ),
        (Machine(memory_free=32 * GIB), AUTO, Choice(POCKET.id, "auto", "Pocket: there is no CUDA GPU")),
        (
            machine(),
            Settings(device="cuda:2"),
            Choice(POCKET.id, "auto", "Pocket: there is no such CUDA GPU"),
        ),
        (machine(), Settings(device="cpu"), Choice(POCKET.id, "auto", "Pocket: --device is cpu")),
        (
            machine(cuda_torch=False),
            AUTO,
            Choice(POCKET.id, "auto", "Pocket: the installed PyTorch is no CUDA build and cannot use the RTX 4090"),
        ),
        (
            machine(bitsandbytes=False),
            AUTO,
            Choice(POCKET.id, "auto", "Pocket: neither bitsandbytes nor Unsloth is installed"),
        ),
        (
            machine(9.5),
            AUTO,
            Choice(POCKET.id, "auto", "Pocket: the RTX 4090 has 9.5 GiB free and Llama 3.2 11B Vision needs 10.0 GiB"),
        ),
        (
            machine(),
            Settings(offline=True),
            Choice(POCKET.id, "auto", f"Pocket: {FLAGSHIP.id} was not fetched yet and --offline is set"),
        ),
    ],
)
def test_the_default_is_the_big_model_where_it_runs_and_the_reason_is_said(
    here: Machine, settings: Settings, choice: Choice
):
    assert choose_default(here, settings) == choice


def test_offline_with_the_model_fetched_before_is_no_obstacle():
    here = machine(models=frozenset({FLAGSHIP.id}))
    assert choose_default(here, Settings(offline=True)).id == FLAGSHIP.id


def test_models_are_found_by_id_or_name_whatever_the_case():
    assert [find(name) for name in ("pocket", POCKET.id + "/", "qwen/qwen3-vl-4b-instruct", "smolvlm2 500m")] == [
        POCKET,
        POCKET,
        CATALOG[9],
        CATALOG[11],
    ]
    assert find("org/unknown") is None


def test_ids_and_names_are_each_their_own():
    for values in ([entry.id for entry in CATALOG], [entry.name for entry in CATALOG]):
        assert len(set(values)) == len(values)


@pytest.mark.parametrize("entry", CATALOG, ids=lambda entry: entry.name)
def test_smaller_forms_need_less(entry: Entry):
    needs = [need for need in (entry.need.bits4, entry.need.bits8, entry.need.full) if need]
    assert needs
    assert needs == sorted(needs)


def test_needs_are_in_bytes_for_each_form_and_processor():
    need = Need(3, None, 6)
    assert [need.bytes(form) for form in ("auto", "4bit", "8bit", "none")] == [
        3 * GIB,
        3 * GIB,
        float("inf"),
        6 * GIB,
    ]
    assert [need.bytes(form, cpu=True) for form in ("auto", "4bit", "none")] == [12 * GIB, 3 * GIB, 12 * GIB]
    assert Need(None, None, 1).bytes("auto") == GIB


@pytest.mark.parametrize(
    ("here", "words"),
    [
        (machine(24), "GPU, full precision"),
        (machine(16), "GPU, 8 bits"),
        (machine(12), "GPU, 4 bits"),
        (machine(4, memory_free=64 * GIB), "CPU, full precision"),
        (machine(4, memory_free=12 * GIB), "CPU, 4 bits"),
        (machine(30, cuda_torch=False, memory_free=12 * GIB), "CPU, 4 bits"),
        (Machine(memory_free=8 * GIB), None),
    ],
)
def test_what_fits_is_said_with_its_place_and_form(here: Machine, words: str | None):
    assert fit(UNQUANTIZED, here) == words


def test_pocket_is_as_its_own_files_say():
    config = Path(POCKET.id) / "config.json"
    if not config.is_file():
        pytest.skip("Pocket's weights are not in this checkout")
    values = json.loads(config.read_text())
    assert (values["model_type"], values["text_config"]["max_position_embeddings"]) == (
        POCKET.family,
        POCKET.context_length,
    )
