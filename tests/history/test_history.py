"""Conversations in SQLite: what is kept, for whom, and what outlives a kill."""

import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.errors import StorageError, UnknownConversation
from backend.history import INTERRUPTED, History, Turn
from backend.history.database import MIGRATIONS
from backend.history.values import first_words, parts_from_json, parts_to_json
from backend.types import ImagePart, Message, Part, SamplingParams, TextPart, Unsure, Usage, VideoPart

USAGE = Usage(20, 5, reused_tokens=3, images=1, frames=64, time_to_first_token=0.25, seconds=1.5)
SAMPLING = SamplingParams(max_new_tokens=100, temperature=0.5, seed=7)
ASKED = Message("user", (ImagePart("aa"), VideoPart("bb", 32, 1.0, 2.5), TextPart("What is “this”?")))


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    history = History(tmp_path / "data" / "history.db")
    yield history
    history.close()


def says(text: str) -> Message:
    return Message("user", (TextPart(text),))


def plain(turns: list[Turn]) -> list[tuple[int, str, str, str | None, str | None]]:
    return [(t.number, t.user.text, t.answer.text, t.finish_reason, t.error) for t in turns]


def talk(history: History, conversation: str, *exchanges: tuple[str, str]) -> None:
    for asked, answered in exchanges:
        history.write_answer(history.add_turn(conversation, says(asked), owner=""), Message.said(answered), "stop")


def test_a_turn_comes_back_as_it_was_written(history: History) -> None:
    conversation = history.create(owner="")
    turn_id = history.add_turn(conversation, ASKED, "receipt", SAMPLING, owner="")
    history.write_answer(turn_id, Message.said("A dog"), "stop", USAGE, "pocket")
    [turn] = history.turns(conversation, owner="")
    assert turn == Turn(
        turn_id,
        1,
        ASKED,
        "receipt",
        Message.said("A dog"),
        "stop",
        USAGE,
        "pocket",
        None,
        SAMPLING,
        created=turn.created,
    )
    assert not turn.running


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db")
    conversation = history.create(owner="")
    talk(history, conversation, ("one", "1"), ("two", "2"))
    before = history.conversations(owner=""), history.turns(conversation, owner="")
    history.close()
    history = History(tmp_path / "history.db")
    assert (history.conversations(owner=""), history.turns(conversation, owner="")) == before
    history.close()


def test_an_answer_is_running_until_it_has_an_end(history: History) -> None:
    conversation = history.create(owner="")
    turn_id = history.add_turn(conversation, says("Hi"), owner="")
    history.write_answer(turn_id, Message.said("Hel"))
    assert plain(history.turns(conversation, owner="")) == [(1, "Hi", "Hel", None, None)]
    assert history.turns(conversation, owner="")[0].running
    history.write_answer(turn_id, Message.said("Hell"), error="No memory.")
    assert plain(history.turns(conversation, owner="")) == [(1, "Hi", "Hell", None, "No memory.")]


