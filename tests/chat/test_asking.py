"""One answer out of several streams: every image alone, and once more where the first try was wrong."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from backend.chat.answer import BY_SCHEMA, GAP, NOT_IN_FORM, answers
from backend.chat.one_shot import grown
from backend.engine.scripted import SCRIPTED, ScriptedEngine
from backend.errors import InputError
from backend.history import Turn
from backend.tasks.presets import latex, receipt
from backend.types import (
    EngineStatus,
    Finished,
    GenerationRequest,
    ImagePart,
    Message,
    Restarted,
    StreamEvent,
    TextDelta,
    TextPart,
    Unsure,
    Usage,
)
from tests.support.chat import Runtime, sha
from tests.support.messages import events as collected

ASKED = GenerationRequest("c", (Message("user", (TextPart("Formula?"),)),))
WRONG = "Not a LaTeX formula yet: a symbol has two superscripts. Write the formula again as LaTeX only."


async def play(script: object, requests: int = 1) -> tuple[ScriptedEngine, list[StreamEvent]]:
    engine = ScriptedEngine(script)  # type: ignore[arg-type]
    return engine, [event async for event in answers(engine, [ASKED] * requests, latex.complaint)]


def tries(*texts: str):
    left = list(texts)
    return lambda request: [left.pop(0)]


async def test_a_wrong_answer_goes_back_to_the_model_once() -> None:
    engine, events = await play(tries("x^2^3", "x^{23}"))
    assert events[:-1] == [TextDelta("x^2^3"), Restarted(WRONG), TextDelta("x^{23}")]
    assert [(one.role, one.text) for one in engine.requests[1].messages] == [
        ("user", "Formula?"), ("assistant", "x^2^3"), ("user", WRONG),
    ]  # fmt: skip


async def test_a_second_wrong_answer_stands() -> None:
    engine, events = await play(tries("x^2^3", "y^2^3", "z"))
    assert (events[-2], len(engine.requests)) == (TextDelta("y^2^3"), 2)


async def test_what_is_cut_is_not_asked_again() -> None:
    _, events = await play(lambda request: ["x^2^3", Finished("length", Usage(1, 1))])
    assert [type(event) for event in events] == [TextDelta, Finished]


async def test_several_answers_are_one_with_their_figures_added_up() -> None:
    ends = iter([Finished("length", Usage(5, 2, 1, 1, 0, 0.5, 1.0), (Unsure(0, 1, 0.5),)),
                 Finished("stop", Usage(7, 3, 0, 1, 0, 0.2, 2.0), (Unsure(1, 2, 0.3),))])  # fmt: skip
    _, events = await play(lambda request: ["ab", next(ends)], requests=2)
    assert events == [
        TextDelta("ab"), TextDelta(GAP), TextDelta("ab"),
        Finished("length", Usage(12, 5, 1, 2, 0, 0.5, 3.0), (Unsure(0, 1, 0.5), Unsure(6, 7, 0.3))),
    ]  # fmt: skip


async def test_what_is_taken_back_leaves_the_answers_before_it() -> None:
    _, events = await play(tries("a", "b^2^3", "b"), requests=2)
    text = ""
    for event in events:
        text = "" if isinstance(event, Restarted) else text + (event.text if isinstance(event, TextDelta) else "")
    assert text == f"a{GAP}b"


async def answer(runtime: Runtime, script: object, *files: Path, task: str, text: str = "") -> list[Turn]:
    runtime.engine.script = script  # type: ignore[assignment]
    await collected(runtime.chat.submit(runtime.id, text, files, task=task, owner=""))
    return runtime.history.turns(runtime.id, owner="")


async def test_every_receipt_of_a_message_is_read_alone(runtime: Runtime) -> None:
    files = runtime.file("one.png"), runtime.file("two.png")
    (turn,) = await answer(runtime, ['{"shop": "A"}'], *files, task="receipt")
    assert [request.messages[-1].media for request in runtime.engine.requests] == [
        (ImagePart(sha("one.png")),), (ImagePart(sha("two.png")),),
    ]  # fmt: skip
    assert turn.answer.text == f'{{"shop": "A"}}{GAP}{{"shop": "A"}}'


async def test_a_mended_answer_is_the_one_that_is_kept(runtime: Runtime) -> None:
    (turn,) = await answer(runtime, tries("x^2^3", "x^{23}"), runtime.file("f.png"), task="latex")
    assert turn.answer.text == "x^{23}"


async def test_a_schema_that_is_none_is_refused_and_nothing_is_kept(runtime: Runtime) -> None:
    with pytest.raises(InputError, match="Not a valid JSON Schema"):
        await answer(runtime, [], runtime.file("r.png"), task="receipt", text='{"type": 3')
    assert runtime.kept() == []


async def test_an_own_schema_goes_to_the_engine(runtime: Runtime) -> None:
    schema = json.dumps({"type": "object", "properties": {"a": {"type": "null"}}})
    await answer(runtime, ['{"a": null}'], runtime.file("r.png"), task="receipt", text=schema)
    assert runtime.engine.requests[0].grammar == receipt.grammar(schema)


async def test_where_the_model_was_unsure_is_kept_with_the_turn(runtime: Runtime) -> None:
    unsure = (Unsure(0, 2, 0.25),)
    (turn,) = await answer(
        runtime, ["{}", Finished("stop", Usage(1, 1), unsure)], runtime.file("r.png"), task="receipt"
    )
    assert turn.unsure == unsure


def test_what_is_taken_back_is_not_in_an_answer_that_nobody_keeps() -> None:
    answer = ""
    for event in (TextDelta("x^2^3"), Restarted(WRONG), TextDelta("x")):
        answer = grown(answer, event)
    assert answer == "x"


def unheld(runtime: Runtime) -> None:
    """Let the engine be one that can only be asked in words."""
    runtime.engine.status = EngineStatus("ready", model=replace(SCRIPTED, capabilities=frozenset({"images"})))


async def test_a_form_is_asked_for_in_words_where_the_engine_cannot_be_held_to_it(runtime: Runtime) -> None:
    unheld(runtime)
    schema = '{"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}'
    written = '```json\n{ "total": 2.5 }\n```'
    (turn,) = await answer(runtime, [written], runtime.file("r.png"), text=schema, task="receipt")
    (asked,) = runtime.engine.requests
    assert (asked.grammar, asked.messages[-1].text.splitlines()[-2]) == (None, BY_SCHEMA)
    assert json.loads(asked.messages[-1].text.splitlines()[-1])["required"] == ["total"]
    assert turn.answer.text == written


async def test_an_answer_that_is_not_in_its_form_goes_back_once_where_it_was_not_held_to_it(runtime: Runtime) -> None:
    unheld(runtime)
    runtime.engine.script = tries("It is due.", "It is due.\n\n> DUE TODAY")
    await collected(runtime.chat.submit(runtime.id, "Is it due?", [runtime.file("f.png")], task="document", owner=""))
    first, second = runtime.engine.requests
    assert (first.grammar, second.grammar, second.messages[-1].text) == (None, None, NOT_IN_FORM)
    assert runtime.history.turns(runtime.id, owner="")[-1].answer.text == "It is due.\n\n> DUE TODAY"
