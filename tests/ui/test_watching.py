"""What an operator sees of the page: pytest tests/ui/test_watching.py"""

import logging
import re
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from tests.support.guards import LOGIN, client, who
from tests.support.page import Runtime
from ui.chat_events import ChatEvents
from ui.chat_verbs import ChatVerbs
from ui.fields import FIELDS
from ui.watching import PrometheusFigures, route_of


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(each.levelname, re.sub(r"\d+\.\d\d s", "N s", each.getMessage())) for each in caplog.records]


async def test_each_request_is_a_line_without_what_is_a_person_s_own(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="ui.watching"):
        async with client(users=who, address="10.0.0.7") as http:
            await http.get("/config?chat=secret", headers=LOGIN)
            await http.post("/gradio_api/queue/join", json={"data": ["secret"]}, headers=LOGIN)
            await http.get("/gradio_api/file=/home/secret.png", headers=LOGIN)
            await http.post("/gradio_api/call/chat", json={"data": ["secret"]})
            await http.post("/gradio_api/run/x", headers=LOGIN | {"Origin": "https://evil.example"})
            await http.get("/secret%0Aforged line")
            await http.get("/health")
    assert lines(caplog) == [
        ("INFO", "ada GET /config: 200 after N s"),
        ("DEBUG", "ada POST /gradio_api/queue/join: 200 after N s"),
        ("DEBUG", "ada GET /gradio_api/file: 200 after N s"),
        ("INFO", "10.0.0.7 POST /gradio_api/call: 401 after N s"),
        ("INFO", "ada POST /gradio_api/run: 403 after N s"),
        ("INFO", "10.0.0.7 GET another: 404 after N s"),
        ("DEBUG", "10.0.0.7 GET /health: 200 after N s"),
    ]


async def test_each_answer_on_the_page_is_a_line_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    runtime = Runtime(tmp_path)
    verbs = ChatVerbs(runtime.chat, runtime.history, runtime.store)
    answers = ChatEvents(verbs, runtime.history, 64, ())
    asked: Any = gr.Request(session_hash="tab", query_params={})
    with caplog.at_level(logging.INFO, logger="ui.chat_events"):
        stream = answers.submit(asked, {"text": "secret"}, "", "chat", "", *(None for _ in FIELDS))
        assert [updates async for updates in stream] != []
    said = [re.sub(r"\d+\.\d s", "N s", message) for _, message in lines(caplog)]
    assert said == ["somebody: an answer, over after N s"]
    runtime.close()


async def test_the_page_says_whether_it_is_there_and_whether_its_model_is() -> None:
    for ready, status, said in ((False, 503, "The model is not there yet.\n"), (True, 200, "The model can answer.\n")):
        async with client(users=who, ready=lambda ready=ready: ready) as http:
            assert (await http.get("/health")).text == "The page answers.\n"
            answer = await http.get("/ready")
            assert (answer.status_code, answer.text) == (status, said)


async def test_figures_are_for_who_has_logged_in_where_they_are_wished_for() -> None:
    async with client(users=who) as http:
        assert (await http.get("/metrics", headers=LOGIN)).status_code == 404
    async with client(users=who, figures=PrometheusFigures(lambda: True)) as http:
        assert (await http.get("/metrics")).status_code == 401
        for path in ("/a", "/b", "/gradio_api/heartbeat/1", "/gradio_api/heartbeat/2"):
            await http.get(path, headers=LOGIN)
        await http.request("ODD", "/config", headers=LOGIN)
        answer = await http.get("/metrics", headers=LOGIN)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    counted = [
        line for line in answer.text.splitlines() if line.startswith(("glimpse_requests_total", "glimpse_ready"))
    ]
    assert sorted(counted) == [
        "glimpse_ready 1.0",
        'glimpse_requests_total{method="GET",route="/gradio_api/heartbeat",status="200"} 2.0',
        'glimpse_requests_total{method="GET",route="/metrics",status="401"} 1.0',
        'glimpse_requests_total{method="GET",route="another",status="404"} 2.0',
        'glimpse_requests_total{method="other",route="/config",status="405"} 1.0',
    ]


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", "/"),
        ("//evil", "another"),
        ("/configured", "another"),
        ("/assets/index.js", "/assets"),
        ("/gradio_api/call/chat/0123", "/gradio_api/call"),
        ("/gradio_api/file=/a/b.png", "/gradio_api/file"),
    ],
)
def test_a_route_is_one_of_few(path: str, route: str) -> None:
    assert route_of(path) == route
