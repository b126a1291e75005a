"""Another model while the page is open, in a real Chromium and with real processes."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from backend.engine.scripted import SCRIPTED
from backend.models.switch import ModelSwitch
from backend.runtime import open_runtime
from backend.settings import Settings
from tests.support.screen import Screen
from ui.page import build_page, launch

LOADED = 60_000  # milliseconds; Pocket takes seconds


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    settings = Settings(port=0, data_dir=tmp_path, model=SCRIPTED.id, offline=True)
    runtime = open_runtime(settings, tmp_path)
    page = build_page(
        runtime.chat, runtime.history, runtime.store, runtime.engine, settings, ModelSwitch(runtime.engine, settings)
    )
    yield launch(page, settings)[0]
    page.close(verbose=False)
    with ThreadPoolExecutor(1) as elsewhere:  # Playwright's loop runs in this thread
        elsewhere.submit(lambda: asyncio.run(runtime.engine.close())).result()
    runtime.store.close()
    runtime.history.close()


def choose(screen: Screen, model: str) -> None:
    screen.page.locator("#model-change").click()
    screen.page.locator("#model-wanted input").fill(model)
    screen.page.locator("#model-wanted input").press("Enter")
    screen.page.locator("#model-load").click()
    expect(screen.page.locator("#model-panel")).to_be_hidden()


def line(screen: Screen) -> Locator:
    return screen.page.locator("#model")


@pytest.mark.pocket
def test_a_conversation_goes_on_with_another_model_and_one_that_fails_has_a_way_back(
    url: str, context: BrowserContext
) -> None:
    screen = Screen(context.new_page(), url)
    screen.send("Hello")
    screen.finished()
    choose(screen, "Pocket")
    expect(line(screen)).to_contain_text("A very small model", timeout=LOADED)
    screen.send("What can you do?")
    screen.finished(2)
    expect(screen.figures.last).to_contain_text("Pocket")
    expect(screen.figures.first).to_contain_text("scripted")
    choose(screen, "nobody/nothing")
    expect(line(screen)).to_contain_text("nobody/nothing is not on this machine", timeout=LOADED)
    back = screen.page.locator("#model-instead")
    expect(back).to_have_text("Use Pocket instead")
    back.click()
    expect(line(screen)).to_contain_text("A very small model", timeout=LOADED)
    expect(back).to_be_hidden()
    assert screen.complaints == []
