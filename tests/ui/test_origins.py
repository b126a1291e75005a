"""No other site's page reads or sends anything here: pytest tests/ui/test_origins.py"""

import socket

import pytest

from tests.support.guards import LOGIN, client, who
from ui.origins import OTHER_SITE, UNKNOWN_HOST

METHODS = ("GET", "HEAD", "POST", "PUT", "OPTIONS")


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        ("http://127.0.0.1:7860", 200),
        ("http://127.0.0.1:9999", 403),
        ("https://evil.example", 403),
        ("chrome-extension://abcdef", 403),
        ("null", 403),
    ],
)
async def test_another_sites_page_can_ask_for_nothing_by_any_method(origin: str | None, status: int) -> None:
    async with client() as http:
        headers = {"Origin": origin} if origin else {}
        for method in METHODS:
            assert (await http.request(method, "/gradio_api/queue/join", headers=headers)).status_code == status


async def test_the_question_whether_another_site_may_ask_is_refused() -> None:
    async with client(share=True, users=who) as http:
        asked = {"Origin": "https://b.gradio.live", "Access-Control-Request-Method": "GET", "Host": "a.gradio.live"}
        assert (await http.options("/config", headers=LOGIN | asked)).status_code == 403


@pytest.mark.parametrize(
    ("mode", "site", "method", "status"),
    [
        ("navigate", "cross-site", "GET", 200),
        ("navigate", "cross-site", "POST", 403),
        ("no-cors", "cross-site", "GET", 403),
        ("no-cors", "same-site", "GET", 403),
        ("cors", "same-origin", "GET", 200),
        ("navigate", "none", "GET", 200),
    ],
)
async def test_another_sites_images_and_scripts_are_not_answered(
    mode: str, site: str, method: str, status: int
) -> None:
    async with client() as http:
        headers = {"Sec-Fetch-Mode": mode, "Sec-Fetch-Site": site}
        assert (await http.request(method, "/gradio_api/heartbeat/x", headers=headers)).status_code == status


@pytest.mark.parametrize(
    ("host", "forwarded", "status"),
    [
        ("photos.example", None, 200),
        ("127.0.0.1:7860", "photos.example", 200),
        ("127.0.0.1:7860", "first.example, photos.example", 200),
        ("127.0.0.1:7860", None, 403),
    ],
)
async def test_behind_a_proxy_the_page_s_name_is_the_one_that_the_proxy_says(
    host: str, forwarded: str | None, status: int
) -> None:
    async with client(users=who) as http:
        headers = LOGIN | {"Origin": "https://Photos.example", "Host": host}
        headers |= {"X-Forwarded-Host": forwarded} if forwarded else {}
        assert (await http.post("/gradio_api/queue/join", headers=headers)).status_code == status


async def test_a_page_knows_the_names_that_it_is_given() -> None:
    async with client(names=lambda: ["photos.example"]) as http:
        for host in ("127.0.0.1:7860", "photos.example"):
            headers = {"Origin": "https://photos.example", "Host": host}
            assert (await http.post("/gradio_api/queue/join", headers=headers)).status_code == 200


async def test_a_refusal_is_said_in_the_words_that_gradio_shows() -> None:
    async with client() as http:
        foreign = {"Origin": "https://photos.example"}
        queued = await http.post("/gradio_api/queue/join", headers=foreign)
        assert (queued.status_code, queued.json()) == (403, {"detail": OTHER_SITE, "error": OTHER_SITE})
        assert (await http.post("/gradio_api/upload", headers=foreign)).text == OTHER_SITE
        opened = await http.get("/", headers=foreign | {"Accept": "text/html,*/*"})
        assert (opened.text, opened.headers["content-type"]) == (OTHER_SITE, "text/plain; charset=utf-8")


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


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.5"])
async def test_a_page_without_login_in_a_network_answers_to_its_machine_s_names_only(host: str) -> None:
    machine = socket.gethostname()
    own = [
        "192.168.0.5:7860",
        "[fe80::1]:7860",
        "localhost",
        f"{machine}:7860",
        machine.upper(),
        "nas.local",
        "nas.local.",
    ]
    foreign = ["evil.example", "192.168.0.5.evil.example", "local", "evil.example:7860", "", "[", "a.nip.io"]
    async with client(host=host, names=lambda: ["photos.example"]) as http:
        for name in [*own, "photos.example"]:
            assert (await http.get("/", headers={"Host": name})).status_code == 200
            forwarded = {"Host": "127.0.0.1", "X-Forwarded-Host": name}
            assert (await http.get("/", headers=forwarded)).status_code == 200
        for name in foreign:
            refused = await http.get("/", headers={"Host": name, "Origin": f"http://{name}"})
            assert (refused.status_code, refused.json()["detail"]) == (403, UNKNOWN_HOST)
        forwarded = {"Host": "127.0.0.1", "X-Forwarded-Host": "evil.example", "Origin": "http://evil.example"}
        assert (await http.get("/", headers=forwarded)).status_code == 403


async def test_a_page_with_a_login_answers_to_any_name() -> None:
    for options in ({"host": "0.0.0.0", "users": who}, {"users": who}, {"share": True, "users": who}):
        async with client(**options) as http:
            assert (await http.get("/", headers={"Host": "photos.example"})).status_code == 200
