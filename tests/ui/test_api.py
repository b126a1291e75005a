"""The page's endpoint, called as people's scripts call it: pytest tests/ui/test_api.py"""

import re
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from backend.chat.one_shot import OWNER
from backend.engine.scripted import Gate
from backend.errors import OutOfMemory
from backend.evidence.reading_engine import NO_AMOUNTS
from backend.types import Message, Progress, Queued, SamplingParams, TextPart, VideoPart
from tests.support.page import Runtime, picture
from ui.chat_view import FOLDER


@pytest.fixture(scope="module")
def connection(open_runtime: Runtime) -> Iterator[Client]:
    client = Client(open_runtime.url, verbose=False)
    yield client
    client.close()


@pytest.fixture
def client(connection: Client, runtime: Runtime) -> Client:
    """As if just connected: in no conversation yet."""
    connection.reset_session()
    return connection


def message(text: str = "", *files: Path) -> dict[str, object]:
    return {"text": text, "files": [handle_file(str(file)) for file in files]}


def test_it_answers_text_alone(runtime: Runtime, client: Client) -> None:
    runtime.engine.script = ["Hello ", "there."]
    assert client.predict(message("Hi"), api_name="/chat") == "Hello there."
    assert runtime.kept() == [("Hi", "Hello there.", "stop")]


def test_it_answers_about_a_file_without_a_word(runtime: Runtime, client: Client, tmp_path: Path) -> None:
    runtime.engine.script = ["A circle."]
    assert client.predict(message("", picture(tmp_path / "a.png")), api_name="/chat") == "A circle."
    assert runtime.engine.requests[-1].messages[0].media != ()


def test_the_answer_grows(runtime: Runtime, client: Client) -> None:
    gates = [Gate(), Gate()]
    runtime.engine.script = [Queued(1), Progress("reading"), "one", gates[0], " two", gates[1], " three"]
    job = client.submit(message("Count"), api_name="/chat")
    seen = []
    for gate in gates:
        gate.reached.wait_blocking()
        while not job.outputs() or job.outputs()[-1] in ("", *seen):
            assert not job.done()
        seen.append(job.outputs()[-1])
        gate.open()
    assert [*seen, job.result()] == ["one", "one two", "one two three"]


def test_one_client_is_one_conversation(runtime: Runtime, client: Client) -> None:
    runtime.engine.script = ["Blue."]
    client.predict(message("What colour?"), api_name="/chat")
    client.predict(message("Sure?"), api_name="/chat")
    assert runtime.engine.requests[-1].messages == (
        Message("user", (TextPart("What colour?"),)),
        Message("assistant", (TextPart("Blue."),)),
        Message("user", (TextPart("Sure?"),)),
    )


def test_two_clients_do_not_mix(runtime: Runtime, client: Client) -> None:
    client.predict(message("mine"), api_name="/chat")
    other = Client(runtime.url, verbose=False)
    other.predict(message("theirs"), api_name="/chat")
    other.close()
    assert [message.text for message in runtime.engine.requests[-1].messages] == ["theirs"]


def test_settings_and_presets_are_named_parameters(runtime: Runtime, client: Client, tmp_path: Path) -> None:
    client.predict(
        message("", picture(tmp_path / "a.png")),
        preset="caption",
        system="Be brief.",
        max_new_tokens=7,
        top_k=5,
        seed=3,
        api_name="/chat",
    )
    request = runtime.engine.requests[-1]
    assert request.messages[0] == Message("system", (TextPart("Be brief."),))
    assert request.task == "caption"
    assert request.sampling == SamplingParams(7, temperature=0.0, top_k=5, seed=3)


def test_a_setting_that_cannot_be_is_one_sentence(client: Client) -> None:
    with pytest.raises(AppError, match="Top-p is a number from 0 to 1, not “2”"):
        client.predict(message("Hi"), top_p=2, api_name="/chat")


def test_a_receipt_comes_as_it_was_written(runtime: Runtime, client: Client, tmp_path: Path) -> None:
    runtime.engine.script = ['{"total": 2.50}']
    answer = client.predict(message("", picture(tmp_path / "a.png")), preset="receipt", api_name="/chat")
    assert answer == '{"total": 2.50}'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"", "empty"), (b"no picture at all", "text file"), (b"\x89PNG\r\n", "a.png")],
)
def test_a_bad_file_is_one_sentence(
    runtime: Runtime, client: Client, tmp_path: Path, content: bytes, sentence: str
) -> None:
    bad = tmp_path / "a.png"
    bad.write_bytes(content)
    with pytest.raises(AppError, match=sentence):
        client.predict(message("What?", bad), api_name="/chat")
    assert client.predict(message("And now?"), api_name="/chat").startswith("This is the scripted engine")
    assert runtime.kept()[-1][0] == "And now?"


