"""The page as it is served: pytest tests/ui/test_launch.py"""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from gradio_client import Client, handle_file

from backend.errors import SettingsError
from tests.support.page import Runtime, picture
from ui import gradio_patches
from ui.middleware import POLICY
from ui.page import SESSIONS
from ui.uploads import HOW


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """A page for two people, with a small limit on uploads."""
    runtime = Runtime(tmp_path_factory.mktemp("locked"), auth=(("ada", "lovelace"), ("bob", "dylan")), max_upload_mb=1)
    runtime.open()
    yield runtime
    runtime.close()


def test_the_page_asks_nobody_and_offers_nothing_but_itself(runtime: Runtime) -> None:
    with httpx.Client(base_url=runtime.url) as http:
        assert http.get("/").headers["Content-Security-Policy"] == POLICY
        config = http.get("/config").json()
        assert (config["title"], config["footer_links"], config["analytics_enabled"]) == ("Glimpse", [], False)
        assert http.get("/monitoring").status_code == 404
        assert http.get("/gradio_api/file=http://example.com/").status_code == 404


def test_no_other_site_is_told_that_it_may_ask(runtime: Runtime) -> None:
    with httpx.Client(base_url=runtime.url) as http:
        asked = {"Access-Control-Request-Method": "GET", "Host": "localhost"}
        answers = [
            http.get("/config", headers={"Origin": "http://localhost:9999"}),
            http.options("/config", headers=asked | {"Origin": "http://localhost:9999"}),
            http.get("/config", headers={"Origin": runtime.url.rstrip("/")}),
            http.options("/config", headers=asked | {"Origin": "http://localhost"}),
        ]
        assert [answer.status_code for answer in answers] == [403, 403, 200, 200]
        assert [name for each in answers for name in each.headers if name.startswith("access-control")] == []
        assert http.get("/gradio_api/token").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/gradio_api/startup-events", 404),
        ("POST", "/gradio_api/call/v2/x", 500),
        ("GET", "/?page=x", 500),
        ("GET", "/no/such", 404),
        ("GET", "/gradio_api/file=/etc/passwd", 403),
    ],
)
def test_every_error_has_the_headers(runtime: Runtime, method: str, path: str, status: int) -> None:
    answer = httpx.request(method, f"{runtime.url.rstrip('/')}{path}", json={})
    assert (answer.status_code, answer.headers["Content-Security-Policy"]) == (status, POLICY)


def test_a_file_that_is_not_taken_is_said_without_a_trace(runtime: Runtime, capfd: pytest.CaptureFixture[str]) -> None:
    with httpx.Client(base_url=runtime.url) as http:
        file = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
        posted = http.post("/gradio_api/call/caption", json={"data": [file, ""]}).json()
        answer = http.get(f"/gradio_api/call/caption/{posted['event_id']}").text
    assert HOW in answer
    assert "Traceback" not in capfd.readouterr().err


def test_who_never_ends_a_request_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradio_patches, "HEADERS_WITHIN", 0.2)
    runtime = Runtime(tmp_path)
    runtime.open()
    address = urlsplit(runtime.url)
    whole = b"GET /no/such HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    for first, status in ((b"", b""), (whole, b"HTTP/1.1 404")):
        with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
            connection.sendall(first)
            answer = connection.recv(4096) if first else b""
            connection.sendall(b"GET / HTTP/1.1\r\nHost: 127")
            assert answer.startswith(status)
            while rest := connection.recv(4096):
                assert not rest.startswith(b"HTTP/1.1")
    assert httpx.get(runtime.url).status_code == 200
    runtime.close()


def test_behind_a_proxy_with_a_path_of_its_own_the_page_finds_its_parts(tmp_path: Path) -> None:
    runtime = Runtime(tmp_path, public_url=("https://photos.example/glimpse",))
    runtime.open()
    proxy = {"Host": "photos.example", "X-Forwarded-Host": "photos.example", "X-Forwarded-Proto": "https"}
    with httpx.Client(base_url=runtime.url, headers=proxy) as http:
        for path in ("/config", "/glimpse/config"):
            assert http.get(path).json()["root"] == "https://photos.example/glimpse"
    runtime.close()


