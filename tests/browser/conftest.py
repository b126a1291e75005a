"""A real Chromium for the tests of the page: the system's, else Playwright's own.

Where there is none, these tests are skipped, with a word at the end of the run; with REQUIRE_BROWSER=1 they fail.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

from tests.support import frozen
from tests.support.page import Runtime
from tests.support.screen import Screen

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The sandbox needs rights that a container lacks; the rest keeps the browser from talking to anybody.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]
FROZE = pytest.StashKey[bool]()
MISSING = "no Chromium: install one, or run `python -m playwright install chromium`; the page was not tested"


def find_chromium(playwright: Playwright) -> str | None:
    """The path of a Chromium: GLIMPSE_CHROMIUM, the system's, or Playwright's own."""
    own = playwright.chromium.executable_path
    found = [os.environ.get("GLIMPSE_CHROMIUM"), *map(shutil.which, NAMES), own if Path(own).exists() else None]
    return next((path for path in found if path), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)
    # Playwright's loop runs in this thread until the end, and no other test could then run one of its own.
    items.sort(key=lambda item: item.path.is_relative_to(here))


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test; once more, and not without a word, where Chromium froze over it, as it has on two busy cores.

    What the page itself does wrong, it does twice.
    """
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if item.stash.get(FROZE, False):
        item.config.get_terminal_writer().line(f"\n{item.nodeid}: Chromium froze; once more", yellow=True)
        item.config.get_terminal_writer().flush()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.fixture(autouse=True)
def awake(request: pytest.FixtureRequest) -> Iterator[None]:
    """A limit on the test's time, and one on the time that it takes to fail for it."""

    def end() -> None:
        request.node.stash[FROZE] = bool(frozen.end_browsers())

    def give_up() -> None:
        request.config.pluginmanager.getplugin("capturemanager").suspend_global_capture()
        frozen.give_up(request.session.testsfailed)

    timers = [threading.Timer(frozen.LIMIT, end), threading.Timer(frozen.LIMIT + frozen.GRACE, give_up)]
    for timer in timers:
        timer.daemon = True
        timer.start()
    yield
    for timer in timers:
        timer.cancel()


@pytest.fixture(scope="session")
def start() -> Iterator[Callable[[], Browser]]:
    """Begins a browser where none runs."""
    os.environ.setdefault("UV_USE_IO_URING", "0")  # with it, Playwright's driver has been seen to spin for ever
    with sync_playwright() as playwright:
        path = find_chromium(playwright)
        if path is None:
            (pytest.fail if os.environ.get("REQUIRE_BROWSER") == "1" else pytest.skip)(MISSING)
        browsers: list[Browser] = []

        def started() -> Browser:
            if not browsers or not browsers[-1].is_connected():
                browsers.append(playwright.chromium.launch(executable_path=path, args=FLAGS))
            return browsers[-1]

        yield started
        if browsers and browsers[-1].is_connected():
            browsers[-1].close()


@pytest.fixture
def chromium(start: Callable[[], Browser]) -> Browser:
    return start()


@pytest.fixture(scope="session")
def open_runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    runtime = Runtime(tmp_path_factory.mktemp("data"))
    runtime.open()
    yield runtime
    runtime.close()


@pytest.fixture
def runtime(open_runtime: Runtime) -> Runtime:
    open_runtime.rest()
    for conversation in open_runtime.history.conversations(owner=""):
        open_runtime.history.delete(conversation.id, owner="")
    return open_runtime


@pytest.fixture(params=["desktop"])
def context(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[BrowserContext]:
    """A browser of its own, without memory; indirectly parametrized with "phone" one with a small screen."""
    size = {"desktop": (1280, 800), "phone": (390, 844)}[request.param]
    context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, has_touch=request.param == "phone")
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def screen(context: BrowserContext, runtime: Runtime) -> Iterator[Screen]:
    """The page, opened; afterwards it must have had nothing to complain of."""
    screen = Screen(context.new_page(), runtime.url)
    yield screen
    assert screen.complaints == []
