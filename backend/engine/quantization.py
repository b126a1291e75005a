"""Which layers of a model bitsandbytes has in 4 or 8 bits: the language model's, or those a checkpoint has so."""

from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from transformers import BitsAndBytesConfig

from backend.engine.placement import Bits

# What bitsandbytes stores beside a weight of 4 and of 8 bits.
_STORED = (".weight.absmax", ".SCB")


def quantized(kind: Any, config: Any, bits: Bits, dtype: torch.dtype) -> BitsAndBytesConfig:
    """How to quantize a model of this config while it is loaded; `kind` is transformers' class for it.

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
    """What the weights take once `quantized` has been at them, with `item` bytes for each that it leaves alone.

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
    """Let the config of a checkpoint that bitsandbytes has quantized say which layers its files have in few bits.

    What it says by itself does not hold any more where transformers has renamed a model's modules since: those that
    were left alone would be taken for quantized, and fail at the first token. And the precision it was made to compute
    in may be one that this machine has not.
    """
    stored = {_bare(name) for name in _quantized_in(folder)}
    skipped = [name for name, _ in _linears(_empty(kind, config)) if _bare(name) not in stored]
    config.quantization_config |= {
        "llm_int8_skip_modules": skipped,
        "bnb_4bit_compute_dtype": str(dtype).removeprefix("torch."),
    }


def check_read(model: Any) -> None:
    """Make sure that each layer of 4 bits was read as one; it would fail at the first token otherwise.

    Raises:
        ValueError: one was not.
    """
    for name, module in model.named_modules():
        if hasattr(module, "set_compute_type") and getattr(module.weight, "quant_state", None) is None:
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
    """A layer's name but for what transformers puts into it or leaves away: `language_model.model.layers.0.mlp.fc1`,
    `model.language_model.layers.0.mlp.fc1` and `model.layers.0.mlp.fc1` are one.
    """
    return ".".join(part for part in name.split(".") if part not in ("model", "language_model"))
