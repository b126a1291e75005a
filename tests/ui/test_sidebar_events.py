"""The side bar's listeners, called as Gradio calls them."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

from backend.engine.scripted import Gate
from tests.support.page import Runtime, picture
from tests.support.pdfs import write_pdf
from ui.chat_events import ChatEvents, Updates, nothing
from ui.chat_verbs import ChatVerbs
from ui.chat_view import find_examples
from ui.fields import FIELDS
from ui.model_picker import ModelChoice
from ui.page import build_page
from ui.sidebar_events import SidebarEvents
from ui.uploads import SentFiles, open_uploads

SETTINGS = ("", *(None for _ in FIELDS))


async def rest(stream: AsyncGenerator[Updates]) -> list[Updates]:
    return [updates async for updates in stream]


def request(tab: str) -> Any:
    return gr.Request(session_hash=tab, query_params={})


def listeners(runtime: Runtime) -> tuple[ChatEvents, SidebarEvents]:
    answers = ChatEvents(ChatVerbs(runtime.chat, runtime.history, runtime.store), runtime.history, 64, find_examples())
    return answers, SidebarEvents(answers, runtime.chat, runtime.history, runtime.engine, 64, ModelChoice(None))


async def test_what_is_sent_as_soon_as_an_answer_is_there_is_answered_too(tmp_path: Path) -> None:
    runtime = Runtime(tmp_path)
    answers, _ = listeners(runtime)
    first = answers.submit(request("tab"), {"text": "One"}, "", "chat", *SETTINGS)
    async for updates in first:
        if "figures" in str(updates[0]):  # it is shown, and not yet over
            break
    second = answers.submit(request("tab"), {"text": "Two"}, updates[3], "chat", *SETTINGS)
    shown, _ = await asyncio.gather(rest(second), rest(first))
    assert [bubble["role"] for bubble in shown[-1][0]] == ["user", "assistant"] * 2
    runtime.close()


async def test_a_second_click_on_an_example_is_one_too_many(tmp_path: Path) -> None:
    runtime = Runtime(tmp_path)
    gate = Gate()
    runtime.engine.script = ["Half", gate]
    answers, _ = listeners(runtime)
    chosen = SimpleNamespace(index=0)
    first = asyncio.create_task(rest(answers.example(request("tab"), chosen, "", *SETTINGS)))
    await gate.reached.wait()
    assert await rest(answers.example(request("tab"), chosen, "", *SETTINGS)) == [nothing()]
    gate.open()
    await first
    assert len(runtime.engine.requests) == 1
    runtime.close()


def test_no_click_is_dropped_by_the_browser(tmp_path: Path) -> None:
    runtime = Runtime(tmp_path)
    page = build_page(runtime.chat, runtime.history, runtime.store, runtime.engine, runtime.settings)
    chat = {part["id"] for part in page.config["components"] if part["props"].get("elem_id") in ("composer", "chat")}
    modes = {
        event: each["trigger_mode"]
        for each in page.config["dependencies"]
        for component, event in each["targets"]
        if component in chat and event != "stop"
    }
    assert modes == dict.fromkeys(("submit", "retry", "edit", "undo", "example_select"), "multiple")
    runtime.close()


async def test_a_page_that_comes_late_leaves_what_was_asked_before_it(tmp_path: Path) -> None:
    runtime = Runtime(tmp_path)
    answers, desk = listeners(runtime)
    shown = await rest(answers.submit(request("quick"), {"text": "Hi"}, "", "chat", *SETTINGS))
    kept = shown[-1][3]
    assert await desk.resume(request("quick"), "") == nothing()
    late = await desk.resume(request("slow"), kept)
    assert (late[0], late[3]) == (shown[-1][0], kept)
    runtime.close()


async def test_what_was_sent_in_a_deleted_conversation_is_gone_from_the_uploads(tmp_path: Path) -> None:
    runtime = Runtime(tmp_path / "data")
    uploads = open_uploads(tmp_path / "uploads")
    sent = SentFiles(uploads)
    verbs = ChatVerbs(runtime.chat, runtime.history, runtime.store, sent.note)
    answers = ChatEvents(verbs, runtime.history, 64, find_examples())
    side = SidebarEvents(answers, runtime.chat, runtime.history, runtime.engine, 64, ModelChoice(None), sent.forget)
    files = {}
    for name, colour in (("private", "red"), ("other", "blue")):
        (uploads / name).mkdir()
        files[name] = picture(uploads / name / f"{name}.png", colour)
    pages = write_pdf(uploads / "private" / "private.pdf", ["1 0 0 rg 0 0 72 72 re f"])
    (uploads / "earlier").mkdir()
    again = uploads / "earlier" / "again.png"
    again.write_bytes(files["private"].read_bytes())  # sent before a restart
    await rest(answers.submit(request("tab"), {"text": "", "files": [str(files["private"]), str(pages)]}, "", "chat",
                              *SETTINGS))  # fmt: skip
    conversation = runtime.only()
    download = sent.results(conversation) / "digest" / "receipt.json"
    download.parent.mkdir(parents=True)
    download.write_text("{}")
    await side.delete(request("tab"), conversation)
    assert [path for path in uploads.rglob("*") if path.is_file()] == [files["other"]]
    runtime.close()
