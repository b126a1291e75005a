"""Nothing is computed twice, and nothing changes by it: answers are token for token those of a fresh start.

Random weights of small norm draw the same token whatever they read, so the tiny models have large ones.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import DynamicCache

from backend.engine.engine import LocalSpec, Quantization
from backend.engine.local.inference_thread import Cancelled
from backend.engine.local.load import Loaded, load
from backend.errors import OutOfMemory
from backend.types import Message, TextDelta, TextPart, Usage
from tests.support.engine import PARITY, EventSink, Recorded, Store, answered, clip, image, request
from tests.support.messages import assistant, system, user


def both(loaded: Loaded) -> Callable[[Sequence[Message]], tuple[str, Usage]]:
    """Asks a generator that keeps caches and a fresh one, holds them to the same tokens, and gives the answer."""
    keeping = Recorded(loaded, Store())

    def ask(messages: Sequence[Message]) -> tuple[str, Usage]:
        asked = request(*messages, sampling=PARITY)
        tokens, usage = answered(keeping, asked)
        plain, fresh = answered(Recorded(replace(loaded, prefix=None), Store()), asked)
        assert tokens == plain
        assert fresh.reused_tokens == 0
        assert (usage.prompt_tokens, usage.images) == (fresh.prompt_tokens, fresh.images)
        return loaded.tokenizer.decode(tokens, skip_special_tokens=True), usage

    return ask


SIX_TURNS = (
    user(image("red"), "What is it?"),
    user("Are you sure?"),
    user(image("blue"), image("green"), "And these?"),
    user("Which is warmer?"),
    user("Why?"),
    user("Thank you."),
)


@pytest.mark.parametrize("name", ["mllama", "llava"])
def test_six_turns_with_images_in_the_first_and_the_third(models: dict[str, Loaded], name: str) -> None:
    ask = both(models[name])
    messages: list[Message] = [system("Be brief.")]
    before = 0
    for turn in SIX_TURNS:
        messages.append(turn)
        said, usage = ask(messages)
        # All that the model had read before, its last answer's bytes aside: those are not always whole characters.
        assert before <= usage.reused_tokens < usage.prompt_tokens
        before = usage.prompt_tokens
        messages.append(assistant(said))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mllama", "llava"])
def test_six_turns_with_retry_undo_and_edit_between(models: dict[str, Loaded], name: str) -> None:
    ask = both(models[name])
    messages: list[Message] = []
    for number, turn in enumerate(SIX_TURNS):
        asked = [*messages, turn]
        said, usage = ask(asked)
        retried, again = ask(asked)
        assert (retried, again.reused_tokens) == (said, usage.prompt_tokens - 1)
        # Edited, with and without its images; then all that came after the first turn is undone, and done again.
        ask([*messages, Message("user", (*turn.media, TextPart("What do you mean?")))])
        if turn.media:
            ask([*messages, user(image("gray"), *turn.parts[1:])])
            ask([*messages, user("No image?")])
        if number == 3:
            ask([*messages[:2], user("Something else.")])
            ask([*messages[:2], user(image("pink"), "Something else.")])
        messages = [*asked, assistant(ask(asked)[0])]


@pytest.mark.parametrize("name", ["mllama", "llava", "llama"])
def test_retry_and_edit_go_back_to_where_they_part(models: dict[str, Loaded], name: str) -> None:
    shown = [image("red")] if name != "llama" else []
    ask = both(models[name])
    talk: list[Message] = [user(*shown, "What is it?")]
    talk.append(assistant(ask(talk)[0]))
    talk.append(user("Are you sure?"))
    said, usage = ask(talk)
    retried, again = ask(talk)
    assert retried == said
    assert again.reused_tokens == usage.prompt_tokens - 1
    _, edited = ask([*talk[:2], user("Are you blind?")])
    assert usage.reused_tokens < edited.reused_tokens < edited.prompt_tokens
    _, undone = ask([user(*shown, "What is that?")])
    assert 0 < undone.reused_tokens < undone.prompt_tokens


@pytest.mark.parametrize("name", ["mllama", "llava"])
def test_images_that_come_go_and_change(models: dict[str, Loaded], name: str) -> None:
    ask = both(models[name])
    ask([user("Hello")])
    first, _ = ask([user("Hello"), assistant("Hi"), user(image("red"), "What?")])
    talk = [user("Hello"), assistant("Hi"), user(image("red"), "What?"), assistant(first)]
    ask([*talk, user(image("blue"), "And?")])
    ask([*talk, user(image("pink"), "And?")])
    ask([*talk, user(clip(40), "And?")])
    ask([*talk, user("And?")])
    ask([user("Hello"), assistant("Hi"), user(image("gray"), "What?")])
    ask([user("Hello"), assistant("Hi"), user("No image?")])
    ask([user(image("red"), "Hello")])


def test_a_clip_is_read_once(models: dict[str, Loaded]) -> None:
    ask = both(models["mllama"])
    said, _ = ask([user(clip(64), "What happens?")])
    _, usage = ask([user(clip(64), "What happens?"), assistant(said), user("And then?")])
    assert usage.reused_tokens > 100


@contextmanager
def encodings(loaded: Loaded) -> Iterator[list[int]]:
    """How many images the vision tower saw, call by call."""
    seen: list[int] = []
    inner = loaded.model.model
    tower = inner.vision_model if hasattr(inner, "vision_model") else inner.vision_tower
    hook = tower.register_forward_hook(lambda *_: seen.append(1))
    try:
        yield seen
    finally:
        hook.remove()


@pytest.mark.parametrize("name", ["mllama", "llava"])
def test_an_image_is_read_and_encoded_once_whatever_is_asked_about_it(models: dict[str, Loaded], name: str) -> None:
    store, talk = Store(), [user(image("red"), "What?"), assistant("Red."), user("Sure?")]
    generator = Recorded(models[name], store)
    with encodings(models[name]) as seen:
        for length in (1, 3, 1):
            answered(generator, request(*talk[:length], sampling=PARITY))
        assert (store.read, len(seen)) == (["red"], 1)
        # Mllama is shown the first image again beside the new one.
        asked = request(*talk, assistant("Yes."), user(image("blue"), "And?"), sampling=PARITY)
        answered(generator, asked)
        elsewhere = replace(asked, conversation_id="another")
        tokens, usage = answered(generator, elsewhere)
        assert (store.read, len(seen)) == (["red", "blue"], 2)
    assert usage.reused_tokens == 0
    assert tokens == answered(Recorded(replace(models[name], prefix=None), Store()), elsewhere)[0]


def test_a_clip_that_was_read_is_not_read_again(models: dict[str, Loaded]) -> None:
    store = Store()
    generator = Recorded(models["mllama"], store)
    with encodings(models["mllama"]) as seen:
        _, first = answered(generator, request(user(clip(40), "What?"), sampling=PARITY))
        _, second = answered(generator, request(user(clip(40), "What else?"), sampling=PARITY))
    assert (store.read, len(seen)) == (["clip"], 3)
    assert (first.frames, second.frames) == (40, 40)


def test_an_image_of_one_tile_takes_a_quarter_of_the_memory_and_answers_the_same(models: dict[str, Loaded]) -> None:
    loaded = models["mllama"]

    def held(store: Store) -> int:
        generator = Recorded(loaded, store)
        asked = request(user(image("red"), "What?"), sampling=PARITY)
        tokens, _ = answered(generator, asked)
        assert tokens == answered(Recorded(replace(loaded, prefix=None), store), asked)[0]
        kept = generator.memory.get(("prefix", "conversation"))
        return kept.cache.layers[1].get_seq_length()

    patches = loaded.model.model.vision_model.num_patches
    assert (held(Store((20, 28))), held(Store((60, 40))), held(Store((50, 20)))) == (patches, 4 * patches, 2 * patches)


@pytest.mark.parametrize("name", ["mllama", "llava"])
def test_an_answer_that_was_stopped_is_continued_on(models: dict[str, Loaded], name: str) -> None:
    generator = Recorded(models[name], Store())
    talk = [user(image("red"), "What is it?")]
    stopped = EventSink(enough=lambda sink: sum(isinstance(event, TextDelta) for event in sink.events) > 1)
    with pytest.raises(Cancelled):
        generator.answer(request(*talk, sampling=PARITY), stopped)
    asked = request(*talk, sampling=PARITY)
    tokens, usage = answered(generator, asked)
    assert usage.reused_tokens == usage.prompt_tokens - 1
    assert tokens == answered(Recorded(replace(models[name], prefix=None), Store()), asked)[0]


@pytest.mark.parametrize("earlier", [False, True])
def test_what_was_cut_off_in_prefill_is_as_if_never_begun(models: dict[str, Loaded], earlier: bool) -> None:
    loaded, ran = models["mllama"], []
    generator = Recorded(loaded, Store())
    talk = [user(image("blue"), "What is it?"), assistant("Blue.")] if earlier else []
    asked = request(*talk, user(image("red"), "What is it?"), sampling=PARITY)
    before = answered(generator, request(*talk[:1], sampling=PARITY))[1].prompt_tokens if earlier else 0
    hook = loaded.model.model.language_model.layers[1].register_forward_hook(lambda *_: ran.append(1))
    try:
        with pytest.raises(Cancelled):
            generator.answer(asked, EventSink(enough=lambda _: bool(ran)))
    finally:
        hook.remove()
    tokens, usage = answered(generator, asked)
    assert usage.reused_tokens == before
    assert tokens == answered(Recorded(replace(loaded, prefix=None), Store()), asked)[0]


def test_conversations_side_by_side_never_mix_and_the_oldest_goes_first(models: dict[str, Loaded]) -> None:
    generator = Recorded(models["mllama"], Store())

    def reused(conversation: str) -> int:
        asked = request(user(image(conversation), "What is it?"), sampling=PARITY)
        return answered(generator, replace(asked, conversation_id=conversation))[1].reused_tokens

    assert [reused("red"), reused("blue"), reused("red") > 30, reused("blue") > 30] == [0, 0, True, True]
    generator.memory.limit = generator.memory.bytes  # no room for a third
    assert [reused("green"), reused("red"), reused("green") > 30] == [0, 0, True]


def test_running_out_of_memory_drops_what_was_kept_and_tries_once_more(
    models: dict[str, Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = Recorded(models["llama"], Store())
    answered(generator, request(user("Hi")))
    forward, room = models["llama"].model.forward, iter((False, True))
    with monkeypatch.context() as crowded:
        crowded.setattr(
            models["llama"].model,
            "forward",
            lambda **given: forward(**given) if next(room, True) else _out_of_memory(),
        )
        _, usage = answered(generator, request(user("Hi")))
    assert (usage.reused_tokens, usage.completion_tokens) == (0, 12)
    with monkeypatch.context() as broken:
        broken.setattr(models["llama"].model, "forward", _out_of_memory)
        with pytest.raises(OutOfMemory, match=r"^There was not enough memory"):
            generator.answer(request(user("Hi")), EventSink())
    assert answered(generator, request(user("Hi")))[1].reused_tokens == 0


def _out_of_memory(*_: object, **__: object) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory.")


@pytest.mark.parametrize(("quantization", "least"), [("none", 0.999999), ("4bit", 0.999999), ("8bit", 0.99)])
def test_what_is_read_in_two_parts_is_what_is_read_at_once_in_eight_bits_but_for_rounding(
    checkpoints: dict[str, Path], quantization: Quantization, least: float
) -> None:
    if quantization != "none":
        pytest.importorskip("bitsandbytes")
    loaded = load(LocalSpec(str(checkpoints["llama"]), quantization=quantization), lambda done, total: None)
    ids, cache = torch.arange(5, 65)[None], DynamicCache(config=loaded.model.config)
    with torch.no_grad():
        whole = loaded.model(input_ids=ids).logits[0, -1]
        loaded.model(input_ids=ids[:, :40], past_key_values=cache)
        parts = loaded.model(input_ids=ids[:, 40:], past_key_values=cache).logits[0, -1]
    assert torch.cosine_similarity(whole, parts, dim=0) > least
