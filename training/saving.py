"""Writes Pocket as a folder that `from_pretrained` loads, small in a repository that keeps many sets of weights."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import (
    GenerationConfig,
    MllamaForConditionalGeneration,
    MllamaImageProcessorPil,
    MllamaProcessor,
    PreTrainedTokenizerFast,
)

from training.encode import Grid
from training.tokenizer import TEMPLATE, TURN

SHARD = 15_000_000
"""Bytes of the largest file of weights."""

KEPT = 4
"""Bits of a weight's fraction that are shipped, of the seven that bfloat16 has; the vision tower keeps all."""


def save(model: MllamaForConditionalGeneration, tokenizer: PreTrainedTokenizerFast, grid: Grid, folder: Path) -> None:
    """Write everything that `from_pretrained` needs, the weights in bfloat16."""
    folder.mkdir(parents=True, exist_ok=True)
    shipped = copy.deepcopy(model).to(dtype=torch.bfloat16, device="cpu").eval()
    for name, weights in shipped.named_parameters():
        if weights.dim() > 1 and "vision_model" not in name:
            weights.data = rounded(weights.data)
    for part in (shipped.config.text_config, shipped.config.vision_config):
        part.dtype = torch.bfloat16  # what was loaded in float32 would say so for ever
    shipped.generation_config = GenerationConfig(
        do_sample=False, max_new_tokens=1024, bos_token_id=tokenizer.bos_token_id, pad_token_id=tokenizer.pad_token_id,
        eos_token_id=int(tokenizer.convert_tokens_to_ids(TURN)),
    )  # fmt: skip
    with TemporaryDirectory() as whole:
        shipped.save_pretrained(whole)
        weights = load_file(Path(whole) / "model.safetensors")
        for path in Path(whole).glob("*.json"):
            (folder / path.name).write_bytes(path.read_bytes())
    _write(weights, folder)
    processor(tokenizer, grid).save_pretrained(folder)


def processor(tokenizer: PreTrainedTokenizerFast, grid: Grid) -> MllamaProcessor:
    """The processor that goes with it: as many tiles as the grid has, pixels from -1 to 1."""
    images = MllamaImageProcessorPil(
        size={"height": grid.tile, "width": grid.tile}, max_image_tiles=grid.tiles,
        image_mean=[0.5, 0.5, 0.5], image_std=[0.5, 0.5, 0.5],
    )  # fmt: skip
    return MllamaProcessor(image_processor=images, tokenizer=tokenizer, chat_template=TEMPLATE)


def rounded(weights: Tensor, bits: int = KEPT) -> Tensor:
    """bfloat16 weights with only so many bits of their fraction, rounded to the nearest.

    Example: 1.2890625 is 1 + 37/128; with four bits it is 1 + 5/16, 1.3125.
    """
    drop = 7 - bits
    whole = weights.contiguous().view(torch.int16).to(torch.int32) & 0xFFFF
    # Half of the last bit that stays is added, and a carry goes into the exponent, as it does where 1.99 becomes 2.
    whole = ((whole + (1 << drop >> 1)) >> drop) << drop
    return torch.where(whole > 0x7FFF, whole - 0x10000, whole).to(torch.int16).view(torch.bfloat16)


def _write(weights: dict[str, Tensor], folder: Path) -> None:
    """The weights in files of at most `SHARD` bytes and their index; the vision tower in one of its own.

    A run that leaves the tower frozen leaves that file's bytes as well, so a repository keeps it once.
    """
    for earlier in folder.glob("*.safetensors*"):
        earlier.unlink()
    shards = list(_shards(weights))
    places = dict[str, str]()
    for number, names in enumerate(shards, 1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        save_file({name: weights[name] for name in names}, folder / file, {"format": "pt"})
        (folder / file).chmod(0o644)  # it is written for its owner alone
        places |= dict.fromkeys(names, file)
    total = sum(one.numel() * one.element_size() for one in weights.values())
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(places.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def _shards(weights: dict[str, Tensor]) -> Iterator[list[str]]:
    """The names of each file's tensors: the vision tower's, then the others in order, as many as have room."""
    vision = sorted(name for name in weights if "vision_model" in name)
    yield vision
    shard, size = list[str](), 0
    for name in sorted(weights.keys() - set(vision)):
        room = weights[name].numel() * weights[name].element_size()
        if shard and size + room > SHARD:
            yield shard
            shard, size = [], 0
        shard, size = [*shard, name], size + room
    yield shard
