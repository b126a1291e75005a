"""Finds the tasks: every module of `presets` that has a `TASKS` tuple. Adding one is adding a file."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

import backend.tasks.presets
from backend.errors import InputError
from backend.tasks.task import Task


@cache
def tasks() -> Mapping[str, Task]:
    """All tasks by name, in the order in which the page shows them.

    Raises:
        ValueError: two of them have one name; a fault in the files, not in what a person did.
    """
    found: list[Task] = []
    for module in pkgutil.iter_modules(backend.tasks.presets.__path__):
        found += getattr(importlib.import_module(f"backend.tasks.presets.{module.name}"), "TASKS", ())
    by_name = {task.name: task for task in sorted(found, key=lambda task: (task.order, task.title))}
    if len(by_name) < len(found):
        raise ValueError(f"two presets have one name: {sorted(task.name for task in found)}")
    return MappingProxyType(by_name)


def find_task(name: str) -> Task:
    """The task of that name.

    Raises:
        InputError: there is none.
    """
    try:
        return tasks()[name]
    except KeyError:
        raise InputError(f"There is no preset “{name}”; choose one of {', '.join(tasks())}.") from None
