"""What a vision tower makes of an image is given to the model again, and reaches no text before the image."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, DynamicCache

from backend.engine.families.mllama import mask_text_before_images
from backend.engine.families.token_images import TokenRules
from backend.engine.local.load import Loaded
from backend.engine.local.lru import LRU
from backend.engine.local.prompt import Limits, Prompt, build_prompt
from backend.engine.local.vision_cache import VisionCache
from backend.types import ImagePart, Message
from tests.support.engine import Store, image
from tests.support.messages import assistant, user

TALK = [user("What will you see?"), assistant("Who knows."), user(image("red"), image("blue"), "And now?")]


def prompted(loaded: Loaded, talk: list[Message]) -> tuple[Prompt, VisionCache]:
    pictures = VisionCache(loaded, Store(), LRU(2**24), lambda progress: None)
    return build_prompt(loaded, talk, pictures, Limits(16), lambda progress: None), pictures


def scores(model: Any, loaded: Loaded, talk: list[Message], length: int, **more: Any) -> torch.Tensor:
    """The scores of the first tokens of a prompt, all its images given."""
    prompt, pictures = prompted(loaded, talk)
    features = [pictures.features(picture) for picture in prompt.pictures or ()]
    inject_features = {"cross_attention_states": torch.cat(features)} if features else {}
    with torch.no_grad():
        return model(**prompt.inputs, **inject_features, **more).logits[0, :length]


def test_text_before_an_image_takes_nothing_from_it(models: dict[str, Loaded], checkpoints: dict[str, Path]) -> None:
    """transformers' issue 39379; where this fails because the uncorrected scores agree, the correction can go."""
    loaded = models["mllama"]
    length = prompted(loaded, TALK[:1])[0].ids.index(loaded.tokenizer.eos_token_id)
    bare = AutoModelForImageTextToText.from_pretrained(checkpoints["mllama"]).eval()
    alone, before = (scores(bare, loaded, talk, length) for talk in (TALK[:1], TALK))
    assert (alone - before).abs().max() > 0.1
    mask_text_before_images(bare)
    torch.testing.assert_close(scores(bare, loaded, TALK, length), alone, atol=1e-4, rtol=1e-4)


def test_cached_and_recomputed_scores_agree(models: dict[str, Loaded], checkpoints: dict[str, Path]) -> None:
    """What was read before an image came is what would be read now; uncorrected it is not."""
    loaded = models["mllama"]

    def apart(model: Any) -> float:
        prompt, pictures = prompted(loaded, TALK)
        first = prompt.spans[0][0]
        states = torch.cat([pictures.features(picture) for picture in prompt.pictures or ()])
        ids, mask = prompt.inputs["input_ids"], prompt.inputs["cross_attention_mask"]
        cache = DynamicCache(config=model.config)
        with torch.no_grad():
            whole = model(input_ids=ids, cross_attention_mask=mask, cross_attention_states=states).logits[0, -1]
            model(input_ids=ids[:, :first], past_key_values=cache)
            rest = {"input_ids": ids[:, first:], "cross_attention_mask": mask, "past_key_values": cache}
            ours = model(**rest, cross_attention_states=states, position_ids=torch.arange(first, ids.shape[1])[None])
        return float((whole - ours.logits[0, -1]).abs().max())

    bare = AutoModelForImageTextToText.from_pretrained(checkpoints["mllama"]).eval()
    assert apart(bare) > 0.1
    assert apart(loaded.model) < 1e-3


def test_a_part_of_an_image_is_seen_as_an_image_of_its_own(models: dict[str, Loaded]) -> None:
    part = ImagePart("red", box=(0, 10, 30, 20))
    prompt, pictures = prompted(
        models["mllama"], [user(image("red"), "And?"), assistant("Well."), user(part, "Closer?")]
    )
    assert [picture.part for picture in prompt.pictures or ()] == [image("red"), part]
    assert pictures.whole(part, *pictures.shown(part, 0)).images[0].size == (30, 10)


def test_a_model_is_itself_again_after_features_were_given(models: dict[str, Loaded]) -> None:
    inner = models["llava"].model.model
    own = inner.get_image_features
    with TokenRules().inject_features(models["llava"].model, [torch.zeros(4, 64)]) as inputs:
        assert inputs["pixel_values"].shape == (1, 1)
        assert inner.get_image_features != own
    assert inner.get_image_features == own
