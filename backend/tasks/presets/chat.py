"""Chat: the person's words and nothing else."""

from backend.tasks.task import Task

TASKS = (Task(name="chat", title="Chat", order=0),)
