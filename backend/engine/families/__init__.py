"""Implements what differs between architectures: how an image or a clip is shown to the model. One file each.

`family_of` finds the one of a loaded model by what its config and processor can do, not by its name.
"""

from typing import Any

from backend.engine.families.base import Family
from backend.engine.families.internals import NoVideo
from backend.engine.families.mllama import mllama
from backend.engine.families.native_video import native_video
from backend.engine.families.one_image import OneImageFamily
from backend.engine.families.processors import sight
from backend.engine.families.text_only import TextFamily
from backend.engine.families.token_images import FrameFamily, TokenRules
from backend.errors import ModelFailed

# Architectures with one row of pixel values an image and no state beside their cache; tested token for token.
ONE_ROW_AN_IMAGE = frozenset({"llava"})

# Shown clips as images, since transformers 5.23 gets these wrong: Kimi K2.5's model pools the frames of a chunk, then
# counts their tokens as if it had not, Nemotron Omni's processor takes the metadata of all clips for those of one, and
# GLM's models take every token of a clip for one of an image, so that the two cannot be in one conversation.
VIDEO_FAILS = frozenset({"glm46v", "glm4v", "glm4v_moe", "glm_ocr", "kimi_k25", "nemotron_h_omni"})


def family_of(config: Any, processor: Any) -> Family:
    """The family of a model with this config and this processor (or tokenizer, for a model that reads text alone).

    Raises:
        ModelFailed, ImportError: it cannot be shown images, although it is made for them.
    """
    if getattr(processor, "image_processor", None) is None:
        if hasattr(processor, "tokenizer"):
            raise ModelFailed(
                f"This checkpoint ({config.model_type}) has no part that reads images; choose another model."
            )
        return TextFamily(config.model_type)
    if getattr(config.get_text_config(), "cross_attention_layers", None) and hasattr(
        processor.image_processor, "max_image_tiles"
    ):
        return mllama(config, processor)
    can = sight(processor, config.model_type)
    if config.model_type not in VIDEO_FAILS and _reads_video(processor):
        return native_video(config, processor)
    if config.model_type in ONE_ROW_AN_IMAGE:
        return FrameFamily(config.model_type, prefix=TokenRules(processor.image_token_id))
    if not can.several:
        return OneImageFamily(config.model_type)
    return FrameFamily(config.model_type, image_needed=not can.none)


def _reads_video(processor: Any) -> bool:
    """Whether a processor has a part for video, and its template a place for a clip."""
    if isinstance(getattr(processor, "video_processor", None), NoVideo | None):
        return False
    token = getattr(processor, "video_token", None)
    probe = [{"role": "user", "content": [{"type": "video"}]}]
    return token is not None and token in processor.apply_chat_template(probe, add_generation_prompt=True)
