"""Memory is counted before an answer is started, and less is shown where it would not do."""

import copy
from dataclasses import replace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import DynamicCache, MllamaConfig, MllamaForConditionalGeneration
from transformers.models.mllama.configuration_mllama import MllamaTextConfig, MllamaVisionConfig

from backend.engine.local import memory
from backend.engine.local.generator import Generator
from backend.engine.local.load import Loaded
from backend.engine.local.lru import LRU
from backend.engine.local.memory import SPARE, Footprint, cache_limit, footprint, free_bytes
from backend.engine.local.prompt import Limits, Prompt, build_prompt
from backend.engine.local.vision_cache import VisionCache
from backend.errors import OutOfMemory
from backend.types import GenerationRequest, Message, Progress, SamplingParams, Usage
from tests.support.engine import EventSink, Store, clip, end, image, request
from tests.support.live_bytes import LiveBytes
from tests.support.messages import assistant, user

# Llama 3.2 11B Vision, but for what does not count here.
FLAGSHIP = MllamaConfig(
    text_config=MllamaTextConfig(),
    vision_config=MllamaVisionConfig(image_size=560, max_num_tiles=4),
)
PARITY = SamplingParams(max_new_tokens=8, temperature=0)


def flagship() -> MllamaForConditionalGeneration:
    """A model of the true shape; within FakeTensorMode it has no values and takes no memory."""
    torch.set_default_dtype(torch.bfloat16)
    try:
        return MllamaForConditionalGeneration(FLAGSHIP).eval()
    finally:
        torch.set_default_dtype(torch.float32)


def answered(generator: Generator, asked: GenerationRequest) -> tuple[Usage, list[str]]:
    sink = EventSink()
    sink.emit(generator.answer(asked, sink))
    return end(sink.events).usage, [event.stage for event in sink.events if isinstance(event, Progress)]


def test_the_flagship_takes_what_its_facts_say() -> None:
    needs = footprint(FLAGSHIP, torch.bfloat16)
    assert needs.token == 131_072
    features = 1601 * 4096 * 2
    assert needs.tile - features == 52_461_568
    assert 64 * 4 * (needs.tile - features) == pytest.approx(13.4e9, rel=0.01)


@pytest.mark.parametrize(
    ("tokens", "tiles"), [(300, 4), (300, 16), (300, 64), (3000, 4), (3000, 16), (8000, 0), (8000, 4)]
)
def test_the_forecast_for_the_flagship_is_what_its_tensors_take_or_a_third_more(tokens: int, tiles: int) -> None:
    with FakeTensorMode():
        model, patches = flagship(), 1601
        features = [torch.zeros(1, patches, 4096, dtype=torch.bfloat16) for _ in range(tiles)]
        seen: dict[str, torch.Tensor] = {}
        with torch.no_grad(), LiveBytes() as live:
            if tiles:
                mask = torch.ones(1, tokens, tiles, 1, dtype=torch.bfloat16)
                seen = {"cross_attention_states": torch.cat(features), "cross_attention_mask": mask}
            ids, cache = torch.zeros(1, tokens, dtype=torch.int64), DynamicCache(config=FLAGSHIP)
            model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1, **seen)
    needs = replace(footprint(FLAGSHIP, torch.bfloat16), vision_encoding=0)
    prompt = Prompt({}, [0] * tokens, None, (), tiles, images=0, frames=0, step=0)
    forecast = needs.of(prompt, 0) - sum(each.nbytes for each in features)
    assert 0.97 * live.peak <= forecast <= 4 / 3 * live.peak  # its own peak varies by what is collected when


def test_the_forecast_for_encoding_an_image_is_what_its_tensors_take() -> None:
    with FakeTensorMode():
        tower = flagship().model.vision_model
        pixels = torch.zeros(1, 1, 4, 3, 560, 560, dtype=torch.bfloat16)
        one, all_tiles = torch.ones(1, 1, dtype=torch.int64), torch.ones(1, 1, 4, dtype=torch.int64)
        with torch.no_grad(), LiveBytes() as live:
            tower(pixel_values=pixels, aspect_ratio_ids=one, aspect_ratio_mask=all_tiles)
    assert live.peak == pytest.approx(footprint(FLAGSHIP, torch.bfloat16).vision_encoding, rel=0.03)


