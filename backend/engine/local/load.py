"""Loads a model from an id or a folder, with its processor and what the page needs to know of it.

Three ways: transformers with bitsandbytes, in full precision, and Unsloth where it is asked for. A checkpoint's own
code is never run and pickled weights are never opened. Does not know requests.
"""

import contextlib
import importlib
import logging
import os
import time
from collections.abc import Callable, Iterator
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
from transformers.utils import logging as transformers_logging

from backend.engine.engine import LocalSpec
from backend.engine.families import family_of
from backend.engine.families.base import Family, PrefixRules
from backend.engine.families.internals import IMAGE_TEXT_TYPES, TEXT_TYPES, package_for_video, without_video
from backend.engine.local.devices import device_name, find_accelerators
from backend.engine.local.failures import is_out_of_memory
from backend.engine.local.hub import Report, fetch, look_ahead, weight_bytes
from backend.engine.local.sampling import model_sampling
from backend.engine.local.weights import (
    Checkpoint,
    Placement,
    bytes_of,
    cast_floats,
    check_read,
    check_room,
    parts_in_few_bits,
    place,
    quantization_of,
    quantized,
    set_by_files,
)
from backend.errors import ModelFailed, ModelNotFound
from backend.models.catalog import name_of
from backend.models.hardware import memory_free
from backend.types import Capability, ModelInfo

log = logging.getLogger(__name__)

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


def load(spec: LocalSpec, report: Report) -> Loaded:
    """Fetch and load what the spec names; on the thread that will run it.

    `report` is called with the bytes done and in all, first of the download, then of the load.

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
    family_of(config, processor)  # what cannot be shown an image is refused before its weights are read
    with weights_reported(checkpoint.bytes, report):
        model = _read_model(folder, config, checkpoint, placement)
    if spec.adapter:
        model = _adapt(model, spec, report)
    if not model.can_generate():
        raise ModelNotFound(f"{spec.model} ({config.model_type}) writes no text; choose another model.")
    model.eval()
    # What some checkpoints set; `generate` would take it for a second limit, and warn of it at each answer.
    model.generation_config.max_length = None
    if placement.device == "cpu" and model.num_parameters() < FEW_PARAMETERS:
        torch.set_num_threads(1)
    return _loaded(spec, model, processor, placement)


def _plan(spec: LocalSpec, folder: Path, weights: int) -> tuple[Any, Checkpoint, Placement]:
    """Read the config in a folder and decide how its checkpoint is loaded here, if it can be and fits."""
    config = _read_config(folder, spec.model)
    checkpoint = Checkpoint(weights, quantization_of(config), config.model_type in IMAGE_TEXT_TYPES, _item(config))
    if not checkpoint.bytes:
        raise ModelNotFound(f"{spec.model} has no safetensors weights; Glimpse opens no other format.")
    placement = place(spec, checkpoint, find_accelerators())
    item, fixed = placement.dtype.itemsize, checkpoint.quantization is not None
    need = checkpoint.bytes if fixed else checkpoint.bytes * item // checkpoint.item
    if placement.bits:
        need = bytes_of(_kind(checkpoint), config, placement.bits, item)
    check_room(spec.model, need, placement, _free(placement.device), fixed=fixed)
    return config, checkpoint, placement


def _kind(checkpoint: Checkpoint) -> Any:
    return AutoModelForImageTextToText if checkpoint.reads_images else AutoModelForCausalLM


def _loaded(spec: LocalSpec, model: Any, processor: Any, placement: Placement) -> Loaded:
    tokenizer = getattr(processor, "tokenizer", processor)
    family = family_of(model.config, processor)
    # What Unsloth puts in place of the model's own layers keeps rules of its own.
    prefix = family.prefix if placement.way == "transformers" else None
    if placement.way == "transformers":
        family.prepare(model)
    info = ModelInfo(
        id=spec.model,
        name=name_of(spec.model),
        family=family.name,
        context_length=_context_length(model.config, tokenizer),
        precision=placement.precision,
        device=device_name(placement.device),
        capabilities=_capabilities(family, model.config),
        sampling=model_sampling(model.generation_config),
        canvas=family.canvas,
    )
    return Loaded(model, processor, tokenizer, family, info, prefix)


def _capabilities(family: Family, config: Any) -> frozenset[Capability]:
    found: set[Capability] = {"json", "lark", "probabilities"}
    if family.images:
        found.add("images")
    if family.video:
        found.add("video")
    if getattr(config, "reads_text", False):
        found.add("reads_text")
    return frozenset(found)


def _read_config(folder: Path, model: str) -> Any:
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ModelNotFound(
            f"{model} is not a model that this version of transformers knows, or its config.json is broken."
        ) from error
    if config.model_type not in IMAGE_TEXT_TYPES | TEXT_TYPES:
        raise ModelNotFound(f"{model} ({config.model_type}) is not a model that reads images and writes text.")
    return config


def _read_processor(folder: Path, model: str, reads_images: bool) -> Any:
    kind = AutoProcessor if reads_images else AutoTokenizer
    try:
        processor = kind.from_pretrained(folder, trust_remote_code=False)
    except ImportError as error:
        with without_video():
            processor = kind.from_pretrained(folder, trust_remote_code=False)
        log.info("clips are shown as images; to show them as video, install %s", package_for_video(error))
    tokenizer = getattr(processor, "tokenizer", processor)
    if not getattr(processor, "chat_template", None):
        processor.chat_template = getattr(tokenizer, "chat_template", None)
    if not processor.chat_template:
        raise ModelNotFound(f"{model} has no chat template, so it cannot chat; choose its instruct version.")
    return processor


def _read_model(folder: Path, config: Any, checkpoint: Checkpoint, placement: Placement) -> Any:
    if placement.way == "unsloth":
        return _read_with_unsloth(folder, placement)
    kind = _kind(checkpoint)
    options: dict[str, Any] = {"dtype": placement.dtype, "use_safetensors": True, "trust_remote_code": False}
    if placement.device != "cpu":
        options["device_map"] = placement.device
    if placement.bits:
        options["quantization_config"] = quantized(kind, config, placement.bits, placement.dtype)
    elif (checkpoint.quantization or "").startswith("bitsandbytes"):
        set_by_files(kind, config, folder, placement.dtype)
        options["config"] = config
    model = kind.from_pretrained(folder, **options)
    if checkpoint.quantization:
        cast_floats(model, placement.dtype)
    if checkpoint.quantization or placement.bits:
        log.info("linear layers in few bits: %s", parts_in_few_bits(model))
    return model


def _read_with_unsloth(folder: Path, placement: Placement) -> Any:
    """Load with Unsloth, whose patches of transformers stay in this process: after a failure nothing else is tried."""
    # By itself it counts its users by what they download, and writes code into the current folder.
    os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")
    os.environ.setdefault("UNSLOTH_COMPILE_LOCATION", str(user_cache_path("glimpse") / "unsloth"))
    try:
        return _with_unsloth(folder, placement)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise ModelFailed("Unsloth could not load this model; leave --loader out, the log says more.") from error


def _with_unsloth(folder: Path, placement: Placement) -> Any:
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


def _adapt(model: Any, spec: LocalSpec, report: Report) -> Any:
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
    """Bytes that can be had where a model is loaded to."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    if device.startswith("xpu"):
        return int(torch.xpu.mem_get_info(device)[0])
    return memory_free()  # an Apple GPU's memory is the machine's


