"""What the engine takes of other libraries although they do not promise it: an upgrade that drops one fails here.

backend/engine/families/internals.py says what for.
"""

import inspect
import re
from pathlib import Path

import bitsandbytes
import pytest
import torch
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.cache_utils import StaticLayer
from transformers.integrations import sdpa_attention
from transformers.models.auto import modeling_auto
from transformers.models.mllama import modeling_mllama, processing_mllama
from transformers.models.smolvlm import processing_smolvlm
from transformers.processing_utils import ProcessorMixin

ENGINE = Path(__file__).parents[2] / "backend/engine"
NAMES = [
    (PreTrainedModel, "_can_compile_fullgraph"),
    (PreTrainedConfig, "_attn_implementation"),
    (sdpa_attention, "sdpa_attention_forward"),
    (StaticLayer, "lazy_initialization"),
    (torch._dynamo.config, "recompile_limit"),
    (torch._dynamo, "mark_static_address"),
    (modeling_auto, "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES"),
    (modeling_auto, "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"),
    (processing_mllama, "convert_sparse_cross_attention_mask_to_dense"),
    (processing_mllama, "get_cross_attention_token_mask"),
    (bitsandbytes.nn.Linear4bit, "set_compute_type"),
    (ProcessorMixin, "check_argument_for_proper_class"),
    (processing_smolvlm, "num2words"),
]


@pytest.mark.parametrize(("owner", "name"), NAMES, ids=[name for _, name in NAMES])
def test_a_name_that_is_not_promised_is_still_there(owner: object, name: str) -> None:
    assert hasattr(owner, name), f"{name} is gone: look at backend/engine/families/internals.py"


def test_no_other_file_of_the_engine_takes_such_names() -> None:
    used = re.compile("|".join(rf"\b{name}\b" for _, name in NAMES) + r"|torch\._\w+")
    files = [file for file in ENGINE.rglob("*.py") if used.search(file.read_text())]
    assert [str(file.relative_to(ENGINE)) for file in files] == ["families/internals.py"]


def test_the_rows_of_text_that_see_no_image_still_reach_the_layers() -> None:
    layer = inspect.signature(modeling_mllama.MllamaCrossAttentionDecoderLayer.forward)
    assert "full_text_row_masked_out_mask" in layer.parameters, "look at mask_text_before_images in families/mllama.py"
