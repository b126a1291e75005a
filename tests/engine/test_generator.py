"""A loaded model answers: what it says, when it stops, what it cost, and how it fails."""

import gc
import logging
import weakref
from dataclasses import replace

import pytest
import torch

from backend.engine.local.generator import Generator, stop_tokens
from backend.engine.local.inference_thread import Cancelled
from backend.engine.local.load import Loaded
from backend.engine.local.lru import LRU
from backend.engine.local.prompt import Limits, build_prompt
from backend.engine.local.sampling import generation_config, model_sampling
from backend.engine.local.vision_cache import VisionCache
from backend.errors import ModelFailed, OutOfMemory
from backend.types import Finished, GenerationRequest, Progress, SamplingParams, TextDelta
from tests.support.engine import GREEDY, EventSink, Store, clip, end, image, request, text
from tests.support.messages import assistant, system, user

CONVERSATION = (system("Be brief."), user(image("red"), "What?"), assistant("Red."), user("And this?", image("blue")))


def ask(loaded: Loaded, asked: GenerationRequest) -> EventSink:
    sink = EventSink()
    sink.emit(Generator(loaded, Store()).answer(asked, sink))
    return sink


def plainly(loaded: Loaded, asked: GenerationRequest) -> str:
    """The same answer by bare `generate`, without streamer, thread or anything else of ours."""
    plain = replace(loaded, prefix=None)
    pictures = VisionCache(plain, Store(), LRU(0), lambda progress: None)
    inputs = build_prompt(plain, asked.messages, pictures, Limits(16), lambda progress: None).inputs
    tokens = loaded.model.generate(**inputs, do_sample=False, max_new_tokens=asked.sampling.max_new_tokens)
    return loaded.tokenizer.decode(tokens[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)


@pytest.mark.parametrize("name", ["mllama", "llava"])
def test_an_answer_is_what_bare_generate_says(models: dict[str, Loaded], name: str) -> None:
    asked = request(*CONVERSATION)
    # Bytes drawn at random are seldom whole characters: those that are not are replaced where they stand.
    assert text(ask(models[name], asked).events).replace("�", "") == plainly(models[name], asked).replace("�", "")


def test_events_come_in_order_and_the_usage_is_filled_in(models: dict[str, Loaded]) -> None:
    found = ask(models["mllama"], request(user(image("red"), clip(20), "What?"))).events
    assert found[:6] == [
        Progress("reading the files", 1, 2),
        Progress("reading the files", 2, 2),
        Progress("reading the conversation"),
        Progress("looking at the images", 1, 3),
        Progress("looking at the images", 2, 3),
        Progress("looking at the images", 3, 3),
    ]
    assert {type(event) for event in found[6:-1]} == {TextDelta}
    assert end(found).finish_reason == "length"
    usage = end(found).usage
    assert (usage.completion_tokens, usage.images, usage.frames, usage.reused_tokens) == (12, 1, 20, 0)
    assert usage.prompt_tokens > 30
    assert 0 < usage.time_to_first_token < usage.seconds


def test_an_answer_ends_with_the_stop_token(models: dict[str, Loaded], monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = models["llama"]
    whole = text(ask(loaded, request(user("Hi"))).events)
    third = [event.text for event in ask(loaded, request(user("Hi"))).events if isinstance(event, TextDelta)][2][-1]
    monkeypatch.setattr(loaded.model.generation_config, "eos_token_id", loaded.tokenizer.encode(third)[-1])
    found = ask(loaded, request(user("Hi"))).events
    assert end(found).finish_reason == "stop"
    assert whole.startswith(text(found))
    assert len(text(found)) < len(whole)


def test_an_answer_is_clipped_to_what_the_context_leaves(models: dict[str, Loaded]) -> None:
    greedy = replace(GREEDY, max_new_tokens=1000)
    usage = end(ask(models["short"], request(user("x" * 150), sampling=greedy)).events).usage
    assert usage.prompt_tokens + usage.completion_tokens == 256


def test_the_same_seed_gives_the_same_answer_and_no_seed_another(models: dict[str, Loaded]) -> None:
    def drawn(seed: int | None) -> str:
        sampling = SamplingParams(max_new_tokens=40, temperature=1.5, top_p=1.0, top_k=0, seed=seed)
        return text(ask(models["llama"], request(user("Hi"), sampling=sampling)).events)

    assert drawn(3) == drawn(3)
    assert drawn(None) != drawn(None)


def test_what_is_not_said_stays_the_models_own(models: dict[str, Loaded]) -> None:
    own = models["mllama"].model.generation_config
    assert model_sampling(own) == SamplingParams(1024, 0.6, 0.9, 50, 0.0, 1.0)
    config = generation_config(own, SamplingParams(top_p=0.5), 7, [1], 2)
    assert (config.do_sample, config.temperature, config.top_p, config.max_new_tokens) == (True, 0.6, 0.5, 7)
    greedy = generation_config(own, SamplingParams(temperature=0, repetition_penalty=1.2), 7, [1], 2)
    assert (greedy.do_sample, greedy.repetition_penalty) == (False, 1.2)
    assert model_sampling(models["llama"].model.generation_config).temperature == 0
    assert own.temperature == 0.6


def test_cancelling_in_decode_ends_at_the_next_token(models: dict[str, Loaded]) -> None:
    sink = EventSink(enough=lambda sink: any(isinstance(event, TextDelta) for event in sink.events))
    with pytest.raises(Cancelled):
        Generator(models["mllama"], Store()).answer(request(user("Hi")), sink)
    assert sum(isinstance(event, TextDelta) for event in sink.events) == 1


@pytest.mark.parametrize("part", ["vision_model", "language_model"])
def test_cancelling_in_prefill_ends_at_the_next_layer(models: dict[str, Loaded], part: str) -> None:
    loaded = models["mllama"]
    layers = {
        "vision_model": loaded.model.model.vision_model.transformer.layers,
        "language_model": loaded.model.model.language_model.layers,
    }[part]
    ran: list[int] = []
    before = [len(layer._forward_pre_hooks) for layer in layers]
    hooks = [layer.register_forward_hook(lambda *_, n=n: ran.append(n)) for n, layer in enumerate(layers)]
    try:
        with pytest.raises(Cancelled):
            Generator(loaded, Store()).answer(request(user(image("red"), "Hi")), EventSink(enough=lambda _: bool(ran)))
    finally:
        for hook in hooks:
            hook.remove()
    assert ran == [0]
    assert [len(layer._forward_pre_hooks) for layer in layers] == before


def test_running_out_of_memory_gets_a_sentence_and_holds_nothing(
    models: dict[str, Loaded], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Held:
        pass

    held: list[weakref.ref[Held]] = []

    def generate(**_: object) -> None:
        tensor = Held()
        held.append(weakref.ref(tensor))
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB")

    monkeypatch.setattr(models["mllama"].model, "generate", generate)
    caplog.set_level(logging.CRITICAL)  # a record that pytest keeps would hold the traceback, and with it the frames
    with pytest.raises(OutOfMemory, match=r"^There was not enough memory for this answer; send fewer") as caught:
        ask(models["mllama"], request(user("Hi")))
    gc.collect()
    assert held[0]() is None
    assert caught.value


def test_a_model_that_raises_gets_a_sentence_and_the_log_has_the_traceback(
    models: dict[str, Loaded], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def generate(**_: object) -> None:
        raise RuntimeError("probability tensor contains inf")

    monkeypatch.setattr(models["mllama"].model, "generate", generate)
    with pytest.raises(ModelFailed, match=r"^The model failed while answering \(RuntimeError\); try again"):
        ask(models["mllama"], request(user("Hi")))
    assert "probability tensor contains inf" in caplog.text
    monkeypatch.undo()
    assert isinstance(ask(models["mllama"], request(user("Hi"))).events[-1], Finished)


def test_the_stop_tokens_are_the_models_else_the_tokenizers(
    models: dict[str, Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = models["llama"]
    assert stop_tokens(loaded) == [loaded.tokenizer.eos_token_id]
    monkeypatch.setattr(loaded.model.generation_config, "eos_token_id", [5, 6])
    assert stop_tokens(loaded) == [5, 6]
    monkeypatch.setattr(loaded.model.generation_config, "eos_token_id", None)
    assert stop_tokens(loaded) == [loaded.tokenizer.eos_token_id]
