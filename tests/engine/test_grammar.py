"""Answers held to a grammar: what may come next, what has come, and how sure the model was of it."""

import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.engine.grammars import written
from backend.engine.local import grammar
from backend.engine.local.generator import Generator, stop_tokens
from backend.engine.local.grammar import GrammarProcessor, Grammars, unsure
from backend.engine.local.load import Loaded
from backend.errors import InputError
from backend.types import Grammar, SamplingParams, Unsure
from tests.support.engine import EventSink, Store, end, image, request, text
from tests.support.messages import user

PET = Grammar(
    "json",
    json.dumps(
        {
            "type": "object",
            "properties": {"name": {"type": "string", "maxLength": 6}, "legs": {"enum": [0, 2, 4]}},
            "required": ["name", "legs"],
            "additionalProperties": False,
            "x-guidance": {"whitespace_flexible": False},
        }
    ),
)
SAMPLED = SamplingParams(max_new_tokens=60, temperature=1.0, seed=3)
GREEDY = SamplingParams(max_new_tokens=60, temperature=0.0)


@pytest.fixture(scope="module")
def grammars(models: dict[str, Loaded]) -> Grammars:
    loaded = models["mllama"]
    return Grammars(loaded.tokenizer, [*stop_tokens(loaded), loaded.tokenizer.pad_token_id])


def spell(loaded: Loaded, words: str) -> list[int]:
    return list(loaded.tokenizer.encode(words, add_special_tokens=False))


def allowed(processor: GrammarProcessor, ids: list[int], size: int) -> set[int]:
    scores = processor(torch.tensor([ids]), torch.zeros(1, size))
    return set(torch.isfinite(scores[0]).nonzero().flatten().tolist())


@pytest.mark.parametrize("sampling", [GREEDY, SAMPLED])
@pytest.mark.parametrize("name", ["mllama", "llava", "llama"])
def test_a_model_that_babbles_still_answers_in_the_form(
    models: dict[str, Loaded], name: str, sampling: SamplingParams
) -> None:
    sink = EventSink()
    seen = () if name == "llama" else (image("red"),)
    asked = replace(request(user(*seen, "Which pet?"), sampling=sampling), grammar=PET)
    ending = Generator(models[name], Store()).answer(asked, sink)
    pet = json.loads(text(sink.events))
    assert ending.finish_reason == "stop"
    assert (list(pet), pet["legs"] in (0, 2, 4), len(pet["name"]) <= 6) == (["name", "legs"], True, True)


def test_an_answer_that_is_cut_says_so_and_begins_the_form(models: dict[str, Loaded]) -> None:
    sink = EventSink()
    asked = replace(request(user("Which pet?"), sampling=replace(GREEDY, max_new_tokens=9)), grammar=PET)
    ending = Generator(models["llama"], Store()).answer(asked, sink)
    assert (ending.finish_reason, text(sink.events)[:9]) == ("length", '{"name":"')


def test_the_short_cut_for_greedy_answers_changes_none(models: dict[str, Loaded], monkeypatch) -> None:
    answers = []
    for greedy in (True, False):
        sink = EventSink()
        generator = Generator(models["mllama"], Store())
        held = Grammars(models["mllama"].tokenizer, stop_tokens(models["mllama"])).processor(PET, greedy)
        monkeypatch.setattr(generator, "_held", lambda request, held=held: held)
        generator.answer(request(user(image("blue"), "Which pet?"), sampling=GREEDY), sink)
        answers.append((text(sink.events), held.probabilities))
    assert answers[0] == answers[1]


def test_a_prefix_that_was_only_guessed_is_taken_back(models: dict[str, Loaded], grammars: Grammars) -> None:
    loaded, size = models["mllama"], len(models["mllama"].tokenizer)
    held, prompt = grammars.processor(PET, greedy=False), [1, 2, 3]
    begun, guessed = spell(loaded, '{"name":"'), spell(loaded, 'Rex","legs":')
    assert allowed(held, prompt, size) == {begun[0]}
    assert set(spell(loaded, "024")) == allowed(held, prompt + begun + guessed, size)
    again = spell(loaded, 'Mo","legs":')
    assert set(spell(loaded, "024")) == allowed(held, prompt + begun + again, size)


def test_an_end_that_was_taken_at_once_is_taken_back(models: dict[str, Loaded], grammars: Grammars) -> None:
    loaded, size = models["mllama"], len(models["mllama"].tokenizer)
    end, (one, two) = stop_tokens(loaded)[0], spell(loaded, "ab")
    held = grammars.processor(Grammar("lark", 'start: "a" "b"?'), greedy=True)
    scores = torch.zeros(1, size)
    scores[0, end] = 9.0
    allowed(held, [1], size)
    assert held(torch.tensor([[1, one]]), scores) is scores
    assert allowed(held, [1, one, two], size) >= {end}
    assert allowed(held, [1], size) == {one}


