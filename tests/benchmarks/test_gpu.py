"""A session on a GPU: its steps, run in small on a CPU, and what is kept of one that fails or takes too long."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from benchmarks import gpu, report
from benchmarks.gpu import __main__ as command
from benchmarks.gpu.session import Found, Step, run

LINE = ["step", "at_s", "took_s"]
DECODED = ["tokens_per_second", "token_ms", "share_of_bound"]
STATIC = ["made_s", *DECODED, "step_ms", "memory"]
ANSWER = ["first_token_s", "tokens_per_second", "prompt", "drawn", "reused", "detail"]
TURNS = ["picture", "follow_up", "second_picture", "sampled"]
ENGINE = ["load_s", "precision", "loaded_memory", *TURNS, "stop"]
STEPS = {
    "environment": ["python", "versions", "cuda", "device", "compiler", "bitsandbytes_library", "memory"],
    "bandwidth": ["gb_per_second", "copied_gb_per_second"],
    "matrix_vector": ["rows", "memory"],
    "build": ["mb_a_token", "bound", "can_compile", "memory"],
    "prefill": ["first_s", "then_s", "memory"],
    "plain_decode": [*DECODED, "memory"],
    "captured_decode": ["graph", *STATIC],
    "save": ["gb", "memory"],
    "engine_plain": ["forecast_mib", *ENGINE],
    "turing": ENGINE,
    "compiled_decode": ["backend", *STATIC, "graphs"],
}
ON_STATIC_CACHES = ("captured_decode", "compiled_decode")  # fail where transformers is older than 5.18


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[Found]:
    """The lines of a whole session in small, in a process of its own."""
    folder = tmp_path_factory.mktemp("session")
    run = [sys.executable, "-m", "benchmarks.gpu", "--tiny", "--out", str(folder)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    written = (folder / "session.jsonl").read_text()
    assert done.stdout == written
    found: list[Found] = [json.loads(line) for line in written.splitlines()]
    assert done.returncode == int(not found[3]["can_compile"]), done.stderr
    return found


@pytest.mark.slow
def test_a_session_in_small_runs_every_step_and_writes_what_each_found(lines: list[Found]) -> None:
    can = lines[3]["can_compile"]
    failed = {name: [STEPS[name][0], "failed", "trace"] for name in ON_STATIC_CACHES if not can}
    assert [(line["step"], list(line)) for line in lines] == [
        (name, LINE + fields) for name, fields in (STEPS | failed).items()
    ]
    for line in lines:
        if line["step"] in ("engine_plain", "turing"):
            assert [list(line[turn]) for turn in TURNS] == [[*ANSWER, "memory"]] * 4
            assert list(line["stop"]) == ["next_answer_s", *ANSWER]
            assert [line[turn]["reused"] > 0 for turn in TURNS] == [False, True, True, True]


@pytest.mark.slow
def test_a_session_becomes_a_row_of_the_table_of_performance(lines: list[Found]) -> None:
    found = gpu.summary(lines)
    row = found["runs"][0]
    assert (row["weights"], row["tiles"], row["peak_gib"]) == ("NF4", 4, None)
    assert {row[name] is None for name in ("prefill_s", "dynamic", "dynamic_share")} == {False}
    assert (row["captured"] is None) == (row["compiled"] is None) == (not lines[3]["can_compile"])
    assert "| NF4 | 4 |" in report._gpu(found)


def test_what_a_step_found_is_on_the_disk_before_the_next_one_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[list[str]] = []

    def look(state: str, found: Found) -> None:
        file = tmp_path / "session.jsonl"
        seen.append([json.loads(line)["step"] for line in file.read_text().splitlines()] if file.exists() else [])
        found["state"] = state

    lines = run([Step("one", 60, look), Step("two", 60, look), Step("three", 60, look)], "shared", tmp_path)
    assert seen == [[], ["one"], ["one", "two"]]
    assert [list(line.items())[3:] for line in lines] == [[("state", "shared")]] * 3
    assert capsys.readouterr().out == (tmp_path / "session.jsonl").read_text()


def test_a_step_that_fails_or_takes_too_long_says_so_and_keeps_what_it_found(tmp_path: Path) -> None:
    def fails(_: None, found: Found) -> None:
        found["rows"] = 1
        raise ValueError("no such kernel")

    def hangs(_: None, found: Found) -> None:
        try:
            threading.Event().wait()
        except Exception:
            found["failed"] = "it took the limit for an error of its own"

    def works(_: None, found: Found) -> None:
        found["worked"] = True

    steps = [Step("fails", 60, fails), Step("hangs", 0.2, hangs), Step("works", 60, works)]
    first, second, third = run(steps, None, tmp_path)
    assert list(first.items())[3:5] == [("rows", 1), ("failed", "ValueError: no such kernel")]
    assert first["trace"].splitlines()[-1] == "ValueError: no such kernel"
    assert list(second.items())[3:] == [("failed", "it took longer than 0.2 seconds")]
    assert list(third.items())[3:] == [("worked", True)]


def test_only_the_steps_that_are_asked_for_are_run(tmp_path: Path) -> None:
    steps = [Step[None](name, 60, lambda *_: None) for name in ("one", "two", "three")]
    assert [line["step"] for line in run(steps, None, tmp_path, ["three", "one"])] == ["one", "three"]


def test_a_step_that_needs_the_model_says_that_it_was_not_built(tmp_path: Path) -> None:
    assert command.main(["--tiny", "--out", str(tmp_path), "--only", "prefill"]) == 1
    line = json.loads((tmp_path / "session.jsonl").read_text())
    assert line["failed"] == "RuntimeError: the step build has not run, or has failed"


def test_a_step_that_there_is_not_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--tiny", "--out", str(tmp_path), "--only", "build,bild"])
    assert "there is no step called bild" in capsys.readouterr().err


def test_without_a_gpu_nothing_is_guessed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert gpu.measure() == {"gpu": None}
    assert command.main(["--out", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == {"gpu": None}
