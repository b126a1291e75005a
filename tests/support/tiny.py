"""Tiny models with random weights and processors of their own, built and saved as checkpoints in a second each."""

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    MllamaConfig,
    MllamaForConditionalGeneration,
    MllamaProcessor,
    PreTrainedTokenizerFast,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.mllama.configuration_mllama import MllamaTextConfig, MllamaVisionConfig
from transformers.models.mllama.image_processing_pil_mllama import MllamaImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

BEGIN, START, END, TURN, PAD = (
    "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|pad|>",
)  # fmt: skip
TILE = 28

TEMPLATE = (
    "{{- bos_token }}{%- for message in messages %}"
    "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
    "{%- if message['content'] is string %}{{- message['content'] }}{%- else %}"
    "{%- for part in message['content'] %}"
    "{%- if part['type'] == 'image' %}{{- 'IMAGE' }}{%- elif part['type'] == 'text' %}{{- part['text'] }}{%- endif %}"
    "{%- endfor %}{%- endif %}{{- '<|eot_id|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}"
)
REFUSING = (
    "{%- if messages[0]['role'] == 'system' %}"
    "{%- set system = messages[0]['content'] | trim %}{%- set messages = messages[1:] %}"
    "{%- else %}{%- set system = '' %}{%- endif %}"
    "{%- set found = namespace(images=false) %}"
    "{%- for message in messages %}{%- for part in message['content'] %}"
    "{%- if part['type'] == 'image' %}{%- set found.images = true %}{%- endif %}"
    "{%- endfor %}{%- endfor %}"
    "{%- if found.images and system %}{{- raise_exception('No system prompt beside images.') }}{%- endif %}"
    "{%- if system %}{%- set messages = [{'role': 'system', 'content': system}] + messages %}{%- endif %}" + TEMPLATE
)
"""In the manner of Llama 3.2 Vision's: the system prompt is a string, and refused beside images."""

LISTS_ONLY = TEMPLATE.replace("{{- message['content'] }}", "")
"""In the manner of SmolVLM's: of content that is a string, nothing is written."""


