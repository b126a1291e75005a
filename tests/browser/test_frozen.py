"""A page that has frozen ends its test: pytest tests/browser/test_frozen.py"""

import threading
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, BrowserContext, Error

from tests.browser import frozen
from tests.browser.screen import Screen
from tests.ui.house import House


def test_a_frozen_page_is_an_error_and_the_next_page_is_none(
    house: House, context: BrowserContext, start: Callable[[], Browser]
) -> None:
    page = context.new_page()
    threading.Timer(0.5, frozen.end_browsers).start()
    with pytest.raises(Error, match="closed"):
        page.evaluate("() => { for (;;); }")
    screen = Screen(start().new_page(), house.url)
    screen.send("Hi")
    screen.finished()
    screen.page.close()