def test_four_bits_need_room_for_the_largest_weight_as_it_is_computed_with() -> None:
    quantized = copy.deepcopy(FLAGSHIP)
    quantized.quantization_config = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    plain = footprint(FLAGSHIP, torch.bfloat16)
    assert footprint(quantized, torch.bfloat16) == replace(plain, weight=14336 * 4096 * 2)


def test_a_text_model_counts_its_tokens_alone(models: dict[str, Loaded]) -> None:
    loaded = models["llama"]
    needs = footprint(loaded.model.config, torch.float32)
    assert needs == Footprint(token=2 * 2 * 2 * 16 * 4, prefill_per_token=needs.prefill_per_token)


def test_what_is_counted_is_what_a_cache_takes(models: dict[str, Loaded]) -> None:
    loaded = models["mllama"]
    generator = Generator(loaded, Store())
    usage, _ = answered(generator, request(user(image("red"), "What is it?"), sampling=PARITY))
    needs = footprint(loaded.model.config, torch.float32)
    kept = generator.memory.size(("prefix", "conversation"))
    features = generator.memory.get(("features", (image("red"), 0, 0))).nbytes
    # The last token of an answer is drawn and never read.
    assert kept + features == needs.token * (usage.prompt_tokens + usage.completion_tokens - 1) + 4 * needs.tile


def need(loaded: Loaded, tokens: int, tiles: int) -> int:
    """Bytes for so much, and an answer of eight tokens."""
    prompt = Prompt({}, [0] * tokens, None, (), tiles, images=0, frames=0, step=0)
    return footprint(loaded.model.config, torch.float32).of(prompt, 8)


