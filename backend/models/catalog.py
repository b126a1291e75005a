"""Lists the models we know: what they see and what they need. Data; any other model loads as well.

Looked up on 2026-11-29: ids, licences and contexts in the models' cards and configs on Hugging Face, or in mirrors of
them. What a model needs was counted from its layers for Llama 3.2; for the others it is reckoned from the number of
weights: 2 GB a billion in 16 bits, half and a third of that in 8 and 4, and 1.3 to 2.3 GiB for a picture and CUDA.
"""

from dataclasses import dataclass
from pathlib import Path

import backend
from backend.engine.engine import Quantization

GIB = 2**30
_NEVER = float("inf")


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
        """Count the bytes that one form needs, infinite where there is none.

        `auto` is 4 bits on a GPU and full precision on a CPU.
        """
        if quantization == "auto":
            quantization = "none" if cpu or self.bits4 is None else "4bit"
        gib = {"4bit": self.bits4, "8bit": self.bits8, "none": self.full}[quantization]
        return _NEVER if gib is None else gib * GIB * (2 if cpu and quantization == "none" else 1)


@dataclass(frozen=True, slots=True)
class Entry:
    """A model. `video` means that it takes frames as video; other models that see images get sheets of frames.

    `billions` is the number of weights, 0 where it is not given; a download is about 2 GB a billion. `video_packages`
    are those that it needs for video beside what Glimpse installs; without them it sees a clip's frames as images.
    """

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
    video_packages: tuple[str, ...] = ()
    billions: float = 0


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
_TORCHVISION = ("torchvision",)

# Of Unsloth's two checkpoints in 4 bits this one leaves those layers in 16 that lose most by it: "Unsloth - Dynamic
# 4-bit Quantization", unsloth.ai/blog/dynamic-4bit. By its account the weights are 7.2 GB; the CUDA context takes some
# 0.4 GiB, a picture and some thousand tokens 1.4.
FLAGSHIP = Entry(
    "unsloth/Llama-3.2-11B-Vision-Instruct-unsloth-bnb-4bit",
    "Llama 3.2 11B Vision, 4 bits",
    "mllama",
    Need(8.75, None, None),
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

QWEN3_VL_4B = Entry(
    "Qwen/Qwen3-VL-4B-Instruct",
    "Qwen3-VL 4B",
    "qwen3_vl",
    Need(5.5, 7, 10.5),
    262144,
    video=True,
    video_packages=_TORCHVISION,
)
SMOLVLM2_2B = Entry(
    "HuggingFaceTB/SmolVLM2-2.2B-Instruct",
    "SmolVLM2 2.2B",
    "smolvlm",
    Need(3, 4, 6),
    8192,
    video=True,
    video_packages=(*_TORCHVISION, "num2words"),
)

SMOLVLM2_500M = Entry(
    "HuggingFaceTB/SmolVLM2-500M-Video-Instruct",
    "SmolVLM2 500M",
    "smolvlm",
    Need(1.5, 1.6, 2),
    8192,
    video=True,
    video_packages=(*_TORCHVISION, "num2words"),
    billions=0.5,
)
MINICPM = Entry(
    "openbmb/MiniCPM-V-4.6",
    "MiniCPM-V 4.6",
    "minicpmv4_6",
    Need(2.8, 3.2, 4.2),
    262144,
    video=True,
    video_packages=_TORCHVISION,
    billions=1.3,
)

LADDER = (FLAGSHIP, QWEN3_VL_4B, SMOLVLM2_2B)
"""What a machine with a GPU gets by itself, the first that fits; all of them are free to fetch and to use."""

CPU_LADDER = (MINICPM, SMOLVLM2_500M)
"""What is suggested to a machine without one, which starts with Pocket; likewise."""

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
        video_packages=_TORCHVISION,
        licence="Qwen Research",
        note="not for commercial use",
    ),
    Entry(
        "Qwen/Qwen2.5-VL-7B-Instruct",
        "Qwen2.5-VL 7B",
        "qwen2_5_vl",
        Need(8, 11, 18),
        128000,
        video=True,
        video_packages=_TORCHVISION,
    ),
    QWEN3_VL_4B,
    Entry(
        "Qwen/Qwen3-VL-8B-Instruct",
        "Qwen3-VL 8B",
        "qwen3_vl",
        Need(9, 12.5, 19),
        262144,
        video=True,
        video_packages=_TORCHVISION,
    ),
    SMOLVLM2_500M,
    SMOLVLM2_2B,
    MINICPM,
    *(
        Entry(
            f"Qwen/Qwen3.5-{size}",
            f"Qwen3.5 {size}",
            "qwen3_5",
            need,
            262144,
            video=True,
            video_packages=_TORCHVISION,
            billions=billions,
        )
        for size, billions, need in (
            ("0.8B", 0.9, Need(2.3, 2.6, 3.2)),
            ("2B", 2.3, Need(3.6, 4.4, 6.2)),
            ("4B", 5, Need(6, 8, 11.5)),
            ("9B", 10, Need(10, 14, 21)),
        )
    ),
    *(
        Entry(
            f"google/gemma-4-{size}-it",
            f"Gemma 4 {size}",
            "gemma4",
            need,
            131072,
            video=True,
            video_packages=_TORCHVISION,
            billions=billions,
        )
        for size, billions, need in (("E2B", 5.1, Need(6, 8, 12)), ("E4B", 8, Need(8.5, 11.5, 17.5)))
    ),
    Entry(
        "zai-org/GLM-OCR",
        "GLM-OCR",
        "glm_ocr",
        Need(2.5, 2.9, 3.6),
        131072,
        licence="MIT",
        note="for documents",
        billions=1.2,
    ),
    Entry(
        "PaddlePaddle/PaddleOCR-VL-1.6",
        "PaddleOCR-VL 1.6",
        "paddleocr_vl",
        Need(2.4, 2.8, 3.4),
        131072,
        note="for documents",
        billions=1,
    ),
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


def find(model: str) -> Entry | None:
    """The entry with this id or name, if we know it."""
    wanted = model.lower().rstrip("/")
    return next((entry for entry in CATALOG if wanted in (entry.id.lower(), entry.name.lower())), None)


def name_of(model: str) -> str:
    """Return the name that people know for the model with this id or folder."""
    entry = find(model)
    return entry.name if entry else Path(model).name
