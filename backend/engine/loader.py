"""An id or a folder becomes a model, its processor and what the page needs to know of it.

Three ways: Unsloth on a CUDA GPU, transformers with bitsandbytes, and full precision. Code from a checkpoint is never
run and pickled weights are never opened. Does not know requests.
"""

import importlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from platformdirs import user_cache_path
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
)
from transformers.models.auto import modeling_auto

from backend.catalog import name_of
from backend.engine.families.family import Family
from backend.engine.families.find import family_of
from backend.engine.families.prefix import CrossRules, PrefixRules
from backend.engine.families.vision import mask_text_before_images
from backend.engine.hub import Report, fetch, look_ahead, weight_bytes
from backend.engine.placement import Checkpoint, Placement, check_room, place, quantization_of, this_machine
from backend.engine.progress import weights_reported
from backend.engine.quantization import bytes_of, check_read, quantized, set_by_files
from backend.engine.sampling import model_sampling
from backend.engine.spec import EngineSpec
from backend.errors import ModelFailed, ModelNotFound
from backend.machine import memory_free
from backend.types import ModelInfo

log = logging.getLogger(__name__)

READS_IMAGES = set(modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES)
READS_TEXT = set(modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
DEFAULT_CONTEXT = 4096

# In so small a model a matrix product takes microseconds, and threads cost more than they bring: on a machine that is
# busy otherwise, waiting for each other makes them many times slower than one.
FEW_PARAMETERS = 50_000_000


@dataclass(frozen=True)
class Loaded:
    """A model that is ready to answer. For one that reads text alone `processor` is its tokenizer."""

    model: Any
    processor: Any
    tokenizer: Any
    family: Family
    info: ModelInfo
    prefix: PrefixRules | None


def load(spec: EngineSpec, report: Report) -> Loaded:
    """Fetch and load what the spec names; on the thread that will run it.

    `report` is told the bytes done and in all, first of the download, then of the load.

    Raises:
        ModelNotFound, ModelGated, NoNetwork, StorageError, SettingsError, OutOfMemory, ModelFailed; whatever else
        torch or transformers raise (see failures.loading)
    """
    if ahead := look_ahead(spec.model, spec.revision, spec.offline):
        _plan(spec, ahead.folder, ahead.weights)  # what will not fit is not fetched
    folder = fetch(spec.model, spec.revision, spec.offline, report)
    config, checkpoint, placement = _plan(spec, folder, weight_bytes(folder))
    log.info(
        "loading %s with %s on %s in %s: %s",
        spec.model, placement.way, placement.device, placement.precision, placement.why,
    )  # fmt: skip
    processor = _read_processor(folder, spec.model, checkpoint.reads_images)
    with weights_reported(checkpoint.bytes, report):
        model = _read_model(folder, config, checkpoint, placement)
    if spec.adapter:
        model = _adapt(model, spec, report)
    model.eval()
    if placement.device == "cpu" and model.num_parameters() < FEW_PARAMETERS:
        torch.set_num_threads(1)
    return _loaded(spec, model, processor, placement)


def _plan(spec: EngineSpec, folder: Path, weights: int) -> tuple[Any, Checkpoint, Placement]:
    """The config in a folder, its checkpoint, and how it is loaded here, if it can be and fits."""
    config = _read_config(folder, spec.model)
    checkpoint = Checkpoint(weights, quantization_of(config), config.model_type in READS_IMAGES, _item(config))
    if not checkpoint.bytes:
        raise ModelNotFound(f"{spec.model} has no safetensors weights; Glimpse opens no other format.")
    placement = place(spec, checkpoint, this_machine())
    item, fixed = placement.dtype.itemsize, checkpoint.quantization is not None
    need = checkpoint.bytes if fixed else checkpoint.bytes * item // checkpoint.item
    if placement.bits:
        need = bytes_of(_kind(checkpoint), config, placement.bits, item)
    check_room(spec.model, need, placement, _free(placement.device), fixed=fixed)
    return config, checkpoint, placement


def _kind(checkpoint: Checkpoint) -> Any:
    return AutoModelForImageTextToText if checkpoint.reads_images else AutoModelForCausalLM


def _loaded(spec: EngineSpec, model: Any, processor: Any, placement: Placement) -> Loaded:
    tokenizer = getattr(processor, "tokenizer", processor)
    family = family_of(model.config, processor)
    # What Unsloth puts in place of the model's own layers keeps rules of its own.
    prefix = family.prefix if placement.way == "transformers" else None
    if isinstance(prefix, CrossRules):
        mask_text_before_images(model)
    info = ModelInfo(
        id=spec.model,
        name=name_of(spec.model),
        family=family.name,
        context_length=_context_length(model.config, tokenizer),
        precision=placement.precision,
        device=_device_name(placement.device),
        images=family.images,
        video=family.video,
        sampling=model_sampling(model.generation_config),
        canvas=family.canvas,
        reads_text=bool(getattr(model.config, "reads_text", False)),
    )
    return Loaded(model, processor, tokenizer, family, info, prefix)


def _read_config(folder: Path, model: str) -> Any:
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ModelNotFound(
            f"{model} is not a model that this version of transformers knows, or its config.json is broken."
        ) from error
    if config.model_type not in READS_IMAGES | READS_TEXT:
        raise ModelNotFound(f"{model} ({config.model_type}) is not a model that reads images and writes text.")
    return config


def _read_processor(folder: Path, model: str, reads_images: bool) -> Any:
    kind = AutoProcessor if reads_images else AutoTokenizer
    processor = kind.from_pretrained(folder, trust_remote_code=False)
    tokenizer = getattr(processor, "tokenizer", processor)
    if not getattr(processor, "chat_template", None):
        processor.chat_template = getattr(tokenizer, "chat_template", None)
    if not processor.chat_template:
        raise ModelNotFound(f"{model} has no chat template, so it cannot chat; choose its instruct version.")
    return processor


def _read_model(folder: Path, config: Any, checkpoint: Checkpoint, placement: Placement) -> Any:
    if placement.way == "unsloth":
        try:
            return _read_with_unsloth(folder, placement)
        except Exception:
            log.warning("Unsloth could not load this model; loading it with transformers", exc_info=True)
    kind = _kind(checkpoint)
    options: dict[str, Any] = {"dtype": placement.dtype, "use_safetensors": True, "trust_remote_code": False}
    if placement.device != "cpu":
        options["device_map"] = placement.device
    if placement.bits:
        options["quantization_config"] = quantized(kind, config, placement.bits, placement.dtype)
    elif (checkpoint.quantization or "").startswith("bitsandbytes"):
        set_by_files(kind, config, folder, placement.dtype)
        options["config"] = config
    return kind.from_pretrained(folder, **options)


def _read_with_unsloth(folder: Path, placement: Placement) -> Any:
    # By itself it counts its users by what they download, and writes code into the current folder.
    os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")
    os.environ.setdefault("UNSLOTH_COMPILE_LOCATION", str(user_cache_path("glimpse") / "unsloth"))
    from unsloth import FastVisionModel

    model, _ = FastVisionModel.from_pretrained(
        str(folder),
        load_in_4bit=placement.bits == 4,
        load_in_8bit=placement.bits == 8,
        dtype=placement.dtype,
        device_map=placement.device,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
    )
    check_read(model)
    FastVisionModel.for_inference(model)
    return model


def _adapt(model: Any, spec: EngineSpec, report: Report) -> Any:
    try:
        peft = importlib.import_module("peft")
    except ImportError as error:
        raise ModelFailed("An adapter needs peft; install it with: pip install peft") from error
    folder = fetch(str(spec.adapter), None, spec.offline, report)
    try:
        return peft.PeftModel.from_pretrained(model, str(folder), is_trainable=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelFailed(f"{spec.adapter} is not an adapter for {spec.model}; the log says more.") from error


def _item(config: Any) -> int:
    """Bytes of a weight as it is stored; 2 where the config does not say."""
    dtype = getattr(config, "dtype", None) or getattr(config.get_text_config(), "dtype", None)
    return dtype.itemsize if isinstance(dtype, torch.dtype) else 2


def _free(device: str) -> int:
    """Bytes that can be had where a model is loaded to; 0 where that is not known."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    return memory_free() if device == "cpu" else 0


def _context_length(config: Any, tokenizer: Any) -> int:
    length = getattr(config.get_text_config(), "max_position_embeddings", None)
    known = tokenizer.model_max_length
    return int(length or (known if known < 10**9 else DEFAULT_CONTEXT))


def _device_name(device: str) -> str:
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else "CPU"
