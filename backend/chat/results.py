"""The results in the answer of a turn, a person's corrections in their places. Pure."""

from dataclasses import replace

from backend.chat.asking import GAP
from backend.history import Turn
from backend.tasks.json_text import compact, hesitations, leaves, load, objects
from backend.tasks.registry import tasks
from backend.tasks.result import Answer, Result
from backend.tasks.task import Task


def results(turn: Turn) -> tuple[Result, ...]:
    """What can be taken away of a turn that has ended: as it was corrected, checked anew; else as the model wrote it.

    What was cut at the token limit is not whole, even where it looks so by chance, and stays as it is.
    """
    task = tasks().get(turn.task)
    if task is None or turn.finish_reason not in ("stop", "length"):
        return ()
    found = task.results(Answer(turn.reply, turn.user.text, turn.unsure))
    cut = turn.finish_reason == "length"
    if cut and all(one.whole for one in found):
        found = (*found[:-1], *(replace(one, whole=False) for one in found[-1:]))
    return tuple(
        one if cut and not one.whole else _corrected(task, turn, number, one) for number, one in enumerate(found)
    )


def said(turn: Turn) -> str:
    """The answer as later turns have it: with its corrections, in the form in which models write it."""
    found = results(turn) if turn.corrections else ()
    return GAP.join(map(_written, found)) or turn.reply


def _corrected(task: Task, turn: Turn, number: int, result: Result) -> Result:
    source = turn.corrections.get(number)
    if source is None:
        return result
    checked = task.results(Answer(source, turn.user.text))
    if not checked:
        return replace(result, source=source, doubts=())
    return _with_doubts(turn, number, result, checked[0]) if result.kind == "json" else checked[0]


def _with_doubts(turn: Turn, number: int, before: Result, after: Result) -> Result:
    """A corrected result with what the model doubted of the fields that nobody changed."""
    start, _ = list(objects(turn.reply))[number]
    old, new = (
        {leaf.path: one.source[leaf.start : leaf.end] for leaf in leaves(one.source)} for one in (before, after)
    )
    doubted = [one for one in hesitations(turn.reply, start, turn.unsure) if old.get(one.path) == new.get(one.path)]
    again = tuple(path for path in before.again if old.get(path) == new.get(path))
    return replace(after, doubts=(*after.doubts, *doubted), again=again)


def _written(result: Result) -> str:
    return compact(load(result.source)) if result.kind == "json" and result.whole else result.source
