"""What every test stands on: one that hangs fails, and none reaches another machine."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from platformdirs import user_data_path

from tests.support.limit import limited
from tests.support.network import NetworkRefused

ROOT = Path(__file__).parent.parent
ELSEWHERE = "192.0.2.1"  # an address that is kept for examples (RFC 5737)
HANGING = """
import asyncio, threading, pytest

pytestmark = pytest.mark.limit(0.5)

@pytest.fixture
def lasting():
    yield
    threading.Event().wait()

def test_one_that_waits():
    threading.Event().wait()

async def test_one_in_an_event_loop():
    try:
        await asyncio.Event().wait()
    except Exception:
        await asyncio.Event().wait()

def test_one_whose_fixture_waits(lasting):
    pass

def test_one_that_ends():
    pass
"""


def test_a_test_that_hangs_fails_with_its_name_and_the_others_run(tmp_path: Path) -> None:
    file = tmp_path / "test_hanging.py"
    file.write_text(HANGING)
    options = ["-p", "tests.conftest", "-o", "asyncio_mode=auto", "-W", "ignore", "-q", "-rA"]
    command = [sys.executable, "-m", "pytest", *options, file.name]
    environ = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "300"}  # wide enough for a failure's whole sentence
    run = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    ended = [line for line in run.stdout.splitlines() if line.startswith(("PASSED", "FAILED", "ERROR"))]
    assert sorted(ended) == [
        "ERROR test_hanging.py::test_one_whose_fixture_waits - Failed: test_hanging.py::test_one_whose_fixture_waits "
        "hangs: it has taken more than 0.5 seconds.",
        "FAILED test_hanging.py::test_one_in_an_event_loop - Failed: test_hanging.py::test_one_in_an_event_loop "
        "hangs: it has taken more than 0.5 seconds.",
        "FAILED test_hanging.py::test_one_that_waits - Failed: test_hanging.py::test_one_that_waits "
        "hangs: it has taken more than 0.5 seconds.",
        "PASSED test_hanging.py::test_one_that_ends",
        "PASSED test_hanging.py::test_one_whose_fixture_waits",
    ], run.stdout


def test_a_limit_inside_of_another_leaves_that_one_in_force() -> None:
    outer = pytest.raises(pytest.fail.Exception, match=r"^the test hangs: it has taken more than 0\.2 seconds\.$")
    with outer, limited(0.2, "the test"):
        with limited(60, "a part of it"):
            pass
        threading.Event().wait()


def test_whatever_reaches_for_another_machine_is_refused_with_the_address() -> None:
    refused = f"^Tests use no network, and this one wants to reach {ELSEWHERE}, port 80.$"
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as plain, pytest.raises(NetworkRefused, match=refused):
        plain.connect((ELSEWHERE, 80))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram, pytest.raises(NetworkRefused, match=refused):
        datagram.sendto(b"Hello", (ELSEWHERE, 80))
    with pytest.raises(NetworkRefused, match=refused):
        httpx.get(f"http://{ELSEWHERE}/", trust_env=False)


async def test_an_event_loop_reaches_no_other_machine_either() -> None:
    with pytest.raises(NetworkRefused, match=rf"reach {ELSEWHERE}, port 80\.$"):
        await asyncio.open_connection(ELSEWHERE, 80)


def test_names_of_other_machines_are_not_looked_up() -> None:
    with pytest.raises(NetworkRefused, match=r"^Tests use no network, and this one wants to look up example\.org\.$"):
        socket.getaddrinfo("example.org", 443)
    with pytest.raises(NetworkRefused, match=r"^Tests use no network, and this one wants to look up example\.org\.$"):
        socket.gethostbyname("example.org")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_this_machine_can_be_reached(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        _, writer = await asyncio.open_connection(host, port)
        writer.close()
        await writer.wait_closed()


def test_sockets_of_the_file_system_can_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # their paths must be short
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind("here")
        server.listen()
        client.connect("here")


def test_data_go_to_a_folder_of_the_tests_own_where_a_test_does_not_say() -> None:
    assert user_data_path("glimpse", appauthor=False).parent == Path(os.environ["XDG_DATA_HOME"])
    assert Path(os.environ["XDG_DATA_HOME"]).name.startswith("glimpse-tests-")
