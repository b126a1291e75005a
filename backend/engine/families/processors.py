"""Calls a processor as prompts need it, and tries when a model is loaded what it can be shown."""

import inspect
import logging
from dataclasses import dataclass
from typing import Any

from PIL import Image

from backend.errors import ModelFailed

log = logging.getLogger(__name__)

_UNSEEN = "This checkpoint ({kind}) cannot be shown an image: {why}; choose another model."

SIDE = 224  # of the images that are tried


@dataclass(frozen=True)
class Sight:
    """What a processor can be shown: several images in one prompt, and a prompt without any."""

    several: bool
    none: bool


def options(processor: Any, text: str) -> dict[str, Any]:
    """The keyword arguments of a processor, or of a tokenizer, for a text that the chat template has rendered."""
    begin = getattr(processor, "tokenizer", processor).bos_token
    return {"add_special_tokens": False} if begin and text.startswith(begin) else {}


def inputs_left_out(processor: Any, model: Any) -> dict[str, Any]:
    """The arguments that have a processor make the inputs which its model needs and it leaves out by itself.

    Cosmos 3 Edge's names mm_token_type_ids among the inputs and does not make them (transformers 5.23); MiniMax M3's
    names them too, but its model takes none.
    """
    name = "mm_token_type_ids"
    named = name in (getattr(processor, "model_input_names", None) or ())
    return {f"return_{name}": True} if named and takes(model, name) else {}


def takes(model: Any, name: str) -> bool:
    """Whether a model, below an adapter, takes an input by that name."""
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    return name in inspect.signature(whole.forward).parameters


def sight(processor: Any, kind: str) -> Sight:
    """Try what a processor of a model of the type `kind` can be shown.

    Raises:
        ModelFailed: not even one image, or no question beside it.
        ImportError: a package is missing.
    """
    one = _ids_with_an_image(processor, kind)
    two = _tried(processor, 2)
    # Some take several and look at the first alone: then the prompt is as long as with one.
    return Sight(two is not None and two.shape[1] > one.shape[1], _tried(processor, 0) is not None)


def _ids_with_an_image(processor: Any, kind: str) -> Any:
    try:
        ids = _ids(processor, 1)
    except ImportError:
        raise
    except Exception as error:
        log.exception("the processor cannot be shown an image")
        same = _rendered(processor, 1) == _rendered(processor, 0)
        why = "its chat template leaves images out" if same else f"its processor fails ({type(error).__name__})"
        raise ModelFailed(_UNSEEN.format(kind=kind, why=why)) from error
    if _left_out(processor, ids):
        raise ModelFailed(_UNSEEN.format(kind=kind, why="its chat template leaves images out"))
    if ids is None:
        raise ModelFailed(f"This checkpoint ({kind}) reads no question beside an image; choose another model.")
    if len(ids) > 1:
        raise ModelFailed(
            f"This checkpoint ({kind}) makes {len(ids)} prompts of one question, to classify and not to chat; "
            "choose another model."
        )
    return ids


def _left_out(processor: Any, ids: Any) -> bool:
    """Whether an image leaves no trace in a prompt where it stands for tokens; some processors say nothing of that."""
    if ids is None or not getattr(processor, "image_token", None):
        return False
    bare = _tried(processor, 0)
    return bare is not None and bool(bare.shape == ids.shape)


def _tried(processor: Any, images: int) -> Any:
    try:
        return _ids(processor, images)
    except Exception:
        return None


def _ids(processor: Any, images: int) -> Any:
    """The ids of a question about so many images, (prompts, tokens); None where the processor makes none of a text."""
    text = _rendered(processor, images)
    shown = {"images": [Image.new("RGB", (SIDE, SIDE))] * images} if images else {}
    return processor(text=[text], return_tensors="pt", **options(processor, text), **shown).get("input_ids")


def _rendered(processor: Any, images: int) -> str:
    content: list[dict[str, Any]] = [{"type": "image"}] * images
    messages = [{"role": "user", "content": [*content, {"type": "text", "text": "?"}]}]
    return str(processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))
