"""The protocol that every engine fulfils. It has one verb; to answer whole is to join the deltas of a stream."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol

from backend.types import EngineStatus, GenerationRequest, StreamEvent


class Engine(Protocol):
    """Answers requests. Used from one event loop; any number of streams may be open at once."""

    def stream(self, request: GenerationRequest) -> AsyncGenerator[StreamEvent]:
        """Yield the events of one answer, `Finished` last.

        Closing the generator (`async with contextlib.aclosing(...)`) cancels the work wherever it stands. A request
        that comes while the model loads waits, with `Progress` events.

        Raises:
            GlimpseError: with a sentence for the person; nothing else leaves an engine.
        """
        ...

    @property
    def status(self) -> EngineStatus:
        """Return the engine's state and what its model can do; cheap, never blocks."""
        ...

    async def close(self) -> None:
        """Cancel every stream, free the model and end all threads and processes. Safe to call twice."""
        ...


Quantization = Literal["auto", "4bit", "8bit", "none"]
Compile = Literal["auto", "on", "off"]
Loader = Literal["transformers", "unsloth"]


@dataclass(frozen=True, slots=True)
class LocalSpec:
    """A model to load with transformers.

    `model` is a Hugging Face id or a local folder; `revision` a branch, tag or commit of the id. `device` is "auto",
    "cpu", "cuda" or a torch device such as "cuda:1". `adapter` is a LoRA adapter, id or folder. `offline` forbids the
    network. `compile` is how decoding is made faster: "auto" by CUDA graphs on a GPU, "on" by torch.compile, "off" not
    at all. `loader` is the library that loads the model; Unsloth's has layers of its own, by which nothing is reused.
    `queue_size` bounds the requests that wait, `cache_bytes` what is kept between answers; None derives it from the
    memory that the model leaves free.
    """

    model: str
    revision: str | None = None
    quantization: Quantization = "auto"
    device: str = "auto"
    adapter: str | None = None
    offline: bool = False
    compile: Compile = "off"
    loader: Loader = "transformers"
    queue_size: int = 16
    cache_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ScriptedSpec:
    """Answers from a script, "package.module:function", without a model; with no script it says what came in."""

    script: str | None = None
    model: str = "scripted"
    quantization: Quantization = "auto"
    offline: bool = True


EngineSpec = LocalSpec | ScriptedSpec
"""What an engine is built from, one kind of spec for each kind of engine; `backend.runtime.build_engine` builds it."""


class SwitchableEngine(Engine, Protocol):
    """An engine that can run another model in the place of its own."""

    @property
    def spec(self) -> EngineSpec:
        """The spec of the model that runs or is being loaded."""
        ...

    def start(self) -> None:
        """Begin to load, and return at once. Safe to call twice."""
        ...

    def switch(self, spec: EngineSpec) -> None:
        """Run `spec` from now on; returns at once.

        Raises:
            EngineUnavailable: the engine is closed.
        """
        ...
