"""What a damaged file, a crash and a deletion leave of the history."""

import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.history import History
from backend.history.values import DAMAGED
from backend.types import Message, TextPart


def talk(history: History, conversation: str, *exchanges: tuple[str, str]) -> None:
    for asked, answered in exchanges:
        turn = history.add_turn(conversation, Message("user", (TextPart(asked),)), owner="")
        history.write_answer(turn, Message.said(answered), "stop")


def overwritten(path: Path) -> None:
    """Write other bytes over all pages of a database but the first two."""
    content = path.read_bytes()
    path.write_bytes(content[:8192] + b"x" * (len(content) - 8192))


@pytest.mark.parametrize(
    "damage",
    [lambda path: path.write_text("This is a letter. " * 100), overwritten],
    ids=["no database", "pages overwritten"],
)
def test_a_damaged_history_is_set_aside_and_a_new_one_begins(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    path = tmp_path / "history.db"
    history = History(path)
    talk(history, history.create(owner=""), ("one", "1" * 50_000))
    history.close()
    damage(path)
    damaged = path.read_bytes()
    history = History(path)
    (aside,) = tmp_path.glob("history-damaged-*.db")
    assert aside.read_bytes() == damaged
    assert history.notice == (
        "The history of your conversations was damaged, so a new one was begun. "
        f"The damaged file was kept as {aside}, and no picture or clip was removed."
    )
    talk(history, history.create(owner=""), ("two", "2"))
    assert [one.title for one in history.conversations(owner="")] == ["two"]
    history.close()
    again = History(path)
    assert (again.notice, len(again.conversations(owner=""))) == ("", 1)
    again.close()


def test_a_second_damaged_history_of_a_day_does_not_take_the_first_one_s_place(tmp_path: Path) -> None:
    for letter in ("first", "second"):
        (tmp_path / "history.db").write_text(letter * 300)
        History(tmp_path / "history.db").close()
    kept = sorted(tmp_path.glob("history-damaged-*.db"))
    assert [path.read_text()[:5] for path in kept] == ["first", "secon"]


def test_a_new_history_says_when_it_was_begun_and_an_old_one_that_all_media_are_its_own(tmp_path: Path) -> None:
    before = time.time()
    new = History(tmp_path / "new.db")
    shutil.copyfile(Path(__file__).parent / "data" / "history-3.db", tmp_path / "old.db")
    old = History(tmp_path / "old.db")
    assert before <= new.begun <= time.time()
    assert old.begun == 0
    begun = new.begun
    for history in (old, new):
        history.close()
    again = History(tmp_path / "new.db")
    assert again.begun == begun
    again.close()


def test_deleted_words_are_gone_while_it_is_still_open(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db")
    gone = history.create(owner="")
    talk(history, gone, ("my secret question", "my secret answer " * 1000))
    history.delete(gone, owner="")
    assert [path.name for path in tmp_path.iterdir() if b"secret" in path.read_bytes()] == []
    history.close()


def test_a_finished_answer_outlives_the_loss_of_the_journal(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db")
    talk(history, history.create(owner=""), ("one", "1"))
    (tmp_path / "crashed").mkdir()
    shutil.copyfile(tmp_path / "history.db", tmp_path / "crashed" / "history.db")  # and not what is beside it
    crashed = History(tmp_path / "crashed" / "history.db")
    (summary,) = crashed.conversations(owner="")
    (turn,) = crashed.turns(summary.id, owner="")
    assert (turn.user.text, turn.answer.text, turn.finish_reason, turn.error) == ("one", "1", "stop", None)
    for each in (history, crashed):
        each.close()


def test_a_message_that_is_damaged_is_a_sentence_and_the_others_are_found(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db")
    conversation = history.create(owner="")
    talk(history, conversation, ("one", "1"), ("two", "2"))
    other = sqlite3.connect(tmp_path / "history.db")
    other.execute("UPDATE turns SET user = '[{' WHERE number = 1")
    other.execute('UPDATE turns SET answer = \'[{"kind": "sound"}]\' WHERE number = 2')
    other.commit()
    other.close()
    shown = [(turn.user.text, turn.answer.text) for turn in history.turns(conversation, owner="")]
    assert shown == [(DAMAGED, "1"), ("two", DAMAGED)]
    assert [one.id for one in history.conversations(owner="", search="two")] == [conversation]
    history.close()
