"""A preset asked of every file: pytest tests/batch/test_run.py"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from backend.batch.files import find
from backend.batch.rows import FileRow, table
from backend.batch.run import Batch, still_true
from backend.chat.one_shot import OWNER, OneShot
from backend.engine.scripted import Gate, Step
from backend.errors import EngineUnavailable, GlimpseError, OutOfMemory, QueueFull
from backend.reader.page import Line, Page
from backend.types import EngineStatus, GenerationRequest
from tests.support.batch import Runtime, brief
from tests.support.chat import content, sha
from tests.support.messages import events
from tests.support.pdfs import write_pdf


@pytest_asyncio.fixture
async def runtime(tmp_path: Path) -> AsyncIterator[Runtime]:
    made = Runtime(tmp_path)
    yield made
    await made.close()


def put(runtime: Runtime, *names: str) -> None:
    for name in names:
        (runtime.folder / name).write_bytes(content(name))


def asks_about(name: str, request: GenerationRequest) -> bool:
    return [part.media_id for part in request.messages[0].media] == [sha(name)]


async def test_every_file_and_page_is_a_row_and_nothing_is_kept(runtime: Runtime, tmp_path: Path) -> None:
    put(runtime, "a.png", "c.png")
    write_pdf(runtime.folder / "b.pdf", ["1 0 0 rg 0 0 9 9 re f", "0 0 1 rg 0 0 9 9 re f"])
    rows = await runtime.rows()
    assert brief(rows) == [
        ("a.png", None, "An answer."),
        ("b.pdf", 1, "An answer."),
        ("b.pdf", 2, "An answer."),
        ("c.png", None, "An answer."),
    ]
    row = rows[0]
    assert (row.preset, row.finish_reason, row.model, row.tokens) == ("caption", "stop", "scripted", 2)
    assert [row.pages for row in rows] == [None, 2, 2, None]
    assert {request.task for request in runtime.engine.requests} == {"caption"}
    assert len({request.messages for request in runtime.engine.requests}) == 4
    await runtime.chat.close()
    assert runtime.history.conversations(OWNER) == []
    assert list((tmp_path / "media").glob("??/*")) == []


async def test_further_words_are_said_with_every_file(runtime: Runtime) -> None:
    put(runtime, "a.png")
    batch = Batch(runtime.once, runtime.engine, runtime.store.pages, "caption", text="In Welsh.")
    (row,) = await events(batch.rows(find(runtime.folder, "image").sources))
    assert row.text == "In Welsh."
    assert runtime.engine.requests[0].messages[0].text == "Describe this image in one line.\nIn Welsh."


async def test_an_error_is_a_row_and_not_the_end(runtime: Runtime) -> None:
    put(runtime, "bad.png", "good.png", "heavy.png")
    (runtime.folder / "cut.pdf").write_bytes(b"%PDF-1.7 cut")

    def script(request: GenerationRequest) -> list[Step]:
        return [OutOfMemory("Too large; send less.")] if asks_about("heavy.png", request) else ["Fine."]

    runtime.engine.script = script
    assert brief(await runtime.rows()) == [
        (
            "bad.png",
            None,
            "“bad.png” is a text file; send a picture (PNG, JPEG, WebP, …) or a clip "
            "(MP4, MOV, WebM, MKV, AVI, MPEG-TS or Ogg).",
        ),
        ("cut.pdf", None, "“cut.pdf” is a PDF that is damaged or cut short; export it again."),
        ("good.png", None, "Fine."),
        ("heavy.png", None, "Too large; send less."),
    ]


async def test_what_is_kept_is_not_asked_again(runtime: Runtime) -> None:
    put(runtime, "a.png", "z.png")
    write_pdf(runtime.folder / "b.pdf", ["", "0 0 1 rg 0 0 9 9 re f"])
    first = await runtime.rows()
    runtime.engine.requests.clear()
    assert await runtime.rows(kept=first) == []
    assert brief(await runtime.rows(kept=[first[0], first[2]])) == [
        ("b.pdf", 1, "An answer."),
        ("z.png", None, "An answer."),
    ]
    assert len(runtime.engine.requests) == 2


async def test_a_changed_file_and_an_error_are_done_anew(runtime: Runtime) -> None:
    put(runtime, "a.png", "b.png", "c.png")
    a, b, c = await runtime.rows()
    (runtime.folder / "b.png").write_bytes(content("other.png"))
    sources = find(runtime.folder, "image").sources
    becomes = await still_true([a, b, c], sources)
    assert [becomes(row) for row in (a, b, replace(c, error="No."))] == [a, None, None]


async def test_a_renamed_file_keeps_its_answer_and_one_that_is_gone_is_marked(runtime: Runtime) -> None:
    put(runtime, "a.png", "b.png", "c.png", "d.png")
    rows = await runtime.rows()
    a, b, c, d = rows
    (runtime.folder / "a.png").rename(runtime.folder / "2026-01 Cafe.png")
    (runtime.folder / "b.png").unlink()
    (runtime.folder / "copy of c.png").write_bytes(content("c.png"))
    becomes = await still_true(rows, find(runtime.folder, "image").sources)
    marked = replace(b, gone=True)
    assert [becomes(row) for row in rows] == [replace(a, file="2026-01 Cafe.png"), marked, c, d]
    assert [line.get("file is gone") for line in table([a, marked])] == [None, True]
    put(runtime, "b.png")
    becomes = await still_true([marked], find(runtime.folder, "image").sources)
    assert becomes(FileRow.load(marked.dump())) == b


async def test_of_two_files_with_one_content_each_gets_one_row(runtime: Runtime) -> None:
    for name in ("a.png", "b.png"):
        (runtime.folder / name).write_bytes(content("same"))
    rows = await runtime.rows()
    (runtime.folder / "a.png").rename(runtime.folder / "x.png")
    becomes = await still_true(rows, find(runtime.folder, "image").sources)
    assert [row and row.file for row in map(becomes, rows)] == ["x.png", "b.png"]


async def test_the_next_file_is_read_while_one_is_answered(runtime: Runtime) -> None:
    put(runtime, "a.png", "b.png", "c.png")
    gates = [Gate(), Gate(), Gate()]
    runtime.engine.script = lambda _: [gates[len(runtime.engine.requests) - 1], "Done."]
    task = asyncio.create_task(runtime.rows())
    await gates[1].reached.wait()
    assert runtime.engine.active == 2
    for gate in gates:
        gate.open()
    assert [row.answer for row in await task] == ["Done."] * 3


async def test_closing_stops_what_is_under_way(runtime: Runtime) -> None:
    put(runtime, "a.png", "b.png", "c.png")
    gate = Gate()

    def script(request: GenerationRequest) -> list[Step]:
        return ["Done."] if asks_about("a.png", request) else [gate]

    runtime.engine.script = script
    rows = runtime.batch().rows(find(runtime.folder, "image").sources)
    assert (await anext(rows)).answer == "Done."
    await gate.reached.wait()
    await rows.aclose()
    assert runtime.engine.active == 0
    assert runtime.history.conversations(OWNER) == []


async def test_a_model_that_is_gone_ends_it(runtime: Runtime) -> None:
    put(runtime, "a.png", "b.png")
    runtime.engine.status = EngineStatus("failed", "There is no such model; see --model.")
    with pytest.raises(GlimpseError, match="There is no such model"):
        await runtime.rows()


async def test_an_engine_that_starts_again_costs_one_row(runtime: Runtime) -> None:
    put(runtime, "a.png", "b.png")

    def script(request: GenerationRequest) -> list[Step]:
        return [EngineUnavailable("It died; try again.")] if len(runtime.engine.requests) == 1 else ["Fine."]

    runtime.engine.script = script
    assert sorted(row.error or row.answer for row in await runtime.rows()) == ["Fine.", "It died; try again."]


async def test_a_full_queue_is_waited_for(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.batch.run._PATIENCE", 0.0)
    put(runtime, "a.png")

    def script(request: GenerationRequest) -> list[Step]:
        return [QueueFull("Too many wait.")] if len(runtime.engine.requests) < 3 else ["Fine."]

    runtime.engine.script = script
    assert brief(await runtime.rows()) == [("a.png", None, "Fine.")]


async def test_the_total_grows_with_the_pages_that_are_found(runtime: Runtime) -> None:
    write_pdf(runtime.folder / "a.pdf", ["", "0 0 1 rg 0 0 9 9 re f", "1 0 0 rg 0 0 9 9 re f"])
    batch = runtime.batch()
    rows = await events(batch.rows(find(runtime.folder, "image").sources))
    assert batch.total == len(rows) == 3
    assert await events(batch.rows(find(runtime.folder, "image").sources, rows)) == []
    assert batch.total == 3


async def test_a_place_that_is_taken_is_a_row_and_costs_no_answer(runtime: Runtime) -> None:
    put(runtime, "a.png", "b.png")
    sources = find(runtime.folder, "image").sources
    rows = runtime.batch().rows(sources, refuses=lambda source, _page: "Taken." if source.name == "a.png" else None)
    assert brief(await events(rows)) == [("a.png", None, "Taken."), ("b.png", None, "An answer.")]
    assert len(runtime.engine.requests) == 1


async def test_what_a_kill_left_in_the_history_goes_a_day_later(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime.history.create(OWNER)
    mine = runtime.history.create("ada")
    OneShot(runtime.chat, runtime.history)
    assert len(runtime.history.conversations(OWNER)) == 1
    monkeypatch.setattr("backend.chat.one_shot._LEFT_OVER", -1.0)
    OneShot(runtime.chat, runtime.history)
    assert runtime.history.conversations(OWNER) == []
    assert [each.id for each in runtime.history.conversations("ada")] == [mine]


def receipt_page(*rows: str) -> Page:
    """Rows of text of 20 pixels, one below the other."""
    quads = [((10.0, top), (200.0, top), (200.0, top + 20), (10.0, top + 20)) for top in range(10, 500, 30)]
    return Page(300, 600, tuple(Line(row, quad) for row, quad in zip(rows, quads, strict=False)))


async def test_a_row_says_what_stands_nowhere_and_with_evidence_where_the_rest_stands(runtime: Runtime) -> None:
    put(runtime, "a.png")
    runtime.pages[sha("a.png")] = receipt_page("Corner Shop", "TOTAL 5.60")
    runtime.engine.script = ['{"shop":"Corner Shop","total":9.99}']
    (row,) = await runtime.rows("receipt")
    assert (row.nowhere, row.evidence) == (("total",), None)
    runtime.engine.script = ['{"shop":"Corner Shop","total":5.60}']
    batch = Batch(runtime.once, runtime.engine, runtime.store.pages, "receipt", evidence=True)
    (row,) = await events(batch.rows(find(runtime.folder, "image").sources))
    assert row.nowhere == ()
    assert row.evidence == {
        "shop": {"kind": "exact", "places": [{"image": 0, "box": [10, 10, 200, 30], "text": "Corner Shop"}]},
        "total": {"kind": "exact", "places": [{"image": 0, "box": [124, 40, 200, 60], "text": "TOTAL 5.60"}]},
    }
    assert FileRow.load(row.dump()) == row