def test_the_queue_cannot_be_passed_by(runtime: Runtime) -> None:
    with httpx.Client(base_url=runtime.url) as http:
        queued = [dep["id"] for dep in http.get("/config").json()["dependencies"] if dep["queue"] is not False]
        assert len(queued) > 10
        for fn_index in queued:
            answer = http.post("/gradio_api/run/predict", json={"data": [], "fn_index": fn_index, "session_hash": "x"})
            assert answer.status_code == 404


def test_media_are_served_and_nothing_else_is(runtime: Runtime, tmp_path: Path) -> None:
    file = picture(tmp_path / "a.png")
    client = Client(runtime.url, verbose=False)
    client.predict({"text": "Look", "files": [handle_file(str(file))]}, api_name="/chat")
    client.close()
    (part,) = runtime.history.turns(runtime.only(), owner="")[0].media
    with httpx.Client(base_url=runtime.url) as http:
        answer = http.get(f"/gradio_api/file={runtime.store.preview(part)}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        assert answer.headers["x-content-type-options"] == "nosniff"
        for path in (runtime.settings.data_dir / "history.db", Path("/etc/passwd"), Path(__file__), file):
            assert http.get(f"/gradio_api/file={path}").status_code == 403


def test_nothing_is_seen_without_a_login(locked: Runtime) -> None:
    with httpx.Client(base_url=locked.url) as http:
        assert "conversations" not in http.get("/").text
        for path in ("/config", "/gradio_api/info", f"/gradio_api/file={locked.store.root}/x"):
            assert http.get(path).status_code == 401
        for path in ("/gradio_api/queue/join", "/gradio_api/run/predict", "/gradio_api/upload"):
            assert http.post(path, json={"data": []}).status_code == 401
        for name in ("chat", "caption", "receipt", "latex", "describe_video"):
            assert http.post(f"/gradio_api/call/{name}", json={"data": [None, ""]}).status_code == 401
            assert http.post(f"/gradio_api/call/v2/{name}", json={}).status_code in (401, 404)
            assert http.get(f"/gradio_api/call/{name}/0123").status_code == 401
        assert http.post("/login", data={"username": "ada", "password": "wrong"}).status_code == 400
    with pytest.raises(ValueError, match="credentials were not provided"):
        Client(locked.url, verbose=False)


def test_a_login_opens_the_presets(locked: Runtime, tmp_path: Path) -> None:
    locked.rest()
    before = locked.history.conversations("ada")
    client = Client(locked.url, auth=("ada", "lovelace"), verbose=False)
    answer = client.predict(handle_file(str(picture(tmp_path / "a.png"))), api_name="/caption")
    client.close()
    assert answer.startswith("This is the scripted engine")
    assert locked.history.conversations("ada") == before


def test_an_address_that_a_request_only_claims_is_not_believed(locked: Runtime) -> None:
    locked.rest()
    with httpx.Client(base_url=locked.url) as http:

        def tried(number: int) -> int:
            wrong = {"username": "eve", "password": "wrong"}
            return http.post("/login", data=wrong, headers={"X-Forwarded-For": f"10.0.0.{number}"}).status_code

        assert [tried(number) for number in range(12)] == [400] * 10 + [429] * 2


def test_logging_out_ends_the_login_without_tls_too(locked: Runtime) -> None:
    locked.rest()
    right = {"username": "ada", "password": "lovelace"}
    with httpx.Client(base_url=locked.url) as http:
        http.post("/login", data=right)
        plain = {name: value for name, value in http.cookies.items() if "unsecure" in name}
    with httpx.Client(base_url=locked.url) as other:
        other.post("/login", data=right)
        with httpx.Client(base_url=locked.url, headers={"Cookie": "; ".join(map("=".join, plain.items()))}) as http:
            assert http.get("/config").status_code == 200
            assert http.post("/logout").status_code == 204
            assert http.get("/config").status_code == 401
        assert other.get("/config").status_code == 200


def test_two_people_have_their_own_conversations(locked: Runtime) -> None:
    locked.rest()
    for name, password in locked.settings.auth:
        client = Client(locked.url, auth=(name, password), verbose=False)
        client.predict({"text": f"I am {name}", "files": []}, api_name="/chat")
        client.close()
    titles = {name: [each.title for each in locked.history.conversations(name)] for name in ("ada", "bob", "")}
    assert titles == {"ada": ["I am ada"], "bob": ["I am bob"], "": []}


def test_an_upload_over_the_limit_is_refused(locked: Runtime) -> None:
    locked.rest()
    with httpx.Client(base_url=locked.url) as http:
        http.post("/login", data={"username": "ada", "password": "lovelace"})
        sizes = {size: http.post("/gradio_api/upload", files={"files": ("a.png", bytes(size))}) for size in (9, 2**21)}
        assert [answer.status_code for answer in sizes.values()] == [200, 413]
        assert http.post("/gradio_api/upload", files={"files": ("a.png", bytes(11 * 2**20))}).status_code == 413


def test_what_is_kept_of_sessions_is_bounded(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradio.state_holder.SessionState", lambda _blocks: object())
    assert runtime.page is not None
    sessions = runtime.page.app.state_holder
    for number in range(10_000):
        assert sessions[f"session {number}"] is not None
    assert (len(sessions.session_data), len(sessions.time_last_used)) == (SESSIONS, SESSIONS)
    sessions.session_data.clear()


def test_no_session_is_begun_without_a_login(locked: Runtime) -> None:
    with httpx.Client(base_url=locked.url) as http:
        assert http.get("/gradio_api/heartbeat/x").status_code == 401


def test_nothing_is_left_of_an_upload_whose_sender_has_gone(locked: Runtime) -> None:
    locked.rest()
    uploads = locked.settings.data_dir / "uploads"
    before = sorted(uploads.rglob("*"))
    with httpx.Client(base_url=locked.url) as http:
        http.post("/login", data={"username": "ada", "password": "lovelace"})
        cookie = "; ".join("=".join(each) for each in http.cookies.items())
        head = "\r\n".join(
            [
                "POST /gradio_api/upload HTTP/1.1",
                f"Host: {urlsplit(locked.url).netloc}",
                f"Cookie: {cookie}",
                "Content-Type: multipart/form-data; boundary=x",
                "Content-Length: 100000",
                "",
                "--x",
                'Content-Disposition: form-data; name="files"; filename="a.png"',
                "",
                "half of a picture",
            ]
        )
        address = urlsplit(locked.url)
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.sendall(head.encode())
            until(lambda: sorted(uploads.rglob("*")) != before)
        until(lambda: sorted(uploads.rglob("*")) == before)


def until(true: Callable[[], bool]) -> None:
    """Wait for what another thread does; the test's own limit on time ends it."""
    while not true():
        os.sched_yield()


def test_words_beside_a_file_are_short(locked: Runtime) -> None:
    locked.rest()
    with httpx.Client(base_url=locked.url) as http:
        http.post("/login", data={"username": "ada", "password": "lovelace"})
        file = {"files": ("a.png", b"123456789")}
        short = http.post("/gradio_api/upload?upload_id=x", files=file, data={"note": "a" * 4096})
        long = http.post("/gradio_api/upload", files=file, data={"note": "a" * 4097})
        assert (short.status_code, len(short.json())) == (200, 1)
        assert (long.status_code, long.text) == (413, "A field exceeded its maximum allowed size of 4096 bytes.")


@pytest.mark.parametrize("host", ["::1", "::"])
def test_an_address_with_colons_opens_too(tmp_path: Path, host: str) -> None:
    try:
        socket.create_server((host, 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    runtime = Runtime(tmp_path, host=host)
    runtime.open()
    assert runtime.url.startswith("http://[::1]:")
    assert httpx.get(runtime.url).status_code == 200
    runtime.close()


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        runtime = Runtime(tmp_path, port=taken.getsockname()[1])
        with pytest.raises(SettingsError, match="choose another with --port"):
            runtime.open()
        runtime.close()
