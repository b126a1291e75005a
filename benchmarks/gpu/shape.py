"""The shape that is measured, Llama 3.2 11B Vision's or a small one, with random weights, which change no speed.

The language model is NF4 by bitsandbytes, vision tower, projector and lm_head are bfloat16, as the engine loads them.
"""

import gc
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bitsandbytes
import torch
from torch import nn
from transformers import GenerationConfig, MllamaConfig, MllamaForConditionalGeneration
from transformers.models.mllama.configuration_mllama import MllamaTextConfig, MllamaVisionConfig

TEXT = 64  # tokens of the prompt, the image's among them
TILES = 4  # of the image


@dataclass(frozen=True)
class Shape:
    """What is built and where, how many tokens are drawn how often, and which matrices are timed, (rows, columns)."""

    text: dict[str, Any]
    vision: dict[str, Any]
    device: str
    tokens: int
    repeats: int
    matrices: tuple[tuple[int, int], ...]
    copied: int
    """Bytes of the copy by which the memory's bandwidth is measured."""

    @property
    def cuda(self) -> bool:
        """Whether it stands on a CUDA GPU."""
        return self.device == "cuda"


@dataclass
class State:
    """What the steps hand on: a folder to work in, the memory's bandwidth, the model that was built, its inputs."""

    shape: Shape
    folder: Path
    gb_per_second: float | None = None
    built: Any = None
    prompt: dict[str, torch.Tensor] | None = None

    @property
    def model(self) -> Any:
        """The model.

        Raises:
            RuntimeError: it was not built.
        """
        if self.built is None:
            raise RuntimeError("the step build has not run, or has failed")
        return self.built

    @property
    def inputs(self) -> dict[str, torch.Tensor]:
        """The inputs of a prompt with an image, drawn once."""
        if self.prompt is None:
            self.prompt = inputs(self.model, self.shape)
        return self.prompt

    def memory(self) -> dict[str, float] | None:
        """The GPU's memory in GiB: taken by tensors, the most of that so far, and free; None on a CPU."""
        if not self.shape.cuda:
            return None
        taken, peak = torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated()
        named = {"allocated_gib": taken, "peak_gib": peak, "free_gib": torch.cuda.mem_get_info()[0]}
        return {name: round(count / 2**30, 2) for name, count in named.items()}

    def collect(self) -> None:
        """Free what is not used any more, and count the most memory that is taken anew."""
        gc.collect()
        if self.shape.cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()


def eleven_b() -> Shape:
    """The published configuration of Llama-3.2-11B-Vision-Instruct."""
    text = {
        "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 40,
        "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 131072, "rms_norm_eps": 1e-5,
        "cross_attention_layers": [3, 8, 13, 18, 23, 28, 33, 38],
        "rope_parameters": {
            "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
        },
    }  # fmt: skip
    vision = {
        "hidden_size": 1280, "intermediate_size": 5120, "num_hidden_layers": 32, "num_global_layers": 8,
        "attention_heads": 16, "image_size": 560, "patch_size": 14, "max_num_tiles": 4, "vision_output_dim": 7680,
        "intermediate_layers_indices": [3, 7, 15, 23, 30],
    }  # fmt: skip
    # q and o, k and v, q with k and v in one, gate and up, the two in one, down.
    matrices = ((4096, 4096), (1024, 4096), (6144, 4096), (14336, 4096), (28672, 4096), (4096, 14336))
    return Shape(text, vision, "cuda", tokens=48, repeats=2, matrices=matrices, copied=2**30)


def tiny() -> Shape:
    """The same in small: whether this script runs."""
    text = {
        "vocab_size": 512, "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 4,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 2048, "pad_token_id": 0,
        "bos_token_id": 1, "eos_token_id": 2,
        "cross_attention_layers": [1, 3], "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    }  # fmt: skip
    vision = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_global_layers": 1,
        "attention_heads": 4, "image_size": 28, "patch_size": 14, "max_num_tiles": 4, "vision_output_dim": 96,
        "intermediate_layers_indices": [0, 1],
    }  # fmt: skip
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Shape(text, vision, device, tokens=6, repeats=1, matrices=((64, 64),), copied=2**24)


