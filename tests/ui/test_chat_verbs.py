"""The page's verbs, from the question to what is shown: pytest tests/ui/test_chat_verbs.py"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from backend.engine.scripted import Gate
from backend.errors import OutOfMemory
from backend.types import Message, Progress, SamplingParams, TextPart
from tests.support.clips import encode
from tests.support.page import Runtime, picture
from ui.chat_verbs import UNEXPECTED, ChatVerbs, View
from ui.convert import Posted
from ui.fields import Controls

CONTROLS = Controls("", SamplingParams(), 64)
FIGURES = '<span class="figures">1 token · first token 0.00 s · scripted</span>'


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[Runtime]:
    """A runtime whose page stays closed: its engine belongs to this test's event loop."""
    runtime = Runtime(tmp_path)
    yield runtime
    await runtime.chat.close()
    runtime.close()


@pytest.fixture
def talk(closed: Runtime) -> ChatVerbs:
    return ChatVerbs(closed.chat, closed.history, closed.store)


async def views(stream: AsyncGenerator[View]) -> list[View]:
    async with aclosing(stream):
        return [view async for view in stream]


async def say(talk: ChatVerbs, text: str, conversation: str = "", **options: str) -> View:
    stream = talk.submit(conversation, Posted(text), options.get("task", "chat"), CONTROLS, options.get("owner", ""))
    return (await views(stream))[-1]


def user(*content: str) -> dict[str, object]:
    return {"role": "user", "content": list(content)}


def assistant(*content: str) -> dict[str, object]:
    return {"role": "assistant", "content": list(content)}


async def test_a_message_is_shown_at_once_and_answered_as_it_is_written(closed: Runtime, talk: ChatVerbs) -> None:
    gate = Gate()
    closed.engine.script = ["Hel", gate, "lo"]
    seen: list[View] = []
    async with aclosing(talk.submit("", Posted("Hi"), "chat", CONTROLS, "")) as stream:
        async for view in stream:
            if not seen or view != seen[-1]:
                seen.append(view)
            if view.reply == "Hel":
                gate.open()
    here = closed.only()
    note = '<span class="progress">thinking</span>'
    assert seen == [
        View(here, [user("Hi"), assistant(note)], Posted(), running=True),
        View(here, [user("Hi"), assistant("Hel")], running=True, reply="Hel"),
        View(here, [user("Hi"), assistant("Hello")], running=True, reply="Hello"),
        View(
            here,
            [user("Hi"), assistant("Hello", FIGURES.replace("1 token", "2 tokens"))],
            reply="Hello",
        ),
    ]


async def test_a_follow_up_is_shown_under_what_went_before(closed: Runtime, talk: ChatVerbs) -> None:
    closed.engine.script = ["One."]
    first = await say(talk, "First")
    second = await say(talk, "Second", first.conversation)
    assert second.conversation == first.conversation
    assert second.bubbles == [user("First"), assistant("One.", FIGURES), user("Second"), assistant("One.", FIGURES)]
    assert talk.open(first.conversation, "") == View(first.conversation, second.bubbles)


async def test_a_refused_message_comes_back_and_leaves_no_trace(
    closed: Runtime, talk: ChatVerbs, tmp_path: Path
) -> None:
    bad = tmp_path / "a.png"
    bad.write_bytes(b"")
    posted = Posted("Look", (picture(tmp_path / "b.png"), bad))
    last = (await views(talk.submit("", posted, "chat", CONTROLS, "")))[-1]
    assert (last.conversation, last.composer, last.running) == ("", posted, False)
    assert last.error == "“a.png” is empty; send it again."
    assert last.bubbles == [
        user('<span class="preset">b.png</span>', '<span class="preset">a.png</span>', "Look"),
        assistant(f'<span class="failure refused">{last.error}</span>'),
    ]
    assert closed.history.conversations(owner="") == []
    assert closed.engine.requests == []


async def test_a_refused_message_leaves_the_conversation_as_it_was(closed: Runtime, talk: ChatVerbs) -> None:
    closed.engine.script = ["One."]
    first = await say(talk, "First")
    refused = await say(talk, " ", first.conversation)
    assert refused.conversation == first.conversation
    assert refused.error == "Write a message or add a picture or a video."
    assert refused.bubbles[2:] == [
        user('<span class="note">an empty message</span>'),
        assistant(f'<span class="failure refused">{refused.error}</span>'),
    ]
    assert talk.open(first.conversation, "").bubbles == first.bubbles


