"""Implements what differs between architectures: how an image or a clip is shown to the model. One file each.

`family_of` finds the one of a loaded model by what its config and processor can do, not by its name.
"""

from typing import Any

from backend.engine.families.base import Family
from backend.engine.families.internals import NoVideo
from backend.engine.families.mllama import mllama
from backend.engine.families.native_video import native_video
from backend.engine.families.text_only import TextFamily
from backend.engine.families.token_images import FrameFamily, TokenRules

# Architectures with one row of pixel values an image and no state beside their cache; tested token for token.
ONE_ROW_AN_IMAGE = frozenset({"llava"})


def family_of(config: Any, processor: Any) -> Family:
    """The family of a model with this config and this processor (or tokenizer, for a model that reads text alone)."""
    if getattr(processor, "image_processor", None) is None:
        return TextFamily(config.model_type)
    if getattr(config.get_text_config(), "cross_attention_layers", None) and hasattr(
        processor.image_processor, "max_image_tiles"
    ):
        return mllama(config, processor)
    if not isinstance(getattr(processor, "video_processor", None), NoVideo | None) and _template_knows_video(
        processor
    ):
        return native_video(config, processor)
    exact = config.model_type in ONE_ROW_AN_IMAGE
    return FrameFamily(config.model_type, prefix=TokenRules(processor.image_token_id) if exact else None)


def _template_knows_video(processor: Any) -> bool:
    token = getattr(processor, "video_token", None)
    probe = [{"role": "user", "content": [{"type": "video"}]}]
    return token is not None and token in processor.apply_chat_template(probe, add_generation_prompt=True)