def tokenizer(image: str | None) -> PreTrainedTokenizerFast:
    """Bytes and the control tokens of Llama 3; `image` is the image token."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    special = [BEGIN, START, END, TURN, PAD, *([image] if image else [])]
    core.add_special_tokens([AddedToken(text, normalized=False, special=True) for text in special])
    fast = PreTrainedTokenizerFast(tokenizer_object=core, bos_token=BEGIN, eos_token=TURN, pad_token=PAD)
    fast.chat_template = TEMPLATE.replace("IMAGE", image or "")
    return fast


def save(model: Any, processor: Any, folder: Path, **generation: Any) -> Path:
    words = getattr(processor, "tokenizer", processor)
    _save_model(model, words, folder, generation)
    processor.save_pretrained(folder)
    return folder


def save_parts(model: Any, words: Any, folder: Path, template: str, kind: str, **parts: Any) -> Path:
    """Save a checkpoint whose processor is not built here, for its part for video would need torchvision.

    `kind` is the name of its class, `parts` what its file says, the image processor as a value.
    """
    _save_model(model, words, folder, {})
    words.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(template)
    images = parts.pop("image_processor").to_dict()
    images["image_processor_type"] = images["image_processor_type"].removesuffix("Pil")
    said = {"processor_class": kind, "image_processor": images, **parts}
    (folder / "processor_config.json").write_text(json.dumps(said, default=str))
    return folder


def _save_model(model: Any, words: Any, folder: Path, generation: dict[str, Any]) -> None:
    model.generation_config = GenerationConfig(
        bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id, **generation
    )
    with torch.no_grad():  # so that only letters are drawn, and an answer ends where the test says
        model.lm_head.weight[words.all_special_ids] = 0
    model.eval().save_pretrained(folder)


def seeded() -> None:
    torch.manual_seed(7)


def mllama(folder: Path, context: int = 4096, template: str | None = None) -> Path:
    """A Mllama with two text layers, one cross-attention layer between them, and tiles of 28 pixels, four at most."""
    seeded()
    words = tokenizer("<|image|>")
    text = MllamaTextConfig(
        vocab_size=len(words), hidden_size=64, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=128, cross_attention_layers=[1, 3], max_position_embeddings=context,
        bos_token_id=words.bos_token_id, eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    )  # fmt: skip
    vision = MllamaVisionConfig(
        hidden_size=32, num_hidden_layers=2, num_global_layers=1, attention_heads=4, intermediate_size=64,
        image_size=TILE, patch_size=14, max_num_tiles=4, intermediate_layers_indices=[0, 1], vision_output_dim=96,
    )  # fmt: skip
    model = MllamaForConditionalGeneration(MllamaConfig(vision_config=vision, text_config=text))
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "gate" in name and value.numel() == 1:
                value.fill_(0.5)
            elif value.dim() > 1:
                value.mul_(8)  # far enough from uniform that greedy answers depend on what was read
    processor = MllamaProcessor(
        MllamaImageProcessorPil(size={"height": TILE, "width": TILE}, max_image_tiles=4),
        words,
        chat_template=(template or words.chat_template).replace("IMAGE", "<|image|>"),
    )
    return save(model, processor, folder, do_sample=True, temperature=0.6, top_p=0.9)


def llava(folder: Path, context: int = 4096) -> Path:
    """A LLaVA whose images are four tokens among the text."""
    seeded()
    words = tokenizer("<image>")
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=28, patch_size=14,
        projection_dim=32,
    )  # fmt: skip
    config = LlavaConfig(
        vision_config=vision,
        text_config=llama_config(words, context),
        image_token_index=words.convert_tokens_to_ids("<image>"),
        image_seq_length=4,
    )
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}),
        tokenizer=words, patch_size=14, vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template=words.chat_template,
    )  # fmt: skip
    return save(LlavaForConditionalGeneration(config), processor, folder)


def qwen(folder: Path, version: str) -> Path:
    """A Qwen2.5-VL or Qwen3-VL; with torchvision its processor takes video."""
    seeded()
    words = tokenizer("<|image_pad|>")
    words.add_tokens(["<|video_pad|>", "<|vision_start|>", "<|vision_end|>"], special_tokens=True)
    place = words.convert_tokens_to_ids
    of = "Qwen2_5_VL" if version == "qwen2_5_vl" else "Qwen3VL"
    patch = 14 if version == "qwen2_5_vl" else 16
    vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 64}
    vision |= {"fullatt_block_indexes": [1], "window_size": 56} if patch == 14 else {"deepstack_visual_indexes": [1]}
    text = llama_config(words, 4096).to_diff_dict() | {
        "head_dim": 16,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]},
    }
    text.pop("model_type", None)
    config = getattr(transformers, f"{of}Config")(
        text_config=text, vision_config=vision | {"patch_size": patch},
        image_token_id=place("<|image_pad|>"), video_token_id=place("<|video_pad|>"),
        vision_start_token_id=place("<|vision_start|>"), vision_end_token_id=place("<|vision_end|>"),
    )  # fmt: skip
    small = {"size": {"shortest_edge": (2 * patch) ** 2, "longest_edge": (8 * patch) ** 2}, "patch_size": patch}
    shown = "{{%- if part['type'] == '{0}' %}}{{{{- '<|vision_start|><|{0}_pad|><|vision_end|>' }}}}"
    template = TEMPLATE.replace(
        "{%- if part['type'] == 'image' %}{{- 'IMAGE' }}",
        shown.format("image") + shown.format("video").replace("{%- if", "{%- elif"),
    )
    kind = "Qwen2VLVideoProcessor" if patch == 14 else "Qwen3VLVideoProcessor"
    model = getattr(transformers, f"{of}ForConditionalGeneration")(config)
    return save_parts(
        model, words, folder, template, f"{of}Processor", image_processor=Qwen2VLImageProcessorPil(**small),
        video_processor=small | {"video_processor_type": kind},
    )  # fmt: skip


def llama(folder: Path, context: int = 4096, hidden: int = 64) -> Path:
    """A Llama that reads text alone."""
    seeded()
    words = tokenizer(None)
    return save(LlamaForCausalLM(llama_config(words, context, hidden)), words, folder, max_new_tokens=5)


def llama_config(words: PreTrainedTokenizerFast, context: int, hidden: int = 64) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(words), hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=context, bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id,
    )  # fmt: skip
