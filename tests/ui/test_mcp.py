"""The presets as MCP tools, called as a program for models calls them.

pytest tests/ui/test_mcp.py
"""

import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from tests.support.page import Runtime, picture


@pytest.fixture(scope="module")
def offering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    runtime = Runtime(tmp_path_factory.mktemp("tools"), mcp=True)
    runtime.open()
    yield runtime
    runtime.close()


@asynccontextmanager
async def connected(runtime: Runtime) -> AsyncIterator[Any]:
    async with (
        streamable_http_client(f"{runtime.url}gradio_api/mcp/") as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session


def data_url(file: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(file.read_bytes()).decode()}"


async def test_the_presets_are_the_tools(offering: Runtime) -> None:
    async with connected(offering) as session:
        tools = (await session.list_tools()).tools
    assert {tool.name: list(tool.inputSchema["properties"]) for tool in tools} == {
        "caption": ["image", "text"],
        "receipt": ["image", "text"],
        "latex": ["image", "text"],
        "describe_video": ["video", "text"],
    }
    assert tools[0].description.startswith("Describe an image in one line.")
    assert tools[0].inputSchema["required"] == ["image"]


async def test_a_tool_answers_about_a_file(offering: Runtime, tmp_path: Path) -> None:
    offering.rest()
    offering.engine.script = ["A teal circle."]
    file = picture(tmp_path / "a.png")
    async with httpx.AsyncClient() as http:
        files = {"files": ("a.png", file.read_bytes())}
        (path,) = (await http.post(f"{offering.url}gradio_api/upload", files=files)).json()
    async with connected(offering) as session:
        for image in (data_url(file), f"{offering.url}gradio_api/file={path}"):
            answer = await session.call_tool("caption", {"image": image})
            assert (answer.isError, [part.text for part in answer.content]) == (False, ["A teal circle."])
    assert offering.history.conversations(owner="") == []


async def test_a_receipt_is_json(offering: Runtime, tmp_path: Path) -> None:
    offering.rest()
    offering.engine.script = ['{"shop": "Café", "address": null, "items": [{"name": "Tea"}], "total": 2.50}']
    async with connected(offering) as session:
        answer = await session.call_tool("receipt", {"image": data_url(picture(tmp_path / "a.png"))})
    assert [part.text for part in answer.content] == [
        '{"shop": "Café", "address": null, "items": [{"name": "Tea"}], "total": 2.5}'
    ]


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        ("data:image/png;base64,AAAA", "is not a picture or a clip that we can read"),
        ("https://example.com/a.png", "nothing is fetched from elsewhere"),
        ("/etc/passwd", "Invalid file data format"),
    ],
)
async def test_what_cannot_be_done_is_one_sentence(offering: Runtime, image: str, sentence: str) -> None:
    offering.rest()
    async with connected(offering) as session:
        answer = await session.call_tool("caption", {"image": image})
    assert answer.isError
    assert sentence in answer.content[0].text
    assert offering.engine.requests == []


def test_the_chat_is_still_there(offering: Runtime) -> None:
    from gradio_client import Client

    offering.rest()
    client = Client(offering.url, verbose=False)
    answer = client.predict({"text": "Hi", "files": []}, api_name="/chat")
    client.close()
    assert answer.startswith("This is the scripted engine")


def test_a_page_with_a_login_offers_no_tools(tmp_path: Path) -> None:
    runtime = Runtime(tmp_path, mcp=True, auth=(("ada", "lovelace"),))
    runtime.open()
    with httpx.Client(base_url=runtime.url) as http:
        assert http.post("/gradio_api/mcp/", json={}).status_code == 404
    runtime.close()