def leave(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    """Let the machine have so many bytes that may be used."""
    monkeypatch.setattr(memory, "free_bytes", lambda _: round(free / SPARE) + 1)


def test_images_that_would_not_fit_are_shown_smaller_from_the_start(
    models: dict[str, Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = models["mllama"]
    colors = [f"#0000{number:02x}" for number in range(64)]
    asked = request(user(*map(image, colors), "Which is darkest?"), sampling=PARITY)
    leave(monkeypatch, need(loaded, 200, 100))
    generator = Generator(loaded, Store())
    usage, stages = answered(generator, asked)
    assert "showing images in one tile, so that it fits" in stages
    assert (usage.images, usage.shown) == (64, "images in one tile")
    # The next turn begins where this one had to go, and so continues on it.
    usage, stages = answered(
        generator, request(*asked.messages, assistant("The first."), user("Sure?"), sampling=PARITY)
    )
    assert stages == ["reading the conversation"]
    assert usage.reused_tokens > 64


def test_frames_go_after_tiles_and_then_there_is_a_sentence(
    models: dict[str, Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = models["mllama"]
    asked = request(user(clip(64), "What happens?"), sampling=PARITY)
    whole, _ = answered(Generator(loaded, Store()), asked)
    for tiles, frames, shown in ((16, 64, []), (4, 64, ["images in one tile"]), (2, 32, ["half of the frames"])):
        leave(monkeypatch, need(loaded, whole.prompt_tokens, tiles))
        usage, stages = answered(Generator(loaded, Store()), asked)
        assert usage.frames == frames
        assert [stage for stage in stages if stage.startswith("showing")][-1:] == [
            f"showing {one}, so that it fits" for one in shown
        ]
    leave(monkeypatch, 1000)
    generator = Generator(loaded, Store())
    with pytest.raises(
        OutOfMemory, match=r"^There was not enough memory for this answer; send fewer images or frames"
    ):
        generator.answer(asked, EventSink())
    monkeypatch.undo()
    assert answered(generator, asked)[0].frames == 64


def test_the_oldest_turns_go_where_there_is_no_memory_for_all(models: dict[str, Loaded]) -> None:
    turns = [message for n in range(5) for message in (user(f"question {n}"), assistant("x" * 30))]
    told: list[Progress] = []
    pictures = VisionCache(models["llama"], Store(), LRU(0), told.append)
    limits = Limits(16, fits=lambda prompt: prompt.tokens < 160)
    prompt = build_prompt(models["llama"], [*turns, user("now?")], pictures, limits, told.append)
    assert prompt.tokens < 160
    assert told == [Progress("leaving out the 3 oldest turns")]


def test_other_conversations_make_room_first(models: dict[str, Loaded], monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = models["mllama"]
    generator = Generator(loaded, Store())
    for name in ("red", "blue"):
        generator.answer(GenerationRequest(name, (user(image(name), "What?"),), PARITY), EventSink())
    assert ("prefix", "red") in generator.memory
    messages: tuple[Message, ...] = (user(image("blue"), "What?"), assistant("?"), user("Sure?"))
    leave(monkeypatch, need(loaded, 58, 4) - generator.memory.size(("prefix", "blue")) - 10_000)
    usage, stages = answered(generator, GenerationRequest("blue", messages, PARITY))
    assert usage.prompt_tokens == 58
    assert usage.reused_tokens > 0
    assert stages == ["reading the conversation"]
    assert ("prefix", "red") not in generator.memory


def crowded(monkeypatch: pytest.MonkeyPatch, loaded: Loaded, calls: int) -> None:
    """Let the model run out of memory in so many calls."""
    forward, left = loaded.model.model.language_model.forward, iter(range(calls))

    def short(*args: object, **options: object) -> object:
        if next(left, None) is not None:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(*args, **options)

    monkeypatch.setattr(loaded.model.model.language_model, "forward", short)


@pytest.mark.parametrize(
    ("name", "media", "step"),
    [
        ("mllama", (image("red"),), "showing images in one tile, so that it fits"),
        ("mllama", (clip(64),), "showing images in one tile, so that it fits"),
        ("llava", (clip(20),), "showing the clip as contact sheets, so that it fits"),
    ],
)
def test_running_out_of_memory_shows_less_and_tries_once_more(
    models: dict[str, Loaded], monkeypatch: pytest.MonkeyPatch, name: str, media: tuple, step: str
) -> None:
    generator = Generator(models[name], Store())
    asked = request(user(*media, "What?"), sampling=PARITY)
    with monkeypatch.context() as once:
        crowded(once, models[name], 1)
        usage, stages = answered(generator, asked)
    assert usage.completion_tokens == 8
    assert step in stages
    with monkeypatch.context() as always:
        crowded(always, models[name], 100)
        with pytest.raises(OutOfMemory, match=r"^There was not enough memory for this answer"):
            generator.answer(asked, EventSink())
    usage, stages = answered(generator, asked)
    assert (usage.reused_tokens, step in stages) == (0, False)


def test_the_least_recently_used_goes_first() -> None:
    kept = LRU(10)
    kept.put("a", 1, 4)
    kept.put("b", 2, 4)
    assert kept.get("a") == 1
    kept.put("c", 3, 4)
    assert [kept.get(key) for key in "abc"] == [1, None, 3]
    kept.put("too large", 4, 11)
    assert ("too large" in kept, kept.bytes) == (False, 8)
    kept.put("a", 5, 6)
    assert (kept.pop("a"), kept.pop("a"), kept.bytes) == (5, None, 4)
    kept.shrink(3)
    assert (kept.bytes, "c" in kept) == (0, False)
    kept.put("a", 1, 1)
    kept.clear()
    assert (kept.bytes, kept.get("a")) == (0, None)


def test_a_quarter_of_what_is_free_may_be_kept() -> None:
    free = free_bytes(torch.device("cpu"))
    assert free is not None
    assert cache_limit(torch.device("cpu")) == pytest.approx(free / 4, rel=0.2)
    assert free_bytes(torch.device("meta")) is None
    assert cache_limit(torch.device("meta")) == 2**31


def test_nothing_is_kept_where_nothing_may_be(models: dict[str, Loaded]) -> None:
    generator = Generator(models["mllama"], Store(), cache_bytes=0)
    asked = request(user(image("red"), "What?"), sampling=PARITY)
    assert [answered(generator, asked)[0].reused_tokens for _ in range(2)] == [0, 0]
