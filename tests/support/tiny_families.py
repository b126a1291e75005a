"""Tiny models of further families, built from their own configs; with torchvision (and num2words) some take video."""

from pathlib import Path

from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3Processor,
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
)
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

from tests.support import tiny

SIGLIP = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 14,
}  # fmt: skip


def gemma3(folder: Path) -> Path:
    """A Gemma 3 whose images are four tokens, with sliding windows in all layers but one."""
    tiny.seeded()
    words = tiny.tokenizer("<start_of_image>")
    marks = {"image_token": "<image_soft_token>", "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"}
    words.add_special_tokens({"extra_special_tokens": list(marks.values())})
    for name, mark in marks.items():
        words._set_model_specific_special_tokens({name: mark})
    place = words.convert_tokens_to_ids
    config = Gemma3Config(
        text_config={
            "vocab_size": len(words), "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3,
            "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "sliding_window": 16,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
            "max_position_embeddings": 4096, "bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id,
            "pad_token_id": words.pad_token_id,
        },
        vision_config=SIGLIP | {"image_size": 56, "vision_use_head": False},
        mm_tokens_per_image=4,
        image_token_index=place("<image_soft_token>"),
        boi_token_index=place("<start_of_image>"),
        eoi_token_index=place("<end_of_image>"),
    )  # fmt: skip
    processor = Gemma3Processor(
        image_processor=Gemma3ImageProcessorPil(size={"height": 56, "width": 56}),
        tokenizer=words, image_seq_length=4, chat_template=words.chat_template,
    )  # fmt: skip
    return tiny.save(Gemma3ForConditionalGeneration(config), processor, folder)


def smolvlm(folder: Path) -> Path:
    """A SmolVLM; with torchvision and num2words its processor takes video."""
    tiny.seeded()
    words = tiny.tokenizer("<image>")
    words.add_tokens(
        ["<fake_token_around_image>", "<global-img>", "<end_of_utterance>", "<video>"]
        + [f"<row_{row}_col_{column}>" for row in range(1, 5) for column in range(1, 5)],
        special_tokens=True,
    )
    config = SmolVLMConfig(
        text_config=tiny.llama_config(words, 4096).to_diff_dict() | {"model_type": "llama"},
        vision_config=SIGLIP | {"image_size": 56},
        image_token_id=words.convert_tokens_to_ids("<image>"),
        scale_factor=2,
    )
    side = {"size": {"longest_edge": 56}, "max_image_size": {"longest_edge": 56}}
    return tiny.save_parts(
        SmolVLMForConditionalGeneration(config), words, folder, _with_video(words.chat_template, "<image>", "<video>"),
        "SmolVLMProcessor", image_processor=SmolVLMImageProcessorPil(**side), image_seq_len=4,
        video_processor=side
        | {"video_processor_type": "SmolVLMVideoProcessor", "video_sampling": {"fps": 1, "max_frames": 8}},
    )  # fmt: skip


def llava_onevision(folder: Path) -> Path:
    """A LLaVA-OneVision; with torchvision its processor takes video."""
    tiny.seeded()
    words = tiny.tokenizer("<image>")
    words.add_tokens(["<video>"], special_tokens=True)
    place = words.convert_tokens_to_ids
    config = LlavaOnevisionConfig(
        text_config=tiny.llama_config(words, 4096).to_diff_dict() | {"model_type": "llama"},
        vision_config=SIGLIP | {"model_type": "siglip_vision_model", "image_size": 56, "vision_use_head": False},
        image_token_index=place("<image>"),
        video_token_index=place("<video>"),
        image_grid_pinpoints=[[56, 56], [112, 56], [56, 112]],
        vision_feature_layer=-1,
    )
    side = {"height": 56, "width": 56}
    images = LlavaOnevisionImageProcessorPil(size=side, image_grid_pinpoints=config.image_grid_pinpoints)
    return tiny.save_parts(
        LlavaOnevisionForConditionalGeneration(config), words, folder,
        _with_video(words.chat_template, "<image>", "<video>"), "LlavaOnevisionProcessor", image_processor=images,
        num_image_tokens=16, vision_feature_select_strategy="full",
        video_processor={"video_processor_type": "LlavaOnevisionVideoProcessor", "size": side},
    )  # fmt: skip


def _with_video(template: str, image: str, video: str) -> str:
    shown = f"{{{{- '{image}' }}}}"
    return template.replace(shown, f"{shown}{{%- elif part['type'] == 'video' %}}{{{{- '{video}' }}}}")
