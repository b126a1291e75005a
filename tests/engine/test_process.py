"""The engine's process: streams cross whole and apart, cancels arrive, deaths cost one sentence, nothing stays behind.

python -m pytest tests/engine/test_process.py
"""

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from multiprocessing import Pipe
from pathlib import Path

import pytest
import pytest_asyncio

from backend.engine.engine import EngineSpec, LocalSpec, ScriptedSpec
from backend.engine.process import engine as process_engine
from backend.engine.process import worker
from backend.engine.process.engine import CHANGED, Backoff, ProcessEngine
from backend.engine.process.messages import (
    Close,
    Events,
    Failed,
    Request,
    Start,
    Status,
    receive,
    send,
)
from backend.engine.scripted import SCRIPTED, ScriptedEngine
from backend.errors import EngineUnavailable, ModelFailed, ModelNotFound, QueueFull
from backend.types import (
    EngineStatus,
    Finished,
    GenerationRequest,
    Message,
    Progress,
    StreamEvent,
    TextDelta,
    TextPart,
    Usage,
)
from tests.support.program import gone

TIMEOUT = 30  # seconds after which a test has failed; none comes near
ROOT = Path(__file__).parent.parent.parent
POCKET = ROOT / "assets" / "pocket"
PLAY = ScriptedSpec(script="tests.support.scripts:play")
OTHER = ScriptedSpec(script="tests.support.scripts:other")
STARTING = Progress("starting the engine")
DIED = "The engine stopped unexpectedly and is starting again; press Retry."


def ask(text: str) -> GenerationRequest:
    return GenerationRequest("one", (Message("user", (TextPart(text),)),))


async def play(engine: ProcessEngine, text: str, seen: list[StreamEvent] | None = None) -> list[StreamEvent]:
    """The events of an answer, without the parent's own word that the engine is starting."""
    seen = [] if seen is None else seen
    async with asyncio.timeout(TIMEOUT):
        async for event in engine.stream(ask(text)):
            if event != STARTING:
                seen.append(event)
    return seen


async def first(events: AsyncIterator[StreamEvent]) -> StreamEvent:
    async with asyncio.timeout(TIMEOUT):
        return event if (event := await anext(events)) != STARTING else await anext(events)


def said(*words: str) -> list[StreamEvent]:
    usage = Usage(1 + len(words), len(words), time_to_first_token=0.03, seconds=0.03 * len(words))
    return [*map(TextDelta, words), Finished("stop", usage)]


@pytest_asyncio.fixture
async def engine(tmp_path: Path) -> AsyncIterator[ProcessEngine]:
    engine = ProcessEngine(PLAY, tmp_path, backoff=Backoff(first=0.01))
    yield engine
    pid = engine.process_id
    await engine.close()
    assert pid is None or gone(pid, 0)


async def test_a_request_before_the_engine_is_ready_waits_and_then_streams_whole(engine: ProcessEngine):
    assert engine.status == EngineStatus("loading", "starting the engine")
    events = [event async for event in engine.stream(ask("say two words"))]
    assert events == [STARTING, *said("two", " words")]
    assert engine.status == EngineStatus("ready", model=SCRIPTED)
    assert [event async for event in engine.stream(ask("say more"))] == said("more")


async def test_streams_run_side_by_side_and_do_not_mix(engine: ProcessEngine):
    async with aclosing(engine.stream(ask("wait"))) as waiting:
        assert await first(waiting) == TextDelta("waiting")
        answers = await asyncio.gather(*(play(engine, f"say {number} is it") for number in range(10)))
    assert answers == [said(str(number), " is", " it") for number in range(10)]


async def test_a_long_answer_arrives_complete_and_in_order(engine: ProcessEngine):
    *words, last = await play(engine, "many 5000")
    assert words == [TextDelta(f"{number}\n") for number in range(5000)]
    assert isinstance(last, Finished)


async def test_closing_a_stream_cancels_it_in_the_child(engine: ProcessEngine):
    async with aclosing(engine.stream(ask("wait"))) as waiting:
        assert await first(waiting) == TextDelta("waiting")
        async with aclosing(engine.stream(ask("wait-for-cancel"))) as other:
            assert await first(other) == Progress("waiting for the cancel")
            await waiting.aclose()
            assert await first(other) == TextDelta("cancelled")


