"""Writes a model as transformers 4.46 and bitsandbytes wrote it in 2024, as the published checkpoints are.

Old names of the weights, NF4 with its quantization states, everything else in bfloat16, a config of that time.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import MllamaProcessor, PreTrainedTokenizerFast
from transformers.models.mllama.image_processing_pil_mllama import MllamaImageProcessorPil

from backend.models.catalog import POCKET
from benchmarks.gpu.shape import TILES, Shape

SHARD = 2 * 10**9  # bytes of a file of weights

# The control tokens, by how far they stand from the end of the vocabulary, as Llama 3's do.
SPECIAL = {
    "<|begin_of_text|>": -256,
    "<|pad|>": -252,
    "<|start_header_id|>": -250,
    "<|end_header_id|>": -249,
    "<|eot_id|>": -247,
    "<|image|>": 0,
}
NF4 = {
    "quant_method": "bitsandbytes",
    "_load_in_4bit": True,
    "_load_in_8bit": False,
    "load_in_4bit": True,
    "load_in_8bit": False,
    "bnb_4bit_compute_dtype": "bfloat16",
    "bnb_4bit_quant_storage": "uint8",
    "bnb_4bit_quant_type": "nf4",
    "bnb_4bit_use_double_quant": True,
    "llm_int8_threshold": 6.0,
}


def save(model: Any, shape: Shape, folder: Path, skipped: list[str] | None) -> int:
    """Write the model with a processor of its own; returns the bytes of its weights.

    `skipped` has the modules that the config says are not quantized, by the names of then.
    """
    folder.mkdir(exist_ok=True)
    _weights(model, folder)
    config = json.loads(model.config.to_json_string())
    config |= {"architectures": ["MllamaForConditionalGeneration"], "torch_dtype": "bfloat16"}
    config["quantization_config"] = NF4 | {"llm_int8_skip_modules": skipped}
    _write(folder / "config.json", config)
    words = tokenizer(shape.text["vocab_size"])
    begin, end, pad = words.bos_token_id, words.eos_token_id, words.pad_token_id
    sampling = {"do_sample": True, "temperature": 0.6, "top_p": 0.9, "max_length": 131072}
    _write(
        folder / "generation_config.json",
        {"bos_token_id": begin, "eos_token_id": [end], "pad_token_id": pad} | sampling,
    )
    side = shape.vision["image_size"]
    pixels = MllamaImageProcessorPil(size={"height": side, "width": side}, max_image_tiles=TILES)
    template = (Path(POCKET.id) / "chat_template.jinja").read_text()
    MllamaProcessor(pixels, words, chat_template=template).save_pretrained(folder)
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def tokenizer(vocabulary: int) -> PreTrainedTokenizerFast:
    """A tokenizer of so many words, t0, t1 and so on, and Llama 3's control tokens; the image's stands behind them."""
    special = {name: vocabulary + place for name, place in SPECIAL.items()}
    taken = set(special.values())
    names = {f"t{number}": number for number in range(vocabulary) if number not in taken} | special
    core = Tokenizer(models.WordLevel(vocab=names, unk_token="t0"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in special])
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<|begin_of_text|>", eos_token="<|eot_id|>", pad_token="<|pad|>"
    )


def _weights(model: Any, folder: Path) -> None:
    part: dict[str, Any] = {}
    index: dict[str, str] = {}

    def close() -> None:
        file = f"model-{len(set(index.values())) + 1:05}.safetensors"
        save_file(part, folder / file, metadata={"format": "pt"})
        index.update(dict.fromkeys(part, file))
        part.clear()

    for name, value in _states(model, ""):
        if "inv_freq" not in name:
            part[_old(name)] = value.detach().cpu().clone().contiguous()
        if sum(each.nbytes for each in part.values()) > SHARD:
            close()
    close()
    _write(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": index})


def _states(module: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield a module's weights, part by part: of layers in 4 bits `state_dict` makes copies, on a CPU."""
    if sum(weight.nbytes for weight in module.parameters()) < SHARD // 4:
        yield from module.state_dict(prefix=prefix).items()
        return
    yield from ((prefix + name, weight) for name, weight in module.named_parameters(recurse=False))
    for name, child in module.named_children():
        yield from _states(child, f"{prefix}{name}.")


def _old(name: str) -> str:
    """The name that a weight had before transformers 4.52."""
    name = name.removeprefix("model.")
    if name.startswith("language_model."):
        return "language_model.model." + name.removeprefix("language_model.")
    return "language_model." + name if name.startswith("lm_head") else name


def _write(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content))