def _context_length(config: Any, tokenizer: Any) -> int:
    length = getattr(config.get_text_config(), "max_position_embeddings", None)
    known = tokenizer.model_max_length
    return int(length or (known if known < 10**9 else DEFAULT_CONTEXT))


STEADY = 2.0  # seconds until a pace says anything


class Pace:
    """Estimates how long something still takes from its speed so far."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began = (0.0, 0)
        self._done: int | None = None

    def left(self, done: int, total: int) -> float | None:
        """Estimate the seconds left until `total`; None until there is a speed. Less done than before starts anew."""
        now = self._now()
        if self._done is None or done < self._done:
            self._began = now, done
        self._done = done
        seconds, gone = now - self._began[0], done - self._began[1]
        return (total - done) * seconds / gone if seconds >= STEADY and gone else None


@contextlib.contextmanager
def weights_reported(total: int, report: Report) -> Iterator[None]:
    """Turn transformers' progress bar for loading weights into calls of `report`, in bytes."""

    class Bar:
        def __init__(self, iterable: Any = None, total: float | None = None, **_: Any) -> None:
            self.iterable = iterable
            self.total = total or (len(iterable) if hasattr(iterable, "__len__") else 0)
            self.n = 0.0

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            if self.total:
                report(round(total * min(1.0, self.n / self.total)), total)

        def __iter__(self) -> Iterator[Any]:
            for item in self.iterable:
                yield item
                self.update()

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *_: Any) -> None:
            return None

        def __getattr__(self, _: str) -> Any:
            return lambda *args, **kwargs: None

    hook = getattr(transformers_logging, "set_tqdm_hook", None)
    if hook is None:
        yield
        return
    report(0, total)
    before = hook(lambda factory, args, kwargs: Bar(*args, **kwargs))
    try:
        yield
    finally:
        hook(before)
