"""Llama 3.2 11B Vision's shape on a CUDA GPU: prefill, and decode beside what the memory's bandwidth allows.

The weights are random, which changes no speed: NF4 by bitsandbytes, and int4 by torchao where it is installed, in the
language model; vision tower, projector and lm_head in bfloat16, as the engine loads them. Without a GPU nothing is
measured. Runs alone too, and writes what it has after each measure:

    python -m benchmarks.gpu --out FOLDER [--quick]        `--tiny` runs a small shape, on a CPU as well

The bound: to draw a token, the weights that decoding touches and the cache are read once. Its bandwidth is that of a
copy within the GPU's memory, measured here, or what clock and bus width say where that is more.
"""

import argparse
import gc
import importlib.util
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache, GenerationConfig, MllamaConfig, MllamaForConditionalGeneration
from transformers.generation.streamers import BaseStreamer
from transformers.models.mllama.configuration_mllama import MllamaTextConfig, MllamaVisionConfig

from benchmarks.pairs import note

Found = dict[str, Any]
Save = Callable[[Found], None]

TEXT = 64  # tokens of the prompt, the image's among them
ABOUT = "Llama 3.2 11B Vision's shape with random weights, one image, a prompt of 64 tokens"


@dataclass(frozen=True)
class Shape:
    """What is built, and how long it is timed."""

    text: dict[str, Any]
    vision: dict[str, Any]
    device: str = "cuda"
    tokens: int = 128
    repeats: int = 3
    tiles: tuple[int, ...] = (1, 4)


def eleven_b(quick: bool) -> Shape:
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
    return Shape(text, vision, tokens=32 if quick else 128, repeats=1 if quick else 3)


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
    return Shape(text, vision, "cuda" if torch.cuda.is_available() else "cpu", tokens=8, repeats=1)


def measure(quick: bool = False) -> dict[str, Found | None]:
    """`gpu`: an object, or None where there is no CUDA GPU."""
    return {"gpu": measure_shape(eleven_b(quick), lambda _: None) if torch.cuda.is_available() else None}


def measure_shape(shape: Shape, save: Save) -> Found:
    """All runs of one shape; `save` is given what there is after each."""
    gbs = bandwidth(shape.device)
    found: Found = {
        "device": torch.cuda.get_device_name() if shape.device == "cuda" else "CPU",
        "versions": ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "bitsandbytes")),
        "about": f"{ABOUT}; the bound is that of {gbs:.0f} GB/s",
        "bandwidth_gbs": round(gbs),
        "runs": [],
        "notes": [],
    }
    save(found)
    for weights, quantize in (("NF4", nf4), ("int4 (torchao)", int4)):
        if quantize is int4 and importlib.util.find_spec("torchao") is None:
            found["notes"].append("int4 by torchao is not measured: it is not installed")
            save(found)
            continue
        try:
            model = build(shape, quantize)
        except Exception as error:  # a version that cannot be put together is a finding, not the end
            found["notes"].append(f"{weights} is not measured: {type(error).__name__}: {error}")
            save(found)
            continue
        for tiles in shape.tiles:
            run: Found = {"weights": weights, "tiles": tiles}
            found["runs"].append(run)
            for step in (_prefill, _dynamic, _compiled):
                with _counted(shape.device) as peak:
                    try:
                        run |= step(model, shape, tiles, gbs)
                        if (why := run.pop("why_not", None)) not in (None, *found["notes"]):
                            found["notes"].append(why)
                    except Exception as error:
                        found["notes"].append(
                            f"{weights}, {tiles} tiles, {step.__name__[1:]}: {type(error).__name__}: {error}"
                        )
                run["peak_gib"] = max(run.get("peak_gib", 0.0), peak())
                note(json.dumps(run))
                save(found)
        del model
    return found


