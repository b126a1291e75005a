"""What the engine takes of transformers, PyTorch and bitsandbytes although they do not promise it, in one place.

Each with its reason. tests/engine/test_internals.py fails when a name is gone; the versions are those of
requirements.lock and, for transformers, 5.17 as well.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
from transformers import AttentionInterface, PreTrainedModel
from transformers.cache_utils import StaticLayer
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.models.auto import modeling_auto
from transformers.models.auto.video_processing_auto import AutoVideoProcessor
from transformers.models.mllama.processing_mllama import (
    convert_sparse_cross_attention_mask_to_dense,
    get_cross_attention_token_mask,
)
from transformers.models.smolvlm import processing_smolvlm
from transformers.processing_utils import ProcessorMixin

# Which types of a config the automatic classes know: asked before gigabytes are fetched, when there is no model yet.
IMAGE_TEXT_TYPES = frozenset(modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES)
TEXT_TYPES = frozenset(modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)

PACKED = "packed_heads"  # the name under which attention modules find `packed_attention`

# Dynamo gives up on a function after eight graphs; each size of a cache is a graph of its own.
GRAPHS = 64


def declares_one_graph(model: Any) -> bool:
    """Whether a model's class says that its forward pass compiles into one graph.

    The type is asked for because an adapter's wrapper or a quantizer may pass the attribute on.
    """
    return isinstance(model, PreTrainedModel) and bool(getattr(model, "_can_compile_fullgraph", False))


def allow_graphs() -> None:
    """Let torch.compile keep as many graphs of one function as there are sizes of a cache."""
    torch._dynamo.config.recompile_limit = max(GRAPHS, torch._dynamo.config.recompile_limit)


def static_layer(length: int, like: torch.Tensor) -> StaticLayer:
    """Allocate a layer of a cache of `length` tokens, before the first of them comes, for a graph needs its address.

    `like` has the layer's shape (1, heads, 0, channels), type and device. A length of 0 stays empty.
    """
    layer = StaticLayer(max_cache_len=length)
    if length:
        layer.lazy_initialization(like, like)
    return layer


def keep_address(tensor: torch.Tensor) -> torch.Tensor:
    """Promise torch.compile that a tensor stays where it is, so that a CUDA graph reads it in place of a copy."""
    torch._dynamo.mark_static_address(tensor)
    return tensor


class PackedHeads:
    """While open, a model that attends by SDPA does so by `packed_attention`.

    transformers' own function repeats the keys and values of grouped-query attention for each of their query heads
    where it is compiled with a mask: of the whole cache, in every layer, at every token.
    """

    def __init__(self, model: Any) -> None:
        self._config = model.config.get_text_config()
        self._packs = self._config._attn_implementation == "sdpa"
        AttentionInterface.register(PACKED, packed_attention)

    def __enter__(self) -> None:
        if self._packs:
            self._config._attn_implementation = PACKED

    def __exit__(self, *_: object) -> None:
        if self._packs:
            self._config._attn_implementation = "sdpa"


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attend by SDPA; the heads of one token that share a key are that key's several queries, so none is repeated.

    Shapes: `query` is (batch, heads, tokens, channels), `key` and `value` (batch, shared heads, cached, channels), the
    mask (batch or 1, heads or 1, tokens, cached), what is returned (batch, tokens, heads, channels).
    """
    shared, others = key.shape[1], {name for name in ("softcap", "position_bias") if options.get(name) is not None}
    if query.shape[2] > 1 or query.shape[1] == shared or others:
        return sdpa_attention_forward(  # type: ignore[no-any-return]
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **options
        )
    found = torch.nn.functional.scaled_dot_product_attention(
        _packed(query, shared),
        key,
        value,
        attn_mask=None if attention_mask is None else _packed(attention_mask, shared),
        dropout_p=dropout,
        scale=scaling,
    )
    return found.reshape(query.shape[0], 1, query.shape[1], value.shape[-1]), None


def _packed(tensor: torch.Tensor, shared: int) -> torch.Tensor:
    """Turn (batch, heads, 1, n) into (batch, shared, heads / shared, n); what all heads have in common stays."""
    return tensor if tensor.shape[1] == 1 else tensor.reshape(tensor.shape[0], shared, -1, tensor.shape[-1])


def cross_attention_mask(ids: list[int], image_token: int, tiles: list[int]) -> Any:
    """Mllama's mask of (1, tokens, images, tiles) for a text that is prepared piece by piece.

    Its processor makes this one for a whole text alone.
    """
    spans = get_cross_attention_token_mask(ids, image_token)
    return convert_sparse_cross_attention_mask_to_dense([spans], [tiles], max(tiles), len(ids))


def unread_4bit_layer(model: Any) -> str | None:
    """The name of a layer of bitsandbytes that has no quantization state, if there is one.

    Such layers are known by `set_compute_type`, which bitsandbytes' Linear4bit alone has, without importing it.
    """
    for name, module in model.named_modules():
        if hasattr(module, "set_compute_type") and getattr(module.weight, "quant_state", None) is None:
            return str(name)
    return None


def package_for_video(error: ImportError) -> str:
    """The package that transformers names where it cannot build a processor's part for video."""
    found = re.search(r"torchvision|num2words", str(error), re.IGNORECASE)
    return found[0].lower() if found else "the package that the log names"


class NoVideo(dict[str, Any]):
    """In place of a processor's part for video: a dict, since processors are logged as JSON.

    Some read a setting of it whether there is a video or not: SmolVLM's `fps`, MiniCPM-V's `slice_mode`. None has one.
    """

    model_input_names: ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> None:
        if name.startswith("_"):
            raise AttributeError(name)


@contextmanager
def without_video() -> Iterator[None]:
    """Let AutoProcessor build a processor with NoVideo as its part for video.

    That part needs torchvision, and AutoProcessor builds all parts or none; SmolVLM's refuses without num2words, with
    which it puts the number of a video's frames into words.
    """
    load, check = AutoVideoProcessor.from_pretrained, ProcessorMixin.check_argument_for_proper_class
    words = processing_smolvlm.num2words

    def checked(processor: Any, name: str, part: Any) -> Any:
        return None if isinstance(part, NoVideo) else check(processor, name, part)

    AutoVideoProcessor.from_pretrained = lambda *_, **__: NoVideo()
    ProcessorMixin.check_argument_for_proper_class = checked
    processing_smolvlm.num2words = words or str
    try:
        yield
    finally:
        AutoVideoProcessor.from_pretrained, ProcessorMixin.check_argument_for_proper_class = load, check
        processing_smolvlm.num2words = words
