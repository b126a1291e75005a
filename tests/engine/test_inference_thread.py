"""One thread, first come first served: places, cancels, failures and the end."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable

import pytest

from backend.engine.local.inference_thread import GenerationJob, InferenceThread
from backend.errors import EngineUnavailable, ModelFailed, OutOfMemory, QueueFull
from backend.types import Progress, Queued, StreamEvent, TextDelta


@pytest.fixture
async def thread() -> AsyncGenerator[InferenceThread]:
    thread = InferenceThread(queue_size=3)
    thread.start(lambda: None)
    yield thread
    thread.close()
    assert await asyncio.to_thread(thread.join, 5)


def says(text: str) -> Callable[[GenerationJob], None]:
    return lambda job: job.emit(TextDelta(text))


class Gate:
    """Work that says it has begun, then waits to be let through."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self._open = threading.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self, job: GenerationJob) -> None:
        self._loop.call_soon_threadsafe(self.begun.set)
        self._open.wait(5)
        job.check()
        job.emit(TextDelta("through"))

    def open(self) -> None:
        self._open.set()


async def all_of(job: GenerationJob) -> list[StreamEvent]:
    return [event async for event in job.events()]


async def test_work_is_done_in_order_and_each_waiting_job_hears_its_place(thread: InferenceThread) -> None:
    gate = Gate()
    first = thread.submit(gate)
    await gate.begun.wait()
    second, third = thread.submit(says("two")), thread.submit(says("three"))
    gate.open()
    assert await all_of(first) == [TextDelta("through")]
    assert await all_of(second) == [Queued(1), TextDelta("two")]
    assert await all_of(third) == [Queued(2), Queued(1), TextDelta("three")]


async def test_a_second_request_waits_until_the_others_had_their_first(thread: InferenceThread) -> None:
    done: list[str] = []

    def notes(name: str) -> Callable[[GenerationJob], None]:
        return lambda job: done.append(name)

    gate = Gate()
    jobs = [thread.submit(gate, "ann")]
    await gate.begun.wait()
    jobs += [thread.submit(notes(name), name.split()[0]) for name in ("ann 2", "bob 1", "eve 1")]
    gate.open()
    assert await all_of(jobs[1]) == [Queued(1), Queued(2), Queued(3), Queued(2), Queued(1)]
    assert done == ["bob 1", "eve 1", "ann 2"]
    # Who had a turn and comes anew waits behind none but those who are there.
    gate = Gate()
    jobs = [thread.submit(gate, "bob")]
    await gate.begun.wait()
    jobs += [thread.submit(notes(name), name.split()[0]) for name in ("bob 3", "bob 4", "ann 3")]
    thread.cancel(jobs[1])
    gate.open()
    for job in (jobs[2], jobs[3]):
        await all_of(job)
    assert done[3:] == ["ann 3", "bob 4"]


async def test_a_cancelled_job_that_waits_is_taken_out_and_the_ones_behind_it_move_up(thread: InferenceThread) -> None:
    gate = Gate()
    first = thread.submit(gate)
    await gate.begun.wait()
    ran: list[str] = []
    second, third = thread.submit(lambda job: ran.append("second")), thread.submit(says("three"))
    thread.cancel(second)
    gate.open()
    await all_of(first)
    assert await all_of(third) == [Queued(2), Queued(1), TextDelta("three")]
    assert ran == []


async def test_a_cancelled_job_that_runs_ends_where_it_looks(thread: InferenceThread) -> None:
    gate = Gate()
    running = thread.submit(gate)
    await gate.begun.wait()
    thread.cancel(running)
    gate.open()
    assert await all_of(thread.submit(says("next"), announce=False)) == [TextDelta("next")]


async def test_a_full_queue_refuses_with_a_sentence(thread: InferenceThread) -> None:
    gate = Gate()
    thread.submit(gate)
    await gate.begun.wait()
    waiting = [thread.submit(says("")) for _ in range(3)]
    with pytest.raises(QueueFull, match=r"^3 requests wait already; try again in a moment.$"):
        thread.submit(says("one too many"))
    thread.cancel(waiting[0])
    thread.submit(says("there is room again"))
    gate.open()


async def test_whatever_work_raises_reaches_its_reader_and_no_other(thread: InferenceThread) -> None:
    def sentence(job: GenerationJob) -> None:
        raise OutOfMemory("Send less.")

    def crash(job: GenerationJob) -> None:
        raise SystemExit(3)

    first, second, third = thread.submit(sentence), thread.submit(crash), thread.submit(says("well"))
    with pytest.raises(OutOfMemory, match=r"^Send less\.$"):
        await all_of(first)
    with pytest.raises(ModelFailed, match=r"^The model failed \(SystemExit\)"):
        await all_of(second)
    assert (await all_of(third))[-1] == TextDelta("well")


async def test_who_sees_the_last_event_finds_the_thread_free(thread: InferenceThread) -> None:
    for _ in range(50):
        async for event in thread.submit(lambda job: TextDelta("last")).events():
            assert event == TextDelta("last")
            assert await all_of(thread.submit(says("next"))) == [TextDelta("next")]


async def test_a_broadcast_reaches_the_running_and_the_waiting(thread: InferenceThread) -> None:
    gate = Gate()
    running = thread.submit(gate)
    await gate.begun.wait()
    waiting = thread.submit(says("two"))
    thread.broadcast(Progress("loading"))
    gate.open()
    assert await all_of(running) == [Progress("loading"), TextDelta("through")]
    assert await all_of(waiting) == [Queued(1), Progress("loading"), TextDelta("two")]


async def test_closing_ends_every_stream_with_a_sentence(thread: InferenceThread) -> None:
    gate = Gate()
    running = thread.submit(gate)
    await gate.begun.wait()
    waiting = thread.submit(says(""))
    thread.close()
    gate.open()
    for job in (running, waiting):
        with pytest.raises(EngineUnavailable, match=r"^The engine is shut down"):
            await all_of(job)
    with pytest.raises(EngineUnavailable):
        thread.submit(says(""))


async def test_a_reader_whose_loop_is_gone_stops_its_job(thread: InferenceThread) -> None:
    jobs: list[GenerationJob] = []

    async def leave() -> None:
        jobs.append(GenerationJob(says("")))

    await asyncio.to_thread(asyncio.run, leave())
    jobs[0].emit(TextDelta("anyone?"))
    assert jobs[0].cancelled


async def test_what_can_wait_is_done_when_nothing_else_is_and_job_by_job() -> None:
    thread, done, gate = InferenceThread(queue_size=3), list[str](), threading.Event()

    def idle() -> bool:
        done.append("idle")
        gate.wait(5)
        return len(done) < 2

    thread.start(lambda: done.append("chore"), idle)
    job = thread.submit(lambda job: done.append("job"))
    gate.set()
    await all_of(job)
    thread.close()
    assert await asyncio.to_thread(thread.join, 5)
    assert done.index("job") <= 2
    assert done[0] == "chore"
    assert "idle" in done
