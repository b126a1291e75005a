"""A closer look at the doubtful fields of a receipt: where they stand on its image, if the model has room for more."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from PIL import Image

from backend.chat.once import Once, grown
from backend.engine.scripted import SCRIPTED, Gate
from backend.errors import ModelFailed
from backend.reader.page import Line, Page
from backend.tasks import receipt
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
from tests.backend.house import House, Reader, events

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


def sees(house: House, canvas: int = CANVAS) -> None:
    house.engine.status = EngineStatus("ready", model=replace(SCRIPTED, canvas=canvas))


def photo(
    house: House, size: tuple[int, int] = SIZE, name: str = "receipt.png", rows: tuple[str, ...] | None = ROWS
) -> Path:
    """A photo that has been read; `rows` None for one that was not."""
    path = house.folder / name
    Image.new("RGB", size, "white").save(path)
    if rows is not None:
        house.pages[hashlib.sha256(path.read_bytes()).hexdigest()] = page(size, rows)
    return path


def play(house: House, *readings: object, first: str = FIRST, unsure: tuple[Unsure, ...] = ()) -> None:
    """Let the engine answer with a receipt, and then with these readings."""
    left = [[first, Finished("stop", Usage(10, 20, 3, images=1, time_to_first_token=1.0, seconds=4.0), unsure)]]
    left += [[one] if isinstance(one, str | Exception) else one for one in readings]  # type: ignore[misc]
    house.engine.script = lambda request: left.pop(0)


def closer(house: House) -> list[tuple[ImagePart, list[str], str]]:
    """What was looked at again: the part of the image, the fields, and in which conversation."""
    return [
        (request.messages[0].media[0], json.loads(request.grammar.text)["required"], request.conversation_id)
        for request in house.engine.requests
        if request.grammar and request.messages[0].media[0].box  # type: ignore[union-attr]
    ]  # type: ignore[return-value]


async def test_a_doubtful_field_is_read_again_where_it_should_be_and_what_it_takes_is_counted(house: House) -> None:
    sees(house)
    usage = Usage(5, 7, 1, images=1, time_to_first_token=0.5, seconds=2.0)
    play(house, ['{"total":5.60}', Finished("stop", usage)])
    seen = await events(house.chat.submit(house.id, "", [photo(house)], task="receipt"))
    (turn,) = house.history.turns(house.id)
    part = turn.media[0].media_id
    end = Finished(
        "stop", Usage(15, 27, 4, images=1, time_to_first_token=1.0, seconds=6.0), (Unsure(93, 97, 1.0, True),)
    )
    assert [event for event in seen if not isinstance(event, TextDelta)][-3:] == [
        Progress("reading total again, closer"), Restarted("read again, closer"), end,
    ]  # fmt: skip
    assert "".join(grown("", event) for event in seen[-2:]) == MENDED
    assert closer(house) == [(ImagePart(part, TOTAL), ["total"], f"{house.id} closer")]
    assert (turn.reply, turn.finish_reason, turn.usage, turn.unsure) == (MENDED, "stop", end.usage, end.unsure)


async def test_nothing_is_read_again_where_it_would_show_nothing_new(house: House) -> None:
    cases = [
        (CANVAS, (700, 1500), Usage(1, 1)),  # the whole image is seen as it is
        (0, SIZE, Usage(1, 1)),  # not known
        (448 * 448, SIZE, Usage(1, 1)),  # too small a model to read a part of anything
        (CANVAS, SIZE, Usage(1, 1, shown="images in one tile")),  # there was no memory for more
    ]
    for canvas, size, usage in cases:
        sees(house, canvas)
        play(house)
        house.engine.script = [FIRST, Finished("stop", usage)]
        await events(house.chat.submit(house.id, "", [photo(house, size)], task="receipt"))
        assert house.history.turns(house.id)[-1].reply == FIRST
    assert (len(house.engine.requests), closer(house)) == (len(cases), [])


async def test_a_receipt_without_a_doubt_is_read_once(house: House) -> None:
    sees(house)
    play(house, first=MENDED)
    await events(house.chat.submit(house.id, "", [photo(house)], task="receipt"))
    assert len(house.engine.requests) == 1


async def test_a_cut_answer_is_not_read_again(house: House) -> None:
    sees(house)
    house.engine.script = [FIRST, Finished("length", Usage(1, 1))]
    await events(house.chat.submit(house.id, "", [photo(house)], task="receipt"))
    assert len(house.engine.requests) == 1


async def test_the_fields_of_one_part_are_asked_together_and_there_are_three_reads_at_most(house: House) -> None:
    sees(house)
    rows = ("Corner", *(f"line {letter}" for letter in "abc"), "Tea  2.50", *(f"line {letter}" for letter in "defg"),
            "Ham  3.10", *(f"line {letter}" for letter in "hijk"), "TOTAL  5.60")  # fmt: skip
    unsure = tuple(Unsure(at, at + 1, 0.3) for at in (9, FIRST.index("Tea"), FIRST.index("Jam"), FIRST.index("3.10")))
    play(house, "{}", "{}", '{"items[1].name":"Ham","items[1].amount":3.10,"total":null}', unsure=unsure)
    seen = await events(house.chat.submit(house.id, "", [photo(house, (2000, 4000), rows=rows)], task="receipt"))
    assert [fields for _, fields, _ in closer(house)] == [
        ["shop"], ["items[0].name"], ["items[1].name", "items[1].amount", "total"],
    ]  # fmt: skip
    assert Progress("reading 3 fields again, closer") in seen
    (turn,) = house.history.turns(house.id)
    assert turn.reply == FIRST.replace("Jam", "Ham")


async def test_a_value_that_stands_nowhere_is_read_again_where_its_label_is(house: House) -> None:
    sees(house)
    invented = MENDED.replace('"total":5.60', '"total":5.60,"payment":"Voucher"')
    rows = (*ROWS[:-1], "Payment  Card")
    play(house, '{"payment":"Card"}', first=invented)
    await events(house.chat.submit(house.id, "", [photo(house, rows=rows)], task="receipt"))
    assert [fields for _, fields, _ in closer(house)] == [["payment"]]
    assert house.kept() == [("", invented.replace("Voucher", "Card"), "stop", None)]


async def test_an_image_that_was_not_read_is_not_looked_at_again(house: House) -> None:
    sees(house)
    play(house)
    await events(house.chat.submit(house.id, "", [photo(house, rows=None)], task="receipt"))
    assert (len(house.engine.requests), closer(house)) == (1, [])


async def test_several_receipts_are_each_looked_at_on_their_own_image(house: House) -> None:
    sees(house)
    left = [[MENDED], [FIRST], ['{"total":5.60}']]
    house.engine.script = lambda request: left.pop(0)
    files = photo(house), photo(house, (900, 2001), "other.png")
    await events(house.chat.submit(house.id, "", files, task="receipt"))
    (turn,) = house.history.turns(house.id)
    assert [part.media_id for part, _, _ in closer(house)] == [turn.media[1].media_id]
    assert turn.reply == f"{MENDED}\n\n\n{MENDED}"


async def test_two_receipts_on_one_image_are_read_once(house: House) -> None:
    sees(house)
    play(house, first=f"{FIRST}\n{FIRST}")
    await events(house.chat.submit(house.id, "", [photo(house)], task="receipt"))
    assert len(house.engine.requests) == 1


async def test_stop_during_the_second_look_keeps_the_first_reading_whole(house: House) -> None:
    sees(house)
    gate = Gate()
    play(house, [gate])
    reader = Reader(house.chat.submit(house.id, "", [photo(house)], task="receipt"))
    await gate.reached.wait()
    await house.chat.stop(house.id)
    assert (await reader.task)[-1] == Finished("cancelled", Usage(0, 0))
    (turn,) = house.history.turns(house.id)
    assert (turn.reply, turn.finish_reason, turn.usage and turn.usage.completion_tokens) == (FIRST, "stop", 20)
    assert (house.engine.active, house.engine.cancelled) == (0, 1)


async def test_a_second_look_that_fails_leaves_the_first_reading(house: House) -> None:
    sees(house)
    play(house, ModelFailed("The model failed."))
    seen = await events(house.chat.submit(house.id, "", [photo(house)], task="receipt"))
    assert isinstance(seen[-1], Finished)
    assert house.kept() == [("", FIRST, "stop", None)]


async def test_a_second_look_for_which_memory_was_short_counts_for_nothing(house: House) -> None:
    sees(house)
    play(house, ['{"total":5.60}', Finished("stop", Usage(1, 1, shown="images in one tile"))])
    await events(house.chat.submit(house.id, "", [photo(house)], task="receipt"))
    assert house.kept() == [("", FIRST, "stop", None)]


async def test_a_receipt_asked_about_again_is_looked_at_again(house: House) -> None:
    sees(house)
    await house.says("Hi", "A receipt.", photo(house))
    play(house, '{"total":5.60}')
    await events(house.chat.submit(house.id, "", task="receipt"))
    assert house.kept()[-1] == ("", MENDED, "stop", None)


async def test_what_nobody_keeps_is_read_again_too(house: House) -> None:
    sees(house)
    play(house, '{"total":5.60}')
    text = ""
    async for event in Once(house.chat, house.history).stream("", [photo(house)], task="receipt"):
        text = grown(text, event)
    assert receipt.parse(text) == receipt.parse(MENDED)
