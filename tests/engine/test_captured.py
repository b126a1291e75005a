"""A step on a cache of fixed size is one that a CUDA graph can hold, and repeats no keys, compiled or not."""

from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.cache_utils import Cache
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from backend.engine.families.internals import packed_attention, static_layer
from backend.engine.local import decode
from backend.engine.local.compiled import can_compile
from backend.engine.local.decode import steps_of
from backend.engine.local.load import Loaded
from backend.engine.local.step import CapturedSteps, CompiledSteps, PlainSteps, StaticInputs

HEADS, SHARED, CHANNELS, PATCHES = 4, 2, 16, 5  # of the tiny models
CROSS = (1, 3)  # the tiny Mllama's cross-attention layers


@pytest.fixture(autouse=True)
def compiler() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def model(models: dict[str, Loaded]) -> Any:
    if not can_compile(models["mllama"].model):
        pytest.skip("Mllama decodes on a cache of fixed size from transformers 5.18 on")
    return models["mllama"].model


def static(lengths: list[int], masked_tiles: int = 0, device: str = "cpu") -> StaticInputs:
    """Inputs beside a cache with room for so many keys in each layer; the last eight tokens are to come."""
    torch.manual_seed(1)
    like = torch.zeros((1, SHARED, 0, CHANNELS), device=device)
    layers = [static_layer(length, like) for length in lengths]
    for layer in layers:
        if layer.is_initialized:
            layer.keys.normal_()
            layer.values.normal_()
            layer.cumulative_length.fill_(lengths[0] - 8)
    inputs = StaticInputs.allocate(Cache(layers=layers), lengths[0], masked_tiles, like)
    if inputs.seen is not None:
        inputs.seen[:, :, 1:] = 1
    inputs.mask[..., lengths[0] - 8 :] = torch.finfo(inputs.mask.dtype).min
    inputs.set_token(torch.ones((1, 1), dtype=torch.long, device=device), lengths[0] - 8)
    return inputs


def mllama(length: int, tiles: int = 0, masked: bool = False, device: str = "cpu") -> StaticInputs:
    held = [tiles * PATCHES if number in CROSS else length for number in range(4)]
    return static(held, tiles if masked else 0, device)


