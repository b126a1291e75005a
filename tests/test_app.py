"""The command line as a person meets it: in a process of its own, with the scripted engine behind it.

python -m pytest tests/test_app.py
"""

import hashlib
import http.client
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from gradio_client import Client
from PIL import Image

import app
from backend.engine.engine import ScriptedSpec
from backend.history import History
from backend.models.catalog import CATALOG, FLAGSHIP, POCKET
from backend.models.choose import keep
from backend.models.hardware import Gpu, Machine
from backend.runtime import engine_spec
from backend.settings import Settings, with_password
from backend.tasks.forms.receipt_schema import parse
from tests.support.program import ROOT, TIMEOUT, Start, ended, engine_of, gone

ECHO = "This is the scripted engine; it has no model. It saw turn 1, "


def python(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=TIMEOUT).stdout


def test_the_page_s_process_never_imports_torch():
    modules = (
        "app, ui.page, backend.chat, backend.engine.process.engine, backend.models.catalog, backend.models.hardware"
    )
    heavy = "['torch', 'transformers', 'accelerate', 'bitsandbytes']"
    assert python(f"import sys, {modules}; print([name for name in {heavy} if name in sys.modules])") == "[]\n"


def test_help_needs_nothing_heavy():
    code = (
        "import sys, app\n"
        "try: app.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('torch', 'gradio', 'numpy', 'PIL', 'pydantic', 'sqlite3') if name in sys.modules])\n"
    )
    assert python(code).splitlines()[-1] == "[]"


def test_ask_answers_on_standard_output_and_leaves_nothing_behind(start: Start, tmp_path: Path):
    assert ended(start("ask", "--model", "scripted", "What", "is it?")) == (0, f"{ECHO}the text “What is it?”.\n", "")
    assert list((tmp_path / "tmp").iterdir()) == []
    assert list((tmp_path / "home").rglob("*.db")) == []


def test_ask_takes_files_presets_and_options_in_any_order(start: Start, tmp_path: Path):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a photo.png")
    process = start("ask", "a photo.png", "--preset", "latex", "--model", "scripted", "Which", "one?")
    sha = hashlib.sha256((tmp_path / "a photo.png").read_bytes()).hexdigest()[:8]
    text = "“Write this formula as LaTeX only.\nWhich one?”"
    assert ended(process) == (0, f"{ECHO}the preset “latex”, the text {text}, the image {sha}.\n", "")


def test_ask_takes_a_schema_of_ones_own_from_a_file(start: Start, tmp_path: Path):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    schema = {"type": "object", "properties": {"plate": {"type": "string"}}}
    (tmp_path / "my.json").write_text(json.dumps(schema, indent=4))
    status, out, err = ended(
        start("ask", "a.png", "--preset", "receipt", "--schema", "my.json", "--model", "scripted")
    )
    # The scripted answer holds words of the schema, of which the red square has none.
    assert (status, err.splitlines()[0]) == (0, "(0 of 2 values stand on the image)")
    assert f"Use null for what is not there, where the schema allows it.\n{json.dumps(schema)}" in out


def test_ask_reads_a_question_from_standard_input(start: Start):
    process = start("ask", "--model", "scripted", "-")
    assert ended(process, "From a pipe\n") == (0, f"{ECHO}the text “From a pipe”.\n", "")


def test_ask_keeps_the_conversation_in_a_data_folder_that_is_named(start: Start, tmp_path: Path):
    assert ended(start("ask", "--model", "scripted", "--data-dir", "kept", "Hello"))[0] == 0
    history = History(tmp_path / "kept" / "history.db")
    (summary,) = history.conversations(owner="")
    (turn,) = history.turns(summary.id, owner="")
    assert (turn.user.text, turn.answer.text, turn.model) == ("Hello", f"{ECHO}the text “Hello”.", "scripted")
    history.close()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["photo.jpg", "What is it?"], "There is no file photo.jpg; check its name and folder."),
        (["broken.png", "What is it?"], "broken.png"),
        ([" "], ""),
        (["hello", "--preset", "nothing"], "There is no preset “nothing”"),
        (["--preset", "receipt", "hello"], ""),
        (["--preset", "receipt", "--schema", "my.json", "broken.png"], "There is no file my.json; check its name and"),
        (["--schema", "my.json", "broken.png"], "A schema goes with the preset receipt; add --preset receipt, or"),
    ],
)
def test_ask_ends_with_one_sentence_when_it_cannot_answer(
    start: Start, tmp_path: Path, arguments: list[str], sentence: str
):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    status, out, err = ended(start("ask", "--model", "scripted", *arguments))
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("glimpse: ")
    assert sentence in err


