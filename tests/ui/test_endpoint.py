"""The page's endpoint, called as people's scripts call it: pytest tests/ui/test_endpoint.py"""

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from backend.engine.scripted import Gate, Signal, Step
from backend.errors import OutOfMemory
from backend.types import GenerationRequest, Message, Progress, Queued, SamplingParams, TextPart
from tests.ui.house import House, picture


@pytest.fixture(scope="module")
def connection(open_house: House) -> Iterator[Client]:
    client = Client(open_house.url, verbose=False)
    yield client
    client.close()


@pytest.fixture
def client(connection: Client, house: House) -> Client:
    """As if just connected: in no conversation yet."""
    connection.reset_session()
    return connection


def message(text: str = "", *files: Path) -> dict[str, object]:
    return {"text": text, "files": [handle_file(str(file)) for file in files]}


def test_it_answers_text_alone(house: House, client: Client) -> None:
    house.engine.script = ["Hello ", "there."]
    assert client.predict(message("Hi"), api_name="/chat") == "Hello there."
    assert house.kept() == [("Hi", "Hello there.", "stop")]


def test_it_answers_about_a_file_without_a_word(house: House, client: Client, tmp_path: Path) -> None:
    house.engine.script = ["A circle."]
    assert client.predict(message("", picture(tmp_path / "a.png")), api_name="/chat") == "A circle."
    assert house.engine.requests[-1].messages[0].media != ()


def test_the_answer_grows(house: House, client: Client) -> None:
    gates = [Gate(), Gate()]
    house.engine.script = [Queued(1), Progress("reading"), "one", gates[0], " two", gates[1], " three"]
    job = client.submit(message("Count"), api_name="/chat")
    seen = []
    for gate in gates:
        gate.reached.wait_blocking()
        while not job.outputs() or job.outputs()[-1] in seen:
            assert not job.done()
        seen.append(job.outputs()[-1])
        gate.open()
    assert [*seen, job.result()] == ["one", "one two", "one two three"]


def test_one_client_is_one_conversation(house: House, client: Client) -> None:
    house.engine.script = ["Blue."]
    client.predict(message("What colour?"), api_name="/chat")
    client.predict(message("Sure?"), api_name="/chat")
    assert house.engine.requests[-1].messages == (
        Message("user", (TextPart("What colour?"),)),
        Message("assistant", (TextPart("Blue."),)),
        Message("user", (TextPart("Sure?"),)),
    )


def test_two_clients_do_not_mix(house: House, client: Client) -> None:
    client.predict(message("mine"), api_name="/chat")
    other = Client(house.url, verbose=False)
    other.predict(message("theirs"), api_name="/chat")
    other.close()
    assert [message.text for message in house.engine.requests[-1].messages] == ["theirs"]


def test_settings_and_presets_are_named_parameters(house: House, client: Client, tmp_path: Path) -> None:
    client.predict(
        message("", picture(tmp_path / "a.png")),
        preset="caption",
        system="Be brief.",
        max_new_tokens=7,
        top_k=5,
        seed=3,
        api_name="/chat",
    )
    request = house.engine.requests[-1]
    assert request.messages[0] == Message("system", (TextPart("Be brief."),))
    assert request.task == "caption"
    assert request.sampling == SamplingParams(7, temperature=0.0, top_k=5, seed=3)


def test_a_setting_that_cannot_be_is_one_sentence(client: Client) -> None:
    with pytest.raises(AppError, match="Top-p is a number from 0 to 1, not “2”"):
        client.predict(message("Hi"), top_p=2, api_name="/chat")


def test_a_receipt_comes_as_it_was_written(house: House, client: Client, tmp_path: Path) -> None:
    house.engine.script = ['{"total": 2.50}']
    answer = client.predict(message("", picture(tmp_path / "a.png")), preset="receipt", api_name="/chat")
    assert answer == '{"total": 2.50}'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "empty"), (b"no picture at all", "text file"), (b"\x89PNG\r\n", "a.png")],
)
def test_a_bad_file_is_one_sentence(
    house: House, client: Client, tmp_path: Path, content: bytes, sentence: str
) -> None:
    bad = tmp_path / "a.png"
    bad.write_bytes(content)
    with pytest.raises(AppError, match=sentence):
        client.predict(message("What?", bad), api_name="/chat")
    assert client.predict(message("And now?"), api_name="/chat").startswith("This is the scripted engine")
    assert house.kept()[-1][0] == "And now?"


def test_an_empty_message_is_one_sentence(house: House, client: Client) -> None:
    with pytest.raises(AppError, match="Write a message or add a picture or a video"):
        client.predict(message(), api_name="/chat")


def test_what_the_engine_cannot_do_is_one_sentence(house: House, client: Client) -> None:
    house.engine.script = [OutOfMemory("The GPU is full; send fewer images.")]
    with pytest.raises(AppError, match="The GPU is full"):
        client.predict(message("Hi"), api_name="/chat")


def test_a_cancelled_job_stops_the_engine_and_keeps_what_was_said(house: House, client: Client) -> None:
    closed = Signal()

    async def script(request: GenerationRequest) -> AsyncGenerator[Step]:
        try:
            yield "half"
            yield Gate()
        finally:
            closed.set()

    house.engine.script = script
    job = client.submit(message("Tell"), api_name="/chat")
    while not job.outputs():  # a job can be cancelled once its client has heard of it
        assert not job.done()
    job.cancel()
    closed.wait_blocking()
    house.engine.script = ["next"]
    assert client.predict(message("Next"), api_name="/chat") == "next"
    assert house.kept() == [("Tell", "half", "cancelled"), ("Next", "next", "stop")]


def test_only_the_chat_is_offered(client: Client) -> None:
    endpoints = client.view_api(print_info=False, return_format="dict")["named_endpoints"]
    assert list(endpoints) == ["/chat"]
    assert [parameter["parameter_name"] for parameter in endpoints["/chat"]["parameters"]] == [
        "message",
        "preset",
        "system",
        "max_new_tokens",
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "repetition_penalty",
        "seed",
        "video_frames",
        "video_from",
        "video_to",
    ]
