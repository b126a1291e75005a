"""Keeps the conversations of every owner: creates, lists, writes turn by turn, truncates and deletes them.

An owner sees nothing of another's. Every method is one short transaction and may be called from any thread.
"""

import json
import sqlite3
import time
import uuid
from collections.abc import Collection
from pathlib import Path

from backend.errors import UnknownConversation
from backend.history.database import Database
from backend.history.values import (
    INTERRUPTED,
    Summary,
    Turn,
    corrections_from_json,
    corrections_to_json,
    first_words,
    parts_from_json,
    parts_to_json,
    sampling_from_json,
    sampling_to_json,
    storable,
    unsure_from_json,
    unsure_to_json,
    usage_from_json,
    usage_to_json,
)
from backend.types import FinishReason, Message, SamplingParams, Unsure, Usage

_SUMMARIES = """
    SELECT id, title, updated, (SELECT COUNT(*) FROM turns WHERE conversation_id = conversations.id) AS turns
    FROM conversations WHERE owner = :owner
"""
_MATCHES = """
    AND (instr(casefold(title), :search) OR EXISTS (
        SELECT 1 FROM turns,
            json_each(json_array(
                json(iif(json_valid(turns.user), turns.user, '[]')),
                json(iif(json_valid(turns.answer), turns.answer, '[]'))
            )) AS side,
            json_each(side.value) AS part
        WHERE conversation_id = conversations.id
            AND instr(casefold(coalesce(json_extract(part.value, '$.text'), '')), :search)))
"""


