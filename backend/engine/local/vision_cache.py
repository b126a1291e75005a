"""Reads, processes and encodes the images and clips of one request, each only if no earlier request has done so.

What is kept from requests of any conversation is found by the SHA-256 of the file.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from PIL import Image

from backend.engine.families.base import Processed, Shown
from backend.engine.families.processors import takes
from backend.engine.local.load import Loaded
from backend.engine.local.lru import LRU
from backend.media.clip import Frame
from backend.types import ImagePart, MediaPart, Progress, VideoPart

Tell = Callable[[Progress], None]

_PART_BYTES = 200  # about what Python takes for one part of a chat template's content


class MediaSource(Protocol):
    """Provides clean pixels; `backend.media.store.MediaStore` is one."""

    def image(self, media_id: str) -> Image.Image:
        """The RGB pixels of an image."""
        ...

    def frames(self, part: VideoPart) -> list[Frame]:
        """The frames of a clip, in order."""
        ...


@dataclass(frozen=True)
class Picture:
    """One image of a prompt: number `number`, from 0, of the images that a file becomes at a step.

    `ids` are the tokens that stand for it, `tiles` how many tiles of it the cross-attention layers keep.
    """

    part: MediaPart
    step: int
    number: int
    ids: tuple[int, ...]
    tiles: int

    @property
    def key(self) -> Hashable:
        """Two with the same key have the same pixels."""
        return self.part, self.step, self.number


class VisionCache:
    """Reads each file of a request at most once. `memory` is what stays between requests."""

    def __init__(self, loaded: Loaded, media: MediaSource, memory: LRU, tell: Tell) -> None:
        self._loaded = loaded
        self._media = media
        self._memory = memory
        self._tell = tell
        self._pixels: dict[MediaPart, Image.Image | list[Frame]] = {}
        self._shown: dict[tuple[MediaPart, int], tuple[Shown, int]] = {}
        self._processed: dict[Hashable, Processed] = {}

    def read(self, parts: Iterable[MediaPart], step: int) -> None:
        """Read the files of which nothing is kept, and report progress."""
        unknown = [
            part
            for part in dict.fromkeys(parts)
            if part not in self._pixels and ("shown", part, step) not in self._memory
        ]
        kinds = {type(part) for part in unknown}
        what = "file" if len(kinds) > 1 else "image" if ImagePart in kinds else "clip"
        for number, part in enumerate(unknown, 1):
            self._tell(Progress(f"reading the {what}{'s' if len(unknown) > 1 else ''}", number, len(unknown)))
            self._read(part)

    def shown(self, part: MediaPart, step: int) -> tuple[Shown, int]:
        """Prepare a file as the model sees it at a step, or at the last one before it that it has; returns that, too.

        Where that is kept from an earlier request, it has no pixels.

        Raises:
            UnsupportedMedia: the model reads no such media.
        """
        if (part, step) in self._shown:
            return self._shown[part, step]
        known: tuple[Shown, int] | None = self._memory.get(("shown", part, step))
        if known is not None:
            return known
        found = self._shown[part, step] = self._show(part, step)
        shown, own_step = found
        if self._loaded.prefix is not None and not shown.clips:
            bare = replace(shown, images=()), own_step
            self._memory.put(("shown", part, step), bare, _PART_BYTES * len(shown.content))
        return found

    def whole(self, part: MediaPart, shown: Shown, step: int) -> Shown:
        """The same `Shown`, with its pixels."""
        if shown.clips or not shown.pictures:
            return shown
        return self._showing(part, step)

    def picture(self, part: MediaPart, step: int, number: int) -> Picture:
        """Process image `number` of those that a file becomes at a step, or take it from what is kept."""
        key = "picture", part, step, number
        known: Picture | None = self._memory.get(key)
        if known is not None:
            return known
        made = self._process(part, step, number)
        picture = Picture(part, step, number, made.ids, made.tiles)
        self._memory.put(key, picture, _PART_BYTES + 8 * len(made.ids))
        return picture

    def look(self, pictures: Sequence[Picture]) -> list[torch.Tensor]:
        """Encode pictures with the vision tower and report progress; the last call of a request."""
        seen, count = [], len(pictures)
        for number, picture in enumerate(pictures, 1):
            self._tell(Progress(f"looking at the image{'s' if count > 1 else ''}", number, count))
            seen.append(self.features(picture))
        for read in (self._pixels, self._shown, self._processed):
            read.clear()
        return seen

    def features(self, picture: Picture) -> torch.Tensor:
        """Encode an image with the model's vision tower, or take its features from what is kept."""
        rules = self._loaded.prefix
        assert rules is not None
        key = "features", picture.key
        known: torch.Tensor | None = self._memory.get(key)
        if known is not None:
            return known
        made = self._process(picture.part, picture.step, picture.number)
        del self._processed[picture.part, picture.step, picture.number]
        features = rules.encode(self._loaded.model, replace(made, pixels=placed(self._loaded.model, made.pixels)))
        features = features.clone()  # a view would hold the padding too
        self._memory.put(key, features, features.nbytes)
        return features

    def _process(self, part: MediaPart, step: int, number: int) -> Processed:
        rules = self._loaded.prefix
        assert rules is not None
        key = part, step, number
        if key not in self._processed:
            image = self._showing(part, step).images[number]
            self._processed[key] = rules.process(self._loaded.processor, image)
        return self._processed[key]

    def _showing(self, part: MediaPart, step: int) -> Shown:
        if (part, step) not in self._shown:
            self._shown[part, step] = self._show(part, step)
        return self._shown[part, step][0]

    def _show(self, part: MediaPart, step: int) -> tuple[Shown, int]:
        family, pixels = self._loaded.family, self._read(part)
        while True:
            if isinstance(pixels, Image.Image):
                shown = family.show_image(pixels, step)
            else:
                shown = family.show_clip(pixels, step)
            if shown is not None:
                return shown, step
            step -= 1

    def _read(self, part: MediaPart) -> Image.Image | list[Frame]:
        if part not in self._pixels:
            self._pixels[part] = self._image(part) if isinstance(part, ImagePart) else self._media.frames(part)
        return self._pixels[part]

    def _image(self, part: ImagePart) -> Image.Image:
        image = self._media.image(part.media_id)
        return image.crop(part.box) if part.box else image


def placed(model: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Move the tensors among the inputs to the model's device, floats in its precision.

    Of what is no tensor, such as a list of counts, the model gets what it takes by that name.
    """
    return {
        name: _moved(model, value) if isinstance(value, torch.Tensor) else value
        for name, value in inputs.items()
        if isinstance(value, torch.Tensor) or takes(model, name)
    }


def _moved(model: Any, tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(model.device, model.dtype if tensor.is_floating_point() else tensor.dtype)