def test_every_token_has_the_probability_that_the_model_gave_it(
    models: dict[str, Loaded], grammars: Grammars, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grammar, "TOGETHER", 2)
    loaded, size = models["mllama"], len(models["mllama"].tokenizer)
    guessed, drawn = spell(loaded, '{"name":"Mo'), spell(loaded, '{"name":"Rex')
    table = torch.randn(20, 1, size, generator=torch.Generator().manual_seed(1))
    held = grammars.processor(PET, greedy=False)
    for tokens in (guessed, drawn):
        for place in range(len(tokens) + 1):
            held(torch.tensor([[1, *tokens[:place]]]), table[place])
    held.finish(drawn)
    expected = [table[place, 0].softmax(0)[token].item() for place, token in enumerate(drawn)]
    assert held.probabilities == pytest.approx(expected)


@pytest.mark.parametrize("greedy", [True, False])
def test_where_an_answer_copies_only_what_is_allowed_makes_a_token_doubtful(
    models: dict[str, Loaded], grammars: Grammars, greedy: bool
) -> None:
    loaded, size = models["mllama"], len(models["mllama"].tokenizer)
    (one, other), (refused,) = spell(loaded, "ab"), spell(loaded, "z")
    held = grammars.processor(Grammar("lark", 'start: ("a" | "b") "a"', copies=True), greedy)
    scores = torch.full((1, size), -100.0)
    scores[0, refused], scores[0, one], scores[0, other] = 5.0, 1.0, 0.0
    held(torch.tensor([[1]]), scores)
    held(torch.tensor([[1, one]]), scores)
    held.finish([one, one])
    assert held.probabilities == pytest.approx([0.7311, 1.0], abs=1e-3)


def test_every_token_that_ends_a_turn_may_end_the_answer(models: dict[str, Loaded], grammars: Grammars) -> None:
    loaded = models["mllama"]
    ends = {*stop_tokens(loaded), loaded.tokenizer.pad_token_id}
    held, size = grammars.processor(PET, greedy=False), len(loaded.tokenizer)
    allowed(held, [1], size)
    assert allowed(held, [1, *spell(loaded, '{"name":"Rex","legs":4}')], size) == ends
    assert not ends & allowed(held, [1, *spell(loaded, '{"name":"Rex"')], size)


@pytest.mark.parametrize("more", [-9, 0, 40])
def test_scores_for_more_or_fewer_tokens_than_the_tokenizer_has_are_taken(
    models: dict[str, Loaded], grammars: Grammars, more: int
) -> None:
    size = len(models["mllama"].tokenizer) + more
    assert allowed(grammars.processor(PET, greedy=False), [1], size) == set(spell(models["mllama"], "{"))


def test_an_answer_that_was_cut_leaves_nothing_for_the_next(models: dict[str, Loaded], grammars: Grammars) -> None:
    loaded, size = models["mllama"], len(models["mllama"].tokenizer)
    allowed(cut := grammars.processor(PET, greedy=False), [1], size)
    allowed(cut, [1, *spell(loaded, '{"name":"Re')], size)
    assert allowed(grammars.processor(PET, greedy=False), [1, 2], size) == {spell(loaded, "{")[0]}


def test_a_grammar_is_compiled_once_while_it_is_among_the_latest(
    models: dict[str, Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[str] = []
    monkeypatch.setattr(grammar, "COMPILED", 2)
    monkeypatch.setattr(grammar, "written", lambda one: [compiled.append(one.text), written(one)][1])
    grammars = Grammars(models["llama"].tokenizer, stop_tokens(models["llama"]))
    for word in ("a", "b", "b", "a", "c", "a", "b"):
        grammars.processor(Grammar("lark", f'start: "{word}"'), greedy=True)
    assert compiled == ['start: "a"', 'start: "b"', 'start: "c"', 'start: "b"']


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (Grammar("json", '{"type": "objct"}'), "Invalid type: objct"),
        (Grammar("json", "{"), "line 1"),
        (Grammar("lark", "start: nowhere"), "nowhere"),
    ],
)
def test_what_is_no_grammar_is_a_sentence(grammars: Grammars, broken: Grammar, why: str) -> None:
    with pytest.raises(InputError, match=why) as error:
        grammars.processor(broken, greedy=True)
    assert str(error.value).startswith("This schema cannot be used: ")


def test_the_answer_knows_where_the_model_was_unsure(models: dict[str, Loaded]) -> None:
    sink = EventSink()
    asked = replace(request(user("Which pet?"), sampling=GREEDY), grammar=PET)
    sink.emit(Generator(models["llama"], Store()).answer(asked, sink))
    found, answer = end(sink.events).unsure, text(sink.events)
    assert found  # random weights are sure of nothing
    assert all(0 <= one.start < one.end <= len(answer) and 0 <= one.probability < 0.9 for one in found)


def test_half_a_character_counts_with_the_token_that_ends_it() -> None:
    probabilities, ends = [0.99, 0.4, 0.95, 0.9, 0.2], [2, 2, 3, 4, 4]
    assert unsure(probabilities, ends) == (Unsure(2, 3, 0.4),)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3))))
@settings(max_examples=30)
def test_doubtful_stretches_are_in_order_and_never_overlap(tokens: list[tuple[float, int]]) -> None:
    ends = [sum(length for _, length in tokens[: number + 1]) for number in range(len(tokens))]
    found = unsure([probability for probability, _ in tokens], ends)
    borders = [border for one in found for border in (one.start, one.end)]
    assert borders == sorted(borders)
