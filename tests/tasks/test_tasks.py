"""The presets: how they are found, what they ask, and how they draw."""

import pytest

from backend.errors import InputError
from backend.tasks.presets import caption
from backend.tasks.registry import find_task, tasks
from backend.tasks.task import GREEDY, VERBATIM, Task, fenced
from backend.types import SamplingParams


def test_the_presets_stand_in_the_order_of_the_page() -> None:
    assert [(task.name, task.title, task.needs) for task in tasks().values()] == [
        ("chat", "Chat", "nothing"),
        ("caption", "Caption, one line", "image"),
        ("caption_detailed", "Caption, detailed", "image"),
        ("alt_text", "Alt text", "image"),
        ("receipt", "Receipt to JSON", "image"),
        ("read_text", "Read text", "image"),
        ("table", "Table or chart to CSV", "image"),
        ("document", "Document question", "image"),
        ("latex", "LaTeX", "image"),
        ("clock", "Read the clock", "image"),
        ("describe_video", "Describe video", "video"),
    ]


def test_an_unknown_preset_names_those_there_are() -> None:
    with pytest.raises(InputError) as error:
        find_task("poem")
    assert str(error.value) == (
        "There is no preset “poem”; choose one of chat, caption, caption_detailed, alt_text, receipt, "
        "read_text, table, document, latex, clock, describe_video."
    )


def test_two_presets_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caption, "TASKS", (Task("chat", "Another chat"),))
    tasks.cache_clear()
    try:
        with pytest.raises(ValueError, match="two presets have one name"):
            tasks()
    finally:
        tasks.cache_clear()


@pytest.mark.parametrize(
    ("prompt", "text", "composed"),
    [
        ("", " Hi ", "Hi"),
        ("Describe.", "", "Describe."),
        ("Describe.", "In French.", "Describe.\nIn French."),
        ("", " ", ""),
    ],
)
def test_the_prompt_goes_before_the_persons_own_words(prompt: str, text: str, composed: str) -> None:
    assert Task("any", "Any", prompt).compose(text) == composed


def test_chat_draws_as_the_person_wants() -> None:
    wanted = SamplingParams(100, 0.5, 0.9, 20, 0.1, 1.2, 7)
    assert find_task("chat").sample(wanted) == wanted


def test_a_preset_draws_in_its_own_way_within_the_persons_limits() -> None:
    wanted = SamplingParams(100, 0.5, 0.9, 20, 0.1, 1.2, 7)
    assert Task("any", "Any", sampling=GREEDY).sample(wanted) == SamplingParams(100, 0.0, 0.9, 20, 0.1, 1.2, 7)
    assert Task("any", "Any", sampling=VERBATIM).sample(wanted) == SamplingParams(100, 0.0, 0.9, 20, 0.1, 1.0, 7)


def test_a_presets_own_limit_counts_where_the_person_set_none() -> None:
    short = Task("any", "Any", sampling=SamplingParams(max_new_tokens=50, seed=1))
    assert short.sample(SamplingParams()) == SamplingParams(max_new_tokens=50, seed=1)
    assert short.sample(SamplingParams(max_new_tokens=9, seed=2)) == SamplingParams(max_new_tokens=9, seed=2)


def test_no_backtick_ends_a_code_block_early() -> None:
    assert fenced("a", "json") == "```json\na\n```"
    assert fenced("a ```` b ```", "json") == "`````json\na ```` b ```\n`````"
