"""What a family of models says of itself: how it is shown an image and a clip. Does not know the prompt around it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from PIL import Image

from backend.engine.families.prefix import PrefixRules
from backend.media.frame import Frame


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
        """How many images the model is shown; told by the content, so of one whose pixels are left away too."""
        return sum(part["type"] == "image" for part in self.content)


IMAGE: dict[str, Any] = {"type": "image"}
VIDEO: dict[str, Any] = {"type": "video"}


def shown_image(image: Image.Image) -> Shown:
    """An image as an image."""
    return Shown((IMAGE,), (image,))


@dataclass(frozen=True)
class Reach:
    """What text can look at. `latest_only`: only the latest run of consecutive images, as in cross-attention models.

    `repeat`: how many earlier images are shown again before new ones, so that both can be asked about.
    """

    latest_only: bool = False
    repeat: int = 0


class Family(Protocol):
    """How the models of one architecture are shown media."""

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
        """How many pixels of one image are seen at most, what is larger being shrunk; 0 where that is not known."""
        ...

    @property
    def reach(self) -> Reach:
        """What text can look at."""
        ...

    @property
    def prefix(self) -> PrefixRules | None:
        """How a kept cache is continued; None where that is not known to be exact."""
        ...

    @property
    def steps(self) -> tuple[str, ...]:
        """What is shown at step 1, 2, ... of images and clips where there is no room for more, in words."""
        ...

    def show_image(self, image: Image.Image, step: int = 0) -> Shown | None:
        """Show an RGB image. Raises UnsupportedMedia where the model reads none.

        Step 0 shows all there is; each higher step takes less room; None where a step changes nothing of this image.
        """
        ...

    def show_clip(self, frames: Sequence[Frame], step: int = 0) -> Shown | None:
        """Show the frames of a clip, in order; steps and errors as `show_image` has them."""
        ...

    def call(self, shown: Sequence[Shown]) -> dict[str, Any]:
        """The processor's keyword arguments for all that is shown, in order."""
        ...


@dataclass(frozen=True)
class ImageFamily:
    """What the families that read images have in common."""

    name: str
    images: bool = True
    video: bool = False
    canvas: int = 0
    reach: Reach = field(default_factory=Reach)
    prefix: PrefixRules | None = None
    steps: tuple[str, ...] = ()

    def show_image(self, image: Image.Image, step: int = 0) -> Shown | None:
        """Show an RGB image as it is."""
        return None if step else shown_image(image)

    def call(self, shown: Sequence[Shown]) -> dict[str, Any]:
        """All images, in order, or nothing."""
        images = [image for one in shown for image in one.images]
        return {"images": images} if images else {}