def build(shape: Shape) -> Any:
    """The model with random weights, layer by layer on the device, so that it never stands there in full precision."""
    config = MllamaConfig(text_config=MllamaTextConfig(**shape.text), vision_config=MllamaVisionConfig(**shape.vision))
    config._attn_implementation = "sdpa"
    with torch.device("meta"):
        model: Any = MllamaForConditionalGeneration(config)
    model = model.to(torch.bfloat16)
    layers = model.model.language_model.layers
    for layer in layers:
        _materialize(layer, shape.device)
        nf4(layer)
    _materialize(model, shape.device)
    rotary = model.model.language_model.rotary_emb
    model.model.language_model.rotary_emb = type(rotary)(config.text_config).to(shape.device)
    model.generation_config = GenerationConfig(pad_token_id=0)
    left = [name for name, tensor in (*model.named_parameters(), *model.named_buffers()) if tensor.is_meta]
    if left:
        raise RuntimeError(f"no values for {left}")
    return model.eval()


def _materialize(module: nn.Module, device: str) -> None:
    """Give what has no values yet small random ones."""
    for part in module.modules():
        for name, value in part.named_parameters(recurse=False):
            if value.is_meta:
                drawn = torch.randn(value.shape, dtype=value.dtype, device=device) * 0.02
                setattr(part, name, nn.Parameter(drawn, requires_grad=False))
        for name, buffer in part.named_buffers(recurse=False):
            if buffer.is_meta and type(part).__name__ != "MllamaRotaryEmbedding":
                raise RuntimeError(f"{type(part).__name__}.{name} is a buffer that this script does not know")


def nf4(layer: nn.Module) -> None:
    """Quantize the linear layers in place by bitsandbytes: NF4 with double quantization, as the engine does."""
    found = [(name, module) for name, module in layer.named_modules() if isinstance(module, nn.Linear)]
    # On a CPU bitsandbytes multiplies whole blocks of 64 alone.
    for name, linear in ((name, module) for name, module in found if module.in_features % 64 == 0):
        small = bitsandbytes.nn.Linear4bit(
            linear.in_features, linear.out_features, bias=linear.bias is not None, compute_dtype=torch.bfloat16,
            quant_type="nf4", compress_statistics=True, device="meta",
        )  # fmt: skip
        device = linear.weight.device
        weight = bitsandbytes.nn.Params4bit(
            linear.weight.data, requires_grad=False, quant_type="nf4", compress_statistics=True
        )
        small.weight = weight.to(device)
        small.bias = linear.bias
        layer.set_submodule(name, small)


def inputs(model: Any, shape: Shape) -> dict[str, torch.Tensor]:
    """Lay out one image of four tiles before a prompt, as Mllama's processor does."""
    vision, vocabulary = model.config.vision_config, shape.text["vocab_size"]
    side, ratios = vision.image_size, list(map(list, vision.supported_aspect_ratios))
    shown = torch.ones((1, 1, TILES), dtype=torch.long)
    ids = torch.randint(0, vocabulary, (1, TEXT))
    ids[0, 0] = vocabulary  # the image token stands behind the vocabulary
    found = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "pixel_values": torch.randn(1, 1, TILES, 3, side, side, dtype=model.dtype),
        "aspect_ratio_ids": torch.tensor([[1 + ratios.index([2, 2])]]),
        "aspect_ratio_mask": shown,
        "cross_attention_mask": shown.unsqueeze(1).expand(1, TEXT, 1, TILES).clone(),
    }
    return {name: value.to(shape.device) for name, value in found.items()}


def bytes_a_token(model: Any) -> int:
    """Count what drawing a token reads: the language model but its embedding, lm_head, the image's keys and values."""
    language = model.model.language_model
    weights = sum(_nbytes(value) for name, value in language.named_parameters() if "embed_tokens" not in name)
    text, vision = model.config.text_config, model.config.vision_config
    patches = TILES * ((vision.image_size // vision.patch_size) ** 2 + 1)
    head = text.hidden_size // text.num_attention_heads
    image = 2 * len(text.cross_attention_layers) * patches * text.num_key_value_heads * head * model.dtype.itemsize
    return weights + int(model.lm_head.weight.nbytes) + int(image)


def _nbytes(value: Any) -> int:
    """The bytes of a weight, with the scales of a quantized one."""
    if (state := getattr(value, "quant_state", None)) is not None:
        nested = [state.state2.absmax] if state.nested else []
        return int(value.nbytes + state.absmax.nbytes + sum(one.nbytes for one in nested))
    return int(value.nbytes)
