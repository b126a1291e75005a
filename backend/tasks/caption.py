"""Captions: one line, detailed, and alternative text for people who do not see the image."""

from backend.tasks.task import GREEDY, Task

ONE_LINE = "Describe this image in one line."
DETAILED = "Describe this image in detail."
ALT_TEXT = "Write alt text for this image in at most 125 characters."

TASKS = (
    Task("caption", "Caption, one line", ONE_LINE, needs="image", order=10, sampling=GREEDY),
    Task("caption_detailed", "Caption, detailed", DETAILED, needs="image", order=11, sampling=GREEDY),
    Task("alt_text", "Alt text", ALT_TEXT, needs="image", order=12, sampling=GREEDY),
)
