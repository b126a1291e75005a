"""Nobody reads or ends what runs in another person's tab: pytest tests/ui/test_sessions.py"""

from typing import Any

import httpx
import pytest

from tests.support.guards import LOGIN, Behind, client, who
from ui import sessions

BOB = {"Cookie": "token=bob"}
HASH: dict[str, Any] = {"session_hash": "of ada", "data": []}


def asked(http: httpx.AsyncClient, method: str, path: str, cookies: dict[str, str]) -> Any:
    return http.request(method, f"/gradio_api/{path}", json=HASH if method == "POST" else None, headers=cookies)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "queue/join"),
        ("POST", "run/stop"),
        ("POST", "cancel"),
        ("POST", "reset"),
        ("POST", "call/chat"),
        ("GET", "queue/data?session_hash=of%20ada"),
        ("GET", "heartbeat/of%20ada"),
    ],
)
async def test_a_tab_is_the_first_person_s_who_used_it(method: str, path: str) -> None:
    behind = Behind()
    async with client(behind, users=who) as http:
        assert (await asked(http, "POST", "queue/join", LOGIN)).status_code == 200
        refused = await asked(http, method, path, BOB)
        assert (refused.status_code, refused.json()["detail"]) == (403, sessions.OTHERS)
        assert len(behind.reached) == 1
        assert (await asked(http, method, path, LOGIN)).status_code == 200


async def test_many_tabs_of_one_person_cost_another_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "KEPT", 3)
    async with client(users=who) as http:
        assert (await asked(http, "GET", "heartbeat/of ada", LOGIN)).status_code == 200
        for number in range(10):
            assert (await asked(http, "GET", f"heartbeat/{number}", BOB)).status_code == 200
        assert (await asked(http, "GET", "heartbeat/of ada", BOB)).status_code == 403
        assert (await asked(http, "GET", "heartbeat/9", LOGIN)).status_code == 403


async def test_what_names_no_tab_is_passed_on() -> None:
    async with client(users=who) as http:
        for body in (b"", b"[", b"[]", b'{"session_hash": 3}', b"[" * 100_000):
            answer = await http.post("/gradio_api/queue/join", content=body, headers=LOGIN)
            assert (answer.status_code, answer.text) == (200, str(len(body)))
