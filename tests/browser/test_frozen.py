"""A page that has frozen ends its test: pytest tests/browser/test_frozen.py"""

import threading
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, BrowserContext, Error

from tests.support import frozen
from tests.support.page import Runtime
from tests.support.screen import Screen


def test_a_frozen_page_is_an_error_and_the_next_page_is_none(
    runtime: Runtime, context: BrowserContext, start: Callable[[], Browser]
) -> None:
    page = context.new_page()
    threading.Timer(0.5, frozen.end_browsers).start()
    with pytest.raises(Error, match="closed"):
        page.evaluate("() => { for (;;); }")
    screen = Screen(start().new_page(), runtime.url)
    screen.send("Hi")
    screen.finished()
    screen.page.close()