async def test_cancelling_the_reader_cancels_the_answer_in_the_child(engine: ProcessEngine):
    reached = asyncio.Event()

    async def read() -> None:
        async for event in engine.stream(ask("wait")):
            if event == TextDelta("waiting"):
                reached.set()

    reader = asyncio.create_task(read())
    await reached.wait()
    async with aclosing(engine.stream(ask("wait-for-cancel"))) as other:
        assert await first(other) == Progress("waiting for the cancel")
        reader.cancel()
        assert await first(other) == TextDelta("cancelled")


async def test_a_killed_engine_costs_what_ran_one_sentence_and_starts_again(engine: ProcessEngine):
    async with aclosing(engine.stream(ask("wait"))) as one, aclosing(engine.stream(ask("wait"))) as two:
        assert [await first(one), await first(two)] == [TextDelta("waiting")] * 2
        old = engine.process_id
        assert old is not None
        os.kill(old, signal.SIGKILL)
        for stream in (one, two):
            with pytest.raises(EngineUnavailable) as caught:
                await anext(stream)
            assert str(caught.value) == DIED
    assert await play(engine, "say again") == said("again")
    assert engine.process_id not in (old, None)


@pytest.mark.parametrize("last_words", ["exit 0", "exit 3"])
async def test_an_engine_that_ends_by_itself_is_started_again(engine: ProcessEngine, last_words: str):
    seen: list[StreamEvent] = []
    with pytest.raises(EngineUnavailable, match="starting again"):
        await play(engine, last_words, seen)
    assert seen == [TextDelta("leaving")]
    assert await play(engine, "say again") == said("again")


async def test_deaths_of_an_engine_that_was_ready_never_end_it(tmp_path: Path):
    engine = ProcessEngine(PLAY, tmp_path, backoff=Backoff(first=0.001, tries=2))
    for _ in range(4):
        with pytest.raises(EngineUnavailable, match="starting again"):
            await play(engine, "exit 1")
    assert await play(engine, "say again") == said("again")
    await engine.close()


async def test_errors_cross_with_their_class_their_sentence_and_the_text_before_them(engine: ProcessEngine):
    seen: list[StreamEvent] = []
    with pytest.raises(QueueFull) as caught:
        await play(engine, "refuse", seen)
    assert str(caught.value) == "Too many requests wait; try again in a minute."
    assert seen == [TextDelta("half")]


async def test_a_bug_in_the_child_is_a_sentence_here_and_a_traceback_in_the_log(
    engine: ProcessEngine, capfd: pytest.CaptureFixture[str]
):
    with pytest.raises(ModelFailed) as caught:
        await play(engine, "break")
    assert str(caught.value) == "The model failed (KeyError); press Retry, or see the log."
    assert "KeyError: 'a bug of ours'" in capfd.readouterr().err


async def test_an_engine_that_cannot_be_built_is_failed_and_says_why(tmp_path: Path):
    engine = ProcessEngine(ScriptedSpec(script="nowhere:script"), tmp_path)
    sentence = "There is no script “nowhere:script”; name one as package.module:function."
    for _ in range(2):
        with pytest.raises(ModelNotFound) as caught:
            await play(engine, "say hello")
        assert str(caught.value) == sentence
    assert engine.status == EngineStatus("failed", sentence)
    await engine.close()


