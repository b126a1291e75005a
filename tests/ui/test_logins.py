"""Nothing without a login, and no password by trying: pytest tests/ui/test_logins.py"""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.support.guards import LOGIN, MB, Behind, client, who
from ui import logins
from ui.logins import TRIES, TRIES_ELSEWHERE, WINDOW, LimitedLogins
from ui.middleware import guarded


@pytest.mark.parametrize("path", ["upload", "run/upload", "call/upload", "call/v2/upload", "queue/join", "cancel"])
async def test_without_a_login_no_body_is_read(path: str) -> None:
    behind = Behind()
    async with client(behind, users=who) as http:
        for cookies in ({}, {"Cookie": "token=wrong"}):
            refused = await http.post(f"/gradio_api/{path}", content=bytes(5 * MB), headers=cookies)
            assert (refused.status_code, logins.NOT_LOGGED_IN in refused.text) == (401, True)
        assert (behind.reached, behind.bytes) == ([], 0)
        assert (await http.post(f"/gradio_api/{path}", content=bytes(5 * MB), headers=LOGIN)).text == f"{5 * MB}"


async def test_the_page_of_the_login_is_all_that_is_seen_without_one() -> None:
    behind = Behind()
    async with client(behind, users=who, root="/glimpse") as http:
        page = await http.get("/")
        assert (page.status_code, 'fetch("/glimpse/login"' in page.text) == (200, True)
        assert "gradio" not in page.text.lower()
        for path in ("config", "theme.css", "assets/index.js", "manifest.json"):
            assert (await http.get(f"/{path}")).status_code == 401
        for path in ("info", "app_id", "user", "login_check", "heartbeat/x", "queue/data", "theme.css"):
            assert (await http.get(f"/gradio_api/{path}")).status_code == 401
        for path in ("cancel", "reset"):
            assert (await http.post(f"/gradio_api/{path}")).status_code == 401
    assert behind.reached == []


async def test_only_a_post_from_this_page_logs_out() -> None:
    ended: list[str] = []

    def log_out(cookies: Mapping[str, str]) -> list[str]:
        ended.append(cookies.get("token", ""))
        return ["token"]

    behind = Behind()
    async with client(behind, users=who, log_out=log_out) as http:
        refused = [
            await http.get("/logout", headers=LOGIN),
            await http.get("/logout?all_session=false", headers=LOGIN),
            await http.post("/logout", headers=LOGIN | {"Origin": "https://evil.example"}),
        ]
        assert ([each.status_code for each in refused], ended) == ([405, 405, 403], [])
        answer = await http.post("/logout", headers=LOGIN | {"Origin": "http://127.0.0.1:7860"})
        assert (answer.status_code, ended, behind.reached) == (204, ["ada"], [])
        assert 'token=""' in answer.headers["set-cookie"]


def form(user: str, password: str) -> dict[str, str]:
    return {"username": user, "password": password}


async def tried(http: httpx.AsyncClient, user: str = "ada", password: str = "wrong") -> tuple[int, str]:
    answer = await http.post("/login", data=form(user, password))
    return answer.status_code, answer.json()["detail"] if answer.text else ""


REFUSED, LOCKED, LOCKED_ELSEWHERE = (400, logins.WRONG), (429, logins.TOO_MANY), (429, logins.TOO_MANY_ELSEWHERE)


async def test_passwords_cannot_be_tried_without_end() -> None:
    async with client(users=who) as http:
        assert [await tried(http) for _ in range(TRIES + 1)] == [REFUSED] * TRIES + [LOCKED]
        assert await tried(http, password="right") == LOCKED
        assert await tried(http, " ada ", "right") == LOCKED
        assert (await http.get("/")).status_code == 200


async def test_who_tries_one_person_s_password_locks_nobody_else_out() -> None:
    async with client(users=who) as http:
        for user in ["ada", *(f"nobody {number}" for number in range(2 * TRIES))]:
            assert [await tried(http, user) for _ in range(TRIES)] == [REFUSED] * TRIES
        assert await tried(http, "ada") == LOCKED
        assert await tried(http, "bob", "right") == (200, "")


async def test_many_addresses_try_no_more_than_a_few_and_lock_nobody_out_at_home() -> None:
    behind = Behind()
    answer = guarded(Starlette(routes=[Route("/login", behind.answer, methods=["POST"])]), [Middleware(LimitedLogins)])

    def at(address: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(answer, client=(address, 1)), base_url="http://page")

    async with at("10.0.0.1") as home:
        assert await tried(home, password="right") == (200, "")
    for number in range(TRIES_ELSEWHERE):
        async with at(f"10.1.0.{number}") as http:
            assert await tried(http) == REFUSED
    async with at("10.2.0.1") as http:
        assert await tried(http, password="right") == LOCKED_ELSEWHERE
    async with at("10.0.0.1") as home:
        assert await tried(home, password="right") == (200, "")


async def test_a_minute_after_too_many_wrong_passwords_one_may_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(logins, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    async with client(users=who) as http:
        assert [await tried(http) for _ in range(TRIES + 1)] == [REFUSED] * TRIES + [LOCKED]
        now.seconds += WINDOW - 1
        assert await tried(http, password="right") == LOCKED
        now.seconds += 2
        assert await tried(http, password="right") == (200, "")
        assert [await tried(http) for _ in range(TRIES + 1)] == [REFUSED] * TRIES + [LOCKED]


async def test_many_passwords_at_once_are_no_more_than_one_after_another() -> None:
    gate, waiting = asyncio.Event(), 0

    async def login(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal waiting
        waiting += 1
        if waiting == TRIES:
            gate.set()
        await gate.wait()
        await PlainTextResponse("wrong", 400)(scope, receive, send)

    transport = httpx.ASGITransport(app=LimitedLogins(login))
    async with httpx.AsyncClient(transport=transport, base_url="http://page") as http:
        bursts = [await asyncio.gather(*(tried(http) for _ in range(3 * TRIES))) for _ in range(2)]
    assert [sorted(burst) for burst in bursts] == [[REFUSED] * TRIES + [LOCKED] * 2 * TRIES, [LOCKED] * 3 * TRIES]


async def test_right_passwords_are_not_counted() -> None:
    async with client(users=who) as http:
        assert {await tried(http, password="right") for _ in range(TRIES * 2)} == {(200, "")}


async def test_a_login_of_many_bytes_is_not_read_to_its_end() -> None:
    async with client(users=who) as http:
        answer = await http.post("/login", data=form("ada", "a" * 2**20))
        assert (answer.status_code, answer.json()["detail"]) == (413, logins.WRONG)
