"""Decides how a model is loaded on this machine: pure, so that every machine can be tested on any."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import safe_open
from transformers import BitsAndBytesConfig

from backend.engine.engine import Loader, LocalSpec
from backend.engine.families.internals import unread_4bit_layer
from backend.engine.local.devices import Accelerators
from backend.errors import ModelFailed, OutOfMemory, SettingsError

Bits = Literal[4, 8]

# Below this many bytes of weights, quantizing costs quality and speed and saves nothing that matters.
SMALL = 3 * 2**30


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint before it is loaded; `bytes` are those of its weight files, `item` of a weight."""

    bytes: int
    quantization: str | None = None
    reads_images: bool = True
    item: int = 2


@dataclass(frozen=True, slots=True)
class Placement:
    """How to load: `bits` is None for weights as they are; the page shows `precision`, the log `why`."""

    way: Loader
    device: str
    dtype: torch.dtype
    bits: Bits | None
    precision: str
    why: str


def place(spec: LocalSpec, checkpoint: Checkpoint, machine: Accelerators) -> Placement:
    """Choose the way, the device and the precision.

    Raises:
        SettingsError: a GPU is asked for and there is none, or a large model of few bits would go to the CPU unasked.
        ModelFailed: quantized weights or Unsloth without the package.
    """
    device = machine.choose(spec.device)
    bits, why = _bits(spec, checkpoint, machine, device)
    if spec.device == "auto" and device == "cpu":
        why += f"; {machine.why_cpu}" if machine.obstacle or machine.devices else ""
        if (checkpoint.quantization or bits) and checkpoint.bytes * (bits or 16) // 16 >= SMALL:
            raise SettingsError(
                f"{spec.model} in {bits or 'a few'} bits is for a GPU, and {machine.why_cpu}; choose a smaller model, "
                "or set --device cpu to run it all the same, in minutes an answer."
            )
    if "bitsandbytes" in (checkpoint.quantization or ("bitsandbytes" if bits else "")) and not machine.bitsandbytes:
        raise ModelFailed("4 and 8 bit weights need bitsandbytes; install it with: pip install bitsandbytes")
    dtype = machine.dtype(device)
    return Placement(
        way=_way(spec, checkpoint, machine, device),
        device=device,
        dtype=dtype,
        bits=bits,
        precision=_precision(checkpoint, bits, dtype),
        why=why,
    )


def _way(spec: LocalSpec, checkpoint: Checkpoint, machine: Accelerators, device: str) -> Loader:
    if spec.loader == "transformers" or not checkpoint.reads_images or spec.adapter is not None:
        return "transformers"
    if not device.startswith("cuda"):
        raise SettingsError("Unsloth needs a CUDA GPU; leave --loader out.")
    if not machine.unsloth:
        raise ModelFailed("Unsloth is not installed; install it with: pip install 'glimpse[unsloth]'")
    return "unsloth"


def check_room(model: str, need: int, placement: Placement, free: int, *, fixed: bool) -> None:
    """Make sure that the weights alone, of `need` bytes, fit into `free`; 0 where it is not known how many there are.

    Raises:
        OutOfMemory: they do not. `fixed` is a checkpoint that is quantized already, and will not get smaller.
    """
    if free and need > free:
        smaller = "" if placement.bits or fixed else ", load it in 4 bits with --quantization 4bit"
        where = "this machine" if placement.device in ("cpu", "mps") else "the GPU"
        raise OutOfMemory(
            f"{model} takes {need / 2**30:.1f} GiB in {placement.precision} and {where} has {free / 2**30:.1f} GiB "
            f"free; close other programs{smaller}, or choose a smaller model: glimpse models lists what fits."
        )


def _bits(spec: LocalSpec, checkpoint: Checkpoint, machine: Accelerators, device: str) -> tuple[Bits | None, str]:
    if checkpoint.quantization:
        return None, f"the checkpoint is quantized already ({checkpoint.quantization})"
    match spec.quantization:
        case "4bit":
            return 4, "4 bits were asked for"
        case "8bit":
            return 8, "8 bits were asked for"
        case "none":
            return None, "no quantization was asked for"
    if device == "cpu":
        return None, "on a CPU full precision is the fastest"
    if device == "mps":
        return None, "bitsandbytes is made for other GPUs"
    if checkpoint.bytes < SMALL:
        return None, "the model is small"
    if not machine.bitsandbytes:
        return None, "bitsandbytes is not installed"
    return 4, "4 bits save memory on the GPU"


def _precision(checkpoint: Checkpoint, bits: Bits | None, dtype: torch.dtype) -> str:
    if checkpoint.quantization:
        return checkpoint.quantization
    if bits:
        return {4: "NF4", 8: "8-bit"}[bits]
    return {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}[dtype]


