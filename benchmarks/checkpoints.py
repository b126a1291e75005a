"""The models that are timed: Pocket that never ends an answer by itself, and a larger Mllama of random weights.

Both are folders that the engine loads like any other model. Weights do not change how fast a model is.
"""

import json
import shutil
from pathlib import Path

import torch
from transformers import AutoTokenizer, GenerationConfig, MllamaConfig, MllamaForConditionalGeneration, MllamaProcessor
from transformers.models.mllama.configuration_mllama import MllamaTextConfig, MllamaVisionConfig
from transformers.models.mllama.image_processing_pil_mllama import MllamaImageProcessorPil

from backend.models.catalog import POCKET

TILE = 448
QUICK = {"hidden": 256, "layers": 6, "vision_hidden": 64}  # sizes of a random Mllama, to see whether a measure runs


def endless_pocket(folder: Path, tokens: int) -> Path:
    """Pocket in another folder; every answer has so many tokens where no other number is asked for."""
    shutil.copytree(POCKET.id, folder)
    _never_end(folder, tokens)
    return folder


def random_mllama(folder: Path, *, hidden: int = 1024, layers: int = 17, vision_hidden: int = 640) -> Path:
    """A Mllama of 300 million parameters by default, with up to four tiles of 448 pixels, in bfloat16 on disk."""
    torch.manual_seed(7)
    words = AutoTokenizer.from_pretrained(POCKET.id)
    text = MllamaTextConfig(
        vocab_size=len(words) - 1, hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=hidden // 64,
        num_key_value_heads=max(1, hidden // 256), intermediate_size=hidden * 4,
        cross_attention_layers=list(range(3, layers, 5)), max_position_embeddings=4096,
        bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id,
        rope_parameters={"rope_type": "default", "rope_theta": 500000.0},
    )  # fmt: skip
    vision = MllamaVisionConfig(
        hidden_size=vision_hidden, num_hidden_layers=6, num_global_layers=2, attention_heads=vision_hidden // 64,
        intermediate_size=vision_hidden * 4, image_size=TILE, patch_size=14, max_num_tiles=4,
        intermediate_layers_indices=[1, 3, 5], vision_output_dim=vision_hidden * 4,
    )  # fmt: skip
    model = MllamaForConditionalGeneration(MllamaConfig(vision_config=vision, text_config=text)).to(torch.bfloat16)
    model.generation_config = GenerationConfig(pad_token_id=words.pad_token_id, do_sample=False)
    model.save_pretrained(folder)
    template = (Path(POCKET.id) / "chat_template.jinja").read_text()
    pixels = MllamaImageProcessorPil(size={"height": TILE, "width": TILE}, max_image_tiles=4)
    MllamaProcessor(pixels, words, chat_template=template).save_pretrained(folder)
    _never_end(folder, 16)
    return folder


def _never_end(folder: Path, tokens: int) -> None:
    """Let an id end answers that no model draws: in a Mllama the image token can be read and not written."""
    path, words = folder / "generation_config.json", AutoTokenizer.from_pretrained(folder)
    changed = {"eos_token_id": words.convert_tokens_to_ids("<|image|>"), "max_new_tokens": tokens}
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
