"""Models with native video, such as Qwen-VL and SmolVLM2: a clip is handed over as video, with its frames' times."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers.video_utils import VideoMetadata

from backend.engine.families.base import VIDEO, ImageFamily, Shown
from backend.media.clip import Frame

# Times go to the processor as frame numbers at this rate, so they are kept to a hundredth of a second.
RATE = 100.0

SHARES = ("half", "a quarter", "an eighth", "a 16th", "a 32nd", "a 64th", "a 128th")


@dataclass(frozen=True)
class VideoFamily(ImageFamily):
    """Shows clips as video; the processor gets the frames that were sampled, and samples no more.

    `equal_lengths` is for processors that take clips of as many frames alone: the last frame of a shorter one is then
    shown again. `resizes` is for those whose part for video brings frames to a size of its own.
    """

    video: bool = True
    equal_lengths: bool = False
    resizes: bool = False
    steps: tuple[str, ...] = tuple(f"{share} of the frames" for share in SHARES)

    def show_clip(self, frames: Sequence[Frame], step: int = 0) -> Shown | None:
        """Show all frames as one video; half of them at each further step, down to four."""
        kept = tuple(frames[:: 2**step])
        return Shown((VIDEO,), clips=(kept,), frames=len(kept)) if step == 0 or len(kept) >= 4 else None

    def call(self, shown: Sequence[Shown]) -> dict[str, Any]:
        """Pass images, and videos with their metadata, where there are any."""
        arguments = ImageFamily.call(self, shown)
        if clips := [clip for one in shown for clip in one.clips]:
            longest = max(map(len, clips)) if self.equal_lengths else 0
            arguments |= _videos([(*clip, *(clip[-1],) * (longest - len(clip))) for clip in clips])
            # What most processors ask of their part for video themselves. Cosmos 3 Edge's needs the metadata and does
            # not ask for it, MiniMax M3's leaves frames in sizes that it cannot cut into patches (5.23).
            resize = {"do_resize": True} if self.resizes else {}
            arguments["videos_kwargs"] = {"return_metadata": True, **resize}
        return arguments


@dataclass(frozen=True)
class SmolVLMFamily(VideoFamily):
    """Puts the pixels of images and clips into the order of the text: to SmolVLM2 the frames of a clip are images.

    The model takes all pixels from one tensor, in the order in which their tokens stand in the text. Of images and
    clips together transformers' processor keeps the clips' pixels alone (seen in 5.17 and 5.23).

    Example: for an image of 5 tiles and a clip of 8 frames the processor returns tokens for 13 and `pixel_values` of
    (1, 8, 3, 512, 512); `corrected_inputs` returns (1, 13, 3, 512, 512).
    """

    def corrected_inputs(self, processor: Any, shown: Sequence[Shown]) -> dict[str, torch.Tensor]:
        """Process images and clips one by one and join their pixels: (1, images, 3, height, width)."""
        if not (any(one.images for one in shown) and any(one.clips for one in shown)):
            return {}
        made = [part for one in shown for part in _one_by_one(processor, one)]
        return {
            name: torch.cat([part[name] for part in made], dim=1) for name in ("pixel_values", "pixel_attention_mask")
        }


def _one_by_one(processor: Any, shown: Shown) -> Iterator[dict[str, Any]]:
    for image in shown.images:
        yield processor.image_processor([[image]], return_tensors="pt")
    for clip in shown.clips:
        yield processor.video_processor(**_videos([clip]), return_tensors="pt")


def _videos(clips: Sequence[Sequence[Frame]]) -> dict[str, Any]:
    """The arguments that hand clips to a processor, which then samples no frames of its own."""
    return {
        "videos": [np.stack([np.asarray(frame.image) for frame in clip]) for clip in clips],
        "video_metadata": [metadata(clip) for clip in clips],
        "do_sample_frames": False,
    }


def native_video(config: Any, processor: Any) -> VideoFamily:
    """The family of a loaded model with native video."""
    video = processor.video_processor
    if getattr(video, "cap_pixels_per_frame", True) is None:
        # Qwen-VL: left open, a long clip costs many times the tokens of the reference implementation.
        video.cap_pixels_per_frame = True
    resizes = bool(getattr(video, "do_resize", False) and getattr(video, "size", None))
    if config.model_type == "smolvlm":
        return SmolVLMFamily(config.model_type, resizes=resizes)
    return VideoFamily(config.model_type, equal_lengths=config.model_type.startswith("llava"), resizes=resizes)


def metadata(clip: Sequence[Frame]) -> VideoMetadata:
    """Describe frames that are sampled already to a video processor."""
    spacing = (clip[-1].time - clip[0].time) / (len(clip) - 1) if len(clip) > 1 else 1.0
    duration = max(clip[-1].time + spacing / 2, spacing * len(clip), 1 / RATE)
    width, height = clip[0].image.size
    return VideoMetadata(
        total_num_frames=max(1, round(duration * RATE)),
        fps=RATE,
        width=width,
        height=height,
        duration=duration,
        frames_indices=[round(frame.time * RATE) for frame in clip],
    )
