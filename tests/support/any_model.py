"""Builds a tiny checkpoint of any architecture that transformers maps to image-text-to-text, with random weights.

A type's config comes from its class, shrunk. Its processor is written as files, not built here, since parts of many
need torchvision; what its class asks for is read from its source.
"""

import ast
import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import CONFIG_MAPPING, GenerationConfig, PreTrainedTokenizerFast
from transformers.models.auto.feature_extraction_auto import FEATURE_EXTRACTOR_MAPPING_NAMES
from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING_NAMES
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES
from transformers.models.auto.video_processing_auto import VIDEO_PROCESSOR_MAPPING_NAMES

from tests.support import tiny
from tests.support.shrinking import Config, merged, shrunk, shrunk_images

TEXT_PART = "{%- elif part['type'] == 'text' %}"
SPREAD = 0.1  # of weights: what comes out of a layer of width 64 is about as large as what goes in
# What processors have as a field, and configs under the same name.
SHARED = (
    "downsample_factor", "image_seq_length", "num_query_tokens", "patch_size", "spatial_merge_size",
    "vision_feature_select_strategy",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What cannot be read from a type's classes.

    `config` is laid over the shrunken config; a token's name stands there for its id. `images` and `videos` are laid
    over the fields of the processors for them, `parts` over those of the processor itself. `shown` is what the chat
    template writes for an image and `film` for a clip; None is the tokenizer's own token. `processor` and
    `image_processor` name classes where the automatic ones have none. `tokens` are further special tokens, `named`
    those that the processor asks the tokenizer for by name.
    """

    config: Config = field(default_factory=dict)
    images: Config = field(default_factory=dict)
    videos: Config = field(default_factory=dict)
    parts: Config = field(default_factory=dict)
    shown: str | None = None
    film: str | None = None
    processor: str = ""
    image_processor: str = ""
    tokens: tuple[str, ...] = ()
    named: dict[str, str] = field(default_factory=dict)


def build(kind: str, row: Row, folder: Path) -> Path:
    """Save a tiny checkpoint of the type `kind`.

    Raises:
        ImportError: its model needs a package.
    """
    tiny.seeded()
    name = row.processor or PROCESSOR_MAPPING_NAMES.get(kind, "")
    source = _sources().get(name, "")
    words = tokenizer(source, row)
    words.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(_template(words, row))
    small = shrunk(CONFIG_MAPPING[kind]().to_dict(), len(words), lambda stem: _id(words, stem))
    small = _with_ids(merged(small, row.config), words.get_added_vocab())
    asked = _arguments(source, name)
    if "qformer_tokenizer" in asked:
        words.save_pretrained(folder / "qformer_tokenizer")
    if name:
        said = {"processor_class": name, **_parts(kind, asked, small, row)}
        (folder / "processor_config.json").write_text(json.dumps(said, default=str))
    model = getattr(transformers, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES[kind])(CONFIG_MAPPING[kind](**small))
    _unmuted(model)
    model.generation_config = GenerationConfig(
        bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id,
        decoder_start_token_id=words.bos_token_id if model.config.is_encoder_decoder else None,
    )  # fmt: skip
    model.eval().save_pretrained(folder)
    return folder


@torch.no_grad()
def _unmuted(model: torch.nn.Module) -> None:
    """Let what an image is make a difference to the answer, as in a trained model.

    Gates and projections of images begin as zeros in some classes, and SAM's weights as 1e-10.
    """
    for weight in model.parameters():
        if weight.dim() > 1 and weight.std() < SPREAD:
            weight.normal_(std=SPREAD)
        elif weight.numel() == 1 and not weight.any():
            weight.fill_(0.5)


def tokenizer(source: str, row: Row) -> PreTrainedTokenizerFast:
    """Bytes, and the special tokens that the source of the processor spells or asks the tokenizer for by name."""
    words = tiny.tokenizer(None)
    spelled = re.findall(r"""["'](<[^"'\s{}]+>)["']""", source)
    asked = set(re.findall(r"tokenizer\.(\w+_token)(?:_id)?\b", source))
    optional = set(re.findall(r"""(?:hasattr|getattr)\((?:self\.)?tokenizer, ["'](\w+_token)["']""", source))
    own = {f"{name}_token" for name in ("add_bos", "add_eos", "bos", "cls", "eos", "mask", "pad", "sep", "unk")}
    named = {name: f"<{name.removesuffix('_token')}>" for name in sorted(asked - optional - own)} | row.named
    written = re.findall(r"<[^<>\s]+>", f"{row.shown}{row.film}")
    words.add_tokens([*dict.fromkeys([*spelled, *named.values(), *written, *row.tokens])], special_tokens=True)
    words.unk_token = named.pop("unk_token", None)
    words._set_model_specific_special_tokens(named)
    return words


def _template(words: PreTrainedTokenizerFast, row: Row) -> str:
    template = tiny.TEMPLATE.replace("IMAGE", _spelled(words, "image") if row.shown is None else row.shown)
    film = _spelled(words, "video") if row.film is None else row.film
    written = f"{{%- elif part['type'] == 'video' %}}{{{{- '{film}' }}}}" if film else ""
    return template.replace(TEXT_PART, written + TEXT_PART)


@cache
def _sources() -> dict[str, str]:
    """The source of the module of each processor's class, by its name; some cannot be imported without torchvision."""
    sources = {}
    for path in sorted(Path(transformers.__file__).parent.glob("models/*/processing_*.py")):
        text = path.read_text()
        sources |= dict.fromkeys(re.findall(r"^class (\w+Processor)\(", text, re.MULTILINE), text)
    return sources


def _arguments(source: str, processor: str) -> set[str]:
    """The names of the arguments that a processor is made with."""
    functions = [
        inner
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef) and node.name == processor
        for inner in node.body
        if isinstance(inner, ast.FunctionDef) and inner.name == "__init__"
    ]
    return {argument.arg for function in functions for argument in function.args.args}


def _spelled(words: PreTrainedTokenizerFast, stem: str) -> str:
    """The token of what a field of a config calls `stem`: the one by that name, or else the shortest with it in it."""
    if own := getattr(words, f"{stem}_token", None):
        return str(own)
    return min((token for token in words.get_added_vocab() if stem in token.lower()), key=len, default="")


def _id(words: PreTrainedTokenizerFast, stem: str) -> int:
    own = {"bos": tiny.BEGIN, "eos": tiny.TURN, "pad": tiny.PAD, "decoder_start": tiny.BEGIN}
    return int(words.convert_tokens_to_ids(own.get(stem) or _spelled(words, stem) or tiny.PAD))


def _with_ids(value: Any, known: dict[str, int]) -> Any:
    """Put a token's id where its name stands."""
    if isinstance(value, dict):
        return {name: _with_ids(one, known) for name, one in value.items()}
    return known.get(value, value) if isinstance(value, str) else value


def _parts(kind: str, asked: set[str], config: Config, row: Row) -> Config:
    """What a processor's file says: its parts, and those of its fields that the config has too."""
    vision = config.get("vision_config") or {}
    shared = {name: config.get(name, vision.get(name)) for name in SHARED if name in asked}
    parts: Config = {name: value for name, value in shared.items() if value is not None}
    if "image_processor" in asked:
        parts["image_processor"] = _image_processor(kind, config, row)
    if "video_processor" in asked:
        parts["video_processor"] = _video_processor(kind, config, row)
    if "feature_extractor" in asked:
        sound = FEATURE_EXTRACTOR_MAPPING_NAMES.get(kind, "WhisperFeatureExtractor")
        parts["feature_extractor"] = {"feature_extractor_type": sound}
    return parts | row.parts


def _image_processor(kind: str, config: Config, row: Row) -> Config:
    names = IMAGE_PROCESSOR_MAPPING_NAMES.get(kind) or {}
    name = row.image_processor or names.get("torchvision") or names["pil"]
    known = f"{name}Pil" if hasattr(transformers, f"{name}Pil") else name
    return _fields(known, config, row.images) | {"image_processor_type": name}


def _video_processor(kind: str, config: Config, row: Row) -> Config:
    own = row.image_processor.replace("ImageProcessor", "VideoProcessor")
    # Without torchvision the mapping is empty, and any name will do: none is built then.
    name = (VIDEO_PROCESSOR_MAPPING_NAMES.get(kind) or {}).get("torchvision") or own or "Qwen2VLVideoProcessor"
    return _fields(name, config, row.videos) | {"video_processor_type": name}


def _fields(name: str, config: Config, changes: Config) -> Config:
    """The fields of a processor for images or clips, small; those of the row alone where its class cannot be made."""
    try:
        made = getattr(transformers, name)(**changes).to_dict()
    except (AttributeError, ImportError):
        return changes
    return shrunk_images(made, config.get("vision_config") or config) | changes
