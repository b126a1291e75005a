"""Processes killed at random points: nobody waits for ever, and no finished turn is lost.

`GLIMPSE_ROUNDS=100 python -m pytest tests/test_kills.py` is the long form; its figures stand in docs/reliability.md.
"""

import asyncio
import os
import random
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from backend.chat import Chat
from backend.engine.engine import ScriptedSpec
from backend.engine.process.engine import Backoff, ProcessEngine
from backend.errors import EngineUnavailable
from backend.history import INTERRUPTED, History
from backend.media.store import MediaStore
from backend.types import Finished, TextDelta
from tests.support.program import ROOT, gone

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("GLIMPSE_ROUNDS", "10"))
PLAY = ScriptedSpec(script="tests.support.scripts:play")
WORDS = "".join(f"{number}\n" for number in range(400))
SENTENCES = {
    "The engine stopped unexpectedly and is starting again; press Retry.",
    "The model's answer broke off; press Retry.",
}


async def answered(chat: Chat, conversation: str) -> str:
    """How a message ended: "whole", or the sentence of its error."""
    said = ""
    try:
        async for event in chat.submit(conversation, "many 400", owner=""):
            if isinstance(event, TextDelta):
                said += event.text
            if isinstance(event, Finished):
                assert said == WORDS
                return "whole"
    except EngineUnavailable as error:
        return str(error)
    return "no end"


async def test_an_engine_killed_at_any_point_costs_who_is_answered_a_sentence_and_nobody_else_anything(
    tmp_path: Path,
) -> None:
    rng = random.Random(0)
    engine = ProcessEngine(PLAY, tmp_path, backoff=Backoff(first=0.01, longest=0.05, tries=1000))
    history, store = History(tmp_path / "history.db"), MediaStore(tmp_path / "media")
    chat = Chat(engine, history, store)
    engine.start()
    ends: list[str] = []
    for _ in range(ROUNDS):
        running = [asyncio.create_task(answered(chat, history.create(owner=""))) for _ in range(3)]
        # At once, in the load, between two words, or after all.
        await asyncio.sleep(rng.choice((0, 0.05, 0.3, 0.6)) * rng.random())
        if engine.process_id is not None:
            with suppress(ProcessLookupError):
                os.kill(engine.process_id, signal.SIGKILL)
        async with asyncio.timeout(60):
            ends += await asyncio.gather(*running)
            assert await answered(chat, history.create(owner="")) in {"whole", *SENTENCES}
    async with asyncio.timeout(60):
        assert await answered(chat, history.create(owner="")) == "whole"
    assert set(ends) <= {"whole", *SENTENCES}
    assert len(ends) == 3 * ROUNDS
    last = engine.process_id
    await chat.close()
    await engine.close()
    assert last is not None
    assert gone(last, 0)
    kept = [turn for one in history.conversations(owner="") for turn in history.turns(one.id, owner="")]
    assert [turn for turn in kept if turn.running or (turn.error is None and turn.answer.text != WORDS)] == []
    history.close()
    store.close()


PAGE = """
import asyncio, pathlib, sys, tests.test_kills as kills
folder = pathlib.Path(sys.argv[1])
history, store = kills.History(folder / "history.db"), kills.MediaStore(folder / "media")
engine = kills.ProcessEngine(kills.PLAY, folder)
chat = kills.Chat(engine, history, store, keep_every=0.0)
async def main():
    conversation = history.create(owner="")
    print("begun", engine.process_id or "", flush=True)
    while True:
        print(conversation, await kills.answered(chat, conversation), flush=True)
asyncio.run(main())
"""


def test_a_program_killed_while_it_answers_keeps_every_finished_turn(tmp_path: Path) -> None:
    rng = random.Random(1)
    whole: dict[str, int] = {}
    for _ in range(ROUNDS):
        program = subprocess.Popen(
            [sys.executable, "-c", PAGE, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert program.stdout is not None
        assert program.stdout.readline().startswith("begun")
        children = psutil.Process(program.pid).children(recursive=True)
        # Readable once a turn is over; then some way into the next one.
        select.select([program.stdout], [], [], rng.uniform(0.2, 2.0))
        time.sleep(rng.random() * 0.05)
        program.kill()
        for line in program.communicate()[0].splitlines(keepends=True):
            if line.endswith("\n"):  # the kill may have cut the last one
                conversation, how = line.split()
                assert how == "whole"
                whole[conversation] = whole.get(conversation, 0) + 1
        psutil.wait_procs(children, timeout=30)
        assert [child for child in children if child.is_running()] == []
        history = History(tmp_path / "history.db")
        assert history.notice == ""
        for one in history.conversations(owner=""):
            turns = history.turns(one.id, owner="")
            finished = [turn for turn in turns if turn.error is None]
            assert {turn.answer.text for turn in finished} <= {WORDS}
            assert len(finished) >= whole.get(one.id, 0)
            assert {turn.error for turn in turns if turn.error} <= {INTERRUPTED}
        history.close()
    assert sum(whole.values()) > 0