class History:
    """The history in one SQLite file, made where there is none.

    Raises:
        StorageError: from every method, when the file cannot be opened, read or written.
        UnknownConversation: from every method that takes a conversation's id, where there is none of that id or it
            is another owner's.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path)
        self._running: set[int] = set()

    @property
    def begun(self) -> float:
        """When this history was begun, in seconds since the epoch: media that are older are not its own."""
        return self._database.begun

    @property
    def notice(self) -> str:
        """A sentence for the person where the history was found damaged and a new one begun, else nothing."""
        if self._database.set_aside is None:
            return ""
        return (
            "The history of your conversations was damaged, so a new one was begun. "
            f"The damaged file was kept as {self._database.set_aside}, and no picture or clip was removed."
        )

    def create(self, owner: str, title: str = "") -> str:
        """A new, empty conversation; returns its id. Without a title, its first turn names it."""
        conversation_id = uuid.uuid4().hex
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO conversations (id, owner, title, named, updated) VALUES (?, ?, ?, ?, ?)",
                (conversation_id, storable(owner), storable(title), bool(title), time.time()),
            )
        return conversation_id

    def conversations(self, owner: str, search: str = "") -> list[Summary]:
        """An owner's conversations, latest first; with `search`, those that have it in title, question or answer."""
        wanted = storable(search).strip().casefold()
        query = _SUMMARIES + (_MATCHES if wanted else "") + "ORDER BY updated DESC, rowid DESC"
        with self._database.reading() as connection:
            rows = connection.execute(query, {"owner": storable(owner), "search": wanted})
            return [_summary(row) for row in rows]

    def summary(self, conversation_id: str, owner: str) -> Summary:
        """One conversation's line in the list."""
        with self._database.reading() as connection:
            return _find(connection, conversation_id, owner)

    def turns(self, conversation_id: str, owner: str) -> list[Turn]:
        """A conversation's turns, in order."""
        with self._database.reading() as connection:
            _find(connection, conversation_id, owner)
            return self._turns(connection, conversation_id)

    def add_turn(
        self,
        conversation_id: str,
        user: Message,
        task: str = "chat",
        sampling: SamplingParams | None = None,
        *,
        owner: str,
        title: str = "",
        replacing: int | None = None,
    ) -> int:
        """Add a turn whose answer is about to be written, and return its id.

        `title` names the conversation if this is its first turn and no person has named it. `replacing` drops the
        turn of that number and all after it first, in the same transaction.
        """
        with self._database.writing() as connection:
            summary = _find(connection, conversation_id, owner)
            count = summary.turns if replacing is None else self._drop(connection, conversation_id, replacing)
            turn_id = connection.execute(
                "INSERT INTO turns (conversation_id, number, user, task, sampling, created) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    conversation_id,
                    count + 1,
                    parts_to_json(user.parts),
                    task,
                    sampling_to_json(sampling or SamplingParams()),
                    time.time(),
                ),
            ).lastrowid
            assert turn_id is not None
            _use(connection, turn_id, user)
            if count == 0:
                _retitle(connection, conversation_id, first_words(title or user.text))
            _touch(connection, conversation_id)
            self._running.add(turn_id)
        return turn_id

    def write_answer(
        self,
        turn_id: int,
        answer: Message,
        finish_reason: FinishReason | None = None,
        usage: Usage | None = None,
        model: str | None = None,
        error: str | None = None,
        unsure: tuple[Unsure, ...] = (),
    ) -> None:
        """Keep the answer so far; with a finish reason or an error, as its end. Does nothing to a dropped turn."""
        if finish_reason is not None or error is not None:
            self._running.discard(turn_id)
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE turns SET answer = ?, finish_reason = ?, usage = ?, model = ?, error = ?, unsure = ?"
                " WHERE id = ?",
                (
                    parts_to_json(answer.parts),
                    finish_reason,
                    usage_to_json(usage),
                    model,
                    None if error is None else storable(error),
                    unsure_to_json(unsure),
                    turn_id,
                ),
            )
            if answer.media:
                _use(connection, turn_id, answer)
        if finish_reason is not None or error is not None:
            self._database.settle()

    def correct(self, conversation_id: str, turn_id: int, number: int, correction: str | None, owner: str) -> None:
        """Keep what a person made of result `number` of a turn; None takes it back. Does nothing to a dropped turn."""
        with self._database.writing() as connection:
            _find(connection, conversation_id, owner)
            query = "SELECT corrections FROM turns WHERE id = ? AND conversation_id = ?"
            for (known,) in connection.execute(query, (turn_id, conversation_id)).fetchall():
                kept = corrections_from_json(known) | {number: correction}
                wanted = {at: text for at, text in kept.items() if text is not None}
                connection.execute(
                    "UPDATE turns SET corrections = ? WHERE id = ?", (corrections_to_json(wanted), turn_id)
                )

    def truncate(self, conversation_id: str, number: int, owner: str) -> list[Turn]:
        """Drop the turn of that number and all after it; returns them."""
        with self._database.writing() as connection:
            _find(connection, conversation_id, owner)
            dropped = [turn for turn in self._turns(connection, conversation_id) if turn.number >= number]
            if self._drop(connection, conversation_id, number) == 0:
                _retitle(connection, conversation_id, "")
            _touch(connection, conversation_id)
        self._database.settle()
        return dropped

    def rename(self, conversation_id: str, title: str, owner: str) -> None:
        """Give a conversation a title that stays; an empty one changes nothing."""
        with self._database.writing() as connection:
            _find(connection, conversation_id, owner)
            if title.strip():
                connection.execute(
                    "UPDATE conversations SET title = ?, named = 1 WHERE id = ?",
                    (storable(title.strip()), conversation_id),
                )

    def delete(self, conversation_id: str, owner: str) -> None:
        """Delete a conversation and its turns; its media stay in the store until nobody uses them."""
        with self._database.writing() as connection:
            _find(connection, conversation_id, owner)
            connection.execute("DELETE FROM conversations WHERE id = ?", (conversation_id,))
        self._database.settle()

    def media_ids(self) -> set[str]:
        """The media that some turn of some owner still uses."""
        with self._database.reading() as connection:
            return {media_id for (media_id,) in connection.execute("SELECT DISTINCT media_id FROM turn_media")}

    def in_use(self, media_ids: Collection[str]) -> set[str]:
        """Those of some media that a turn of any owner uses; it costs the same however many others there are."""
        query = "SELECT DISTINCT media_id FROM turn_media WHERE media_id IN (SELECT value FROM json_each(?))"
        with self._database.reading() as connection:
            return {media_id for (media_id,) in connection.execute(query, (json.dumps(sorted(media_ids)),))}

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        self._database.close()

    def _turns(self, connection: sqlite3.Connection, conversation_id: str) -> list[Turn]:
        rows = connection.execute("SELECT * FROM turns WHERE conversation_id = ? ORDER BY number", (conversation_id,))
        return [self._turn(row) for row in rows]

    def _turn(self, row: sqlite3.Row) -> Turn:
        unfinished = row["finish_reason"] is None and row["error"] is None
        return Turn(
            id=row["id"],
            number=row["number"],
            user=Message("user", parts_from_json(row["user"])),
            task=row["task"],
            answer=Message("assistant", parts_from_json(row["answer"])),
            finish_reason=row["finish_reason"],
            usage=usage_from_json(row["usage"]),
            model=row["model"],
            error=INTERRUPTED if unfinished and row["id"] not in self._running else row["error"],
            sampling=sampling_from_json(row["sampling"]),
            created=row["created"],
            unsure=unsure_from_json(row["unsure"]),
            corrections=corrections_from_json(row["corrections"]),
        )

    def _drop(self, connection: sqlite3.Connection, conversation_id: str, number: int) -> int:
        """Delete the turns from that number on; returns how many are left."""
        connection.execute("DELETE FROM turns WHERE conversation_id = ? AND number >= ?", (conversation_id, number))
        left: int = connection.execute(
            "SELECT COUNT(*) FROM turns WHERE conversation_id = ?", (conversation_id,)
        ).fetchone()[0]
        return left


def _find(connection: sqlite3.Connection, conversation_id: str, owner: str) -> Summary:
    wanted = {"owner": storable(owner), "id": storable(conversation_id)}
    row = connection.execute(_SUMMARIES + "AND id = :id", wanted).fetchone()
    if row is None:
        raise UnknownConversation("This conversation is not there any more; start a new one.")
    return _summary(row)


def _use(connection: sqlite3.Connection, turn_id: int, message: Message) -> None:
    """Note which media a message of a turn has; does nothing to a dropped turn."""
    for part in message.media:
        connection.execute(
            "INSERT OR IGNORE INTO turn_media SELECT id, ? FROM turns WHERE id = ?", (part.media_id, turn_id)
        )


def _summary(row: sqlite3.Row) -> Summary:
    return Summary(row["id"], row["title"], row["updated"], row["turns"])


def _retitle(connection: sqlite3.Connection, conversation_id: str, title: str) -> None:
    connection.execute(
        "UPDATE conversations SET title = ? WHERE id = ? AND NOT named", (storable(title), conversation_id)
    )


def _touch(connection: sqlite3.Connection, conversation_id: str) -> None:
    connection.execute("UPDATE conversations SET updated = ? WHERE id = ?", (time.time(), conversation_id))
