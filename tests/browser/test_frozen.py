"""A page that has frozen ends its test: pytest tests/browser/test_frozen.py"""

import threading

import pytest
from playwright.sync_api import BrowserContext, Error

from tests.browser import frozen
from tests.browser.screen import Screen
from tests.ui.house import House


def test_a_frozen_page_is_an_error_and_the_next_page_is_none(house: House, context: BrowserContext) -> None:
    page = context.new_page()
    threading.Timer(0.5, frozen.end_pages).start()
    with pytest.raises(Error, match="crashed"):
        page.evaluate("() => { for (;;); }")
    screen = Screen(context.new_page(), house.url)
    screen.send("Hi")
    screen.finished()
