"""Nothing without a login, and no password by trying: pytest tests/ui/test_logins.py"""

import asyncio
from types import SimpleNamespace

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from tests.support.guards import LOGIN, MB, Behind, client, who
from ui import logins
from ui.logins import TRIES, WINDOW


@pytest.mark.parametrize("path", ["upload", "run/upload", "call/upload", "call/v2/upload", "queue/join", "cancel"])
async def test_without_a_login_no_body_is_read(path: str) -> None:
    behind = Behind()
    async with client(behind, users=who) as http:
        for cookies in ({}, {"Cookie": "token=wrong"}):
            refused = await http.post(f"/gradio_api/{path}", content=bytes(5 * MB), headers=cookies)
            assert (refused.status_code, logins.NOT_LOGGED_IN in refused.text) == (401, True)
        assert (behind.reached, behind.bytes) == ([], 0)
        assert (await http.post(f"/gradio_api/{path}", content=bytes(5 * MB), headers=LOGIN)).text == f"{5 * MB}"


async def test_passwords_cannot_be_tried_without_end() -> None:
    async with client(users=who) as http:
        statuses = [(await http.post("/login", content=b"wrong")).status_code for _ in range(TRIES + 1)]
        assert statuses == [400] * TRIES + [429]
        assert (await http.post("/login", content=b"right")).status_code == 429
        assert (await http.get("/")).status_code == 200


async def test_a_minute_after_too_many_wrong_passwords_one_may_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(logins, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    async with client(users=who) as http:

        async def tried(password: bytes) -> int:
            return (await http.post("/login", content=password)).status_code

        assert [await tried(b"wrong") for _ in range(TRIES + 1)] == [400] * TRIES + [429]
        now.seconds += WINDOW - 1
        assert await tried(b"right") == 429
        now.seconds += 2
        assert [await tried(b"right"), *[await tried(b"wrong") for _ in range(TRIES + 1)]] == [
            200,
            *[400] * TRIES,
            429,
        ]


async def test_many_passwords_at_once_are_no_more_than_one_after_another() -> None:
    gate, waiting = asyncio.Event(), 0

    async def login(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == TRIES:
            gate.set()
        await gate.wait()
        await PlainTextResponse("wrong", 400)(scope, receive, send)

    guarded = logins.LimitedLogins(login)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=guarded), base_url="http://page") as http:
        posts = await asyncio.gather(*(http.post("/login", content=b"wrong") for _ in range(3 * TRIES)))
    assert sorted(post.status_code for post in posts) == [400] * TRIES + [429] * (2 * TRIES)


async def test_right_passwords_are_not_counted() -> None:
    async with client(users=who) as http:
        assert {(await http.post("/login", content=b"right")).status_code for _ in range(TRIES * 2)} == {200}
