"""Defines how a family of models is shown images and clips, and how its cache is continued.

Does not know the prompt around it.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from PIL import Image

from backend.errors import UnsupportedMedia
from backend.media.clip import Frame
from backend.media.sheets import contact_sheets

GRID = (4, 4)


NOTE = (
    "The images are contact sheets of one video: its frames in order, row by row from the top left, "
    "each with its time in its top left corner."
)


@dataclass(frozen=True)
class Shown:
    """One image or clip as a model sees it.

    `content` holds parts of the chat template, in order; one {"type": "image"} for each of `images`, one
    {"type": "video"} for each of `clips`. `frames` counts the frames of a clip, however they are shown.
    """

    content: tuple[dict[str, Any], ...]
    images: tuple[Image.Image, ...] = ()
    clips: tuple[tuple[Frame, ...], ...] = ()
    frames: int = 0

    @property
    def pictures(self) -> int:
        """Count the images in `content`, so that it holds where the pixels are left out too."""
        return sum(part["type"] == "image" for part in self.content)


IMAGE: dict[str, Any] = {"type": "image"}


VIDEO: dict[str, Any] = {"type": "video"}


def shown_image(image: Image.Image) -> Shown:
    """Show an image as one image."""
    return Shown((IMAGE,), (image,))


def show_sheets(frames: Sequence[Frame], side: int, note: str) -> Shown:
    """Show a clip as contact sheets of at most `side` pixels, with the note after them if there is one."""
    sheets = tuple(contact_sheets(frames, GRID, side))
    explained = ({"type": "text", "text": note},) if note else ()
    return Shown((IMAGE,) * len(sheets) + explained, sheets, frames=len(frames))


@dataclass(frozen=True)
class Reach:
    """Which images text can attend to. `latest_only`: the latest run of consecutive images, as with cross-attention.

    `repeat`: how many earlier images are shown again before new ones, so that both can be asked about.
    """

    latest_only: bool = False
    repeat: int = 0


@dataclass(frozen=True)
class Processed:
    """One image as the processor makes it: the tokens that stand for it, and its tensors.

    `tiles` is how many tiles of it the cross-attention layers keep; 0 where an image is tokens among the text.
    """

    ids: tuple[int, ...]
    pixels: dict[str, Any] = field(default_factory=dict)
    tiles: int = 0


class PrefixRules(Protocol):
    """Continues a new prompt on the cache of an earlier one, the way a family needs it."""

    @property
    def image_token(self) -> int | None:
        """The token that stands for an image in the text of a prompt; None for a model that reads text alone."""
        ...

    def process(self, processor: Any, image: Image.Image) -> Processed:
        """Run the processor on one RGB image."""
        ...

    def masks(self, ids: Sequence[int], tiles: Sequence[int]) -> dict[str, Any]:
        """Make the masks that go with the ids of a whole prompt, from the tiles of its images in order."""
        ...

    def crop(self, cache: Any, tokens: int, tiles: int, held: int) -> None:
        """Cut a cache that holds `held` tiles of images back to its first `tokens` and `tiles`."""
        ...

    def encode(self, model: Any, image: Processed) -> torch.Tensor:
        """Encode an image with the vision tower; its tensors are on the model's device."""
        ...

    def inject_features(self, model: Any, features: Sequence[torch.Tensor]) -> AbstractContextManager[dict[str, Any]]:
        """Feed already encoded images to the next prefill. Yields the extra arguments for `generate`."""
        ...


class Family(Protocol):
    """Shows media to the models of one architecture."""

    @property
    def name(self) -> str:
        """The architecture, as the model's config calls it."""
        ...

    @property
    def images(self) -> bool:
        """Whether images can be shown."""
        ...

    @property
    def video(self) -> bool:
        """Whether clips are read as video rather than as images."""
        ...

    @property
    def canvas(self) -> int:
        """The most pixels of one image that are seen, larger images being shrunk; 0 where that is not known."""
        ...

    @property
    def reach(self) -> Reach:
        """Which images text can attend to."""
        ...

    @property
    def prefix(self) -> PrefixRules | None:
        """The rules to continue a kept cache; None where that is not known to be exact."""
        ...

    @property
    def sheet_side(self) -> int:
        """The side in pixels of contact sheets that are asked about one at a time; 0 where none are."""
        ...

    def prepare(self, model: Any) -> None:
        """Correct a model that transformers has just loaded, where its architecture needs that."""
        ...

    @property
    def steps(self) -> tuple[str, ...]:
        """What images and clips are reduced to at step 1, 2, ..., in words ("images in one tile")."""
        ...

    def show_image(self, image: Image.Image, step: int = 0) -> Shown | None:
        """Show an RGB image. Raises UnsupportedMedia where the model reads none.

        Step 0 shows all there is; each higher step takes less memory or fewer tokens; None where it changes nothing
        here.
        """
        ...

    def show_clip(self, frames: Sequence[Frame], step: int = 0) -> Shown | None:
        """Show the frames of a clip, in order; steps and errors as `show_image` has them."""
        ...

    def call(self, shown: Sequence[Shown]) -> dict[str, Any]:
        """The processor's keyword arguments for all that is shown, in order."""
        ...

    def corrected_inputs(self, processor: Any, shown: Sequence[Shown]) -> dict[str, torch.Tensor]:
        """Make anew those of the model's inputs that the processor gets wrong for what is shown."""
        ...


@dataclass(frozen=True)
class ImageFamily:
    """Shows images as they are: what the families that read images have in common.

    `image_needed` is for models that answer about images alone.
    """

    name: str
    images: bool = True
    video: bool = False
    canvas: int = 0
    reach: Reach = field(default_factory=Reach)
    prefix: PrefixRules | None = None
    steps: tuple[str, ...] = ()
    image_needed: bool = False

    @property
    def sheet_side(self) -> int:
        """No clip is asked about sheet by sheet."""
        return 0

    def prepare(self, model: Any) -> None:
        """Nothing to correct."""

    def show_image(self, image: Image.Image, step: int = 0) -> Shown | None:
        """Show an RGB image as it is."""
        return None if step else shown_image(image)

    def call(self, shown: Sequence[Shown]) -> dict[str, Any]:
        """Pass all images, in order, where there are any.

        Raises:
            UnsupportedMedia: the model needs one and there is none.
        """
        images = [image for one in shown for image in one.images]
        if self.image_needed and not images:
            raise UnsupportedMedia("This model answers about images alone; add one to your message.")
        return {"images": images} if images else {}

    def corrected_inputs(self, processor: Any, shown: Sequence[Shown]) -> dict[str, torch.Tensor]:
        """The processor gets all inputs right."""
        return {}


def cut(layer: Any, length: int) -> None:
    """Shorten a layer of a cache, if it is longer."""
    # Not `crop`: what its argument means has changed between versions of transformers.
    if layer.get_seq_length() > length:
        layer.keys, layer.values = layer.keys[..., :length, :].clone(), layer.values[..., :length, :].clone()


def inner_model(model: Any) -> Any:
    """The model below its language head, and below an adapter."""
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    return whole.base_model
