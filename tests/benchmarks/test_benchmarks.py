"""The benchmarks' own tools: what is printed, what is written, and that the smallest measures run."""

import json
from pathlib import Path

import pytest
from transformers import AutoConfig

from benchmarks import __main__ as command
from benchmarks import report
from benchmarks.checkpoints import endless_pocket, random_mllama
from benchmarks.pairs import median_ratio


def test_pairs_run_in_turns_and_the_median_of_their_ratios_counts() -> None:
    order: list[str] = []
    times = {"ours": iter((9.0, 2.0, 3.0, 8.0)), "theirs": iter((9.0, 1.0, 1.0, 2.0))}

    def run(name: str) -> float:
        order.append(name)
        return next(times[name])

    assert median_ratio(lambda: run("ours"), lambda: run("theirs"), 3) == 3.0
    assert order == ["theirs", "ours", "ours", "theirs", "theirs", "ours", "ours", "theirs"]


def test_the_last_line_is_json_and_a_measure_that_failed_is_null(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "_in_child", lambda name, quick: {"streamer_ms": 9.5} if name == "streamer" else None)
    assert command.main(["--only", "streamer", "stream"]) == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out.splitlines()[-1]) == {
        "streamer_ms": 9.5,
        "stream_ratio": None,
        "process_ratio": None,
    }
    assert "failed: stream" in printed.err


def test_every_key_has_its_row_in_the_table() -> None:
    keys = {key for _, *keys in command.MEASURES.values() for key in keys}
    assert keys - {"gpu", "truth"} == {key for key, _, _ in report.ROWS}


def test_the_table_says_what_was_not_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(report, "REPORT", tmp_path / "performance.md")
    report.write({"stream_ratio": 0.98, "gpu": None})
    page = report.REPORT.read_text()
    assert "| `stream_ratio` | tokens a second, engine over bare `model.generate` | 0.98 | 0.97 or more |" in page
    assert "| `page_ratio` | tokens a second, whole page over bare `model.generate` | not measured |" in page
    assert "Not measured: there was no CUDA GPU." in page


def test_an_answer_of_the_timed_models_never_ends_by_itself(tmp_path: Path) -> None:
    for folder in (
        endless_pocket(tmp_path / "pocket", 7),
        random_mllama(tmp_path / "random", hidden=64, layers=4, vision_hidden=64),
    ):
        generation = json.loads((folder / "generation_config.json").read_text())
        assert generation["eos_token_id"] >= AutoConfig.from_pretrained(folder).get_text_config().vocab_size
