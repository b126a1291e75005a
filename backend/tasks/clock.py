"""Read the clock: the time that a clock's hands or digits show."""

from backend.tasks.task import GREEDY, Task
from backend.types import Grammar

PROMPT = (
    "What time does the clock in this image show? The short hand points to the hour, the long one to the minute. "
    "Answer with the time only, as HH:MM, or with “no clock”."
)
GRAMMAR = Grammar("lark", 'start: /([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?/ | "no clock"')

TASKS = (
    Task("clock", "Read the clock", PROMPT, needs="image", order=35, sampling=GREEDY, grammar=lambda text: GRAMMAR),
)
