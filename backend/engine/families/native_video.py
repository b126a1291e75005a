"""Models with native video, such as Qwen-VL: a clip is handed over as video, with the times of its frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers.video_utils import VideoMetadata

from backend.engine.families.base import VIDEO, ImageFamily, Shown
from backend.media.clip import Frame

# Times go to the processor as frame numbers at this rate, so they are kept to a hundredth of a second.
RATE = 100.0

SHARES = ("half", "a quarter", "an eighth", "a 16th", "a 32nd", "a 64th", "a 128th")


@dataclass(frozen=True)
class VideoFamily(ImageFamily):
    """Shows clips as video; the processor gets the frames that were sampled, and samples no more."""

    video: bool = True
    steps: tuple[str, ...] = tuple(f"{share} of the frames" for share in SHARES)

    def show_clip(self, frames: Sequence[Frame], step: int = 0) -> Shown | None:
        """Show all frames as one video; half of them at each further step, down to four."""
        kept = tuple(frames[:: 2**step])
        return Shown((VIDEO,), clips=(kept,), frames=len(kept)) if step == 0 or len(kept) >= 4 else None

    def call(self, shown: Sequence[Shown]) -> dict[str, Any]:
        """Pass images, and videos with their metadata, where there are any."""
        arguments = ImageFamily.call(self, shown)
        if clips := [clip for one in shown for clip in one.clips]:
            arguments["videos"] = [np.stack([np.asarray(frame.image) for frame in clip]) for clip in clips]
            arguments["video_metadata"] = [metadata(clip) for clip in clips]
            arguments["do_sample_frames"] = False
        return arguments


def native_video(config: Any, processor: Any) -> VideoFamily:
    """The family of a loaded model with native video."""
    video = processor.video_processor
    if getattr(video, "cap_pixels_per_frame", True) is None:
        # Qwen-VL: left open, a long clip costs many times the tokens of the reference implementation.
        video.cap_pixels_per_frame = True
    return VideoFamily(config.model_type)


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
