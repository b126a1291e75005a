"""The engine with a model in this process, from the first load to the last answer."""

import asyncio
import re
import threading
import weakref
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from transformers import TopKLogitsWarper

from backend.engine.engine import EngineSpec, LocalSpec
from backend.engine.local import engine as local_engine
from backend.engine.local.decode import TokenStreamer
from backend.engine.local.engine import LocalEngine
from backend.engine.local.load import Loaded
from backend.errors import EngineUnavailable, GlimpseError, ModelFailed, ModelNotFound, NoNetwork, QueueFull
from backend.types import Finished, Progress, Queued, SamplingParams, TextDelta
from tests.support import tiny
from tests.support.engine import GREEDY, Store, clip, end, image, request, text
from tests.support.messages import assistant, events, user

LONG = SamplingParams(max_new_tokens=3000, temperature=0)


@asynccontextmanager
async def running(folder: Path, **options: Any) -> AsyncGenerator[LocalEngine]:
    engine = LocalEngine(LocalSpec(str(folder), **options), Store())
    engine.start()
    try:
        yield engine
    finally:
        await engine.close()


class HeldLoad:
    """Stands in for `load`: reports, waits to be let go on, then gives `outcomes` one after another."""

    def __init__(self, *outcomes: Loaded | Exception) -> None:
        self._outcomes = list(outcomes)
        self.reported = threading.Event()
        self.go = threading.Event()

    def __call__(self, spec: EngineSpec, report: Callable[[int, int], None]) -> Loaded:
        report(300, 1000)
        self.reported.set()
        assert self.go.wait(5)
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


async def test_a_conversation_of_several_turns(checkpoints: dict[str, Path]) -> None:
    async with running(checkpoints["mllama"]) as engine:
        first = await events(engine.stream(request(user(image("red"), "What is it?"))))
        second = await events(
            engine.stream(
                request(user(image("red"), "What is it?"), assistant(text(first)), user(clip(20), "And this?"))
            )
        )
    assert end(first).usage.images == 1
    assert (end(second).usage.images, end(second).usage.frames) == (1, 20)
    assert end(second).finish_reason == "length"


async def test_the_status_goes_from_loading_to_ready_to_closed(checkpoints: dict[str, Path]) -> None:
    engine = LocalEngine(LocalSpec(str(checkpoints["llama"])), Store())
    assert engine.status.state == "loading"
    await events(engine.stream(request(user("Hi"))))
    assert engine.status.state == "ready"
    assert engine.status.model is not None
    assert engine.status.model.name == "llama"
    await engine.close()
    await engine.close()
    assert engine.status.state == "closed"
    with pytest.raises(EngineUnavailable, match=r"^The engine is shut down"):
        await events(engine.stream(request(user("Hi"))))