@torch.no_grad()
@pytest.mark.parametrize("mask", [None, (1, 1, 1, 32), (1, HEADS, 1, 32)])
def test_heads_that_share_their_keys_see_what_they_see_where_keys_are_repeated(mask: tuple[int, ...] | None) -> None:
    torch.manual_seed(1)
    query, key = torch.randn(1, HEADS, 1, CHANNELS), torch.randn(1, SHARED, 32, CHANNELS)
    value = torch.randn(1, SHARED, 32, 8)
    added = None if mask is None else torch.randn(mask)
    module: Any = SimpleNamespace(num_key_value_groups=HEADS // SHARED)
    repeated = [each.repeat_interleave(HEADS // SHARED, 1) for each in (key, value)]
    expected, _ = sdpa_attention_forward(SimpleNamespace(), query, *repeated, added, scaling=0.3)
    found, weights = packed_attention(module, query, key, value, added, scaling=0.3)
    assert weights is None
    assert found.shape == expected.shape == (1, 1, HEADS, 8)
    assert torch.allclose(found, expected, atol=1e-6)


@torch.no_grad()
def test_several_tokens_at_once_are_left_to_the_usual_attention() -> None:
    query, key = torch.randn(1, HEADS, 3, CHANNELS), torch.randn(1, SHARED, 3, CHANNELS)
    module: Any = SimpleNamespace(num_key_value_groups=HEADS // SHARED, is_causal=True)
    expected, _ = sdpa_attention_forward(module, query, key, key, None)
    assert torch.equal(packed_attention(module, query, key, key, None)[0], expected)


class Graphs:
    """A compiler that runs what it gets, and remembers how many numbers each tensor of it has."""

    def __init__(self) -> None:
        self.made: list[int] = []

    def __call__(self, graph: torch.fx.GraphModule, example: list[torch.Tensor]) -> Callable[..., Any]:
        for node in graph.graph.nodes:
            if node.op in ("call_function", "call_method"):
                values = tree_leaves(node.meta.get("example_value"))
                self.made += [value.numel() for value in values if isinstance(value, torch.Tensor)]
        return graph.forward


@torch.no_grad()
@pytest.mark.parametrize(("length", "tiles"), [(512, 0), (64, 128)])
def test_a_compiled_step_repeats_no_keys_and_scores_alike(model: Any, length: int, tiles: int) -> None:
    graphs, inputs = Graphs(), mllama(length, tiles, masked=tiles > 0)
    step = CompiledSteps(model, graphs).make(inputs)
    assert max(graphs.made) == SHARED * CHANNELS * length  # the tokens' keys; those of tiles are not made anew
    for layer in inputs.cache.layers:
        layer.cumulative_length.fill_(length - 8)
    fresh = mllama(length, tiles, masked=tiles > 0)
    plain = type(model).forward(
        model, fresh.ids, position_ids=fresh.positions, attention_mask=fresh.mask, cross_attention_mask=fresh.seen,
        past_key_values=fresh.cache, logits_to_keep=1,
    ).logits  # fmt: skip
    assert torch.allclose(step(), plain, atol=1e-4)


@torch.no_grad()
def test_the_usual_attention_is_back_when_a_step_is_done(model: Any) -> None:
    inputs = mllama(64)
    before = model.config.to_dict()
    PlainSteps(model).make(inputs)()
    assert model.config.to_dict() == before


class Devices(TorchDispatchMode):
    """Remembers on which devices tensors are made and which operations give a value to Python."""

    def __init__(self) -> None:
        super().__init__()
        self.devices: set[str] = set()
        self.values: list[str] = []

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = operation(*args, **(kwargs or {}))
        leaves = tree_leaves(found)
        self.devices |= {leaf.device.type for leaf in leaves if isinstance(leaf, torch.Tensor)}
        self.values += [str(operation) for leaf in leaves if isinstance(leaf, bool | int | float)]
        return found


@torch.no_grad()
@pytest.mark.parametrize("tiles", [0, 4])
@pytest.mark.parametrize("masked", [False, True])
def test_a_step_works_on_its_device_alone_and_asks_it_for_no_value(model: Any, tiles: int, masked: bool) -> None:
    with torch.device("meta"):  # what would be copied to or from a GPU stands out, without one
        far = type(model)(model.config).eval()
    step = PlainSteps(far).make(mllama(64, tiles, masked and tiles > 0, device="meta"))
    with Devices() as seen:
        assert step().shape == (1, 1, 262)
    assert (seen.devices, seen.values) == ({"meta"}, [])


@torch.no_grad()
def test_a_step_reads_and_writes_at_the_same_addresses_each_time(model: Any) -> None:
    inputs = mllama(64, 4, masked=True)
    step = PlainSteps(model).make(inputs)

    def addresses() -> list[int]:
        held = [inputs.ids, inputs.positions, inputs.mask, inputs.seen]
        held += [each for layer in inputs.cache.layers for each in (layer.keys, layer.values, layer.cumulative_length)]
        return [each.data_ptr() for each in held]

    before = addresses()
    for place in range(56, 64):
        inputs.set_token(torch.tensor([[place]]), place)
        step()
    assert addresses() == before
    assert [int(layer.cumulative_length) for layer in inputs.cache.layers[::2]] == [64, 64]
    assert inputs.mask.count_nonzero() == 0


@torch.no_grad()
def test_a_model_that_reads_text_alone_takes_such_steps_too() -> None:
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=64, hidden_size=HEADS * CHANNELS, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=HEADS, num_key_value_heads=SHARED, attn_implementation="sdpa",
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    graphs = Graphs()
    scores = [steps.make(static([64, 64]))() for steps in (PlainSteps(model), CompiledSteps(model, graphs))]
    assert max(graphs.made) == SHARED * CHANNELS * 64
    assert scores[0].shape == scores[1].shape == (1, 1, 64)


def test_what_compile_names_is_what_the_device_can_do(
    models: dict[str, Loaded], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(decode.STEPS, "on", partial(CompiledSteps, backend="eager"))
    model = models["llama"].model

    class OnGPU:
        config, device = model.config, torch.device("cuda")

        def forward(self) -> None:
            """Never called here."""

    assert [steps_of(asked, model) for asked in ("auto", "off")] == [None, None]
    assert isinstance(steps_of("on", model), CompiledSteps)
    assert isinstance(steps_of("auto", OnGPU()), CapturedSteps)
    assert isinstance(steps_of("on", OnGPU()), CompiledSteps)
    assert steps_of("off", OnGPU()) is None
