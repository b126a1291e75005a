"""Answers that have pictures beside words: kept, shown again to the model, and removed with their turn."""

from pathlib import Path

from PIL import Image

from backend.chat.one_shot import OneShot
from backend.errors import ModelFailed
from backend.types import ImagePart, Message, PartDone, Restarted, TextDelta, TextPart
from tests.support.chat import Runtime, failure
from tests.support.messages import assistant, events, user


def drawn(runtime: Runtime, colour: str = "red") -> ImagePart:
    return runtime.store.put(Image.new("RGB", (8, 8), colour), f"{colour}.png")


async def test_an_answer_keeps_its_picture_where_it_came(runtime: Runtime) -> None:
    picture = drawn(runtime)
    runtime.engine.script = [TextDelta("Here: "), PartDone(picture), TextDelta("as you wished.")]
    told = await events(runtime.chat.submit(runtime.id, "Draw a red square.", owner=""))
    assert told[:-1] == [TextDelta("Here: "), PartDone(picture), TextDelta("as you wished.")]
    (turn,) = runtime.history.turns(runtime.id, owner="")
    assert turn.answer == Message("assistant", (TextPart("Here: "), picture, TextPart("as you wished.")))


async def test_a_picture_before_a_restart_is_not_kept(runtime: Runtime) -> None:
    first, second = drawn(runtime), drawn(runtime, "blue")
    runtime.engine.script = [PartDone(first), Restarted("wrong"), PartDone(second)]
    await events(runtime.chat.submit(runtime.id, "Draw.", owner=""))
    assert runtime.history.turns(runtime.id, owner="")[0].answer == Message("assistant", (second,))


async def test_the_model_is_shown_the_picture_of_an_answer_with_the_next_question(runtime: Runtime) -> None:
    picture = drawn(runtime)
    runtime.engine.script = [PartDone(picture)]
    await events(runtime.chat.submit(runtime.id, "Draw a red square.", owner=""))
    await runtime.says("Which colour is it?", "Red.")
    shown = user(picture, "Which colour is it?")
    assert runtime.asked() == (user("Draw a red square."), assistant("[a picture]"), shown)
    await runtime.says("Sure?", "Yes.")
    assert runtime.asked()[2:] == (shown, assistant("Red."), user("Sure?"))


async def test_a_picture_of_an_answer_stays_until_nobody_uses_it(runtime: Runtime) -> None:
    runtime.engine.script = [PartDone(drawn(runtime))]
    await events(runtime.chat.submit(runtime.id, "Draw.", owner=""))
    other = runtime.history.create(owner="")
    await runtime.chat.delete(other, owner="")
    await runtime.chat.close()
    assert runtime.store.names == {"red.png"}
    await runtime.chat.delete(runtime.id, owner="")
    await runtime.chat.close()
    assert runtime.store.names == set()


async def test_an_answer_that_fails_keeps_the_picture_that_was_whole(runtime: Runtime) -> None:
    picture = drawn(runtime)
    runtime.engine.script = [PartDone(picture), TextDelta("and "), ModelFailed("Broken.")]
    assert await failure(runtime.chat.submit(runtime.id, "Draw two.", owner="")) == (ModelFailed, "Broken.")
    turn = runtime.history.turns(runtime.id, owner="")[0]
    assert (turn.answer, turn.error) == (Message("assistant", (picture, TextPart("and "))), "Broken.")


async def test_a_file_of_a_folder_costs_no_look_at_the_whole_store(runtime: Runtime, tmp_path: Path) -> None:
    asks = OneShot(runtime.chat, runtime.history)
    runtime.engine.script = ["A cat."]
    await events(asks.stream("", [runtime.file("a.png")], task="caption"))
    await runtime.chat.close()
    assert runtime.store.names == set()
    drawn(runtime)  # nobody uses it
    await events(asks.stream("", [runtime.file("b.png")], task="caption"))
    await runtime.chat.close()
    assert runtime.store.names == {"red.png"}  # its own file is gone, and no other was looked at
    await runtime.chat.delete(runtime.id, owner="")
    await runtime.chat.close()
    assert runtime.store.names == set()