def quantization_of(config: Any) -> str | None:
    """Say in words for the page how a checkpoint's weights are quantized, by its config; None if they are not."""
    found = getattr(config, "quantization_config", None)
    if not found:
        return None
    known = found if isinstance(found, dict) else found.to_dict()
    method = str(known.get("quant_method", "quantized"))
    if "bitsandbytes" not in method and not any(known.get(f"load_in_{bits}bit") for bits in (4, 8)):
        return method
    return f"bitsandbytes {'NF4' if known.get('load_in_4bit') else '8-bit'}"


# What bitsandbytes stores beside a weight of 4 and of 8 bits.
_STORED = (".weight.absmax", ".SCB")


def quantized(kind: Any, config: Any, bits: Bits, dtype: torch.dtype) -> BitsAndBytesConfig:
    """Make the config that quantizes a model while it is loaded; `kind` is transformers' class for it.

    Vision tower, projector and lm_head are left alone: they lose most by it. So are layers whose rows are not whole
    blocks of 64, which bitsandbytes cannot run on a CPU.
    """
    skipped = _left_alone(_empty(kind, config))
    if bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=skipped)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=skipped,
    )


def bytes_of(kind: Any, config: Any, bits: Bits, item: int) -> int:
    """Count the bytes of the weights once `quantized` is applied, with `item` bytes for each that it leaves alone.

    In 4 bits, 64 weights share a scale of 8 bits, and 256 scales one of 32: QLoRA, arXiv 2305.14314, section 3.
    """
    empty = _empty(kind, config)
    alone = set(_left_alone(empty))
    few: int = sum(module.weight.numel() for name, module in _linears(empty) if name not in alone)
    rest: int = sum(weight.numel() for weight in empty.parameters()) - few
    return int(few * (4 + 8 / 64 + 32 / 64 / 256 if bits == 4 else 8) / 8) + rest * item


def _left_alone(empty: Any) -> list[str]:
    language = {id(module) for module in empty.get_decoder().modules()}
    return [name for name, module in _linears(empty) if id(module) not in language or module.in_features % 64]


def set_by_files(kind: Any, config: Any, folder: Path, dtype: torch.dtype) -> None:
    """Correct the config of a checkpoint that bitsandbytes quantized: its layers in few bits, and its precision.

    Its own list of layers does not hold where transformers has renamed the model's modules since: those that were left
    alone would be taken for quantized, and fail at the first token. And this machine may not have the precision that
    it was made to compute in.
    """
    stored = {_bare(name) for name in _quantized_in(folder)}
    skipped = [name for name, _ in _linears(_empty(kind, config)) if _bare(name) not in stored]
    config.quantization_config |= {
        "llm_int8_skip_modules": skipped,
        "bnb_4bit_compute_dtype": str(dtype).removeprefix("torch."),
    }


def cast_floats(model: Any, dtype: torch.dtype) -> None:
    """Turn every weight that is not in few bits into one type, in place.

    Of a quantized checkpoint transformers 5.23 keeps some in the type of the file, such as bfloat16 on a card that has
    none, and a layer that gets two types fails. What is in few bits is stored as uint8 and is left alone.
    """
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point() and tensor.dtype in (torch.float16, torch.bfloat16, torch.float32):
            tensor.data = tensor.data.to(dtype)


def parts_in_few_bits(model: Any) -> str:
    """Count per part of a model the linear layers in few bits.

    Example: "language_model 280 of 280, vision_model 0 of 241, lm_head 0 of 1"
    """
    counts: dict[str, list[int]] = {}
    for name, module in _linears(model):
        count = counts.setdefault(next(part for part in name.split(".") if part != "model"), [0, 0])
        count[0] += module.weight.dtype in (torch.uint8, torch.int8)
        count[1] += 1
    return ", ".join(f"{part} {few} of {all_}" for part, (few, all_) in counts.items())


def check_read(model: Any) -> None:
    """Make sure that each layer of 4 bits was read as one; it would fail at the first token otherwise.

    Raises:
        ValueError: one was not.
    """
    if name := unread_4bit_layer(model):
        raise ValueError(f"{name} is not in 4 bits")


def _empty(kind: Any, config: Any) -> Any:
    """The model without values."""
    with torch.device("meta"):
        return kind.from_config(config)


def _linears(model: Any) -> list[tuple[str, torch.nn.Linear]]:
    return [(name, module) for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]


def _quantized_in(folder: Path) -> set[str]:
    """The layers that the files have in few bits, by the names that they have there."""
    found = set()
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            found |= {key.removesuffix(end) for key in file.keys() for end in _STORED if key.endswith(end)}  # noqa: SIM118
    return found


def _bare(name: str) -> str:
    """Strip a layer's name of the parts that transformers adds or leaves away.

    Example: `language_model.model.layers.0.mlp.fc1` and `model.language_model.layers.0.mlp.fc1` are one.
    """
    return ".".join(part for part in name.split(".") if part not in ("model", "language_model"))