async def test_an_engine_that_dies_again_and_again_while_it_starts_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "fatal.py").write_text("import os\nos._exit(3)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    engine = ProcessEngine(ScriptedSpec(script="fatal:script"), tmp_path, backoff=Backoff(first=0.001, tries=2))
    sentences = []
    for _ in range(3):
        with pytest.raises(EngineUnavailable) as caught:
            await play(engine, "say hello")
        sentences.append(str(caught.value))
    detail = "The engine ended with exit status 3 while it started, 2 times in a row; the log says more."
    assert sentences == [DIED, detail, detail]
    assert engine.status == EngineStatus("failed", detail)
    await engine.close()
    assert engine.status == EngineStatus("failed", detail)


async def test_an_engine_whose_process_cannot_start_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    engine = ProcessEngine(PLAY, tmp_path, backoff=Backoff(first=0.001, tries=3))
    with pytest.raises(EngineUnavailable, match="could not be started"):
        await play(engine, "say hello")
    assert engine.status.state == "failed"
    await engine.close()


async def test_close_ends_open_streams_and_the_process_and_refuses_new_requests(tmp_path: Path):
    engine = ProcessEngine(PLAY, tmp_path)
    async with aclosing(engine.stream(ask("wait"))) as waiting:
        assert await first(waiting) == TextDelta("waiting")
        pid = engine.process_id
        assert pid is not None
        await engine.close()
        with pytest.raises(EngineUnavailable, match="shut down"):
            await anext(waiting)
    assert gone(pid, 0)
    assert (engine.status, engine.process_id) == (EngineStatus("closed"), None)
    await engine.close()
    with pytest.raises(EngineUnavailable, match="shut down"):
        await play(engine, "say hello")


async def test_an_engine_that_was_never_started_closes_at_once(tmp_path: Path):
    engine = ProcessEngine(PLAY, tmp_path)
    await engine.close()
    engine.start()
    assert (engine.status, engine.process_id) == (EngineStatus("closed"), None)


async def test_close_while_the_engine_starts_leaves_no_process(tmp_path: Path):
    engine = ProcessEngine(PLAY, tmp_path)
    engine.start()
    await engine.close()
    assert engine.process_id is None


async def test_a_child_that_hangs_neither_holds_the_loop_nor_outlives_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(process_engine, "CLOSE_GRACE", 0.05)
    monkeypatch.setattr("backend.engine.process.child.KILL_GRACE", 0.05)
    engine = ProcessEngine(PLAY, tmp_path)
    await play(engine, "say hello")
    pid = engine.process_id
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    large = asyncio.create_task(play(engine, "say " + "much " * 1_000_000))
    await asyncio.sleep(0)  # more than the pipe holds has been sent when this returns
    await engine.close()
    with pytest.raises(EngineUnavailable):
        await large
    assert gone(pid, 0)


async def test_a_child_does_not_mind_ctrl_c(engine: ProcessEngine):
    await play(engine, "say hello")
    pid = engine.process_id
    assert pid is not None
    assert os.getpgid(pid) != os.getpgid(0)  # the terminal sends it to the group of the foreground
    os.kill(pid, signal.SIGINT)
    assert await play(engine, "say more") == said("more")
    assert engine.process_id == pid


async def test_what_the_child_prints_keeps_out_of_standard_output(
    engine: ProcessEngine, capfd: pytest.CaptureFixture[str]
):
    await play(engine, "print a banner")
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "a banner\n")