def test_an_empty_message_is_one_sentence(runtime: Runtime, client: Client) -> None:
    with pytest.raises(AppError, match="Write a message or add a picture or a video"):
        client.predict(message(), api_name="/chat")


def test_what_the_engine_cannot_do_is_one_sentence(runtime: Runtime, client: Client) -> None:
    runtime.engine.script = [OutOfMemory("The GPU is full; send fewer images.")]
    with pytest.raises(AppError, match="The GPU is full"):
        client.predict(message("Hi"), api_name="/chat")


def test_a_cancelled_job_stops_the_engine_and_keeps_what_was_said(runtime: Runtime, client: Client) -> None:
    closed = runtime.hold("half")
    job = client.submit(message("Tell"), api_name="/chat")
    while not job.outputs():  # a job can be cancelled once its client has heard of it
        assert not job.done()
    job.cancel()
    closed.wait_blocking()
    runtime.engine.script = ["next"]
    assert client.predict(message("Next"), api_name="/chat") == "next"
    assert runtime.kept() == [("Tell", "half", "cancelled"), ("Next", "next", "stop")]


def test_a_preset_is_an_endpoint_that_takes_one_file_and_keeps_nothing(
    runtime: Runtime, client: Client, tmp_path: Path
) -> None:
    runtime.engine.script = ["A teal circle."]
    before = runtime.history.conversations(owner="")
    assert client.predict(handle_file(str(picture(tmp_path / "a.png"))), api_name="/caption") == "A teal circle."
    assert runtime.history.conversations(owner="") == before
    assert runtime.history.conversations(OWNER) == []
    assert runtime.engine.requests[-1].messages[-1].text == "Describe this image in one line."


def test_a_preset_takes_further_words(runtime: Runtime, client: Client, tmp_path: Path) -> None:
    runtime.engine.script = ["Cylch."]
    client.predict(handle_file(str(picture(tmp_path / "a.png"))), "In Welsh.", api_name="/caption")
    assert runtime.engine.requests[-1].messages[-1].text == "Describe this image in one line.\nIn Welsh."


def test_a_receipt_is_data(runtime: Runtime, client: Client, tmp_path: Path) -> None:
    runtime.engine.script = ['```json\n{"shop": "Kiosk", "items": [{"name": "Tea"}], "total": 2.50}\n```']
    answer = client.predict(handle_file(str(picture(tmp_path / "a.png"))), api_name="/receipt")
    assert answer == {"shop": "Kiosk", "items": [{"name": "Tea"}], "total": 2.5}


def test_an_image_without_amounts_is_no_receipt_and_says_so(runtime: Runtime, client: Client, tmp_path: Path) -> None:
    runtime.engine.script = [NO_AMOUNTS]  # as the engine answers that has the image read
    with pytest.raises(AppError, match="No amount of money can be read on this image"):
        client.predict(handle_file(str(picture(tmp_path / "a.png"))), api_name="/receipt")


@pytest.mark.parametrize("answer", ['{"total": 2.50', '{"cat": 1}', "A cat."])
def test_a_receipt_that_is_none_is_one_sentence(runtime: Runtime, client: Client, tmp_path: Path, answer: str) -> None:
    runtime.engine.script = [answer]
    with pytest.raises(AppError, match="The model did not return a complete receipt"):
        client.predict(handle_file(str(picture(tmp_path / "a.png"))), api_name="/receipt")


def test_a_formula_comes_without_delimiters(runtime: Runtime, client: Client, tmp_path: Path) -> None:
    runtime.engine.script = ["```latex\n\\frac{a}{b}\n```"]
    assert client.predict(handle_file(str(picture(tmp_path / "a.png"))), api_name="/latex") == r"\frac{a}{b}"


def test_a_clip_is_described(runtime: Runtime, client: Client) -> None:
    runtime.engine.script = ["A ball rolls."]
    clip = handle_file(str(FOLDER / "clip.mp4"))
    assert client.predict(clip, api_name="/describe_video") == "A ball rolls."
    (part,) = runtime.engine.requests[-1].messages[-1].media
    assert isinstance(part, VideoPart)
    assert part.frames == 64


