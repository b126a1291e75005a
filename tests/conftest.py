"""What every test stands on: no network, no GPU, a home of its own, and a limit on its time."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.limit import LIMIT, limited
from tests.support.network import refuse_network
from tests.support.program import Start, starting

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
# Where a test forgets to say where its data go, they do not go to a person's own conversations.
os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp(prefix="glimpse-tests-")
atexit.register(shutil.rmtree, os.environ["XDG_DATA_HOME"], ignore_errors=True)
refuse_network()
# How long an example takes says more about what else the machine does; what never ends has a limit of its own.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        # Whole programs, whose imports alone take seconds, and the bundled model.
        if "start" in getattr(item, "fixturenames", ()) or item.get_closest_marker("pocket"):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    with _limit(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with _limit(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    with _limit(item):
        return (yield)


def _limit(item: pytest.Item) -> AbstractContextManager[None]:
    """The limit on one step of a test; its own where it is marked with one."""
    own = item.get_closest_marker("limit")
    return limited(own.args[0] if own else LIMIT, item.nodeid)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts `app.py` with a home and a temporary folder of its own."""
    with starting(tmp_path) as start:
        yield start
