"""Logging in and out, as a person meets it: pytest tests/browser/test_login.py"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.support.page import Runtime
from ui.logins import TOO_MANY, TRIES, WRONG


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    runtime = Runtime(tmp_path_factory.mktemp("locked"), auth=(("ada", "lovelace"), ("bob", "dylan")))
    runtime.open()
    yield runtime
    runtime.close()


def log_in(page: Page, user: str, password: str) -> None:
    page.get_by_label("Username").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def test_a_wrong_password_is_said_and_the_right_one_opens_the_page_until_one_logs_out(
    context: BrowserContext, locked: Runtime
) -> None:
    page = context.new_page()
    page.goto(locked.url)
    log_in(page, "ada", "wrong")
    expect(page.get_by_role("alert")).to_have_text(WRONG)
    log_in(page, "ada", "lovelace")
    expect(page.locator("#composer textarea")).to_be_editable()
    page.locator("#logout").click()
    expect(page.get_by_label("Password")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Password")).to_be_visible()


def test_after_too_many_wrong_passwords_a_person_is_told_to_wait(context: BrowserContext, locked: Runtime) -> None:
    page = context.new_page()
    page.goto(locked.url)
    for _ in range(TRIES):
        with page.expect_response("**/login"):
            log_in(page, "bob", "wrong")
        expect(page.get_by_role("alert")).to_have_text(WRONG)
    log_in(page, "bob", "dylan")
    expect(page.get_by_role("alert")).to_have_text(TOO_MANY)
