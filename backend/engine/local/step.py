"""Computes the scores of one more token on a cache of fixed size, in one of three ways.

`PlainSteps` runs the model's forward pass: forty layers of Python a token, and what the others are held against.
`CapturedSteps` records the kernels of that pass in a CUDA graph, in about a second and without a compiler.
`CompiledSteps` has torch.compile make fewer kernels of it, which takes a minute or so for each size of a cache.

Each is made of a model and makes a `Step` for each set of `StaticInputs`. CUDA graphs and compiled code are bound to
the thread that recorded them: make steps and run them on the inference thread.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import MethodType
from typing import Any, Protocol

import torch
from transformers.cache_utils import Cache

from backend.engine.families.internals import PackedHeads, allow_graphs, keep_address

WARM_UP = 2  # runs before a graph is recorded: libraries allocate and choose kernels at their first calls

Step = Callable[[], torch.Tensor]
"""Computes the scores (1, 1, vocabulary) of what stands in the inputs that it was made for.

It adds one token to their cache. The next step of any size may write over the scores.
"""


@dataclass(frozen=True)
class StaticInputs:
    """All that a step reads, at addresses that stay, for a graph knows nothing of a tensor but its address.

    `ids` and `positions` are (1, 1), of the token; `mask` is (1, 1, 1, tokens of the cache) and added to the scores
    of attention; `seen` is (1, 1, tiles, 1), 1 for each tile that is not masked, or None where none is.
    """

    cache: Cache
    ids: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor
    seen: torch.Tensor | None

    @classmethod
    def allocate(cls, cache: Cache, length: int, masked_tiles: int, like: torch.Tensor) -> "StaticInputs":
        """Allocate the inputs beside a cache of `length` tokens, `seen` for `masked_tiles` of them if any.

        `like` has the mask's type and device.
        """
        one = partial(torch.zeros, dtype=torch.long, device=like.device)
        return cls(
            cache=cache,
            ids=keep_address(one((1, 1))),
            positions=keep_address(one((1, 1))),
            mask=keep_address(like.new_zeros((1, 1, 1, length))),
            seen=keep_address(one((1, 1, masked_tiles, 1))) if masked_tiles else None,
        )

    def set_token(self, ids: torch.Tensor, position: int) -> None:
        """Have the next step read a token, (1, 1), at a position; its place in the cache is masked no more."""
        self.ids.copy_(ids)
        self.positions.fill_(position)
        self.mask[..., position] = 0


class Steps(Protocol):
    """One way to compute steps of one model."""

    def make(self, inputs: StaticInputs) -> Step:
        """Make the step of some inputs, which may run several times on what stands in them.

        Raises:
            Exception: it cannot be made; steps that were made before are to be forgotten.
        """
        ...

    def forget(self) -> None:
        """Give back what steps hold beside their inputs; none of them may run after that."""
        ...


class PlainSteps:
    """Runs the model's forward pass, kernel by kernel."""

    def __init__(self, model: Any) -> None:
        self._forward: Callable[..., Any] = MethodType(type(model).forward, model)
        self._packed = PackedHeads(model)

    def make(self, inputs: StaticInputs) -> Step:
        """Return the forward pass on some inputs."""
        return partial(self._scores, inputs)

    def forget(self) -> None:
        """Do nothing: nothing is held."""

    def _scores(self, inputs: StaticInputs) -> torch.Tensor:
        with self._packed:
            found = self._forward(
                input_ids=inputs.ids,
                position_ids=inputs.positions,
                attention_mask=inputs.mask,
                cross_attention_mask=inputs.seen,
                past_key_values=inputs.cache,
                use_cache=True,
                logits_to_keep=1,
            )
        scores: torch.Tensor = found.logits
        return scores


class CapturedSteps(PlainSteps):
    """Records the plain step in a CUDA graph. The graphs share their working memory, since one runs at a time."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self._device = model.device
        self._pool: Any = None

    def make(self, inputs: StaticInputs) -> Step:
        """Record the forward pass on some inputs.

        Raises:
            RuntimeError: it asks the GPU for a value, or does something else that a graph cannot hold.
        """
        step = super().make(inputs)
        with torch.cuda.device(self._device):
            self._pool = self._pool or torch.cuda.graph_pool_handle()
            _warm_up(step)
            return _record(step, self._pool)

    def forget(self) -> None:
        """Take a new pool for the graphs to come: the memory of this one is free once its graphs are gone."""
        self._pool = None


def _warm_up(step: Step) -> None:
    """Run a step on a stream of its own, as recording will."""
    current, side = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(current)
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            step()
    current.wait_stream(side)


def _record(step: Step, pool: Any) -> Step:
    graph = torch.cuda.CUDAGraph()
    # Only this thread's work belongs to the graph; what others do with the GPU meanwhile must not end it.
    with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
        scores = step()

    def replay() -> torch.Tensor:
        graph.replay()
        return scores

    return replay


class CompiledSteps(PlainSteps):
    """Runs the forward pass as torch.compile makes it.

    `backend` and `options` are those of `torch.compile`; inductor with CUDA graphs is the default.
    """

    def __init__(self, model: Any, backend: str | Callable[..., Any] = "inductor", **options: Any) -> None:
        super().__init__(model)
        if backend == "inductor":
            options = {"mode": "reduce-overhead", **options}
        self._graphs = backend == "inductor"
        allow_graphs()
        self._forward = torch.compile(self._forward, backend=backend, fullgraph=True, dynamic=False, **options)

    def make(self, inputs: StaticInputs) -> Step:
        """Compile the forward pass for inputs of this size; it may take a minute."""
        for _ in range(2):  # the first call compiles, the second records
            self._compiled(inputs)
        return partial(self._guarded, inputs)

    def forget(self) -> None:
        """Reset the compiler: the pool of its graphs is the process's, not this object's."""
        torch.compiler.reset()

    def _guarded(self, inputs: StaticInputs) -> torch.Tensor:
        # A guard that fails would have a person wait for the compiler in the midst of an answer.
        with torch.compiler.set_stance("fail_on_recompile"):
            return self._compiled(inputs)

    def _compiled(self, inputs: StaticInputs) -> torch.Tensor:
        if self._graphs:
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        return self._scores(inputs)
