"""What a hostile or broken answer does to the page: it is shown, and nothing of it is obeyed or freezes the tab."""

import json

import pytest
from playwright.sync_api import Page, expect

from backend.types import Message, TextPart
from tests.support.page import Runtime
from tests.support.screen import Screen

pytestmark = pytest.mark.browser

HTML = [
    r"\`<img src=/logout>\`",
    r"\`![](http://127.0.0.1:9/a.png)\`",
    "| `a | <img src=/logout> ` |\n|---|---|\n| `a | <img src=/logout> ` |",
    "<br>\n```\n<img src=/logout>\n```",
    "- a\n  ```\n  b\n<img src=/logout>\n```",
    "> ```mermaid\n> graph TD\n> A-->B\n> ```",
    r"\`<div style=\"position:fixed;inset:0\"><form action=/login><input type=password></form></div>\`",
    "`<audio autoplay src=data:audio/wav;base64,AA>` <button formaction=/logout>x</button>",
]
HEAVY = [
    r"\[" + r"\frac{1}{" * 150 + "x" + "}" * 150 + r"\]",
    r"\[" + "x^{" * 300 + "y" + "}" * 300 + r"\]",
    "1. " * 2000,
    r"\(" * 3000,
    "_a " * 20_000,
    "[a]: b\n" * 20_000,
    "> ```mermaid\n> graph TD\n" + "\n".join(f"> a{number}-->a{number + 1}" for number in range(450)) + "\n> ```",
]


def kept(runtime: Runtime, answers: list[str], preset: str = "chat") -> str:
    conversation = runtime.history.create(owner="")
    for number, answer in enumerate(answers):
        asked = Message("user", (TextPart(str(number)),))
        runtime.history.write_answer(
            runtime.history.add_turn(conversation, asked, preset, owner=""), Message.said(answer), "stop"
        )
    return conversation


def obeyed(page: Page) -> int:
    """How many elements of a bubble no answer of plain Markdown has."""
    return page.locator("#chat .bot .prose").locator(
        "img, form, input, audio, iframe, style, svg.mermaid, [style*=fixed], button[formaction], a[ping]"
    ).count()  # fmt: skip


def test_no_markup_of_an_answer_is_obeyed(runtime: Runtime, screen: Screen) -> None:
    kept(runtime, HTML)
    screen.reload()
    screen.conversations.first.click()
    expect(screen.answers).to_have_count(len(HTML))
    assert obeyed(screen.page) == 0
    expect(screen.answers.first).to_contain_text("<\u2060img src=/logout>")


@pytest.mark.parametrize("answer", HEAVY, ids=[text[:12] for text in HEAVY])
def test_an_answer_that_is_heavy_to_set_does_not_freeze_the_tab(runtime: Runtime, screen: Screen, answer: str) -> None:
    conversation = kept(runtime, [answer, "The end."])
    asked = Message("user", (TextPart(answer),))  # a person may paste the same
    runtime.history.write_answer(
        runtime.history.add_turn(conversation, asked, owner=""), Message.said("Over."), "stop"
    )
    screen.reload()
    screen.conversations.first.click()
    expect(screen.answers.last).to_have_text("Over.")
    assert screen.page.evaluate("1 + 1") == 2


def test_a_conversation_whose_opening_never_ended_is_not_opened_by_itself(runtime: Runtime, screen: Screen) -> None:
    conversation = kept(runtime, ["Fine."])
    screen.reload()
    screen.conversations.first.click()
    expect(screen.answers).to_have_text(["Fine."])
    screen.reload()
    expect(screen.answers).to_have_text(["Fine."])
    # As a tab that crashed leaves it.
    mark = json.dumps(f"glimpse-opening:{conversation}")
    screen.page.context.add_init_script(
        f"if (!sessionStorage.crashed) {{ sessionStorage.crashed = 1; localStorage.setItem({mark}, '') }}"
    )
    screen.open(f"{runtime.url}?chat={conversation}")
    note = screen.page.get_by_text("did not get to the end of opening the last conversation")
    expect(note).to_be_visible()
    expect(screen.conversations).to_have_count(1)
    expect(screen.answers).to_have_count(0)
    screen.conversations.first.click()
    expect(screen.answers).to_have_text(["Fine."])
    screen.open(f"{runtime.url}?chat={conversation}")
    expect(screen.answers).to_have_text(["Fine."])
