"""Table or chart to CSV: every line has as many cells as the first, by a grammar."""

import csv
import io
from functools import cache

from backend.tasks.result import Answer, Result
from backend.tasks.task import VERBATIM, Task, with_evidence
from backend.types import Grammar

PROMPT = (
    "Write the table in this image as CSV only: the first line names the columns, then one line for each row, with "
    "commas between cells and double quotes around a cell that holds a comma. "
    "Of a chart, write the values of each series at each of its labels. Leave empty what is not there."
)
COLUMNS = 16  # of the widest table

CELL = r'/"([^"\n]|""){0,200}"|[^",\n]{1,200}/'
"""Any cell: in double quotes, or without a comma."""


@cache
def grammar() -> Grammar:
    """Make the grammar of tables with two to COLUMNS columns; the first line settles how many."""
    return grammar_of(CELL)


def grammar_of(cell: str) -> Grammar:
    """Make that grammar with this terminal for a cell; not cached, since every page has its own."""
    rules = ["row1: CELL?"]
    for count in range(2, COLUMNS + 1):
        rules.append(f"row{count}: row{count - 1} COMMA CELL?")
        rules.append(f"table{count}: row{count} | table{count} END row{count}")
    start = " | ".join(f"table{count}" for count in range(2, COLUMNS + 1))
    return Grammar("lark", "\n".join((f"start: {start}", *rules, 'COMMA: ","', 'END: "\\n"', f"CELL: {cell}")))


def show(answer: str) -> str:
    """The lines so far as a table; an answer that is none as it was written."""
    lines = _lines(answer)
    if not lines or len(lines[0]) < 2:
        return answer
    width = len(lines[0])
    head, *rows = (_row([*line, *[""] * width][:width]) for line in lines)
    return "\n".join((head, "|" + "---|" * width, *rows))


def results(answer: Answer) -> tuple[Result, ...]:
    """The table; not whole where its lines differ in length."""
    lines = _lines(answer.text)
    if not lines or len(lines[0]) < 2:
        return ()
    return (Result("csv", answer.text.strip("\n"), whole=len({len(line) for line in lines}) == 1),)


def _lines(answer: str) -> list[list[str]]:
    try:
        return [line for line in csv.reader(io.StringIO(answer)) if line]
    except csv.Error:
        return []


def _row(cells: list[str]) -> str:
    plain = (" ".join(cell.split()).replace("\\", "\\\\").replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(plain)} |"


TASKS = (
    Task(
        "table",
        "Table or chart to CSV",
        PROMPT,
        needs="image",
        order=24,
        sampling=VERBATIM,
        show=show,
        grammar=lambda text: grammar(),
        results=results,
        reading=with_evidence,
    ),
)
