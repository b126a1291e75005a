"""The engine around another one: which images are read, what the model is given, and what is answered without it."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace

import pytest

from backend.engine.scripted import SCRIPTED, ScriptedEngine
from backend.errors import ReadingFailed, StorageError
from backend.evidence.copying import spoken
from backend.evidence.reading_engine import NO_AMOUNTS, NO_TEXT, ReadingEngine
from backend.reader.page import Page
from backend.tasks.presets import receipt
from backend.types import (
    Box,
    EngineStatus,
    Finished,
    GenerationRequest,
    Grammar,
    ImagePart,
    Message,
    ModelInfo,
    Progress,
    ReaderPolicy,
    StreamEvent,
    TextDelta,
    TextPart,
    Usage,
    VideoPart,
)
from tests.support.messages import events
from tests.support.pages import page

READS_TEXT = replace(SCRIPTED, capabilities=SCRIPTED.capabilities | {"reads_text"})
WHERE = "12 Harbour Street, 50000 Kuala Lumpur, Tel 03-1234 5678"
SHOP = page("Golden Harbour", WHERE, ["TOTAL", (420, "12.90")])
LETTER = "The lift is closed until Monday, please take the stairs."
NOTE = page("Dear Anna,", LETTER)
SIGN = page("Way out")
SAYS = f"Golden Harbour\n{WHERE}\nTOTAL  12.90"
LINES = f"Text on this image, as OCR found it:\n{SAYS}\n\n"
GIVEN = "the model was given 4 lines of text from the image"
BESIDE = "read beside the model's answer: 4 lines of text from the image"
FAILED = "The text on this image could not be read; the answer goes on without it."


class FakeReader:
    """Knows its pages; a name that it does not know fails, and what is held waits for its gate."""

    def __init__(self, **pages: Page) -> None:
        self.pages = pages
        self.asked: list[str] = []
        self.held: set[str] = set()
        self.gate = asyncio.Event()
        self.cancelled: list[str] = []
        self.closed = 0

    async def read(self, media_id: str, progress: Callable[[Progress], None] | None = None) -> Page:
        self.asked.append(media_id)
        if progress:
            progress(Progress("reading the text", 0, 1))
        if media_id in self.held:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.cancelled.append(media_id)
                raise
        if media_id not in self.pages:
            raise ReadingFailed(FAILED)
        return self.pages[media_id]

    def kept(self, media_id: str) -> Page | None:
        return self.pages.get(media_id)

    def close(self) -> None:
        self.closed += 1


def engines(
    reader: FakeReader, model: ModelInfo = READS_TEXT, policy: ReaderPolicy = "auto"
) -> tuple[ScriptedEngine, ReadingEngine]:
    inner = ScriptedEngine(["Yes."], model=model)
    return inner, ReadingEngine(inner, reader, policy)


def user(words: str, *media: str, box: Box | None = None) -> Message:
    return Message("user", (*(ImagePart(one, box) for one in media), TextPart(words)))


def asking(*messages: Message, **options: object) -> GenerationRequest:
    return GenerationRequest("c", messages, **options)  # type: ignore[arg-type]


async def read_of(engine: ReadingEngine, request: GenerationRequest) -> str:
    last = (await events(engine.stream(request)))[-1]
    assert isinstance(last, Finished)
    return last.usage.read


async def test_a_model_that_works_from_text_is_given_the_lines_in_place_of_the_image() -> None:
    reader = FakeReader(a=SHOP)
    inner, engine = engines(reader)
    found = await events(engine.stream(asking(Message("system", (TextPart("Be brief."),)), user("How much?", "a"))))
    assert inner.requests == [
        asking(
            Message("system", (TextPart("Be brief."),)),
            Message("user", (TextPart(LINES + "How much?"),)),
            grammar=spoken("How much?", [SHOP]),
        )
    ]
    assert found[:2] == [Progress("reading the text", 0, 1), TextDelta("Yes.")]
    assert isinstance(found[2], Finished)
    assert (found[2].usage.read, len(found)) == (GIVEN, 3)


async def test_the_words_may_come_before_the_image() -> None:
    inner, engine = engines(FakeReader(a=SHOP))
    await events(engine.stream(asking(Message("user", (TextPart("How much?"), ImagePart("a"), TextPart("In all?"))))))
    assert inner.requests[0].messages[0].parts == (TextPart(LINES + "How much?\nIn all?"),)


async def test_an_image_with_hardly_any_text_stays_and_its_text_is_not_given() -> None:
    inner, engine = engines(FakeReader(a=SIGN, b=SHOP))
    request = asking(user("What?", "a"))
    assert await read_of(engine, request) == ""
    assert inner.requests == [request]
    assert await read_of(engine, asking(user("Both.", "a", "b"))) == GIVEN
    assert inner.requests[1].messages == (
        Message("user", (ImagePart("a"), TextPart(f"Text on image 2, as OCR found it:\n{SAYS}\n\nBoth."))),
    )


async def test_a_preset_that_is_about_the_text_is_given_even_a_little() -> None:
    inner, engine = engines(FakeReader(a=SIGN))
    await events(engine.stream(asking(user("What?", "a"), reading="evidence")))
    assert inner.requests[0].messages == (
        Message("user", (TextPart("Text on this image, as OCR found it:\nWay out\n\nWhat?"),)),
    )


async def test_a_sign_is_given_as_its_words_in_a_chat_and_stays_an_image_for_another_form() -> None:
    inner, engine = engines(FakeReader(a=page("NO PARKING"), b=page("SEIKO", "12", "3")))
    await events(engine.stream(asking(user("What is it?", "a"))))
    clock = asking(user("What time?", "a"), grammar=Grammar("lark", 'start: "12:00"'))
    await events(engine.stream(clock))
    maker = asking(user("What is it?", "b"))
    await events(engine.stream(maker))
    assert inner.requests[0].messages == (
        Message("user", (TextPart("Text on this image, as OCR found it:\nNO PARKING\n\nWhat is it?"),)),
    )
    assert inner.requests[1:] == [clock, maker]


async def test_another_model_sees_the_image_alone_and_nothing_is_read_in_a_chat() -> None:
    reader = FakeReader(a=SHOP)
    inner, engine = engines(reader, SCRIPTED)
    request = asking(user("How much?", "a"))
    assert await read_of(engine, request) == ""
    assert (inner.requests, reader.asked) == ([request], [])


async def test_where_values_are_looked_for_another_model_has_the_image_read_beside_its_answer() -> None:
    reader = FakeReader(a=SHOP)
    inner, engine = engines(reader, SCRIPTED)
    request = asking(user("How much?", "a"), grammar=receipt.grammar(), reading="evidence")
    assert await read_of(engine, request) == BESIDE
    assert (inner.requests, reader.asked) == ([request], ["a"])


async def test_always_gives_the_lines_to_every_model_but_holds_it_to_no_form_of_its_own() -> None:
    inner, engine = engines(FakeReader(a=SHOP), SCRIPTED, "always")
    request = asking(user("How much?", "a"), grammar=receipt.grammar(), reading="evidence")
    assert await read_of(engine, request) == GIVEN
    assert inner.requests == [replace(request, messages=(user(LINES + "How much?", "a"),))]


async def test_never_reads_nothing() -> None:
    reader = FakeReader(a=page("no amount"))
    inner, engine = engines(reader, READS_TEXT, "never")
    request = asking(user("How much?", "a"), grammar=receipt.grammar(), reading="amounts")
    assert await read_of(engine, request) == ""
    assert (inner.requests, reader.asked) == ([request], [])


async def test_several_images_are_read_one_after_another_and_numbered() -> None:
    reader = FakeReader(a=SHOP, b=Page(9, 9), c=NOTE)
    inner, engine = engines(reader)
    assert await read_of(engine, asking(user("Compare.", "a", "b", "c"))) == GIVEN.replace("4", "6")
    assert reader.asked == ["a", "b", "c"]
    assert inner.requests[0].messages[0].text == (
        f"Text on image 1, as OCR found it:\n{SAYS}\n\n"
        f"Text on image 3, as OCR found it:\nDear Anna,\n{LETTER}\n\nCompare."
    )


async def test_a_follow_up_has_the_lines_where_the_image_stands_and_one_image_is_read_once() -> None:
    reader = FakeReader(a=SHOP, b=NOTE)
    inner, engine = engines(reader)
    await events(
        engine.stream(
            asking(
                user("How much?", "a"),
                Message("assistant", (TextPart("12.90"),)),
                user("And?", "b"),
                user("Again.", "a"),
            )
        )
    )
    assert reader.asked == ["a", "b"]
    assert [message.text for message in inner.requests[0].messages] == [
        LINES + "How much?",
        "12.90",
        f"Text on this image, as OCR found it:\nDear Anna,\n{LETTER}\n\nAnd?",
        LINES + "Again.",
    ]


async def test_of_a_conversation_only_the_newest_images_are_read_beside_an_answer() -> None:
    reader = FakeReader(a=SHOP, b=NOTE)
    _, engine = engines(reader, SCRIPTED)
    await events(engine.stream(asking(user("One.", "a"), user("Two.", "b"), user("And?"), reading="evidence")))
    assert reader.asked == ["b"]


async def test_a_part_of_an_image_and_a_clip_are_not_read() -> None:
    reader = FakeReader(a=SHOP)
    inner, engine = engines(reader)
    request = asking(user("What?", "a", box=(0, 0, 5, 5)), Message("user", (VideoPart("v"), TextPart("And here?"))))
    assert await read_of(engine, request) == ""
    assert (inner.requests, reader.asked) == ([request], [])


async def test_a_failure_is_told_and_the_answer_goes_on_without_the_text() -> None:
    inner, engine = engines(FakeReader())
    request = asking(user("How much?", "a"), grammar=receipt.grammar(), reading="amounts")
    assert await read_of(engine, request) == FAILED
    assert inner.requests == [request]


async def test_an_image_that_is_gone_is_such_a_failure() -> None:
    class Emptied(FakeReader):
        async def read(self, media_id: str, progress: Callable[[Progress], None] | None = None) -> Page:
            raise StorageError("The image is gone.")

    _, engine = engines(Emptied())
    assert await read_of(engine, asking(user("How much?", "a"))) == "The image is gone."


async def test_of_two_images_one_that_fails_leaves_the_form_open_for_its_values() -> None:
    inner, engine = engines(FakeReader(a=SHOP))
    request = asking(user("Both.", "a", "b"), grammar=receipt.grammar(), reading="amounts")
    assert await read_of(engine, request) == FAILED
    assert inner.requests[0].grammar == receipt.grammar()
    assert inner.requests[0].messages[0].text.startswith("Text on image 1, as OCR found it:\nGolden Harbour")


async def test_stopping_while_an_image_is_read_ends_the_reading() -> None:
    reader = FakeReader(a=SHOP)
    reader.held.add("a")
    inner, engine = engines(reader)
    async with aclosing(engine.stream(asking(user("How much?", "a")))) as stream:
        assert await anext(stream) == Progress("reading the text", 0, 1)
    await asyncio.sleep(0)  # the reading hears of it
    assert (reader.cancelled, inner.requests) == (["a"], [])


async def test_a_cancelled_task_ends_the_reading_too() -> None:
    reader = FakeReader(a=SHOP)
    reader.held.add("a")
    _, engine = engines(reader)
    begun = asyncio.Event()

    async def answer() -> None:
        async with aclosing(engine.stream(asking(user("How much?", "a")))) as stream:
            async for _ in stream:
                begun.set()

    task = asyncio.create_task(answer())
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert reader.cancelled == ["a"]


@pytest.mark.parametrize("model", [READS_TEXT, SCRIPTED])
async def test_no_receipt_is_made_of_an_image_without_amounts(model: ModelInfo) -> None:
    inner, engine = engines(FakeReader(a=NOTE), model)
    found = await events(engine.stream(asking(user("Read it.", "a"), grammar=receipt.grammar(), reading="amounts")))
    assert found == [
        Progress("reading the text", 0, 1),
        TextDelta(NO_AMOUNTS),
        Finished("stop", Usage(0, 0, images=1, read="read without a model: 2 lines of text from the image")),
    ]
    assert inner.requests == []


async def test_one_amount_on_one_of_several_images_is_enough() -> None:
    inner, engine = engines(FakeReader(a=NOTE, b=SHOP), SCRIPTED)
    await events(engine.stream(asking(user("Read.", "a", "b"), reading="amounts")))
    assert len(inner.requests) == 1


async def test_a_blank_image_is_told_as_such() -> None:
    _, engine = engines(FakeReader(a=Page(9, 9)), SCRIPTED)
    assert await read_of(engine, asking(user("Read.", "a"), reading="amounts")) == "no text was found on the image"


async def test_read_text_is_answered_by_the_text_itself_where_the_model_works_from_it() -> None:
    inner, engine = engines(FakeReader(a=SHOP, b=Page(9, 9), c=NOTE))
    found = await events(engine.stream(asking(user("Read.", "a", "b", "c"), reading="text")))
    assert found[3:] == [
        TextDelta(f"{SAYS}\n\n{NO_TEXT}\n\nDear Anna,\n{LETTER}"),
        Finished("stop", Usage(0, 0, images=3, read="read without a model: 6 lines of text from the image")),
    ]
    assert inner.requests == []


@pytest.mark.parametrize("policy", ["auto", "always"])
async def test_a_model_that_sees_more_reads_the_text_itself(policy: ReaderPolicy) -> None:
    inner, engine = engines(FakeReader(a=SHOP), SCRIPTED, policy)
    await events(engine.stream(asking(user("Read.", "a"), reading="text")))
    assert len(inner.requests) == 1


async def test_a_form_is_held_to_the_page_for_a_model_that_works_from_it() -> None:
    inner, engine = engines(FakeReader(a=SHOP))
    await events(engine.stream(asking(user("Read.", "a"), grammar=receipt.grammar(), reading="amounts")))
    held = inner.requests[0].grammar
    assert held is not None
    assert held.kind == "lark"
    assert '"12.90"' in held.text


@pytest.mark.parametrize("reading", ["none", "evidence"])
async def test_a_grammar_that_is_no_form_or_is_not_about_the_text_stays(reading: str) -> None:
    inner, engine = engines(FakeReader(a=SHOP))
    grammar = receipt.grammar() if reading == "none" else Grammar("lark", 'start: "yes"')
    await events(engine.stream(asking(user("Read.", "a"), grammar=grammar, reading=reading)))
    assert inner.requests[0].grammar == grammar


async def test_its_status_is_the_other_engines_and_closing_closes_both() -> None:
    reader = FakeReader()
    inner, engine = engines(reader)
    assert engine.status == inner.status
    await engine.close()
    assert (engine.status.state, reader.closed) == ("closed", 1)


async def test_while_the_model_loads_it_is_waited_for_since_it_may_work_from_text() -> None:
    inner, engine = engines(FakeReader(a=SHOP))
    inner.status = EngineStatus("loading", "loading the model", 1, 4)
    seen: list[StreamEvent] = []
    async for event in engine.stream(asking(user("How much?", "a"))):
        seen.append(event)
        inner.status = EngineStatus("ready", model=READS_TEXT)
    assert seen[:2] == [Progress("loading the model", 1, 4, unit="bytes"), Progress("reading the text", 0, 1)]
    assert inner.requests[0].messages == (Message("user", (TextPart(LINES + "How much?"),)),)


async def test_words_alone_do_not_wait_for_the_model() -> None:
    inner, engine = engines(FakeReader())
    inner.status = EngineStatus("loading", "loading the model")
    assert (await events(engine.stream(asking(user("Hello.")))))[0] == TextDelta("Yes.")