def test_an_answer_cut_off_by_a_kill_is_shown_as_interrupted_with_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    child = """
import os, signal, sys
from pathlib import Path
from backend.history import History
from backend.types import Message, TextPart
history = History(Path(sys.argv[1]))
conversation = history.create("")
turn_id = history.add_turn(conversation, Message("user", (TextPart("Hi"),)), owner="")
for word in range(1, 200):
    history.write_answer(turn_id, Message.said("word " * word))
print(conversation, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    ran = subprocess.run([sys.executable, "-c", child, str(path)], capture_output=True, text=True, check=False)
    assert ran.returncode == -9
    history = History(path)
    conversation = ran.stdout.strip()
    assert plain(history.turns(conversation, owner="")) == [(1, "Hi", "word " * 199, None, INTERRUPTED)]
    talk(history, conversation, ("Again", "Yes"))
    assert plain(history.turns(conversation, owner=""))[1:] == [(2, "Again", "Yes", "stop", None)]
    history.close()


@pytest.mark.parametrize(
    "use",
    [
        lambda history, conversation: history.summary(conversation, "bob"),
        lambda history, conversation: history.turns(conversation, "bob"),
        lambda history, conversation: history.add_turn(conversation, says("Hi"), owner="bob"),
        lambda history, conversation: history.truncate(conversation, 1, "bob"),
        lambda history, conversation: history.rename(conversation, "Mine", "bob"),
        lambda history, conversation: history.delete(conversation, "bob"),
        lambda history, conversation: history.turns(conversation, owner=""),
        lambda history, _: history.turns("no such id", "ann"),
        lambda history, _: history.turns("\ud800", "ann"),
    ],
)
def test_nobody_reaches_anothers_conversation(history: History, use: Callable[[History, str], object]) -> None:
    conversation = history.create("ann")
    history.write_answer(history.add_turn(conversation, says("Secret"), owner="ann"), Message.said("Yes"), "stop")
    before = history.conversations("ann"), history.turns(conversation, "ann")
    with pytest.raises(UnknownConversation):
        use(history, conversation)
    assert (history.conversations("ann"), history.turns(conversation, "ann")) == before
    assert history.conversations("bob") == history.conversations(owner="") == []


def test_conversations_stand_latest_first(history: History) -> None:
    first, second = history.create(owner=""), history.create(owner="")
    assert [(s.id, s.turns) for s in history.conversations(owner="")] == [(second, 0), (first, 0)]
    talk(history, first, ("one", "1"))
    assert [(s.id, s.turns) for s in history.conversations(owner="")] == [(first, 1), (second, 0)]
    assert history.conversations(owner="")[0] == history.summary(first, owner="")


@pytest.mark.parametrize("search", ["cat", "CAT", "Ärger", "äRGER", 'say "hi"', " 100% "])
def test_search_looks_into_titles_questions_and_answers(history: History, search: str) -> None:
    titled, asked, answered, other = (
        history.create(title=search, owner=""),
        history.create(owner=""),
        history.create(owner=""),
        history.create(owner=""),
    )
    talk(history, asked, ("What about " + search + "?", "No"))
    talk(history, answered, ("What?", "It is a " + search))
    talk(history, other, ("media_id", "text"))
    assert {s.id for s in history.conversations(search=search, owner="")} == {titled, asked, answered}


@pytest.mark.parametrize("search", ["media_id", "image", "%", "kind"])
def test_search_sees_words_only(history: History, search: str) -> None:
    history.add_turn(history.create(owner=""), ASKED, owner="")
    assert history.conversations(search=search, owner="") == []


def test_the_first_turn_names_a_conversation(history: History) -> None:
    conversation = history.create(owner="")
    talk(history, conversation, ("What is in\n this picture?", "A dog"), ("And now?", "A cat"))
    assert history.summary(conversation, owner="").title == "What is in this picture?"
    history.truncate(conversation, 1, owner="")
    assert history.summary(conversation, owner="").title == ""
    history.add_turn(conversation, Message("user", (ImagePart("aa"),)), title="photo.jpg", owner="")
    assert history.summary(conversation, owner="").title == "photo.jpg"


def test_a_title_given_by_a_person_stays(history: History) -> None:
    conversation = history.create(owner="")
    talk(history, conversation, ("What?", "That"))
    history.rename(conversation, " Holidays ", owner="")
    history.rename(conversation, "  ", owner="")
    history.truncate(conversation, 1, owner="")
    talk(history, conversation, ("Something else?", "No"))
    assert history.summary(conversation, owner="").title == "Holidays"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("short", "short"),
        ("word " * 20, "word word word word word word word word word word word…"),
        ("x" * 100, "x" * 59 + "…"),
        ("é" * 60, "é" * 60),
        ("", ""),
    ],
)
def test_titles_are_cut_between_words(text: str, title: str) -> None:
    assert first_words(text) == title


def test_truncating_drops_the_rest_and_numbers_go_on_from_there(history: History) -> None:
    conversation = history.create(owner="")
    talk(history, conversation, ("one", "1"), ("two", "2"), ("three", "3"))
    dropped = history.truncate(conversation, 2, owner="")
    assert plain(dropped) == [(2, "two", "2", "stop", None), (3, "three", "3", "stop", None)]
    talk(history, conversation, ("zwei", "II"))
    assert plain(history.turns(conversation, owner="")) == [
        (1, "one", "1", "stop", None),
        (2, "zwei", "II", "stop", None),
    ]
    assert history.truncate(conversation, 9, owner="") == []


def test_a_turn_can_replace_another_and_all_after_it(history: History) -> None:
    conversation = history.create(owner="")
    talk(history, conversation, ("one", "1"), ("two", "2"), ("three", "3"))
    history.add_turn(conversation, says("zwei"), replacing=2, owner="")
    assert plain(history.turns(conversation, owner="")) == [(1, "one", "1", "stop", None), (2, "zwei", "", None, None)]


def test_a_late_write_to_a_dropped_turn_lands_nowhere(history: History) -> None:
    conversation = history.create(owner="")
    old = history.add_turn(conversation, says("one"), owner="")
    history.truncate(conversation, 1, owner="")
    new = history.add_turn(conversation, says("two"), owner="")
    history.write_answer(old, Message.said("late"), "stop")
    assert new != old
    assert plain(history.turns(conversation, owner="")) == [(1, "two", "", None, None)]


def test_deleting_drops_the_turns_and_frees_their_media(history: History) -> None:
    kept, gone = history.create(owner=""), history.create(owner="")
    history.add_turn(kept, Message("user", (ImagePart("shared"), TextPart("aa"))), owner="")
    history.add_turn(gone, Message("user", (ImagePart("shared"), VideoPart("clip"))), owner="")
    assert history.media_ids() == {"shared", "clip"}
    history.delete(gone, owner="")
    assert history.media_ids() == {"shared"}
    assert [s.id for s in history.conversations(owner="")] == [kept]
    with pytest.raises(UnknownConversation):
        history.turns(gone, owner="")


def test_deleted_words_are_gone_from_the_disk(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db")
    kept, gone = history.create(owner=""), history.create(owner="")
    talk(history, kept, ("my open question", "1"))
    talk(history, gone, ("my secret question", "my secret answer " * 1000))
    history.delete(gone, owner="")
    history.close()
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert (b"open question" in written, b"secret" in written) == (True, False)


def test_half_characters_from_a_browser_or_a_model_are_kept_as_question_marks(history: History) -> None:
    conversation = history.create(title="a\ud800", owner="")
    turn_id = history.add_turn(conversation, says("b\udfff"), owner="")
    history.write_answer(turn_id, Message.said("c\ud800"), error="d\ud800")
    assert history.summary(conversation, owner="").title == "a?"
    assert plain(history.turns(conversation, owner="")) == [(1, "b?", "c?", None, "d?")]


parts = st.one_of(
    st.builds(TextPart, st.text(st.characters(codec="utf-8"))),
    st.builds(ImagePart, st.text("0123456789abcdef")),
    st.builds(VideoPart, st.text("0123456789abcdef"), st.integers(1, 512), *[st.none() | st.floats(0, 1e6)] * 2),
)


@given(st.lists(parts).map(tuple))
def test_any_parts_come_back_from_json(written: tuple[Part, ...]) -> None:
    assert parts_from_json(parts_to_json(written)) == written


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=3))
def test_any_text_comes_back_from_the_database(history: History, replies: list[str]) -> None:
    conversation = history.create(owner="")
    for reply in replies:
        history.write_answer(history.add_turn(conversation, says(reply), owner=""), Message.said(reply), "stop")
    assert [(turn.user.text, turn.answer.text) for turn in history.turns(conversation, owner="")] == [
        (r, r) for r in replies
    ]


def test_many_threads_may_write_and_read_at_once(history: History) -> None:
    conversations = [history.create(owner="") for _ in range(4)]

    def work(conversation: str) -> None:
        for number in range(10):
            turn_id = history.add_turn(conversation, says(str(number)), owner="")
            history.write_answer(turn_id, Message.said(f"{number}!"), "stop")
            assert len(history.turns(conversation, owner="")) == number + 1

    threads = [threading.Thread(target=work, args=(conversation,)) for conversation in conversations]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = [(n + 1, str(n), f"{n}!", "stop", None) for n in range(10)]
    assert [plain(history.turns(conversation, owner="")) for conversation in conversations] == [expected] * 4


def test_two_processes_may_share_one_history(tmp_path: Path) -> None:
    one, two = History(tmp_path / "history.db"), History(tmp_path / "history.db")
    conversation = one.create(owner="")
    turn_id = one.add_turn(conversation, says("Hi"), owner="")
    assert plain(two.turns(conversation, owner="")) == [
        (1, "Hi", "", None, INTERRUPTED)
    ]  # for all that the other one can know
    one.write_answer(turn_id, Message.said("Hello"), "stop")
    assert plain(two.turns(conversation, owner="")) == [(1, "Hi", "Hello", "stop", None)]
    one.close()
    two.close()


def test_the_file_is_for_its_owner_only(tmp_path: Path, history: History) -> None:
    assert {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "data").iterdir()} == {"0o600"}


def test_a_correction_is_kept_beside_the_answer_until_the_turn_is_dropped(history: History) -> None:
    conversation = history.create("ann")
    turn_id = history.add_turn(conversation, says("Hi"), owner="ann")
    history.write_answer(turn_id, Message.said("{}"), "stop")
    history.correct(conversation, turn_id, 0, "one", "ann")
    history.correct(conversation, turn_id, 2, "zwölf", "ann")
    (turn,) = history.turns(conversation, "ann")
    assert (turn.answer.text, turn.corrections) == ("{}", {0: "one", 2: "zwölf"})
    history.correct(conversation, turn_id, 0, None, "ann")
    assert history.turns(conversation, "ann")[0].corrections == {2: "zwölf"}
    with pytest.raises(UnknownConversation):
        history.correct(conversation, turn_id, 0, "not mine", "bob")
    later = history.add_turn(conversation, says("Hi"), owner="ann", replacing=1)
    history.correct(conversation, turn_id, 0, "too late", "ann")
    assert [(one.id, one.corrections) for one in history.turns(conversation, "ann")] == [(later, {})]


def test_a_history_from_before_corrections_is_brought_up_to_date(tmp_path: Path) -> None:
    older = sqlite3.connect(tmp_path / "history.db")
    for statement in (*MIGRATIONS[0], *MIGRATIONS[1], "PRAGMA user_version = 2"):
        older.execute(statement)
    older.execute("INSERT INTO conversations VALUES ('c', '', 'Hi', 0, 1.0)")
    older.execute(
        "INSERT INTO turns (conversation_id, number, user, task, sampling, created, reply, finish_reason)"
        " VALUES ('c', 1, '[]', 'receipt', '{}', 1.0, '{}', 'stop')"
    )
    older.commit()
    older.close()
    history = History(tmp_path / "history.db")
    history.correct("c", history.turns("c", owner="")[0].id, 0, "one", owner="")
    assert [(turn.answer.text, turn.corrections) for turn in history.turns("c", owner="")] == [("{}", {0: "one"})]
    history.close()


def test_a_history_of_the_last_release_keeps_everything(tmp_path: Path) -> None:
    shutil.copyfile(Path(__file__).parent / "data" / "history-3.db", tmp_path / "history.db")
    history = History(tmp_path / "history.db")
    (kept,) = history.conversations("ann")
    turns = history.turns(kept.id, "ann")
    photo, clip, receipt_image = (
        ImagePart("a" * 64),
        VideoPart("b" * 64, 16, 1.0, 2.5),
        ImagePart("c" * 64, (1, 2, 3, 4)),
    )
    assert [(turn.user.parts, turn.answer, turn.finish_reason, turn.error) for turn in turns] == [
        ((photo, clip, TextPart("What is on it? Größe 5 €")), Message.said("A cat.\nAnd “more”."), "stop", None),
        ((receipt_image,), Message.said('{"total":2.40}'), "length", None),
        ((TextPart("And?"),), Message.said(""), None, "No memory."),
        ((TextPart("Again"),), Message.said("Half"), None, INTERRUPTED),
    ]
    assert turns[0].usage == Usage(10, 5, images=1, frames=16, seconds=2.0)
    assert (turns[0].sampling, turns[0].model, turns[1].task) == (
        SamplingParams(temperature=0.5, seed=7),
        "pocket",
        "receipt",
    )
    assert (turns[1].unsure, turns[1].corrections) == ((Unsure(9, 13, 0.25, True),), {0: '{"total":2.50}'})
    assert history.media_ids() == {"a" * 64, "b" * 64, "c" * 64}
    assert [one.title for one in history.conversations(owner="")] == ["Mine"]
    history.close()


def test_media_of_both_sides_of_a_turn_are_in_use_until_it_is_dropped(history: History) -> None:
    conversation = history.create(owner="")
    turn_id = history.add_turn(conversation, ASKED, owner="")
    answer = Message("assistant", (TextPart("Here."), ImagePart("drawn"), TextPart("And more.")))
    history.write_answer(turn_id, answer, "stop")
    (turn,) = history.turns(conversation, owner="")
    assert (turn.answer, turn.media) == (answer, (*ASKED.media, ImagePart("drawn")))
    assert history.media_ids() == {"aa", "bb", "drawn"}
    assert history.in_use({"drawn", "aa", "zz"}) == {"drawn", "aa"}
    history.truncate(conversation, 1, owner="")
    history.write_answer(turn_id, answer, "stop")  # too late
    assert (history.media_ids(), history.in_use({"drawn"})) == (set(), set())


def test_a_newer_history_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    History(path).close()
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(StorageError) as error:
        History(path)
    assert str(error.value) == f"{path} was written by a newer Glimpse; update this one or choose another --data-dir."


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be opened"):
        History(tmp_path / "file" / "history.db")


def fill(history: History) -> None:
    """Leave the database no page to grow by, as a full disk would."""
    connection = history._database._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_undoes_the_whole_turn_and_is_one_sentence(tmp_path: Path) -> None:
    history = History(tmp_path / "history.db")
    conversation = history.create(owner="")
    talk(history, conversation, ("one", "1"), ("two", "2"))
    before = history.conversations(owner=""), history.turns(conversation, owner="")
    fill(history)
    with pytest.raises(StorageError, match="make room on the disk and try again"):
        history.add_turn(conversation, says("x" * 1_000_000), replacing=1, owner="")
    assert (history.conversations(owner=""), history.turns(conversation, owner="")) == before
    history.close()


def test_a_failed_last_write_leaves_the_answer_interrupted(history: History) -> None:
    conversation = history.create(owner="")
    turn_id = history.add_turn(conversation, says("Hi"), owner="")
    history.write_answer(turn_id, Message.said("Hel"))
    fill(history)
    with pytest.raises(StorageError):
        history.write_answer(turn_id, Message.said("x" * 1_000_000), "stop")
    assert plain(history.turns(conversation, owner="")) == [(1, "Hi", "Hel", None, INTERRUPTED)]


def test_it_may_be_closed_twice_and_says_so_when_used_after(history: History) -> None:
    history.close()
    history.close()
    with pytest.raises(StorageError):
        history.create(owner="")
