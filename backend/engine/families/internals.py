"""What the engine takes of transformers, PyTorch and bitsandbytes although they do not promise it, in one place.

Each with its reason. tests/engine/test_internals.py fails when a name is gone; the versions are those of
requirements.lock and, for transformers, 5.17 as well.
"""

from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.cache_utils import StaticLayer
from transformers.models.auto import modeling_auto
from transformers.models.mllama.processing_mllama import (
    convert_sparse_cross_attention_mask_to_dense,
    get_cross_attention_token_mask,
)

# Which types of a config the automatic classes know: asked before gigabytes are fetched, when there is no model yet.
IMAGE_TEXT_TYPES = frozenset(modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES)
TEXT_TYPES = frozenset(modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)

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
