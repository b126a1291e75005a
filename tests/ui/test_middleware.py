"""What may come in and what must go out: pytest tests/ui/test_middleware.py"""

import errno
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.support.guards import MB, Behind, client, who
from ui.middleware import FAILED, FULL, HEADERS, POLICY, SHARE_HOST, build_middleware, guarded


async def test_every_answer_carries_the_headers() -> None:
    async with client() as http:
        for path in ("/", "/gradio_api/upload", "/no/such"):
            headers = (await http.get(path)).headers
            assert {name: headers[name] for name in (*HEADERS, "Content-Security-Policy")} == {
                **HEADERS,
                "Content-Security-Policy": POLICY,
            }


@pytest.mark.parametrize(
    ("error", "status", "sentence", "name"),
    [
        (KeyError("private words"), 500, FAILED, "KeyError"),
        (OSError(errno.ENOSPC, "private words"), 507, FULL, "OSError"),
    ],
)
async def test_a_failure_is_one_sentence_with_all_headers_and_one_line_in_the_log(
    error: Exception, status: int, sentence: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing(_request: Request) -> Response:
        raise error

    app = Starlette(routes=[Route("/gradio_api/run/x", failing)])
    guards = build_middleware(1, host="127.0.0.1", share=False)
    transport = httpx.ASGITransport(guarded(app, guards))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7860") as http:
        answer = await http.get("/gradio_api/run/x")
    assert (answer.status_code, answer.json()) == (status, {"detail": sentence, "error": sentence})
    assert answer.headers["Content-Security-Policy"] == POLICY
    said = [each.getMessage() for each in caplog.records if each.name == "ui.middleware"]
    assert said == [f"GET /gradio_api/run/x failed: {name}"]


async def test_what_a_program_does_once_at_its_start_is_shut_afterwards() -> None:
    for started, status in ((False, 200), (True, 404)):
        async with client(started=lambda started=started: started) as http:
            assert (await http.get("/gradio_api/startup-events")).status_code == status


async def test_no_answer_lets_another_site_read_it() -> None:
    async def as_gradio(scope: Scope, receive: Receive, send: Send) -> None:
        allowed = {"Access-Control-Allow-Origin": "https://a.example", "access-control-allow-credentials": "true"}
        await PlainTextResponse("", headers=allowed)(scope, receive, send)

    guards = build_middleware(1, host="127.0.0.1", share=False)
    transport = httpx.ASGITransport(guarded(as_gradio, guards))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7860") as http:
        answers = [
            await http.get("/"),
            await http.options("/config", headers={"Access-Control-Request-Method": "GET"}),
        ]
    assert [name for each in answers for name in each.headers if name.startswith("access-control")] == []


async def test_a_path_under_which_a_proxy_offers_the_page_is_taken_off() -> None:
    behind = Behind()
    async with client(behind, root="/glimpse") as http:
        paths = (
            "/glimpse",
            "/glimpse/",
            "/glimpse/config",
            "/config",
            "/glimpse/gradio_api/file=/a b.png",
            "/glimpsed",
        )
        assert [(await http.get(path)).status_code for path in paths] == [200, 200, 200, 200, 200, 404]
    assert behind.reached == ["/", "/", "/config", "/config", "/gradio_api/file=/a b.png"]


async def test_a_shared_page_may_load_its_scripts_from_where_gradio_keeps_them() -> None:
    async with client(share=True, users=who) as http:
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
        "/gradio_api/token",
        "/pwa_icon/1",
        "/gradio_api/api/chat",
        "/gradio_api/deep_link",
        "/gradio_api/process_recording",
        "/gradio_api/component_server",
        "/gradio_api/proxy=https://x.hf.space/file",
        "/gradio_api/file=/data/media/aa/aa11/facts.json",
        "/gradio_api/file=/data/media/aa/aa11/FACTS.json",
        "/gradio_api/file=/data/media/aa/aa11/frames-8--/times.json",
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


async def chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // MB):
        yield bytes(MB)


async def test_an_upload_may_be_larger_than_anything_else() -> None:
    async with client() as http:
        assert (await http.post("/gradio_api/upload", content=bytes(9 * MB))).text == f"{9 * MB}"
        assert (await http.post("/gradio_api/upload", content=bytes(9 * MB + 1))).status_code == 413
        assert (await http.post("/gradio_api/queue/join", content=bytes(8 * MB))).text == f"{8 * MB}"
        assert (await http.post("/gradio_api/queue/join", content=bytes(8 * MB + 1))).status_code == 413


@pytest.mark.parametrize("path", ["run/upload", "call/upload", "call/v2/upload", "upload/", "cancel", "run/predict"])
async def test_a_body_that_tells_no_length_ends_at_the_limit_with_a_sentence(path: str) -> None:
    behind = Behind()
    async with client(behind) as http:
        answer = await http.post(f"/gradio_api/{path}", content=chunks(30 * MB))
    text = "At most 8 MB can be sent at once."
    told = answer.text if path == "upload/" else answer.json()["detail"]
    assert (answer.status_code, told, behind.bytes) == (413, text, 8 * MB)


async def test_a_length_that_is_none_is_refused() -> None:
    async with client() as http:
        assert (await http.post("/config", headers={"Content-Length": "-1"})).status_code == 413


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
