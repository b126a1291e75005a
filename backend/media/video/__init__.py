"""Clips: frames sampled uniformly in time, decoded by PyAV or, where that fails, by OpenCV."""

from backend.media.video.sample import sample_frames

__all__ = ["sample_frames"]