def test_the_child_dies_with_its_parent():
    code = (
        "import asyncio, sys, pathlib, tests.engine.test_process as t\n"
        "engine = t.ProcessEngine(t.PLAY, pathlib.Path('.'))\n"
        "async def main():\n"
        "    async for event in engine.stream(t.ask('wait')):\n"
        "        print(engine.process_id if event == t.TextDelta('waiting') else '', flush=True)\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = next(int(line) for line in parent.stdout if line.strip())
    descriptor = os.pidfd_open(pid)
    parent.kill()
    parent.communicate()
    assert select.select([descriptor], [], [], TIMEOUT)[0]
    os.close(descriptor)


def test_the_pause_doubles_up_to_its_longest():
    pauses = [Backoff().pause(deaths) for deaths in (1, 2, 3, 7, 8, 1000)]
    assert pauses == [0.5, 1.0, 2.0, 30.0, 30.0, 30.0]


async def test_a_ready_engine_that_fails_for_good_ends_its_process(monkeypatch: pytest.MonkeyPatch):
    scripted = ScriptedEngine()

    async def build(_spec: EngineSpec, _root: Path) -> ScriptedEngine:
        return scripted

    monkeypatch.setattr(worker, "build_inside", build)
    ours, theirs = Pipe()
    running = asyncio.create_task(worker.Worker(theirs, Start(PLAY, "", 0)).run())
    messages = receive(ours)
    assert await asyncio.to_thread(next, messages) == Status(EngineStatus("ready", model=SCRIPTED))
    scripted.status = broken = EngineStatus("failed", "CUDA error: device-side assert triggered.")
    assert await asyncio.to_thread(next, messages) == Status(broken)
    assert await running == 1
    assert scripted.status.state == "closed"


async def test_the_worker_tells_of_an_error_of_a_class_of_its_own_by_the_nearest_known(
    monkeypatch: pytest.MonkeyPatch,
):
    class Overheated(QueueFull):
        pass

    async def build(_spec: EngineSpec, _root: Path) -> ScriptedEngine:
        return ScriptedEngine([TextDelta("half"), Overheated("Too hot; wait a minute.")])

    monkeypatch.setattr(worker, "build_inside", build)
    ours, theirs = Pipe()
    running = asyncio.create_task(worker.Worker(theirs, Start(PLAY, "", 0)).run())
    send(ours, Request(7, ask("?")))
    messages = receive(ours)
    told = [message for _ in range(3) if not isinstance(message := await asyncio.to_thread(next, messages), Status)]
    assert isinstance(told[1], Failed)
    assert (told[0], told[1].number) == (Events(7, (TextDelta("half"),)), 7)
    assert (type(told[1].error), str(told[1].error)) == (QueueFull, "Too hot; wait a minute.")
    send(ours, Close())
    assert await running == 0


async def test_another_model_takes_the_place_of_one_that_is_gone(engine: ProcessEngine):
    async with aclosing(engine.stream(ask("wait"))) as waiting:
        assert await first(waiting) == TextDelta("waiting")
        old = engine.process_id
        engine.switch(OTHER)
        assert engine.status == EngineStatus("loading", "starting the engine")
        with pytest.raises(EngineUnavailable, match=CHANGED):
            await first(waiting)
    assert await play(engine, "say hello") == said("other")
    assert (engine.spec, engine.process_id == old, gone(old, 0)) == (OTHER, False, True)
    assert engine.status == EngineStatus("ready", model=SCRIPTED)


@pytest.mark.slow
async def test_a_load_that_is_not_wanted_any_more_ends_and_who_waited_for_it_is_answered(tmp_path: Path):
    engine = ProcessEngine(LocalSpec(str(POCKET), device="cpu"), tmp_path)
    try:
        async with aclosing(engine.stream(ask("say hello"))) as waiting:
            assert isinstance(await first(waiting), Progress)
            loading = engine.process_id
            assert loading is not None
            engine.switch(OTHER)
            async with asyncio.timeout(TIMEOUT):
                assert [event async for event in waiting if not isinstance(event, Progress)] == said("other")
            assert gone(loading, 0)
    finally:
        await engine.close()


async def test_the_model_that_was_wished_for_last_is_the_one_that_runs(engine: ProcessEngine):
    engine.start()
    for spec in (OTHER, PLAY, OTHER, PLAY, OTHER):
        engine.switch(spec)
    assert await play(engine, "say hello") == said("other")
    assert await play(engine, "say hello") == said("other")


async def test_after_a_model_that_cannot_be_started_another_one_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    engine = ProcessEngine(PLAY, tmp_path, backoff=Backoff(first=0.0, tries=2))
    with monkeypatch.context() as broken:
        broken.setattr(sys, "executable", "/nowhere/python")
        with pytest.raises(EngineUnavailable, match="could not be started"):
            await play(engine, "say hello")
    assert engine.status.state == "failed"
    engine.switch(OTHER)
    try:
        assert await play(engine, "say hello") == said("other")
    finally:
        await engine.close()


async def test_a_closed_engine_takes_no_other_model(engine: ProcessEngine):
    await engine.close()
    with pytest.raises(EngineUnavailable, match="shut down"):
        engine.switch(OTHER)
    assert engine.status == EngineStatus("closed")


async def test_after_the_same_model_was_wished_for_twice_a_crash_is_still_told(engine: ProcessEngine):
    engine.start()
    engine.switch(OTHER)
    engine.switch(OTHER)
    assert await play(engine, "say hello") == said("other")
    engine.switch(PLAY)
    engine.switch(PLAY)
    with pytest.raises(EngineUnavailable, match=DIED):
        await play(engine, "exit 3")
    assert await play(engine, "say hello") == said("hello")