def build(shape: Shape, quantize: Callable[[nn.Module], None]) -> Any:
    """The model with random weights, layer by layer on the device, so that it never stands there in full precision."""
    config = MllamaConfig(text_config=MllamaTextConfig(**shape.text), vision_config=MllamaVisionConfig(**shape.vision))
    config._attn_implementation = "sdpa"
    with torch.device("meta"):
        model: Any = MllamaForConditionalGeneration(config)
    model = model.to(torch.bfloat16)
    layers = model.model.language_model.layers
    for layer in layers:
        _materialize(layer, shape.device)
        quantize(layer)
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
    import bitsandbytes

    for name, linear in _linears(layer):
        small = bitsandbytes.nn.Linear4bit(
            linear.in_features, linear.out_features, bias=False, compute_dtype=torch.bfloat16, quant_type="nf4",
            compress_statistics=True, device="meta",
        )  # fmt: skip
        device = linear.weight.device
        weight = bitsandbytes.nn.Params4bit(
            linear.weight.data, requires_grad=False, quant_type="nf4", compress_statistics=True
        )
        small.weight = weight.to(device)
        layer.set_submodule(name, small)


def int4(layer: nn.Module) -> None:
    """Quantize the linear layers in place by torchao: int4 weights in groups of 128."""
    from torchao.quantization import Int4WeightOnlyConfig, quantize_

    quantize_(layer, Int4WeightOnlyConfig(group_size=128))


def _linears(layer: nn.Module) -> list[tuple[str, nn.Linear]]:
    return [(name, module) for name, module in layer.named_modules() if isinstance(module, nn.Linear)]


def _prefill(model: Any, shape: Shape, tiles: int, gbs: float) -> Found:
    """prefill_s: seconds for the image and the prompt, to the first token."""
    seconds = [_timed(lambda: _generate(model, shape, tiles, 1), shape.device) for _ in range(shape.repeats + 1)]
    return {"prefill_s": round(min(seconds[1:]), 4)}


def _dynamic(model: Any, shape: Shape, tiles: int, gbs: float) -> Found:
    """Tokens a second of plain `generate`, on a cache that grows."""
    return _decode(model, shape, tiles, gbs, "dynamic", None)


def _compiled(model: Any, shape: Shape, tiles: int, gbs: float) -> Found:
    """Tokens a second of the engine's compiled step."""
    from backend.engine.local.compiled import LENGTHS, CompiledDecoder, Size, can_compile

    if not can_compile(model):
        why = f"transformers {version('transformers')} has no cache of fixed size for Mllama (from 5.18 on)"
        return {"compiled": None, "why_not": f"Compiled decoding is not measured: {why}"}
    decoder = CompiledDecoder(model, **({} if shape.device == "cuda" else {"backend": "eager"}))
    started = time.perf_counter()
    # The plain model keeps four slots an image; those without a tile are masked.
    if not decoder.warm_up(Size(LENGTHS[0], 4, masked=tiles < 4)):
        return {"compiled": None, "why_not": "Compiled decoding failed; the log says why"}
    warm = round(time.perf_counter() - started, 1)
    return {**_decode(model, shape, tiles, gbs, "compiled", decoder), "compile_s": warm}


def _decode(model: Any, shape: Shape, tiles: int, gbs: float, key: str, decoder: Any) -> Found:
    """Tokens a second after the first, and the share of what the bandwidth allows."""
    speeds = []
    for _ in range(shape.repeats + 1):
        stamps = _generate(model, shape, tiles, shape.tokens, decoder)
        speeds.append((len(stamps) - 1) / (stamps[-1] - stamps[0]))
    speed, read = max(speeds[1:]), _bytes_a_token(model, shape)
    return {key: round(speed, 2), f"{key}_share": round(speed * read / (gbs * 1e9), 3), "mb_a_token": read // 10**6}


class _Clock(BaseStreamer):  # type: ignore[misc]
    """Notes when each token is there: `generate` waits for it to hand it over."""

    def __init__(self) -> None:
        self.stamps: list[float] = []

    def put(self, value: torch.Tensor) -> None:
        self.stamps.append(time.perf_counter())

    def end(self) -> None:
        """Nothing is left to do."""


def _generate(model: Any, shape: Shape, tiles: int, tokens: int, decoder: Any = None) -> list[float]:
    """When each token was there, in seconds."""
    cache, clock = DynamicCache(config=model.config), _Clock()
    with decoder.decoding(cache) if decoder else nullcontext():
        model.generate(
            **_inputs(model, shape, tiles), past_key_values=cache, streamer=clock, max_new_tokens=tokens,
            min_new_tokens=tokens, do_sample=False, eos_token_id=None,
        )  # fmt: skip
    return clock.stamps[1:]  # the first is the prompt


def _inputs(model: Any, shape: Shape, tiles: int) -> dict[str, torch.Tensor]:
    """One image of 1 or 4 tiles before a prompt, as Mllama's processor lays them out."""
    vision, vocabulary = model.config.vision_config, shape.text["vocab_size"]
    side, ratios = vision.image_size, list(map(list, vision.supported_aspect_ratios))
    shown = torch.zeros((1, 1, 4), dtype=torch.long)
    shown[..., :tiles] = 1
    ids = torch.randint(0, vocabulary, (1, TEXT))
    ids[0, 0] = vocabulary  # the image token stands behind the vocabulary
    inputs = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "pixel_values": torch.randn(1, 1, 4, 3, side, side, dtype=model.dtype),
        "aspect_ratio_ids": torch.tensor([[1 + ratios.index([1, 1] if tiles == 1 else [2, 2])]]),
        "aspect_ratio_mask": shown,
        "cross_attention_mask": shown.unsqueeze(1).expand(1, TEXT, 1, 4).clone(),
    }
    return {name: value.to(shape.device) for name, value in inputs.items()}


