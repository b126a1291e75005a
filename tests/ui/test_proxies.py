"""The page starts whatever proxies the environment names: pytest tests/ui/test_proxies.py"""

import http.client

import pytest

from tests.support.program import TIMEOUT, Start, ended

DEAD = "127.0.0.1:9"  # a port on which nobody listens
EVERY = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


@pytest.mark.parametrize(
    "variables",
    [
        dict.fromkeys(EVERY, f"http://{DEAD}"),
        {"all_proxy": f"socks://{DEAD}/"},
        {"all_proxy": f"socks5h://{DEAD}", "ALL_PROXY": f"socks5://{DEAD}", "no_proxy": "example.org"},
    ],
    ids=["all", "socks of a desktop", "socks with exceptions"],
)
def test_what_the_program_asks_itself_passes_no_proxy(
    start: Start, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*EVERY, "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    process = start("--model", "scripted", "--port", "0", "--data-dir", "data", **variables)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("Glimpse is ready: http://127.0.0.1:"), ended(process)
    connection = http.client.HTTPConnection(line.removeprefix("Glimpse is ready: http://").strip(), timeout=TIMEOUT)
    connection.request("GET", "/config")
    assert connection.getresponse().status == 200
    connection.close()