async def test_a_request_that_comes_while_the_model_loads_waits_and_sees_it(
    models: dict[str, Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    load = HeldLoad(models["llama"])
    monkeypatch.setattr(local_engine, "load", load)
    async with running(Path("held")) as engine:
        await asyncio.to_thread(load.reported.wait, 5)
        assert (engine.status.state, engine.status.done, engine.status.total) == ("loading", 300, 1000)
        found = []
        async with aclosing(engine.stream(request(user("Hi")))) as stream:
            async for event in stream:
                found.append(event)
                load.go.set()
    assert found[0] == Progress("loading the model", 300, 1000, unit="bytes")
    assert end(found).usage.completion_tokens == 12


async def test_a_failed_load_is_told_to_all_who_wait_and_tried_again_by_the_next(
    models: dict[str, Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    load = HeldLoad(NoNetwork("Connect and try again."), models["llama"])
    monkeypatch.setattr(local_engine, "load", load)
    async with running(Path("held")) as engine:
        await asyncio.to_thread(load.reported.wait, 5)
        waiting = [asyncio.create_task(events(engine.stream(request(user("Hi"))))) for _ in range(3)]
        await asyncio.sleep(0)
        load.go.set()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        assert [repr(outcome) for outcome in outcomes] == [repr(NoNetwork("Connect and try again."))] * 3
        assert (engine.status.state, engine.status.detail) == ("failed", "Connect and try again.")
        assert isinstance((await events(engine.stream(request(user("Hi")))))[-1], Finished)
        assert engine.status.state == "ready"


async def test_anything_else_that_a_load_raises_becomes_a_sentence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    load = HeldLoad(KeyError("weights"), KeyError("weights"))
    load.go.set()
    monkeypatch.setattr(local_engine, "load", load)
    async with running(Path("broken")) as engine:
        with pytest.raises(ModelFailed, match=r"^broken could not be loaded \(KeyError\); the log says more\.$"):
            await events(engine.stream(request(user("Hi"))))
    assert "KeyError: 'weights'" in caplog.text


async def test_a_load_can_be_cancelled_by_closing(models: dict[str, Loaded], monkeypatch: pytest.MonkeyPatch) -> None:
    begun, closed = threading.Event(), threading.Event()

    def load(spec: EngineSpec, report: Callable[[int, int], None]) -> Loaded:
        begun.set()
        assert closed.wait(5)
        report(1, 1000)
        raise AssertionError("a report after closing must not return")

    monkeypatch.setattr(local_engine, "load", load)
    engine = LocalEngine(LocalSpec("held"), Store())
    engine.start()
    await asyncio.to_thread(begun.wait, 5)
    close = asyncio.create_task(engine.close())
    await asyncio.sleep(0)
    closed.set()
    await close
    assert engine.status.state == "closed"


def resident() -> int:
    """The memory of this process, in bytes, as the kernel counts it."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmRSS:\s+(\d+)", status)[1])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the memory of a process is read from /proc")
async def test_switching_models_gives_the_memory_of_the_old_one_back(tmp_path: Path) -> None:
    large = tiny.llama(tmp_path / "large", hidden=1024)
    weights = (large / "model.safetensors").stat().st_size
    async with running(large) as engine:
        await events(engine.stream(request(user("Hi"))))
        model = weakref.ref(engine.model)
        held = resident()
    assert model() is None
    async with running(tiny.llama(tmp_path / "small")) as engine:
        await events(engine.stream(request(user("Hi"))))
        assert held - resident() > 0.8 * weights


async def test_a_model_that_is_not_there_gets_a_sentence(tmp_path: Path) -> None:
    async with running(tmp_path / "nowhere") as engine:
        with pytest.raises(ModelNotFound, match=r"^There is no folder .*nowhere here"):
            await events(engine.stream(request(user("Hi"))))


async def test_leaving_a_stream_frees_the_thread_for_the_next_request(checkpoints: dict[str, Path]) -> None:
    async with running(checkpoints["mllama"]) as engine:
        async with aclosing(engine.stream(request(user("Hi"), sampling=LONG))) as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    break
        found = await asyncio.wait_for(events(engine.stream(request(user("Hi")))), 10)
    assert end(found).usage.completion_tokens == 12


async def test_others_wait_their_turn_and_hear_their_place(checkpoints: dict[str, Path]) -> None:
    async with running(checkpoints["mllama"], queue_size=2) as engine:
        async with aclosing(engine.stream(request(user("Hi"), sampling=LONG))) as first:
            async for event in first:
                if isinstance(event, TextDelta):
                    break
            waiting = [asyncio.create_task(events(engine.stream(request(user("Me too"))))) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(QueueFull, match=r"^2 requests wait already"):
                await events(engine.stream(request(user("And me"))))
        second, third = await asyncio.gather(*waiting)
    assert [event for event in second if isinstance(event, Queued)] == [Queued(1)]
    assert [event for event in third if isinstance(event, Queued)] == [Queued(2), Queued(1)]
    assert text(second) == text(third)


async def test_closing_ends_a_running_stream_with_a_sentence(checkpoints: dict[str, Path]) -> None:
    async with running(checkpoints["mllama"]) as engine:

        async def read() -> None:
            async for event in engine.stream(request(user("Hi"), sampling=LONG)):
                if isinstance(event, TextDelta):
                    await engine.close()

        with pytest.raises(EngineUnavailable, match=r"^The engine is shut down"):
            await read()


async def test_a_gpu_that_is_lost_is_told_by_the_status(
    checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def generate(**_: object) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    async with running(checkpoints["llama"]) as engine:
        await events(engine.stream(request(user("Hi"))))
        monkeypatch.setattr(engine.model, "generate", generate)
        with pytest.raises(ModelFailed, match=r"^The GPU failed; wait until the model is loaded again"):
            await events(engine.stream(request(user("Hi"))))
        assert engine.status.state == "failed"


async def test_an_engine_that_failed_once_answers_the_next_request(
    checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(checkpoints["mllama"]) as engine:
        await events(engine.stream(request(user("Hi"))))
        with monkeypatch.context() as broken:
            broken.setattr(engine.model.model.language_model.layers[1], "forward", lambda *_, **__: 1 / 0)
            with pytest.raises(GlimpseError, match=r"ZeroDivisionError"):
                await events(engine.stream(request(user(image("red"), "Hi"), sampling=GREEDY)))
        assert isinstance((await events(engine.stream(request(user(image("red"), "Hi")))))[-1], Finished)


async def test_whatever_breaks_while_tokens_are_drawn_ends_the_stream_with_a_sentence(
    checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("broken")

    async with running(checkpoints["llama"]) as engine:
        whole = await events(engine.stream(request(user("Hi"))))
        for place in (TokenStreamer, TopKLogitsWarper):
            name = "put" if place is TokenStreamer else "__call__"
            sampling = SamplingParams(max_new_tokens=5, temperature=1.0, top_k=5)
            with monkeypatch.context() as patch:
                patch.setattr(place, name, broken)
                with pytest.raises(ModelFailed, match=r"^The model failed while answering \(KeyError\)"):
                    await asyncio.wait_for(events(engine.stream(request(user("Hi"), sampling=sampling))), 10)
        assert text(await events(engine.stream(request(user("Hi"))))) == text(whole)
