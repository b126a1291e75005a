"""What the engine takes of other libraries although they do not promise it: an upgrade that drops one fails here.

Each with where it is used, so that it is known what to look at.
"""

import inspect

import bitsandbytes
import pytest
import torch
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer, StaticLayer
from transformers.models.auto import modeling_auto
from transformers.models.mllama import modeling_mllama, processing_mllama

NAMES = [
    (PreTrainedModel, "_can_compile_fullgraph", "local/compiled.py"),
    (StaticLayer, "lazy_initialization", "local/compiled.py"),
    (torch, "_dynamo", "local/compiled.py"),
    (DynamicLayer, "get_seq_length", "families/base.py, local/prefix_cache.py"),
    (DynamicCache, "get_seq_length", "local/prefix_cache.py"),
    (modeling_auto, "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES", "local/load.py"),
    (modeling_auto, "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES", "local/load.py"),
    (processing_mllama, "convert_sparse_cross_attention_mask_to_dense", "families/mllama.py"),
    (processing_mllama, "get_cross_attention_token_mask", "families/mllama.py"),
    (bitsandbytes.nn.Linear4bit, "set_compute_type", "local/weights.py"),
]


@pytest.mark.parametrize(("owner", "name", "used"), NAMES, ids=[name for _, name, _ in NAMES])
def test_a_name_that_is_not_promised_is_still_there(owner: object, name: str, used: str) -> None:
    assert hasattr(owner, name), f"{name} is gone: look at backend/engine/{used}"


def test_the_rows_of_text_that_see_no_image_still_reach_the_layers() -> None:
    layer = inspect.signature(modeling_mllama.MllamaCrossAttentionDecoderLayer.forward)
    assert "full_text_row_masked_out_mask" in layer.parameters, "look at mask_text_before_images in families/mllama.py"