def _bytes_a_token(model: Any, shape: Shape) -> int:
    """What drawing a token reads: the language model but its embedding, lm_head, the image's keys and values."""
    language = model.model.language_model
    weights = sum(_nbytes(value) for name, value in language.named_parameters() if "embed_tokens" not in name)
    text, vision = model.config.text_config, model.config.vision_config
    patches = 4 * ((vision.image_size // vision.patch_size) ** 2 + 1)
    head = text.hidden_size // text.num_attention_heads
    image = 2 * len(text.cross_attention_layers) * patches * text.num_key_value_heads * head * model.dtype.itemsize
    return weights + int(model.lm_head.weight.nbytes) + int(image)


def _nbytes(value: Any) -> int:
    """The bytes of a weight, with the scales of a quantized one."""
    if (state := getattr(value, "quant_state", None)) is not None:
        nested = [state.state2.absmax] if state.nested else []
        return int(value.nbytes + state.absmax.nbytes + sum(one.nbytes for one in nested))
    if hasattr(value, "__tensor_flatten__"):  # torchao's
        parts = [getattr(value, name) for name in value.__tensor_flatten__()[0]]
        return int(sum(part.nbytes for part in parts))
    return int(value.nbytes)


def bandwidth(device: str) -> float:
    """Gigabytes a second: a copy of a gibibyte within the memory, or the memory's own figures where those are more."""
    count = 2**30 if device == "cuda" else 2**26
    source, target = (torch.zeros(count, dtype=torch.uint8, device=device) for _ in range(2))
    seconds = min(_timed(lambda: target.copy_(source), device) for _ in range(10))
    found = 2 * count / seconds / 1e9
    if device == "cuda":
        card = torch.cuda.get_device_properties(0)
        clock, width = getattr(card, "memory_clock_rate", 0), getattr(card, "memory_bus_width", 0)
        found = max(found, 2 * clock * 1e3 * width / 8 / 1e9)
    return found


def _timed(work: Callable[[], object], device: str) -> float:
    _wait(device)
    started = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - started


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


@contextmanager
def _counted(device: str) -> Iterator[Callable[[], float]]:
    """The most memory that was taken at once, in GiB, 0 on a CPU."""
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    yield lambda: round(torch.cuda.max_memory_allocated() / 2**30, 2) if device == "cuda" else 0.0


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and keep what there is in FOLDER/gpu.json after each step."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--quick", action="store_true", help="fewer tokens, once")
    parser.add_argument("--tiny", action="store_true", help="a small shape, on a CPU too: whether this runs")
    arguments = parser.parse_args(argv)
    arguments.out.mkdir(parents=True, exist_ok=True)

    def save(found: Found) -> None:
        (arguments.out / "gpu.json").write_text(json.dumps(found, indent=1) + "\n")

    if not (torch.cuda.is_available() or arguments.tiny):
        print(json.dumps({"gpu": None}))
        return 0
    found = measure_shape(tiny() if arguments.tiny else eleven_b(arguments.quick), save)
    print(json.dumps({"gpu": found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
