"""Which model an engine runs, and how: a frozen, picklable value that crosses into the engine's process. No torch."""

from dataclasses import dataclass
from typing import Literal

Quantization = Literal["auto", "4bit", "8bit", "none"]
Compile = Literal["auto", "on", "off"]


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What to load.

    `model` is a Hugging Face id or a local folder; `revision` a branch, tag or commit of the id. `device` is "auto",
    "cpu", "cuda" or a torch device such as "cuda:1". `adapter` is a LoRA adapter, id or folder. `offline` forbids the
    network. `compile` is whether decoding is compiled; "auto" does it on a CUDA GPU. `queue_size` bounds the requests
    that wait, `cache_bytes` what is kept between answers; None leaves it to what the model leaves free. `script`
    belongs to the scripted engine alone.
    """

    model: str
    revision: str | None = None
    quantization: Quantization = "auto"
    device: str = "auto"
    adapter: str | None = None
    offline: bool = False
    compile: Compile = "off"
    queue_size: int = 16
    cache_bytes: int | None = None
    script: str | None = None