def test_the_answer_of_a_preset_grows_and_a_cancelled_job_stops_it(
    runtime: Runtime, client: Client, tmp_path: Path
) -> None:
    closed = runtime.hold("half")
    job = client.submit(handle_file(str(picture(tmp_path / "a.png"))), api_name="/caption")
    while "half" not in job.outputs():
        assert not job.done()
    job.cancel()
    closed.wait_blocking()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.png", b"no picture at all", "“a.png” is a text file; send a picture"),
        ("a.mp4", b"\0\0\0\x18ftypmp42", "“a.mp4” is damaged or cut short"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(
    client: Client, tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AppError, match=sentence):
        client.predict(handle_file(str(tmp_path / name)), api_name="/caption")


def test_a_preset_without_a_file_says_how_to_send_one(client: Client) -> None:
    with pytest.raises(AppError, match="Send the file itself: by handle_file"):
        client.predict(None, api_name="/caption")


def test_no_path_of_this_machine_is_opened(runtime: Runtime, client: Client, tmp_path: Path) -> None:
    path = picture(tmp_path / "private.png")
    posted = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
    with httpx.Client(base_url=runtime.url) as http:
        event = http.post("/gradio_api/call/caption", json={"data": [posted, ""]}).json()["event_id"]
        assert "event: error" in http.get(f"/gradio_api/call/caption/{event}").text
    assert runtime.engine.requests == []


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/a.png", "https://example.com/a.png", "{url}config"])
def test_nothing_is_fetched_from_anywhere(runtime: Runtime, client: Client, address: str) -> None:
    posted = {"path": address.format(url=runtime.url), "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(AppError, match="nothing is fetched from elsewhere"):
        client.predict(posted, api_name="/caption")
    with pytest.raises(AppError, match="nothing is fetched from elsewhere"):
        client.predict({"text": "What is this?", "files": [posted]}, api_name="/chat")
    assert runtime.engine.requests == []


async def test_a_component_that_a_session_gets_anew_fetches_nothing_either(runtime: Runtime) -> None:
    with pytest.raises(gr.Error, match="nothing is fetched from elsewhere"):
        await gr.MultimodalTextbox(render=False).async_move_resource_to_block_cache("https://example.com/a.png")


def test_the_address_of_an_upload_is_as_good_as_the_file(runtime: Runtime, client: Client, tmp_path: Path) -> None:
    content = picture(tmp_path / "a b.png").read_bytes()
    (path,) = httpx.post(f"{runtime.url}gradio_api/upload", files={"files": ("a b.png", content)}).json()
    posted = {"path": f"{runtime.url}gradio_api/file={path}", "meta": {"_type": "gradio.FileData"}}
    assert client.predict(posted, api_name="/caption").startswith("This is the scripted engine")
    assert client.predict({"text": "", "files": [posted]}, api_name="/chat").startswith("This is the scripted engine")
    for other in (
        runtime.settings.data_dir / "history.db",
        runtime.settings.data_dir / "uploads" / ".." / "history.db",
    ):
        with pytest.raises(AppError, match="nothing is fetched from elsewhere"):
            client.predict({**posted, "path": f"{runtime.url}gradio_api/file={other}"}, api_name="/caption")


def test_the_readme_s_examples_do_what_they_say(
    runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    examples = [code for code in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "predict" in code]
    picture(tmp_path / "receipt.jpg")
    monkeypatch.chdir(tmp_path)
    runtime.engine.script = ['{"total": 2.50}']
    for code in examples:
        exec(code.replace("http://127.0.0.1:7860", runtime.url), {})
    printed = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("Loaded")]
    assert printed == ["2.5", '{"total": 2.50}']


def test_the_chat_and_the_presets_are_offered_and_nothing_else(client: Client) -> None:
    endpoints = client.view_api(print_info=False, return_format="dict")["named_endpoints"]
    parameters = {
        name: [parameter["parameter_name"] for parameter in endpoint["parameters"]]
        for name, endpoint in endpoints.items()
    }
    assert parameters == {
        "/chat": [
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
        ],
        "/caption": ["image", "text"],
        "/receipt": ["image", "text"],
        "/latex": ["image", "text"],
        "/describe_video": ["video", "text"],
    }
