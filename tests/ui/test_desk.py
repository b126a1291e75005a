"""The side bar's listeners, called as Gradio calls them."""

from pathlib import Path
from typing import Any

import gradio as gr

from tests.ui.house import House
from ui.chat import Talk
from ui.desk import Desk
from ui.fields import FIELDS
from ui.wiring import Answers, nothing


def request(tab: str) -> Any:
    return gr.Request(session_hash=tab, query_params={})


async def test_a_page_that_comes_late_leaves_what_was_asked_before_it(tmp_path: Path) -> None:
    house = House(tmp_path)
    answers = Answers(Talk(house.chat, house.history, house.store), house.history, 64, ())
    desk = Desk(answers, house.chat, house.history, house.engine, 64)
    settings = ("", *(None for _ in FIELDS))
    shown = [updates async for updates in answers.submit(request("quick"), {"text": "Hi"}, "", "chat", *settings)]
    kept = shown[-1][3]
    assert await desk.resume(request("quick"), "") == nothing()
    late = await desk.resume(request("slow"), kept)
    assert (late[0], late[3]) == (shown[-1][0], kept)
    house.close()
