"""`glimpse batch` as a person meets it, killed in the middle too: python -m pytest tests/test_batch_command.py"""

import csv
import hashlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from tests.support.program import TIMEOUT, Start, ended, engine_of, gone

README = Path(__file__).parent.parent / "README.md"
RUN = ("batch", "in", "--model", "scripted")


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Four drawn pictures, or as many as a test asks for, and what else lies in a folder."""
    folder = tmp_path / "in"
    (folder / "more here").mkdir(parents=True)
    count = getattr(request, "param", 4)
    for number in range(1, count + 1):
        image = Image.new("RGB", (64, 48), "white")
        ImageDraw.Draw(image).ellipse((4, 4, 4 + 3 * number, 40), fill="teal")
        image.save(folder / ("more here" if number > count - 2 else ".") / f"picture {number}.png")
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (folder / "notes.md").write_text("# Notes")
    return folder


def pictures(folder: Path) -> dict[str, str]:
    """The digests of the pictures by the names that the results shall have."""
    found = [path for path in folder.rglob("*.png") if not path.name.startswith(".")]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def files_in(path: Path) -> list[str]:
    with path.open(newline="") as file:
        return [line["file"] for line in csv.DictReader(file)]


def wait_for_lines(path: Path, count: int, process: "subprocess.Popen[str]") -> None:
    """Return once so many lines are there; the process is still at work then."""
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert process.poll() is None, ended(process)


def assert_each_once(lines: list[dict[str, Any]], folder: Path) -> None:
    assert Counter((line["file"], line["sha256"]) for line in lines) == Counter(pictures(folder).items())
    for line in lines:
        assert line["answer"].endswith(f"the image {line['sha256'][:8]}.")


@pytest.mark.parametrize(("at", "folder"), [(1, 12), (5, 12)], indirect=["folder"])
def test_a_run_that_is_killed_goes_on_and_has_every_file_once(start: Start, folder: Path, at: int):
    out = folder / "results.jsonl"  # in the folder itself
    process = start(*RUN, "--out", "in/results.jsonl")
    wait_for_lines(out, at, process)
    engine = engine_of(process)
    process.kill()
    process.wait()
    assert gone(engine)
    kept = out.read_bytes()
    whole = kept[: kept.rfind(b"\n") + 1]
    assert 0 < whole.count(b"\n") < 12
    status, printed, said = ended(start(*RUN, "--out", "in/results.jsonl"))
    done = whole.count(b"\n")
    assert (status, printed) == (0, "")
    assert said == f"{12 - done} answered, {done} there already, 2 other files left out.\n"
    assert out.read_bytes().startswith(whole)  # not done twice
    assert_each_once(rows(out), folder)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_writes_its_table_and_goes_on(
    start: Start, folder: Path, tmp_path: Path, number: signal.Signals, status: int
):
    process = start(*RUN, "--out", "table.csv")
    wait_for_lines(tmp_path / "table.csv.jsonl", 1, process)
    process.send_signal(number)
    code, printed, said = ended(process)
    assert (code, printed) == (status, "")
    assert said.startswith("Stopped after ")
    assert said.endswith(" of 4; run the same again to go on.\n")
    assert 1 <= len(files_in(tmp_path / "table.csv")) < 4
    assert ended(start(*RUN, "--out", "table.csv"))[0] == 0
    assert sorted(files_in(tmp_path / "table.csv")) == sorted(pictures(folder))
    assert_each_once(rows(tmp_path / "table.csv.jsonl"), folder)


@pytest.mark.parametrize("folder", [1], indirect=True)
def test_a_schema_of_ones_own_is_asked_of_every_file(start: Start, folder: Path, tmp_path: Path):
    schema = {"type": "object", "properties": {"plate": {"type": "string"}}}
    run = (*RUN, "--preset", "receipt", "--schema", "my.json", "--out", "r.jsonl")
    assert ended(start(*run)) == (1, "", "glimpse: There is no file my.json; check its name and folder.\n")
    (tmp_path / "my.json").write_text(json.dumps(schema, indent=4))
    assert ended(start(*run))[0] == 0
    (tmp_path / "my.json").write_text(json.dumps(schema))
    assert ended(start(*run))[2] == "0 answered, 1 there already, 1 other file left out.\n"
    (row,) = rows(tmp_path / "r.jsonl")
    assert row["text"] == json.dumps(schema)
    assert f"Use null for what is not there, where the schema allows it.\n{row['text']}" in row["answer"]


def test_a_changed_file_and_a_new_one_are_done_and_nothing_else(start: Start, folder: Path, tmp_path: Path):
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    status, _, said = ended(start(*RUN, "--out", "r.jsonl"))
    assert (status, said.splitlines()[-1]) == (0, "4 answered, 1 with an error, 1 other file left out.")
    assert "“broken.png” is a PNG picture that is damaged" in said
    before = {line["file"]: line for line in rows(tmp_path / "r.jsonl")}
    Image.new("RGB", (9, 9), "red").save(folder / "picture 2.png")
    Image.new("RGB", (9, 9), "blue").save(folder / "broken.png")
    Image.new("RGB", (9, 9), "green").save(folder / "new.png")
    status, _, said = ended(start(*RUN, "--out", "r.jsonl"))
    assert said == "3 answered, 3 there already, 1 other file left out.\n"
    after = {line["file"]: line for line in rows(tmp_path / "r.jsonl")}
    assert {name for name in after if after[name] != before.get(name)} == {"picture 2.png", "broken.png", "new.png"}
    assert_each_once(rows(tmp_path / "r.jsonl"), folder)


def test_captions_lie_beside_the_pictures(start: Start, folder: Path):
    assert ended(start(*RUN, "--out", ".txt"))[0] == 0
    for name, digest in pictures(folder).items():
        assert (folder / name).with_suffix(".txt").read_text().endswith(f"the image {digest[:8]}.\n")
    assert ended(start(*RUN, "--out", ".txt"))[2].startswith("0 answered, 4 there already, 5 other files left out.")


def test_rows_go_to_standard_output(start: Start, folder: Path):
    status, printed, said = ended(start(*RUN, "--out", "-"))
    assert (status, said) == (0, "4 answered, 1 other file left out.\n")
    assert_each_once([json.loads(line) for line in printed.splitlines()], folder)


def test_a_reader_that_leaves_is_no_error(start: Start, folder: Path):
    process = start(*RUN, "--out", "-")
    assert process.stdout is not None
    assert process.stdout.readline().startswith('{"file": "picture 1.png"')
    process.stdout.close()
    assert process.stderr is not None
    assert (process.wait(TIMEOUT), process.stderr.read()) == (141, "")


def test_on_a_terminal_a_line_shows_how_far_it_is(start: Start, folder: Path, tmp_path: Path):
    ours, theirs = pty.openpty()
    command = [sys.executable, str(Path(__file__).parent.parent / "app.py"), *RUN, "--out", "r.jsonl"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=theirs, env=os.environ | {"TMPDIR": str(tmp_path)})
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 1000):
            seen += piece
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait(TIMEOUT) == 0
    lines = seen.decode().split("\r\x1b[K")
    assert any(line.startswith("[##########..........] 2/4 · ") and " s left" in line for line in lines)
    assert lines[-1] == "4 answered, 1 other file left out.\r\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("empty", "--out", "r.jsonl"), "There are no pictures and PDFs in empty; choose another folder or preset."),
        (("nowhere", "--out", "r.jsonl"), "There is no folder nowhere; check its name."),
        (("in", "--out", "r.json"), "Results cannot be written to “r.json”; use --out FILE.jsonl"),
        (("in", "--out", "r.csv", "--preset", "poem"), "There is no preset “poem”; choose one of chat, caption"),
        (("in", "--out", "r.csv", "--preset", "describe_video"), "There are no clips in in (5 other files)"),
        (("in", "--out", "no/where/r.csv"), "no/where/r.csv.jsonl cannot be written (No such file or directory)"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    start: Start, folder: Path, tmp_path: Path, arguments: tuple[str, ...], sentence: str
):
    (tmp_path / "empty").mkdir()
    status, printed, said = ended(start("batch", *arguments, "--model", "scripted"))
    assert (status, printed, said.count("\n")) == (1, "", 1)
    assert said.startswith(f"glimpse: {sentence}")


def test_a_model_that_cannot_be_had_ends_it_with_one_sentence(start: Start, folder: Path, tmp_path: Path):
    status, _, said = ended(start("batch", "in", "--model", "./no/such/folder", "--out", "r.csv"))
    assert (status, said.count("\n")) == (1, 1)
    assert "./no/such/folder" in said
    assert not (tmp_path / "r.csv").exists()


def test_the_readme_s_examples_do_what_they_say(start: Start, folder: Path, tmp_path: Path):
    examples = re.findall(r"^\.venv/bin/glimpse (batch .*?)(?: +#.*)?$", README.read_text(), re.MULTILINE)
    assert examples == [
        "batch receipts/ --preset receipt --out receipts.xlsx",
        "batch photos/ --preset caption --out .txt",
        "batch plates/ --preset receipt --schema my.json --out plates.csv",
    ]
    for name in ("receipts", "photos", "plates"):
        shutil.copytree(folder, tmp_path / name)
    (tmp_path / "my.json").write_text('{"type": "object", "properties": {"plate": {"type": "string"}}}')
    for example in examples:
        assert ended(start(*example.split(), "--model", "scripted"))[0] == 0
    assert (tmp_path / "receipts.xlsx").stat().st_size > 0
    assert (tmp_path / "photos" / "picture 1.txt").read_text().startswith("This is the scripted engine")


def test_nothing_is_left_behind(start: Start, folder: Path, tmp_path: Path):
    assert ended(start(*RUN, "--out", "r.jsonl"))[0] == 0
    assert list((tmp_path / "tmp").iterdir()) == []
    assert list((tmp_path / "home").rglob("*.db")) == []
