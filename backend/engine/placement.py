"""Decides how a model is loaded on this machine: pure, so that every machine can be tested on any."""

import importlib.util
from dataclasses import dataclass
from typing import Any, Literal

import torch

from backend.engine.spec import EngineSpec
from backend.errors import ModelFailed, OutOfMemory, SettingsError

Way = Literal["unsloth", "transformers"]
Bits = Literal[4, 8]

# Below this many bytes of weights, quantizing costs quality and speed and saves nothing that matters.
SMALL = 3 * 2**30


@dataclass(frozen=True, slots=True)
class Machine:
    """What a machine has, as far as loading a model goes."""

    cuda: bool = False
    bfloat16: bool = False
    bitsandbytes: bool = False
    unsloth: bool = False


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is known of a checkpoint before it is loaded; `bytes` are those of its weight files, `item` of a weight."""

    bytes: int
    quantization: str | None = None
    reads_images: bool = True
    item: int = 2


@dataclass(frozen=True, slots=True)
class Placement:
    """How to load: `bits` is None for weights as they are, `precision` is what the page shows, `why` the log."""

    way: Way
    device: str
    dtype: torch.dtype
    bits: Bits | None
    precision: str
    why: str


def this_machine() -> Machine:
    """What this machine has."""
    cuda = torch.cuda.is_available()
    return Machine(
        cuda=cuda,
        bfloat16=cuda and torch.cuda.is_bf16_supported(including_emulation=False),
        bitsandbytes=importlib.util.find_spec("bitsandbytes") is not None,
        unsloth=cuda and importlib.util.find_spec("unsloth") is not None,
    )


def place(spec: EngineSpec, checkpoint: Checkpoint, machine: Machine) -> Placement:
    """Choose the way, the device and the precision.

    Raises:
        SettingsError: a GPU is asked for and there is none.
        ModelFailed: quantized weights without the package that reads them.
    """
    device = ("cuda" if machine.cuda else "cpu") if spec.device == "auto" else spec.device
    if device.startswith("cuda") and not machine.cuda:
        raise SettingsError("PyTorch finds no CUDA GPU on this machine; leave --device out or set it to cpu.")
    on_gpu = device.startswith("cuda")
    bits, why = _bits(spec, checkpoint, machine, on_gpu)
    if "bitsandbytes" in (checkpoint.quantization or ("bitsandbytes" if bits else "")) and not machine.bitsandbytes:
        raise ModelFailed("4 and 8 bit weights need bitsandbytes; install it with: pip install bitsandbytes")
    dtype = _dtype(on_gpu, machine)
    unsloth = machine.unsloth and on_gpu and checkpoint.reads_images and spec.adapter is None
    return Placement(
        way="unsloth" if unsloth else "transformers",
        device=device,
        dtype=dtype,
        bits=bits,
        precision=_precision(checkpoint, bits, dtype),
        why=why,
    )


def check_room(model: str, need: int, placement: Placement, free: int, *, fixed: bool) -> None:
    """Make sure that the weights alone, of `need` bytes, fit into `free`; 0 where it is not known how many there are.

    Raises:
        OutOfMemory: they do not. `fixed` is a checkpoint that is quantized already, and will not get smaller.
    """
    if free and need > free:
        smaller = "" if placement.bits or fixed else ", load it in 4 bits with --quantization 4bit"
        where = "this machine" if placement.device == "cpu" else "the GPU"
        raise OutOfMemory(
            f"{model} takes {need / 2**30:.1f} GiB in {placement.precision} and {where} has {free / 2**30:.1f} GiB "
            f"free; close other programs{smaller}, or choose a smaller model: glimpse models lists what fits."
        )


def _bits(spec: EngineSpec, checkpoint: Checkpoint, machine: Machine, on_gpu: bool) -> tuple[Bits | None, str]:
    if checkpoint.quantization:
        return None, f"the checkpoint is quantized already ({checkpoint.quantization})"
    match spec.quantization:
        case "4bit":
            return 4, "4 bits were asked for"
        case "8bit":
            return 8, "8 bits were asked for"
        case "none":
            return None, "no quantization was asked for"
    if not on_gpu:
        return None, "on a CPU full precision is the fastest"
    if checkpoint.bytes < SMALL:
        return None, "the model is small"
    if not machine.bitsandbytes:
        return None, "bitsandbytes is not installed"
    return 4, "4 bits save memory on the GPU"


def _dtype(on_gpu: bool, machine: Machine) -> torch.dtype:
    # On CPUs bf16 matrix products are several times slower than fp32 ones.
    if not on_gpu:
        return torch.float32
    return torch.bfloat16 if machine.bfloat16 else torch.float16


def _precision(checkpoint: Checkpoint, bits: Bits | None, dtype: torch.dtype) -> str:
    if checkpoint.quantization:
        return checkpoint.quantization
    if bits:
        return {4: "NF4", 8: "8-bit"}[bits]
    return {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}[dtype]


def quantization_of(config: Any) -> str | None:
    """How a checkpoint's config says that its weights are quantized, in words for the page; None if they are not."""
    found = getattr(config, "quantization_config", None)
    if not found:
        return None
    known = found if isinstance(found, dict) else found.to_dict()
    method = str(known.get("quant_method", "quantized"))
    if "bitsandbytes" not in method and not any(known.get(f"load_in_{bits}bit") for bits in (4, 8)):
        return method
    return f"bitsandbytes {'NF4' if known.get('load_in_4bit') else '8-bit'}"
