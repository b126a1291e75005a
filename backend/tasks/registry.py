"""Finds the tasks: every module of this package that has a `TASKS` tuple. Adding one is adding a file."""

import importlib
import pkgutil
from functools import cache

import backend.tasks
from backend.errors import InputError
from backend.tasks.task import Task


@cache
def tasks() -> dict[str, Task]:
    """All tasks by name, in the order in which the page shows them."""
    found: list[Task] = []
    for module in pkgutil.iter_modules(backend.tasks.__path__):
        found += getattr(importlib.import_module(f"backend.tasks.{module.name}"), "TASKS", ())
    return {task.name: task for task in sorted(found, key=lambda task: (task.order, task.title))}


def find_task(name: str) -> Task:
    """The task of that name.

    Raises:
        InputError: there is none.
    """
    try:
        return tasks()[name]
    except KeyError:
        raise InputError(f"There is no preset “{name}”; choose one of {', '.join(tasks())}.") from None
