"""The models we know: what they see, what they need, which one a machine gets. Data; any other model loads as well."""

from dataclasses import dataclass
from pathlib import Path

import backend
from backend.engine.spec import Quantization
from backend.machine import Gpu, Machine
from backend.settings import Settings

_GIB = 2**30
_NEVER = float("inf")
_FORMS: dict[Quantization, str] = {"none": "full precision", "8bit": "8 bits", "4bit": "4 bits"}
_NO_GPU = {"auto": "there is no CUDA GPU", "cuda": "there is no such CUDA GPU"}


@dataclass(frozen=True, slots=True)
class Need:
    """GiB of memory to load and to answer with one picture and some thousand tokens; None where there is no such form.

    `full` is 16 bits a weight, as on a GPU; a CPU computes in 32 and needs twice that.
    """

    bits4: float | None
    bits8: float | None
    full: float | None

    @property
    def gib(self) -> tuple[float | None, float | None, float | None]:
        """All three, the smallest first."""
        return self.bits4, self.bits8, self.full

    def bytes(self, quantization: Quantization, *, cpu: bool = False) -> float:
        """What one form needs, infinite where there is none. `auto` is 4 bits on a GPU and full precision on a CPU."""
        if quantization == "auto":
            quantization = "none" if cpu or self.bits4 is None else "4bit"
        gib = {"4bit": self.bits4, "8bit": self.bits8, "none": self.full}[quantization]
        return _NEVER if gib is None else gib * _GIB * (2 if cpu and quantization == "none" else 1)


@dataclass(frozen=True, slots=True)
class Entry:
    """A model. `video` means that it takes frames as video; other models that see images get sheets of frames."""

    id: str
    name: str
    family: str
    need: Need
    context_length: int
    images: bool = True
    video: bool = False
    licence: str = "Apache-2.0"
    gated: bool = False
    note: str = ""


POCKET = Entry(
    str(Path(backend.__file__).parent.parent / "assets" / "pocket"),
    "Pocket",
    "mllama",
    Need(None, None, 0.5),
    4096,
    note="ours: plain scenes, printed receipts, formulas and clocks",
)
_LLAMA = "Llama 3.2 Community"
_EU = "not for the EU"

FLAGSHIP = Entry(
    "unsloth/Llama-3.2-11B-Vision-Instruct-bnb-4bit",
    "Llama 3.2 11B Vision, 4 bits",
    "mllama",
    Need(10, None, None),
    131072,
    licence=_LLAMA,
    note=_EU,
)
UNQUANTIZED = Entry(
    "unsloth/Llama-3.2-11B-Vision-Instruct",
    "Llama 3.2 11B Vision",
    "mllama",
    Need(10, 15, 23),
    131072,
    licence=_LLAMA,
    note=_EU,
)

