"""Read the clock: the time that a clock's hands or digits show."""

from backend.tasks.task import GREEDY, Task
from backend.types import Grammar

PROMPT = "Read the clock: what time does it show?"
GRAMMAR = Grammar(
    "lark",
    r"""
start: "It is " TIME "." | "There is no clock."
TIME: /([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?( [AP]M)?/
""",
)

TASKS = (
    Task("clock", "Read the clock", PROMPT, needs="image", order=35, sampling=GREEDY, grammar=lambda text: GRAMMAR),
)