async def test_a_message_to_a_conversation_that_is_gone_can_be_sent_again(closed: Runtime, talk: ChatVerbs) -> None:
    refused = await say(talk, "Hi", "no-such-conversation")
    assert (refused.conversation, refused.composer) == ("", Posted("Hi"))
    assert refused.error == "This conversation is not there any more; start a new one."


async def test_an_error_of_the_engine_stays_in_the_conversation(closed: Runtime, talk: ChatVerbs) -> None:
    closed.engine.script = ["Half", OutOfMemory("The GPU is full.")]
    view = await say(talk, "Hi")
    assert view.error == "The GPU is full."
    assert view.composer is None
    assert view.bubbles == [user("Hi"), assistant("Half", '<span class="failure">The GPU is full.</span>')]
    assert talk.open(view.conversation, "").bubbles == view.bubbles


async def test_a_bug_is_a_sentence_and_a_traceback_in_the_log(
    closed: Runtime, talk: ChatVerbs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    closed.engine.script = ["One."]
    first = await say(talk, "First")
    monkeypatch.setattr("ui.render.later", lambda *_: 1 / 0)
    with caplog.at_level(logging.ERROR):
        view = await say(talk, "Second", first.conversation)
    assert view.error == UNEXPECTED
    assert view.bubbles[-1]["content"][-1].startswith('<span class="failure refused">Something went wrong')
    assert "ZeroDivisionError" in caplog.text


async def test_closing_the_stream_stops_the_answer_and_keeps_it(closed: Runtime, talk: ChatVerbs) -> None:
    closed.engine.script = ["Half", Gate()]
    stream = talk.submit("", Posted("Hi"), "chat", CONTROLS, "")
    async for view in stream:
        if view.reply == "Half":
            break
    await stream.aclose()
    assert (closed.engine.active, closed.engine.cancelled) == (0, 1)
    assert closed.kept() == [("Hi", "Half", "cancelled")]


async def test_closing_the_stream_before_the_files_are_read_leaves_no_trace(
    closed: Runtime, talk: ChatVerbs, tmp_path: Path
) -> None:
    stream = talk.submit("", Posted("Hi", (picture(tmp_path / "a.png"),)), "chat", CONTROLS, "")
    assert (await anext(stream)).running
    await stream.aclose()
    assert closed.history.conversations(owner="") == []


async def test_stop_ends_the_stream_with_what_was_said(closed: Runtime, talk: ChatVerbs) -> None:
    gate = Gate()
    closed.engine.script = ["Half", gate]
    running = asyncio.create_task(views(talk.submit("", Posted("Hi"), "chat", CONTROLS, "")))
    await gate.reached.wait()
    await talk.stop(closed.only(), "")
    assert (await running)[-1].bubbles == [
        user("Hi"),
        assistant("Half", '<span class="figures">stopped · 1 token · first token 0.00 s · scripted</span>'),
    ]


async def test_a_silent_engine_does_not_silence_the_page(closed: Runtime, talk: ChatVerbs) -> None:
    gate = Gate()
    closed.engine.script = [Progress("reading the image"), gate]
    stream = talk.submit("", Posted("Hi"), "chat", CONTROLS, "")
    async with aclosing(stream), asyncio.timeout(10):
        shown = [await anext(stream) for _ in range(3)]
        assert [view.running for view in shown] == [True, True, True]
        gate.open()


async def test_retry_answers_the_last_message_again(closed: Runtime, talk: ChatVerbs) -> None:
    closed.engine.script = ["One."]
    first = await say(talk, "First")
    closed.engine.script = ["Two."]
    shown = await views(talk.retry(first.conversation, CONTROLS, ""))
    assert shown[0].bubbles == [user("First"), assistant('<span class="progress">thinking</span>')]
    assert shown[-1].bubbles == [user("First"), assistant("Two.", FIGURES)]


async def test_a_retry_that_comes_to_nothing_loses_nothing(closed: Runtime, talk: ChatVerbs) -> None:
    closed.engine.script = ["One."]
    first = await say(talk, "First")
    closed.engine.script = [OutOfMemory("The GPU is full.")]
    last = (await views(talk.retry(first.conversation, CONTROLS, "")))[-1]
    assert last.bubbles == [
        user("First"),
        assistant("One.", FIGURES, '<span class="failure">The GPU is full.</span>'),
    ]
    assert talk.open(first.conversation, "").bubbles == first.bubbles


async def test_retry_without_a_message_shows_the_empty_page(talk: ChatVerbs) -> None:
    assert await views(talk.retry("", CONTROLS, "")) == [View("", [])]


async def test_edit_keeps_the_files_and_drops_what_came_after(
    closed: Runtime, talk: ChatVerbs, tmp_path: Path
) -> None:
    closed.engine.script = ["One."]
    posted = Posted("First", (picture(tmp_path / "a.png"),))
    first = (await views(talk.submit("", posted, "caption", CONTROLS, "")))[-1]
    await say(talk, "Second", first.conversation)
    edited = await views(talk.edit(first.conversation, 1, "Other words", "First", CONTROLS, ""))
    picture_row, *_ = first.bubbles[0]["content"]
    asked = {"role": "user", "content": [picture_row, '<span class="preset">Caption, one line</span>', "Other words"]}
    assert edited[0].bubbles == [asked, assistant('<span class="progress">thinking</span>')]
    assert [bubble["role"] for bubble in edited[-1].bubbles] == ["user", "assistant"]
    assert edited[-1].bubbles[0] == asked
    assert closed.engine.requests[-1].messages[0].media == closed.engine.requests[0].messages[0].media


async def test_an_edit_of_what_is_not_kept_any_more_touches_nothing(closed: Runtime, talk: ChatVerbs) -> None:
    closed.engine.script = ["One."]
    first = await say(talk, "First")
    for number, before in ((1, "Something else"), (2, "First"), (0, "First")):
        (view,) = await views(talk.edit(first.conversation, number, "New", before, CONTROLS, ""))
        assert view.composer == Posted("New")
        assert view.bubbles[:2] == first.bubbles
    assert talk.open(first.conversation, "").bubbles == first.bubbles


async def test_undo_gives_words_files_names_and_preset_back(closed: Runtime, talk: ChatVerbs, tmp_path: Path) -> None:
    closed.engine.script = ["One."]
    posted = Posted("Words", (picture(tmp_path / "my photo.png"),))
    first = (await views(talk.submit("", posted, "alt_text", CONTROLS, "")))[-1]
    view = await talk.undo(first.conversation, "")
    assert view.composer is not None
    (path,) = view.composer.files
    assert (view.composer.text, view.composer.names, view.task) == ("Words", ("my photo.png",), "alt_text")
    assert path.read_bytes() == posted.files[0].read_bytes()
    assert (view.conversation, view.bubbles) == (first.conversation, [])
    assert await talk.undo(first.conversation, "") == View("", [])


async def test_nobody_reaches_anothers_conversation(closed: Runtime, talk: ChatVerbs) -> None:
    closed.engine.script = ["Secret."]
    mine = await say(talk, "Mine", owner="ada")
    assert talk.open(mine.conversation, "bob") == View("", [])
    assert (await say(talk, "Tell", mine.conversation, owner="bob")).conversation == ""
    assert await views(talk.retry(mine.conversation, CONTROLS, "bob")) == [View("", [])]
    assert await talk.undo(mine.conversation, "bob") == View("", [])
    await talk.stop(mine.conversation, "bob")
    assert talk.open(mine.conversation, "ada").bubbles == mine.bubbles
    assert [request.messages for request in closed.engine.requests] == [(Message("user", (TextPart("Mine"),)),)]


async def test_a_retry_takes_a_clips_frames_anew_only_by_what_is_set(
    closed: Runtime, talk: ChatVerbs, tmp_path: Path
) -> None:
    clip = encode(tmp_path / "clip.mp4", 30)
    first = (await views(talk.submit("", Posted("What?", (clip,)), "chat", CONTROLS, "")))[-1]
    for controls, frames in ((CONTROLS, 64), (Controls("", SamplingParams(), 2, (0.5, None), True), 2)):
        await views(talk.retry(first.conversation, controls, ""))
        (part,) = closed.engine.requests[-1].messages[0].media
        assert (part.frames, part.start) == (frames, controls.interval[0])
