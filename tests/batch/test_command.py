"""What a terminal shows of a run: pytest tests/batch/test_command.py"""

import io

import pytest

from backend.batch.command import Meter, spoken, time_left
from backend.batch.rows import FileRow
from backend.types import Progress


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        return [line for line in self.getvalue().replace("\r\x1b[K", "\n").split("\n") if line]


def ticking(*times: float):
    left = list(times)
    return lambda: left.pop(0)


ROW = FileRow("a.png", "caption", answer="A cat.")


def test_the_line_says_how_far_it_is_and_how_long_it_will_take() -> None:
    screen = Screen()
    meter = Meter(screen, 0, clock=ticking(0, 30, 32, 34))
    meter.show(4, "a\x1b[2J.png", Progress("loading the weights", 1, 2))
    for _ in range(3):
        meter.advance(ROW, 4)
    meter.end()
    assert screen.lines() == [
        "[....................] 0/4 · loading the weights, “a[2J.png”",
        "[#####...............] 1/4 · 2 min left",
        "[##########..........] 2/4 · 4 s left",
        "[###############.....] 3/4 · 2 s left",
    ]


def test_errors_are_said_even_without_a_terminal() -> None:
    plain = io.StringIO()
    meter = Meter(plain, 3, clock=ticking(0, 1, 2, 3))
    meter.advance(ROW, 9)
    meter.advance(FileRow("b/c.pdf", "caption", page=2, error="“c.pdf” has no page 2."), 9)
    meter.advance(FileRow("d.png", "caption", error="“d.png” is empty; send it again."), 9)
    meter.end()
    assert plain.getvalue() == "“b/c.pdf”, page 2: “c.pdf” has no page 2.\n“d.png” is empty; send it again.\n"
    assert (meter.done, meter.errors) == (6, 2)


def test_values_that_stand_nowhere_are_said_at_once() -> None:
    plain = io.StringIO()
    meter = Meter(plain, 0, clock=ticking(0, 1))
    meter.advance(FileRow("a.png", "receipt", answer="{}", nowhere=("total", "items[0].unit_price")), 9)
    assert plain.getvalue() == "“a.png”: nowhere on the image: total, items 1, unit price.\n"


@pytest.mark.parametrize(
    ("times", "count", "seconds"),
    [([0.0], 5, None), ([0, 10], 5, 50), ([0, 100, 102], 5, 10), ([0, 100, 102, 106], 2, 6), ([0, 1, 2], 0, 0)],
)
def test_the_time_left_forgets_the_first_which_loaded_the_model(
    times: list[float], count: int, seconds: float | None
) -> None:
    assert time_left(times, count) == seconds


@pytest.mark.parametrize(("seconds", "words"), [(3.4, "3 s"), (150, "2 min"), (7500, "2 h 5 min")])
def test_a_time_is_spoken(seconds: float, words: str) -> None:
    assert spoken(seconds) == words
