"""What crosses the pipe between the page's process and the engine's, and comes out as it went in."""

import os
import pickle
from multiprocessing import Pipe

import pytest

from backend.engine.engine import LocalSpec, ScriptedSpec
from backend.engine.process.messages import (
    Cancel,
    Close,
    Events,
    Failed,
    Request,
    Start,
    Status,
    ToChild,
    ToPage,
    receive,
    send,
)  # fmt: skip
from backend.engine.scripted import SCRIPTED
from backend.errors import QueueFull
from backend.types import (
    EngineStatus,
    Finished,
    GenerationRequest,
    Grammar,
    ImagePart,
    Message,
    PartDone,
    Progress,
    Queued,
    Restarted,
    SamplingParams,
    TextDelta,
    TextPart,
    Unsure,
    Usage,
    VideoPart,
)  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(os.system),
        b"",
        b"Path\n{}",
        b"Cancel\n{",
        b'Cancel\n{"number": "one"}',
        b'Failed\n{"number": 1, "error": ["system", "ls"]}',
        b'Events\n{"number": 1, "events": [{"command": "ls"}]}',
    ],
)
def test_nothing_but_our_messages_crosses_the_pipe(data: bytes):
    ours, theirs = Pipe()
    theirs.send_bytes(data)
    theirs.close()
    with pytest.raises(ValueError):  # noqa: PT011 (of many words)
        next(receive(ours))
    ours.close()


MESSAGES = (
    Start(LocalSpec("owner/name", revision="main", device="cpu", cache_bytes=5), "/media", 20),
    Start(ScriptedSpec("a:b"), "", 10),
    Request(
        3,
        GenerationRequest(
            "c",
            (
                Message("system", (TextPart("Be brief."),)),
                Message("user", (ImagePart("a", (1, 2, 3, 4)), ImagePart("b"), TextPart("Größe? 😀"))),
                Message("assistant", (TextPart("5"),)),
                Message("user", (VideoPart("v", 8, 1.0, None), VideoPart("w"))),
            ),
            SamplingParams(temperature=0.0, seed=5),
            "receipt",
            "ann",
            Grammar("lark", 'start: "a"', copies=True),
            "evidence",
            "key",
        ),
    ),
    Cancel(2),
    Close(),
    Events(
        1,
        (
            Queued(2), Progress("reading", 1, 2, 3.5, "bytes"), TextDelta("hé", 3), PartDone(ImagePart("z")),
            PartDone(VideoPart("z", 3)), Restarted("wrong"),
            Finished("stop", Usage(1, 2, seconds=0.5, detail=1), (Unsure(1, 2, 0.5, True),)),
        ),
    ),
    Status(EngineStatus("ready", "ready", 1, 2, SCRIPTED, 3.0)),
)  # fmt: skip


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_comes_out_as_it_went_in(message: ToChild | ToPage):
    ours, theirs = Pipe()
    send(theirs, message)
    assert next(receive(ours)) == message


def test_an_error_comes_out_with_its_class_and_its_sentence():
    ours, theirs = Pipe()
    send(theirs, Failed(7, QueueFull("“a\udcff.png” waits.")))
    told = next(receive(ours))
    assert isinstance(told, Failed)
    assert (told.number, type(told.error), str(told.error)) == (7, QueueFull, "“a?.png” waits.")