CATALOG = (
    POCKET,
    FLAGSHIP,
    UNQUANTIZED,
    Entry(
        "meta-llama/Llama-3.2-11B-Vision-Instruct",
        "Llama 3.2 11B Vision, Meta's own",
        "mllama",
        Need(10, 15, 23),
        131072,
        licence=_LLAMA,
        gated=True,
        note=_EU,
    ),
    Entry(
        "meta-llama/Llama-3.2-90B-Vision-Instruct",
        "Llama 3.2 90B Vision",
        "mllama",
        Need(56, 98, 172),
        131072,
        licence=_LLAMA,
        gated=True,
        note=_EU,
    ),
    Entry(
        "meta-llama/Llama-3.2-1B-Instruct",
        "Llama 3.2 1B",
        "llama",
        Need(2, 2.5, 3.5),
        131072,
        images=False,
        licence=_LLAMA,
        gated=True,
    ),
    Entry(
        "meta-llama/Llama-3.2-3B-Instruct",
        "Llama 3.2 3B",
        "llama",
        Need(3.5, 4.5, 7.5),
        131072,
        images=False,
        licence=_LLAMA,
        gated=True,
    ),
    Entry(
        "Qwen/Qwen2.5-VL-3B-Instruct",
        "Qwen2.5-VL 3B",
        "qwen2_5_vl",
        Need(4.5, 6, 9),
        128000,
        video=True,
        licence="Qwen Research",
        note="not for commercial use",
    ),
    Entry("Qwen/Qwen2.5-VL-7B-Instruct", "Qwen2.5-VL 7B", "qwen2_5_vl", Need(8, 11, 18), 128000, video=True),
    Entry("Qwen/Qwen3-VL-4B-Instruct", "Qwen3-VL 4B", "qwen3_vl", Need(5.5, 7, 10.5), 262144, video=True),
    Entry("Qwen/Qwen3-VL-8B-Instruct", "Qwen3-VL 8B", "qwen3_vl", Need(9, 12.5, 19), 262144, video=True),
    Entry(
        "HuggingFaceTB/SmolVLM2-500M-Video-Instruct", "SmolVLM2 500M", "smolvlm", Need(1.5, 1.6, 2), 8192, video=True
    ),
    Entry("HuggingFaceTB/SmolVLM2-2.2B-Instruct", "SmolVLM2 2.2B", "smolvlm", Need(3, 4, 6), 8192, video=True),
    Entry(
        "google/gemma-3-4b-it",
        "Gemma 3 4B",
        "gemma3",
        Need(5.5, 7, 10.5),
        131072,
        licence="Gemma",
        gated=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that is loaded when none is named, and why, in one line for the log."""

    id: str
    quantization: Quantization
    why: str


def find(model: str) -> Entry | None:
    """The entry with this id or name, if we know it."""
    wanted = model.lower().rstrip("/")
    return next((entry for entry in CATALOG if wanted in (entry.id.lower(), entry.name.lower())), None)


def name_of(model: str) -> str:
    """What a person calls the model with this id or folder."""
    entry = find(model)
    return entry.name if entry else Path(model).name


def choose_default(machine: Machine, settings: Settings) -> Choice:
    """Llama 3.2 11B Vision where the machine has the GPU for it and the settings allow it, else Pocket."""
    entry = FLAGSHIP if settings.quantization in ("auto", "4bit") else UNQUANTIZED
    gpu = _gpu(machine, settings.device)
    if gpu is None:
        return _pocket(settings, _NO_GPU.get(settings.device.partition(":")[0], f"--device is {settings.device}"))
    need = entry.need.bytes(settings.quantization)
    if not machine.cuda_torch:
        return _pocket(settings, f"the installed PyTorch is no CUDA build and cannot use the {gpu.name}")
    if settings.quantization != "none" and not (machine.bitsandbytes or machine.unsloth):
        return _pocket(settings, "neither bitsandbytes nor Unsloth is installed")
    if gpu.free < need:
        return _pocket(settings, f"the {gpu.name} has {_gib(gpu.free)} free and {UNQUANTIZED.name} needs {_gib(need)}")
    if settings.offline and entry.id not in machine.models:
        return _pocket(settings, f"{entry.id} was not fetched yet and --offline is set")
    form = {"auto": "4 bits", "4bit": "4 bits", "8bit": "8 bits", "none": "full precision"}[settings.quantization]
    way = "Unsloth" if machine.unsloth else "transformers" if settings.quantization == "none" else "bitsandbytes"
    room = f"the {gpu.name} has {_gib(gpu.free)} free and {_gib(need)} are needed"
    quantization: Quantization = "4bit" if settings.quantization == "auto" else settings.quantization
    return Choice(entry.id, quantization, f"{UNQUANTIZED.name} in {form} through {way}: {room}")


def _pocket(settings: Settings, reason: str) -> Choice:
    return Choice(POCKET.id, settings.quantization, f"{POCKET.name}: {reason}")


def _gpu(machine: Machine, device: str) -> Gpu | None:
    if device != "auto" and not device.startswith("cuda"):
        return None
    number = int(device.partition(":")[2] or 0)
    return machine.gpus[number] if number < len(machine.gpus) else None


def best(entry: Entry, machine: Machine) -> tuple[str, Quantization] | None:
    """Where a model runs on this machine and in which form, the most precise that fits; None if it is too large."""
    if machine.gpus and machine.cuda_torch:
        for quantization in _FORMS:
            if entry.need.bytes(quantization) <= machine.gpus[0].free:
                return "GPU", quantization
    for quantization in _FORMS:
        if quantization != "8bit" and entry.need.bytes(quantization, cpu=True) <= machine.memory_free:
            return "CPU", quantization
    return None


def fit(entry: Entry, machine: Machine) -> str | None:
    """What `best` finds, in a few words; None if the model is too large."""
    found = best(entry, machine)
    return f"{found[0]}, {_FORMS[found[1]]}" if found else None


def _gib(size: float) -> str:
    return f"{size / _GIB:.1f} GiB"
