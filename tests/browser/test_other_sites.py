"""What other sites' pages get of this one in a real browser: pytest tests/browser/test_other_sites.py"""

from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Route, expect

from tests.support.page import Runtime
from tests.support.screen import Screen
from ui.origins import OTHER_SITE

READ = """async (address) => {
    const answer = await fetch(address, { credentials: "include" }).catch((error) => error);
    return answer instanceof Error ? answer.name : answer.text();
}"""
LOOK = """(address) => new Promise((seen) => {
    const image = new Image();
    image.onload = () => seen("shown");
    image.onerror = () => seen("nothing");
    image.src = address;
})"""


def test_a_page_beside_it_under_the_same_domain_reads_nothing_of_who_is_logged_in(
    context: BrowserContext, tmp_path: Path
) -> None:
    runtime = Runtime(tmp_path, auth=(("ada", "lovelace"),))
    runtime.open()
    own = f"http://share.glimpse.localhost:{urlsplit(runtime.url).port}"
    page = context.new_page()
    page.goto(own)
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("lovelace")
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#composer textarea")).to_be_editable()

    evil = context.new_page()
    evil.route(
        "http://evil.glimpse.localhost/", lambda route: route.fulfill(body="<h1>Cats</h1>", content_type="text/html")
    )
    evil.goto("http://evil.glimpse.localhost/")
    for path in ("gradio_api/token", "config", "gradio_api/user", "gradio_api/info"):
        assert evil.evaluate(READ, f"{own}/{path}") == "TypeError"
    assert evil.evaluate(LOOK, f"{own}/favicon.ico") == "nothing"
    assert page.evaluate(READ, f"{own}/gradio_api/user") == '"ada"'
    evil.close()
    page.close()
    runtime.close()


def test_behind_a_proxy_that_hides_the_page_s_name_the_reason_is_said(screen: Screen) -> None:
    def as_by_proxy(route: Route) -> None:
        headers = {**route.request.headers, "origin": "https://photos.example"}
        route.fulfill(response=route.fetch(headers=headers))

    screen.page.route("**/gradio_api/queue/join**", as_by_proxy)
    screen.send("Hello")
    expect(screen.page.get_by_text(OTHER_SITE).first).to_be_visible()
    screen.complaints.clear()  # the browser notes each refusal


def test_under_a_path_of_a_proxy_everything_is_found(context: BrowserContext, tmp_path: Path) -> None:
    runtime = Runtime(tmp_path, public_url=("https://photos.example/glimpse",), auth=(("ada", "lovelace"),))
    runtime.open()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page.goto(f"{runtime.url}glimpse/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("lovelace")
    page.get_by_role("button", name="Log in").click()
    page.locator("#composer textarea").fill("Hello")
    page.locator("#composer textarea").press("Enter")
    expect(page.get_by_text("the text “Hello”")).to_be_visible()
    page.locator("#logout").click()
    expect(page.get_by_label("Password")).to_be_visible()
    assert [path for path in asked if not path.startswith("/glimpse/")] == []
    page.close()
    runtime.close()