def test_ask_says_why_a_model_cannot_be_had(start: Start):
    status, out, err = ended(start("ask", "--model", "./no/such/folder", "Hello"))
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert "./no/such/folder" in err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_keeps_the_partial_answer_and_ends_the_engine(start: Start, number: signal.Signals, status: int):
    process = start("ask", "--model", "scripted", "word " * 2000)
    assert process.stdout is not None
    seen = os.read(process.stdout.fileno(), 4)
    engine = engine_of(process)
    process.send_signal(number)
    code, out, err = ended(process)
    assert (code, err) == (status, "")
    assert f"{seen.decode()}{out}".startswith("This")
    assert out.endswith("\n")
    assert len(out) < 2000
    assert gone(engine)


def test_a_reader_that_leaves_is_no_error(start: Start):
    process = start("ask", "--model", "scripted", "word " * 2000)
    assert process.stdout is not None
    assert os.read(process.stdout.fileno(), 4) == b"This"
    process.stdout.close()
    assert process.stderr is not None
    assert (process.wait(TIMEOUT), process.stderr.read()) == (141, "")


def opened(
    start: Start, *arguments: str, model: tuple[str, ...] = ("--model", "scripted")
) -> tuple["subprocess.Popen[str]", list[str]]:
    """A page on a free port, and what was said until it was ready."""
    process = start("serve", *model, "--port", "0", "--data-dir", "data", *arguments)
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    while lines[-1] and not lines[-1].startswith("Glimpse is ready"):
        lines.append(process.stdout.readline())
    assert lines[-1], ended(process)
    return process, lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_page_answers_when_it_says_so_and_ends_in_order(start: Start, number: signal.Signals):
    process, lines = opened(start)
    (ready,) = lines
    address = ready.removeprefix("Glimpse is ready: http://").strip()
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT)
    connection.request("GET", "/")
    response = connection.getresponse()
    assert (response.status, "Glimpse" in response.read().decode()) == (200, True)
    for path in ("/health", "/ready"):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True)
    connection.close()
    engine = engine_of(process)
    process.send_signal(number)
    status, out, err = ended(process)
    assert (status, out) == (0, "")
    assert "Traceback" not in err
    assert gone(engine)


def test_an_answer_that_is_being_written_when_the_page_ends_is_kept_as_stopped(start: Start, tmp_path: Path):
    process, lines = opened(start)
    client = Client(lines[-1].removeprefix("Glimpse is ready: ").strip(), verbose=False)
    job = client.submit({"text": "word " * 2000, "files": []}, api_name="/chat")
    assert next(text for text in job if text)
    process.send_signal(signal.SIGTERM)
    assert ended(process)[:2] == (0, "")
    history = History(tmp_path / "data" / "history.db")
    (summary,) = history.conversations(owner="")
    (turn,) = history.turns(summary.id, owner="")
    assert (turn.answer.text[:4], turn.finish_reason, turn.error) == ("This", "cancelled", None)
    history.close()
    client.close()


def test_the_model_that_was_chosen_on_the_page_answers_at_the_next_start(start: Start, tmp_path: Path):
    (tmp_path / "data").mkdir()
    keep(tmp_path / "data", ScriptedSpec())
    process, lines = opened(start, model=())
    client = Client(lines[-1].removeprefix("Glimpse is ready: ").strip(), verbose=False)
    assert client.predict({"text": "Hi", "files": []}, api_name="/chat").startswith(ECHO[:-7])
    client.close()
    process.send_signal(signal.SIGTERM)
    status, _, err = ended(process)
    assert (status, "The model is scripted, as it was chosen on the page" in err) == (0, True)


def test_a_page_that_others_reach_without_a_login_says_so(start: Start):
    _, lines = opened(start, "--host", "0.0.0.0")
    said = (
        "Everyone who reaches this machine can see, rename and delete all conversations, and ask the model; ask for a "
    )
    assert lines[0] == f"{said}login with --auth user:password.\n"
    assert len(lines) == 2


def test_a_port_in_use_is_one_sentence_and_nothing_is_started(start: Start):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert ended(start("--port", str(port))) == (
            1,
            "",
            f"glimpse: Port {port} is in use, perhaps by another Glimpse; choose another with --port.\n",
        )


