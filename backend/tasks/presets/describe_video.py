"""Describe video: what happens in a clip, in order, with times."""

from backend.tasks.task import GREEDY, Task

PROMPT = "Describe this video: what happens, in order, with times."

TASKS = (Task("describe_video", "Describe video", PROMPT, needs="video", order=40, sampling=GREEDY),)
