"""The answer of one turn: what is kept of it, and the figures of one that was stopped."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from backend.chat.answer import AnswerWriter
from backend.history import History
from backend.types import Finished, Message, Progress, Queued, SamplingParams, StreamEvent, TextDelta, TextPart, Usage

QUESTION = Message("user", (TextPart("Hi"),))


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    history = History(tmp_path / "history.db")
    yield history
    history.close()


def stopped(history: History, events: list[StreamEvent], images: int = 0) -> tuple[str, Usage | None]:
    """What is kept of an answer that is stopped after these events, each a second after the one before."""
    conversation = history.create(owner="")
    ticks = count()
    reply = AnswerWriter(
        history,
        lambda: history.add_turn(conversation, QUESTION, "chat", SamplingParams(), owner=""),
        every=1000.0,
        clock=lambda: float(next(ticks)),
    )
    reply.images = images
    reply.begin()
    for event in events:
        reply.take(event, "m")
    reply.stop("m")
    (turn,) = history.turns(conversation, owner="")
    assert turn.finish_reason == ("cancelled" if not any(isinstance(e, Finished) for e in events) else "stop")
    return turn.answer.text, turn.usage


def test_a_stopped_answer_has_the_figures_that_are_known_by_then(history: History) -> None:
    events = [Queued(1), Progress("reading"), Progress("reading", 1, 2), TextDelta("a"), TextDelta("🙂", 4)]
    assert stopped(history, events, images=2) == (
        "a\U0001f642",
        Usage(0, 5, images=2, time_to_first_token=1.0, seconds=2.0),
    )


def test_an_answer_stopped_before_its_first_word_has_none(history: History) -> None:
    assert stopped(history, [Queued(1), Progress("reading")]) == ("", None)


def test_what_ended_by_itself_keeps_the_engines_figures(history: History) -> None:
    usage = Usage(7, 1, time_to_first_token=0.5, seconds=0.5)
    assert stopped(history, [TextDelta("a"), Finished("stop", usage)]) == ("a", usage)