def test_an_address_of_another_machine_is_one_sentence(start: Start):
    sentence = "glimpse: 192.0.2.1 is not an address of this machine; choose another with --host.\n"
    assert ended(start("--host", "192.0.2.1")) == (1, "", sentence)


def test_a_data_folder_that_cannot_be_made_is_one_sentence(start: Start, tmp_path: Path):
    (tmp_path / "file").touch()
    status, out, err = ended(start("--port", "0", "--data-dir", "file/folder"))
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"glimpse: {tmp_path}/file/folder cannot be used (Not a directory)")


def test_an_unknown_command_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]):
    assert app.main(["aks", "photo.jpg"]) == 2
    assert capsys.readouterr() == (
        "",
        "glimpse: there is no command “aks”; the commands are serve, ask, batch, models.\n",
    )


@pytest.mark.parametrize(
    ("settings", "public", "said"),
    [
        (Settings(), None, []),
        (Settings(host="0.0.0.0", auth=(("ann", "secret"),)), None, []),
        (Settings(public_url=("https://photos.example",)), None, [app.OPEN_TO_ALL]),
        (
            Settings(share=True, auth=(("ann", "secret"),)),
            "https://x.gradio.live",
            ["Public link: https://x.gradio.live"],
        ),
        (
            Settings(share=True, auth=(("ann", "secret"),)),
            None,
            ["There is no public link: its server cannot be reached."],
        ),
    ],
)
def test_what_is_said_when_the_page_is_open(
    settings: Settings, public: str | None, said: list[str], capsys: pytest.CaptureFixture[str]
):
    app.announce(settings, "http://127.0.0.1:7860/", public, made_up=False)
    assert capsys.readouterr().out.splitlines() == [*said, "Glimpse is ready: http://127.0.0.1:7860"]


def test_a_password_that_was_made_up_is_said(capsys: pytest.CaptureFixture[str]):
    settings = with_password(Settings(share=True))
    assert settings.auth is not None
    app.announce(settings, "http://127.0.0.1:7860", "https://x.gradio.live", made_up=True)
    assert capsys.readouterr().out.splitlines() == [
        "Public link: https://x.gradio.live",
        f"Log in as glimpse with the password {settings.auth[0][1]}",
        "Glimpse is ready: http://127.0.0.1:7860",
    ]


BIG = Machine((Gpu("RTX 4090", 24 * 2**30, 22 * 2**30),), 30 * 2**30, torch_cuda="13.0", bitsandbytes=True)


def test_models_lists_the_catalogue_against_this_machine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("backend.models.hardware.probe", lambda: BIG)
    assert app.main(["models"]) == 0
    head, *rows, empty, default = capsys.readouterr().out.splitlines()
    assert " ".join(head.split()) == "--model sees context GiB in 4 bits, 8 bits, full fits here licence"
    assert [row.split()[0] for row in rows] == ["pocket", *(entry.id for entry in CATALOG if entry is not POCKET)]
    assert "GPU, 4 bits" in rows[1]
    assert "too large" in rows[4]
    assert (empty, default.split(":")[0]) == ("", "Without --model")


def test_the_choice_of_the_model_is_one_line_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr("backend.runtime.probe", lambda: BIG)
    with caplog.at_level(logging.INFO, logger="backend.runtime"):
        assert engine_spec(Settings(queue_size=3)).model == FLAGSHIP.id
    assert [record.message for record in caplog.records] == [
        "The model is Llama 3.2 11B Vision in 4 bits through bitsandbytes: the RTX 4090 has 22.0 GiB free and "
        "8.8 GiB are needed."
    ]


def test_a_model_may_be_named_shortly_and_one_that_will_hardly_fit_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr("backend.runtime.probe", lambda: BIG)
    assert engine_spec(Settings(model="pocket")).model == POCKET.id
    assert engine_spec(Settings(model="org/unknown", revision="v1")).model == "org/unknown"
    assert caplog.records == []
    engine_spec(Settings(model="meta-llama/Llama-3.2-90B-Vision-Instruct"))
    assert [record.message for record in caplog.records] == [
        "Llama 3.2 90B Vision needs more memory than is free, and will hardly fit; see glimpse models."
    ]


@pytest.mark.pocket
def test_the_bundled_model_reads_the_bundled_receipt_on_the_command_line(start: Start):
    picture = ROOT / "assets" / "examples" / "receipt.png"
    process = start("ask", "--model", "pocket", "--offline", str(picture), "--preset", "receipt")
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert parse(out) is not None
