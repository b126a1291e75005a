"""Where and in what form a model is loaded, by what the machine has and what is asked; every machine is made up."""

from dataclasses import replace
from typing import Any

import pytest

from backend.engine.engine import LocalSpec
from backend.engine.local.devices import Accelerators, Device, has_kernels
from backend.engine.local.weights import Checkpoint, place
from backend.errors import ModelFailed, SettingsError

GPU = Accelerators({"cuda": [Device(), Device()]}, bitsandbytes=True)
CPU = Accelerators(bitsandbytes=True)
TURING = Accelerators({"cuda": [Device(bfloat16=False)]}, bitsandbytes=True)
UNSLOTH = replace(GPU, unsloth=True)
BIG = Checkpoint(bytes=21 * 2**30)


def placed(checkpoint: Checkpoint, machine: Accelerators, **options: Any) -> tuple[str, str, int | None, str]:
    found = place(LocalSpec("owner/name", **options), checkpoint, machine)
    return found.way, found.device, found.bits, found.precision


def test_the_way_is_chosen_by_what_the_machine_has() -> None:
    assert placed(BIG, CPU) == ("transformers", "cpu", None, "fp32")
    assert placed(BIG, GPU) == ("transformers", "cuda:0", 4, "NF4")
    assert placed(BIG, UNSLOTH) == ("transformers", "cuda:0", 4, "NF4")
    assert placed(BIG, replace(TURING, bitsandbytes=False)) == ("transformers", "cuda:0", None, "fp16")
    assert placed(Checkpoint(bytes=2**20), GPU) == ("transformers", "cuda:0", None, "bf16")
    assert placed(BIG, Accelerators({"mps": [Device()]}, bitsandbytes=True)) == ("transformers", "cpu", None, "fp32")


def test_what_is_asked_for_is_done() -> None:
    assert placed(BIG, GPU, device="cpu") == ("transformers", "cpu", None, "fp32")
    assert placed(BIG, GPU, quantization="none") == ("transformers", "cuda:0", None, "bf16")
    assert placed(BIG, GPU, quantization="8bit", device="cuda:1") == ("transformers", "cuda:1", 8, "8-bit")
    assert placed(BIG, CPU, quantization="4bit", device="cpu") == ("transformers", "cpu", 4, "NF4")
    apple = Accelerators({"mps": [Device(bfloat16=False)]}, bitsandbytes=True)
    assert placed(BIG, apple, device="mps") == ("transformers", "mps", None, "fp16")
    intel = Accelerators({"xpu": [Device()]}, bitsandbytes=True)
    assert placed(BIG, intel, device="xpu") == ("transformers", "xpu:0", 4, "NF4")


def test_unsloth_loads_where_it_is_asked_for_and_nowhere_else() -> None:
    text = Checkpoint(2**33, reads_images=False)
    assert placed(BIG, UNSLOTH, loader="unsloth") == ("unsloth", "cuda:0", 4, "NF4")
    assert placed(BIG, UNSLOTH, loader="unsloth", adapter="owner/lora")[0] == "transformers"
    assert placed(text, UNSLOTH, loader="unsloth")[0] == "transformers"
    with pytest.raises(ModelFailed, match=r"^Unsloth is not installed; install it with: pip install 'glimpse"):
        placed(BIG, GPU, loader="unsloth")
    with pytest.raises(SettingsError, match=r"^Unsloth needs a CUDA GPU; leave --loader out\.$"):
        placed(BIG, UNSLOTH, loader="unsloth", device="cpu")


def test_the_roomiest_gpu_that_works_is_chosen() -> None:
    old = Device(free=9, obstacle="it is too old")
    assert Accelerators({"cuda": [Device(free=3), Device(free=5), old]}).choose("auto") == "cuda:1"
    assert Accelerators({"cuda": [old]}).choose("auto") == "cpu"


@pytest.mark.parametrize(
    ("machine", "device", "sentence"),
    [
        (Accelerators(), "cuda", "PyTorch finds no CUDA GPU on this machine; leave --device out or set it to cpu."),
        (Accelerators(), "mps",
         "PyTorch finds no Apple GPU (MPS) on this machine; leave --device out or set it to cpu."),
        (Accelerators(obstacle="the driver is too old: update it"), "cuda:0",
         "PyTorch finds no CUDA GPU on this machine: the driver is too old: update it."),
        (GPU, "cuda:7", "There is no cuda:7 on this machine; the last one is cuda:1."),
        (GPU, "xpu", "PyTorch finds no Intel GPU (XPU) on this machine; leave --device out or set it to cpu."),
        (Accelerators({"cuda": [Device(obstacle="it has no kernels")]}), "cuda",
         "PyTorch cannot use cuda: it has no kernels."),
    ],
)  # fmt: skip
def test_a_device_that_is_not_there_gets_a_sentence(machine: Accelerators, device: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as refused:
        placed(BIG, machine, device=device)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("checkpoint", "quantization"), [(Checkpoint(7 * 2**30, "bitsandbytes NF4"), "auto"), (BIG, "4bit")]
)
def test_a_large_model_of_few_bits_goes_to_a_cpu_only_where_that_is_asked_for(
    checkpoint: Checkpoint, quantization: Any
) -> None:
    old = replace(CPU, obstacle="the NVIDIA driver 550 is too old")
    with pytest.raises(SettingsError, match=r"is for a GPU, and the NVIDIA driver 550 is too old; choose a smaller"):
        placed(checkpoint, old, quantization=quantization)
    with pytest.raises(SettingsError, match=r"is for a GPU, and PyTorch finds no CUDA GPU on this machine; choose"):
        placed(checkpoint, CPU, quantization=quantization)
    assert placed(checkpoint, old, quantization=quantization, device="cpu")[1] == "cpu"
    assert placed(Checkpoint(2**30, "bitsandbytes NF4"), CPU)[1] == "cpu"


def test_the_log_says_why_a_gpu_is_not_used() -> None:
    old = replace(CPU, obstacle="the NVIDIA driver 550 is too old")
    assert place(LocalSpec("a/b"), BIG, old).why == (
        "on a CPU full precision is the fastest; the NVIDIA driver 550 is too old"
    )


@pytest.mark.parametrize(
    ("capability", "built_for", "works"),
    [
        ((8, 9), ["sm_75", "sm_80", "sm_86", "sm_90", "sm_120", "compute_120"], True),
        ((6, 1), ["sm_75", "sm_80", "sm_86", "sm_90", "sm_120", "compute_120"], False),
        ((7, 0), ["sm_75", "sm_80"], False),
        ((12, 1), ["sm_90", "sm_120"], True),
        ((13, 0), ["sm_90", "sm_120"], False),
        ((13, 0), ["sm_90", "compute_90"], True),
        ((9, 0), ["sm_90a"], True),
        ((9, 4), ["gfx90a", "gfx942"], True),
    ],
)
def test_a_build_of_torch_runs_on_the_cards_that_it_has_kernels_for(
    capability: tuple[int, int], built_for: list[str], works: bool
) -> None:
    assert has_kernels(capability, built_for) is works


def test_a_checkpoint_that_is_quantized_is_loaded_as_it_is() -> None:
    quantized = Checkpoint(2**33, quantization="bitsandbytes NF4")
    assert placed(quantized, GPU, quantization="8bit") == (
        "transformers", "cuda:0", None, "bitsandbytes NF4",
    )  # fmt: skip
    with pytest.raises(ModelFailed, match=r"pip install bitsandbytes$"):
        placed(quantized, replace(GPU, bitsandbytes=False))
