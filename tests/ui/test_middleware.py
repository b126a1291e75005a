"""What may come in and what must go out: pytest tests/ui/test_middleware.py"""

from collections.abc import AsyncIterator

import pytest

from tests.support.guards import LOGIN, MB, Behind, client, who
from ui.middleware import HEADERS, POLICY, SHARE_HOST


async def test_every_answer_carries_the_headers() -> None:
    async with client() as http:
        for path in ("/", "/gradio_api/upload", "/no/such"):
            headers = (await http.get(path)).headers
            assert {name: headers[name] for name in (*HEADERS, "Content-Security-Policy")} == {
                **HEADERS,
                "Content-Security-Policy": POLICY,
            }


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
    async with client(share=True, users=who, names=lambda: names) as http:
        headers = LOGIN | {"Origin": "https://abc.example"}
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
    for options in ({"host": "0.0.0.0"}, {"users": who}, {"share": True}):
        async with client(**options) as http:  # type: ignore[arg-type]
            assert (await http.get("/", headers={"Host": "photos.example"})).status_code == 200


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
