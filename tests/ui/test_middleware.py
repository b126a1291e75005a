"""What may come in and what must go out: pytest tests/ui/test_middleware.py"""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ui import middleware
from ui.middleware import HEADERS, POLICY, SHARE_HOST, TRIES, WINDOW, Names, build_middleware


async def answer(request: Request) -> Response:
    try:
        body = await request.body()
    except ClientDisconnect:
        return PlainTextResponse("cut off", 400)
    if request.url.path == "/login" and request.method == "POST":
        return PlainTextResponse("", 200 if body == b"right" else 400)
    return PlainTextResponse(f"{len(body)}")


def client(
    *,
    host: str = "127.0.0.1",
    share: bool = False,
    login: bool = False,
    mcp: bool = False,
    names: Names = tuple,
) -> httpx.AsyncClient:
    app = Starlette(
        routes=[Route("/{path:path}", answer, methods=["GET", "POST"])],
        middleware=build_middleware(1000, host=host, share=share, login=login, mcp=mcp, names=names),
    )
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:7860")


async def test_every_answer_carries_the_headers() -> None:
    async with client() as http:
        for path in ("/", "/gradio_api/upload", "/no/such"):
            headers = (await http.get(path)).headers
            assert {name: headers[name] for name in (*HEADERS, "Content-Security-Policy")} == {
                **HEADERS,
                "Content-Security-Policy": POLICY,
            }


async def test_a_shared_page_may_load_its_scripts_from_where_gradio_keeps_them() -> None:
    async with client(share=True, login=True) as http:
        policy = (await http.get("/")).headers["Content-Security-Policy"]
    assert f"script-src 'self' {SHARE_HOST} 'unsafe-inline'" in policy
    assert "img-src 'self' data: blob:;" in policy


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/config",
        "/login",
        "/theme.css",
        "/assets/index.js",
        "/static/img/logo.svg",
        "/gradio_api/info",
        "/gradio_api/upload",
        "/gradio_api/queue/join",
        "/gradio_api/queue/data",
        "/gradio_api/heartbeat/abc",
        "/gradio_api/cancel",
        "/gradio_api/run/predict",
        "/gradio_api/call/chat",
        "/gradio_api/call/chat/123",
        "/gradio_api/call/v2/chat",
        "/gradio_api/file=/data/media/a.png",
        "/gradio_api/file=C:\\data\\a.png",
        "/gradio_api/file=C:/data/a.png",
    ],
)
async def test_what_the_page_and_its_client_need_is_open(path: str) -> None:
    async with client() as http:
        assert (await http.get(path)).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/monitoring",
        "/monitoring/summary",
        "/gradio_api/api/chat",
        "/gradio_api/deep_link",
        "/gradio_api/process_recording",
        "/gradio_api/component_server",
        "/gradio_api/proxy=https://x.hf.space/file",
        "/gradio_api/file=http://169.254.169.254/latest",
        "/gradio_api/file=HTTPS://example.com/x",
        "/gradio_api/file=%20http://example.com/x",
        "/gradio_api/file=file:///etc/passwd",
        "/gradio_api/runs",
        "/gradio_api/run-history/records",
        "/gradio_api/vibe-code",
        "/gradio_api/dev/reload",
        "/gradio_api/stream/abc",
        "/gradio_api/custom_component/a/client/base/index.js",
        "/docs",
    ],
)
async def test_every_other_route_is_shut(path: str) -> None:
    async with client() as http:
        assert (await http.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        ("http://127.0.0.1:7860", 200),
        ("http://127.0.0.1:9999", 403),
        ("https://evil.example", 403),
        ("null", 403),
    ],
)
async def test_another_sites_page_can_send_nothing(origin: str | None, status: int) -> None:
    async with client() as http:
        headers = {"Origin": origin} if origin else {}
        assert (await http.post("/gradio_api/queue/join", headers=headers)).status_code == status


async def test_a_page_behind_a_public_link_knows_its_name() -> None:
    names: list[str] = []
    async with client(share=True, login=True, names=lambda: names) as http:
        headers = {"Origin": "https://abc.example"}
        assert (await http.post("/gradio_api/queue/join", headers=headers)).status_code == 403
        names.append("abc.example")
        assert (await http.post("/gradio_api/queue/join", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("127.0.0.1:7860", 200),
        ("localhost:7860", 200),
        ("[::1]:7860", 200),
        ("127.0.0.2", 200),
        ("glimpse.localhost", 200),
        ("evil.example:7860", 403),
        ("192.168.0.5", 403),
        ("", 403),
    ],
)
async def test_a_page_without_login_on_this_machine_answers_to_its_own_names_only(name: str, status: int) -> None:
    async with client() as http:
        assert (await http.get("/", headers={"Host": name})).status_code == status


async def test_a_page_for_others_answers_to_any_name() -> None:
    for options in ({"host": "0.0.0.0"}, {"login": True}, {"share": True}):
        async with client(**options) as http:  # type: ignore[arg-type]
            assert (await http.get("/", headers={"Host": "photos.example"})).status_code == 200


async def test_a_body_over_its_limit_is_refused() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield bytes(100)

    async with client() as http:
        assert (await http.post("/gradio_api/upload", content=bytes(1000))).text == "1000"
        assert (await http.post("/gradio_api/upload", content=bytes(1001))).status_code == 413
        assert (await http.post("/gradio_api/upload", content=chunks())).status_code == 400
        assert (await http.post("/gradio_api/queue/join", content=bytes(5000))).text == "5000"
        assert (await http.post("/gradio_api/queue/join", content=bytes(9 * 2**20))).status_code == 413


async def test_passwords_cannot_be_tried_without_end() -> None:
    async with client(login=True) as http:
        statuses = [(await http.post("/login", content=b"wrong")).status_code for _ in range(TRIES + 1)]
        assert statuses == [400] * TRIES + [429]
        assert (await http.post("/login", content=b"right")).status_code == 429
        assert (await http.get("/")).status_code == 200


async def test_a_minute_after_too_many_wrong_passwords_one_may_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(middleware, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    async with client(login=True) as http:

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

    guarded = middleware.LimitedLogins(login)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=guarded), base_url="http://page") as http:
        posts = await asyncio.gather(*(http.post("/login", content=b"wrong") for _ in range(3 * TRIES)))
    assert sorted(post.status_code for post in posts) == [400] * TRIES + [429] * (2 * TRIES)


async def test_right_passwords_are_not_counted() -> None:
    async with client(login=True) as http:
        assert {(await http.post("/login", content=b"right")).status_code for _ in range(TRIES * 2)} == {200}


async def test_mcp_is_shut_unless_it_is_wished_for_and_its_older_transport_always() -> None:
    for mcp, status in ((False, 404), (True, 200)):
        async with client(mcp=mcp) as http:
            for path in ("", "/", "/http", "/http/"):
                assert (await http.post(f"/gradio_api/mcp{path}")).status_code == status
            for path in ("/sse", "/messages/", "/schema", "x"):
                assert (await http.post(f"/gradio_api/mcp{path}")).status_code == 404
    async with client(mcp=True) as http:
        foreign = {"origin": "https://example.com"}
        assert (await http.post("/gradio_api/mcp/", headers=foreign)).status_code == 403
        assert (await http.post("/gradio_api/mcp/", headers={"host": "example.com"})).status_code == 403
        assert (await http.post("/gradio_api/mcp/", content=bytes(9 * 2**20))).status_code == 413
