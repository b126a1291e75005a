"""A closer look at the doubtful fields of a receipt: where they stand on its image, if the model has room for more."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from PIL import Image

from backend.chat.one_shot import OneShot, grown
from backend.engine.scripted import SCRIPTED, Gate
from backend.errors import ModelFailed
from backend.reader.page import Line, Page
from backend.tasks.forms import receipt_schema
from backend.types import (
    EngineStatus,
    Finished,
    ImagePart,
    Progress,
    Restarted,
    TextDelta,
    Unsure,
    Usage,
)
from tests.support.chat import Reader, Runtime
from tests.support.messages import events

CANVAS = 1120 * 1120
SIZE = (900, 2000)
FIRST = '{"shop":"Corner","items":[{"name":"Tea","amount":2.50},{"name":"Jam","amount":3.10}],"total":5.70}'
MENDED = FIRST.replace("5.70", "5.60")
TOTAL = (60, 1360, 840, 1540)
"""The row of the total and a line around it."""

ROWS = (
    "Corner",
    "12 Main Street",
    "Tea  2.50",
    "Jam  3.10",
    *(f"line {letter}" for letter in "abcdefgh"),
    "TOTAL  5.60",
    "Thanks",
)


def page(size: tuple[int, int] = SIZE, rows: tuple[str, ...] = ROWS) -> Page:
    """Rows of text, each a line of 60 pixels, one every 100 pixels."""
    lines = []
    for number, row in enumerate(rows):
        top = 220.0 + 100 * number
        words = row.split("  ")
        for at, text in enumerate(words):
            left, right = (120.0, 480.0) if len(words) > 1 and not at else (500.0, 780.0) if at else (120.0, 780.0)
            lines.append(Line(text, ((left, top), (right, top), (right, top + 60), (left, top + 60))))
    return Page(*size, tuple(lines))


def sees(runtime: Runtime, canvas: int = CANVAS) -> None:
    runtime.engine.status = EngineStatus("ready", model=replace(SCRIPTED, canvas=canvas))


def photo(
    runtime: Runtime, size: tuple[int, int] = SIZE, name: str = "receipt.png", rows: tuple[str, ...] | None = ROWS
) -> Path:
    """A photo that has been read; `rows` None for one that was not."""
    path = runtime.folder / name
    Image.new("RGB", size, "white").save(path)
    if rows is not None:
        runtime.pages[hashlib.sha256(path.read_bytes()).hexdigest()] = page(size, rows)
    return path


def play(runtime: Runtime, *readings: object, first: str = FIRST, unsure: tuple[Unsure, ...] = ()) -> None:
    """Let the engine answer with a receipt, and then with these readings."""
    left = [[first, Finished("stop", Usage(10, 20, 3, images=1, time_to_first_token=1.0, seconds=4.0), unsure)]]
    left += [[one] if isinstance(one, str | Exception) else one for one in readings]  # type: ignore[misc]
    runtime.engine.script = lambda request: left.pop(0)


def closer(runtime: Runtime) -> list[tuple[ImagePart, list[str], str]]:
    """What was looked at again: the part of the image, the fields, and in which conversation."""
    return [
        (request.messages[0].media[0], json.loads(request.grammar.text)["required"], request.cache_key)
        for request in runtime.engine.requests
        if request.grammar and request.messages[0].media[0].box  # type: ignore[union-attr]
    ]  # type: ignore[return-value]


async def test_a_doubtful_field_is_read_again_where_it_should_be_and_what_it_takes_is_counted(
    runtime: Runtime,
) -> None:
    sees(runtime)
    usage = Usage(5, 7, 1, images=1, time_to_first_token=0.5, seconds=2.0)
    play(runtime, ['{"total":5.60}', Finished("stop", usage)])
    seen = await events(runtime.chat.submit(runtime.id, "", [photo(runtime)], task="receipt", owner=""))
    (turn,) = runtime.history.turns(runtime.id, owner="")
    part = turn.media[0].media_id
    end = Finished(
        "stop", Usage(15, 27, 4, images=1, time_to_first_token=1.0, seconds=6.0), (Unsure(93, 97, 1.0, True),)
    )
    assert [event for event in seen if not isinstance(event, TextDelta)][-3:] == [
        Progress("reading total again, closer"), Restarted("read again, closer"), end,
    ]  # fmt: skip
    assert "".join(grown("", event) for event in seen[-2:]) == MENDED
    assert closer(runtime) == [(ImagePart(part, TOTAL), ["total"], f"{runtime.id} reread")]
    assert (turn.answer.text, turn.finish_reason, turn.usage, turn.unsure) == (MENDED, "stop", end.usage, end.unsure)


async def test_nothing_is_read_again_where_it_would_show_nothing_new(runtime: Runtime) -> None:
    cases = [
        (CANVAS, (700, 1500), Usage(1, 1)),  # the whole image is seen as it is
        (0, SIZE, Usage(1, 1)),  # not known
        (448 * 448, SIZE, Usage(1, 1)),  # too small a model to read a part of anything
        (CANVAS, SIZE, Usage(1, 1, shown="images in one tile", detail=1)),  # there was no memory for more
    ]
    for canvas, size, usage in cases:
        sees(runtime, canvas)
        play(runtime)
        runtime.engine.script = [FIRST, Finished("stop", usage)]
        await events(runtime.chat.submit(runtime.id, "", [photo(runtime, size)], task="receipt", owner=""))
        assert runtime.history.turns(runtime.id, owner="")[-1].answer.text == FIRST
    assert (len(runtime.engine.requests), closer(runtime)) == (len(cases), [])


async def test_a_receipt_without_a_doubt_is_read_once(runtime: Runtime) -> None:
    sees(runtime)
    play(runtime, first=MENDED)
    await events(runtime.chat.submit(runtime.id, "", [photo(runtime)], task="receipt", owner=""))
    assert len(runtime.engine.requests) == 1


async def test_a_cut_answer_is_not_read_again(runtime: Runtime) -> None:
    sees(runtime)
    runtime.engine.script = [FIRST, Finished("length", Usage(1, 1))]
    await events(runtime.chat.submit(runtime.id, "", [photo(runtime)], task="receipt", owner=""))
    assert len(runtime.engine.requests) == 1


async def test_the_fields_of_one_part_are_asked_together_and_there_are_three_reads_at_most(runtime: Runtime) -> None:
    sees(runtime)
    rows = ("Corner", *(f"line {letter}" for letter in "abc"), "Tea  2.50", *(f"line {letter}" for letter in "defg"),
            "Ham  3.10", *(f"line {letter}" for letter in "hijk"), "TOTAL  5.60")  # fmt: skip
    unsure = tuple(Unsure(at, at + 1, 0.3) for at in (9, FIRST.index("Tea"), FIRST.index("Jam"), FIRST.index("3.10")))
    play(runtime, "{}", "{}", '{"items[1].name":"Ham","items[1].amount":3.10,"total":null}', unsure=unsure)
    seen = await events(
        runtime.chat.submit(runtime.id, "", [photo(runtime, (2000, 4000), rows=rows)], task="receipt", owner="")
    )
    assert [fields for _, fields, _ in closer(runtime)] == [
        ["shop"], ["items[0].name"], ["items[1].name", "items[1].amount", "total"],
    ]  # fmt: skip
    assert Progress("reading 3 fields again, closer") in seen
    (turn,) = runtime.history.turns(runtime.id, owner="")
    assert turn.answer.text == FIRST.replace("Jam", "Ham")


async def test_a_value_that_stands_nowhere_is_read_again_where_its_label_is(runtime: Runtime) -> None:
    sees(runtime)
    invented = MENDED.replace('"total":5.60', '"total":5.60,"payment":"Voucher"')
    rows = (*ROWS[:-1], "Payment  Card")
    play(runtime, '{"payment":"Card"}', first=invented)
    await events(runtime.chat.submit(runtime.id, "", [photo(runtime, rows=rows)], task="receipt", owner=""))
    assert [fields for _, fields, _ in closer(runtime)] == [["payment"]]
    assert runtime.kept() == [("", invented.replace("Voucher", "Card"), "stop", None)]


async def test_an_image_that_was_not_read_is_not_looked_at_again(runtime: Runtime) -> None:
    sees(runtime)
    play(runtime)
    await events(runtime.chat.submit(runtime.id, "", [photo(runtime, rows=None)], task="receipt", owner=""))
    assert (len(runtime.engine.requests), closer(runtime)) == (1, [])


async def test_several_receipts_are_each_looked_at_on_their_own_image(runtime: Runtime) -> None:
    sees(runtime)
    left = [[MENDED], [FIRST], ['{"total":5.60}']]
    runtime.engine.script = lambda request: left.pop(0)
    files = photo(runtime), photo(runtime, (900, 2001), "other.png")
    await events(runtime.chat.submit(runtime.id, "", files, task="receipt", owner=""))
    (turn,) = runtime.history.turns(runtime.id, owner="")
    assert [part.media_id for part, _, _ in closer(runtime)] == [turn.media[1].media_id]
    assert turn.answer.text == f"{MENDED}\n\n\n{MENDED}"


async def test_two_receipts_on_one_image_are_read_once(runtime: Runtime) -> None:
    sees(runtime)
    play(runtime, first=f"{FIRST}\n{FIRST}")
    await events(runtime.chat.submit(runtime.id, "", [photo(runtime)], task="receipt", owner=""))
    assert len(runtime.engine.requests) == 1


async def test_stop_during_the_second_look_keeps_the_first_reading_whole(runtime: Runtime) -> None:
    sees(runtime)
    gate = Gate()
    play(runtime, [gate])
    reader = Reader(runtime.chat.submit(runtime.id, "", [photo(runtime)], task="receipt", owner=""))
    await gate.reached.wait()
    await runtime.chat.stop(runtime.id, owner="")
    assert (await reader.task)[-1] == Finished("cancelled", Usage(0, 0))
    (turn,) = runtime.history.turns(runtime.id, owner="")
    assert (turn.answer.text, turn.finish_reason, turn.usage and turn.usage.completion_tokens) == (FIRST, "stop", 20)
    assert (runtime.engine.active, runtime.engine.cancelled) == (0, 1)


async def test_a_second_look_that_fails_leaves_the_first_reading(runtime: Runtime) -> None:
    sees(runtime)
    play(runtime, ModelFailed("The model failed."))
    seen = await events(runtime.chat.submit(runtime.id, "", [photo(runtime)], task="receipt", owner=""))
    assert isinstance(seen[-1], Finished)
    assert runtime.kept() == [("", FIRST, "stop", None)]


async def test_a_second_look_for_which_memory_was_short_counts_for_nothing(runtime: Runtime) -> None:
    sees(runtime)
    play(runtime, ['{"total":5.60}', Finished("stop", Usage(1, 1, shown="images in one tile", detail=1))])
    await events(runtime.chat.submit(runtime.id, "", [photo(runtime)], task="receipt", owner=""))
    assert runtime.kept() == [("", FIRST, "stop", None)]


async def test_a_receipt_asked_about_again_is_looked_at_again(runtime: Runtime) -> None:
    sees(runtime)
    await runtime.says("Hi", "A receipt.", photo(runtime))
    play(runtime, '{"total":5.60}')
    await events(runtime.chat.submit(runtime.id, "", task="receipt", owner=""))
    assert runtime.kept()[-1] == ("", MENDED, "stop", None)


async def test_what_nobody_keeps_is_read_again_too(runtime: Runtime) -> None:
    sees(runtime)
    play(runtime, '{"total":5.60}')
    text = ""
    async for event in OneShot(runtime.chat, runtime.history).stream("", [photo(runtime)], task="receipt"):
        text = grown(text, event)
    assert receipt_schema.parse(text) == receipt_schema.parse(MENDED)
