"""The catalogue knows its models, and chooses the one that a machine can run and says why.

python -m pytest tests/models/test_catalog.py
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from backend.models.catalog import CATALOG, FLAGSHIP, POCKET, QWEN3_VL_4B, SMOLVLM2_2B, UNQUANTIZED, Entry, Need, find
from backend.models.choose import Choice, choose_default, fit, listing
from backend.models.hardware import Gpu, Machine
from backend.settings import Settings

GIB = 2**30
AUTO = Settings()


def machine(free: float = 22, **values: object) -> Machine:
    """A machine that has all it takes."""
    gpus = (Gpu("RTX 4090", 24 * GIB, int(free * GIB)), Gpu("T4", 16 * GIB, 15 * GIB, 1))
    return replace(Machine(gpus, 32 * GIB, torch_cuda="13.0", bitsandbytes=True), **values)


def card(name: str, gib: float, **values: object) -> Machine:
    """A machine with one GPU of this much memory, all of it free."""
    return replace(machine(), gpus=(Gpu(name, int(gib * GIB), int(gib * GIB), **values),))


@pytest.mark.parametrize(
    ("here", "settings", "choice"),
    [
        (
            machine(),
            AUTO,
            Choice(
                FLAGSHIP.id,
                "4bit",
                "Llama 3.2 11B Vision in 4 bits through bitsandbytes: the RTX 4090 has 22.0 GiB free and 8.8 GiB are "
                "needed",
            ),
        ),
        (
            machine(),
            Settings(loader="unsloth"),
            Choice(
                FLAGSHIP.id,
                "4bit",
                "Llama 3.2 11B Vision in 4 bits through Unsloth: the RTX 4090 has 22.0 GiB free and 8.8 GiB are "
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
            machine(torch_cuda=""),
            AUTO,
            Choice(POCKET.id, "auto", "Pocket: the installed PyTorch is no CUDA build and cannot use the RTX 4090"),
        ),
        (
            machine(bitsandbytes=False),
            AUTO,
            Choice(POCKET.id, "auto", "Pocket: bitsandbytes is not installed"),
        ),
        (
            card("RTX 3080", 8.5),
            AUTO,
            Choice(
                QWEN3_VL_4B.id,
                "4bit",
                "Qwen3-VL 4B in 4 bits through bitsandbytes: the RTX 3080 has 8.5 GiB free and 5.5 GiB are needed; "
                "Llama 3.2 11B Vision needs 8.8 GiB and the RTX 3080 has 8.5 GiB free",
            ),
        ),
        (
            card("MX150", 2),
            AUTO,
            Choice(
                POCKET.id,
                "auto",
                "Pocket: Llama 3.2 11B Vision needs 8.8 GiB and the MX150 has 2.0 GiB free; Qwen3-VL 4B needs 5.5 GiB "
                "and the MX150 has 2.0 GiB free; SmolVLM2 2.2B needs 3.0 GiB and the MX150 has 2.0 GiB free",
            ),
        ),
        (
            card("RTX 3060", 12, driver="550.54.14", compute=(8, 6)),
            AUTO,
            Choice(
                POCKET.id,
                "auto",
                "Pocket: the NVIDIA driver 550.54.14 is too old for the installed PyTorch (CUDA 13 needs 580 or "
                "newer): update the driver, or install a PyTorch for CUDA 12.6 "
                "(https://pytorch.org/get-started/locally)",
            ),
        ),
        (
            card("Tesla V100", 16, driver="580.82", compute=(7, 0)),
            AUTO,
            Choice(
                POCKET.id,
                "auto",
                "Pocket: the Tesla V100 is too old for the installed PyTorch (it has compute capability 7.0, CUDA 13 "
                "needs 7.5): install a PyTorch for CUDA 12.6 (https://pytorch.org/get-started/locally)",
            ),
        ),
        (
            Machine(silent_driver=True, torch_cuda="13.0"),
            AUTO,
            Choice(POCKET.id, "auto", "Pocket: nvidia-smi did not answer, so no CUDA GPU is known"),
        ),
        (
            machine(),
            Settings(offline=True),
            Choice(
                POCKET.id,
                "auto",
                "Pocket: Llama 3.2 11B Vision was not fetched yet and --offline is set; Qwen3-VL 4B was not fetched "
                "yet and --offline is set; SmolVLM2 2.2B was not fetched yet and --offline is set",
            ),
        ),
    ],
)
def test_the_default_is_the_big_model_where_it_runs_and_the_reason_is_said(
    here: Machine, settings: Settings, choice: Choice
):
    assert choose_default(here, settings) == choice


@pytest.mark.parametrize(
    ("name", "gib", "entry"),
    [
        ("RTX 4090", 24, FLAGSHIP),
        ("RTX 4080", 15.4, FLAGSHIP),
        ("RTX 3060", 11.6, FLAGSHIP),
        ("RTX 3080", 9.7, FLAGSHIP),
        ("RTX 4060", 7.6, QWEN3_VL_4B),
        ("RTX 2060", 5.6, QWEN3_VL_4B),
        ("GTX 1650", 3.8, SMOLVLM2_2B),
    ],
)
def test_each_size_of_card_gets_the_best_that_fits(name: str, gib: float, entry: Entry) -> None:
    assert choose_default(card(name, gib), AUTO).id == entry.id


def test_an_older_build_of_torch_takes_older_cards() -> None:
    old = replace(card("Tesla V100", 16, driver="535.10", compute=(7, 0)), torch_cuda="12.6")
    assert choose_default(old, AUTO).id == FLAGSHIP.id


def test_the_table_says_what_to_install_for_video() -> None:
    lines = {line.split()[0]: line for line in listing(machine()) if line}
    assert lines[QWEN3_VL_4B.id].endswith("Apache-2.0; for video: pip install torchvision")
    assert lines[SMOLVLM2_2B.id].endswith("Apache-2.0; for video: pip install torchvision num2words")
    assert lines[FLAGSHIP.id].endswith("Llama 3.2 Community; not for the EU")
    lines = {line.split()[0]: line for line in listing(machine(torchvision=True)) if line}
    assert lines[QWEN3_VL_4B.id].endswith("Apache-2.0")


def test_the_roomiest_of_several_gpus_is_chosen() -> None:
    assert "the T4 has 15.0 GiB free" in choose_default(machine(9.5), AUTO).why


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
        (machine(12), "GPU, 8 bits"),  # the other one has 15
        (card("RTX 3060", 12), "GPU, 4 bits"),
        (replace(card("MX150", 4), memory_free=64 * GIB), "CPU, full precision"),
        (replace(card("MX150", 4), memory_free=12 * GIB), None),  # an 11B in 4 bits on a CPU takes minutes for a page
        (machine(30, torch_cuda="", memory_free=12 * GIB), None),
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
