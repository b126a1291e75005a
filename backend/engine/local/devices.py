"""Finds the devices that PyTorch can use here, with their precision and their names, and says why one cannot be used.

Finding out asks torch and the driver; choosing is pure, so that every machine can be tested on any.
"""

import importlib.util
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from backend.errors import SettingsError
from backend.models.hardware import OLDER_BUILD, probe

# What each kind of device of torch is called in a sentence; AMD's GPUs are "cuda" to torch too.
_KINDS = {"cuda": "CUDA GPU", "xpu": "Intel GPU (XPU)", "mps": "Apple GPU (MPS)"}


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU: its free memory in bytes, 0 where that is not known, and why it cannot be used, if so."""

    bfloat16: bool = True
    free: int = 0
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class Accelerators:
    """What matters of a machine for loading a model: its GPUs by the kind that torch calls them, and its packages.

    `obstacle` says why a GPU that the driver lists is none to torch.
    """

    devices: Mapping[str, Sequence[Device]] = field(default_factory=dict)
    obstacle: str = ""
    bitsandbytes: bool = False
    unsloth: bool = False

    def choose(self, asked: str) -> str:
        """The name that torch has for the device that is asked for; for "auto" the roomiest CUDA GPU, else the CPU.

        Raises:
            SettingsError: it is not there or cannot be used.
        """
        if asked == "cpu":
            return asked
        if asked == "auto":
            usable = {f"cuda:{n}": each for n, each in enumerate(self.devices.get("cuda", ())) if not each.obstacle}
            return max(usable, key=lambda name: usable[name].free, default="cpu")
        kind, _, number = asked.partition(":")
        index, found = int(number or 0), self.devices.get(kind, ())
        if not found:
            why = f": {self.obstacle}" if self.obstacle and kind == "cuda" else "; leave --device out or set it to cpu"
            raise SettingsError(f"PyTorch finds no {_KINDS[kind]} on this machine{why}.")
        if index >= len(found):
            raise SettingsError(f"There is no {asked} on this machine; the last one is {kind}:{len(found) - 1}.")
        if found[index].obstacle:
            raise SettingsError(f"PyTorch cannot use {asked}: {found[index].obstacle}.")
        return kind if kind == "mps" else f"{kind}:{index}"

    def dtype(self, device: str) -> torch.dtype:
        """The type that a model computes in on a device that `choose` has named."""
        # On CPUs bf16 matrix products are several times slower than fp32 ones.
        if device == "cpu":
            return torch.float32
        kind, _, number = device.partition(":")
        return torch.bfloat16 if self.devices[kind][int(number or 0)].bfloat16 else torch.float16

    @property
    def why_cpu(self) -> str:
        """Why "auto" is the CPU here, as a part of a sentence."""
        listed = [each.obstacle for each in self.devices.get("cuda", ())]
        return self.obstacle or next(iter(listed), "") or "PyTorch finds no CUDA GPU on this machine"


def find_accelerators() -> Accelerators:
    """Find out what this machine has."""
    devices = {"cuda": _cuda(), "xpu": _xpu(), "mps": _mps()}
    found = {kind: each for kind, each in devices.items() if each}
    return Accelerators(
        devices=found,
        obstacle="" if "cuda" in found else _unseen(),
        bitsandbytes=importlib.util.find_spec("bitsandbytes") is not None,
        unsloth="cuda" in found and importlib.util.find_spec("unsloth") is not None,
    )


def device_name(device: str) -> str:
    """The name that people know a device by."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    if device.startswith("xpu"):
        return str(torch.xpu.get_device_name(device))
    return "Apple GPU" if device == "mps" else "CPU"


def has_kernels(capability: tuple[int, int], built_for: Sequence[str]) -> bool:
    """Whether a build of PyTorch for these architectures runs on a card of this compute capability.

    Code for sm_86 runs on 8.6 and 8.9 alike: on the same major version from that minor one on. What is called
    compute_90 is translated on any later card. "CUDA C++ Programming Guide", sections on binary and PTX compatibility.

    Example: (6, 1) does not run ["sm_75", "sm_80", "compute_120"], (8, 9) runs it.
    """
    for kind, major, minor in re.findall(r"\b(sm|compute)_(\d+)(\d)[af]?\b", " ".join(built_for)):
        oldest = int(major), int(minor)
        if oldest <= capability and (kind == "compute" or oldest[0] == capability[0]):
            return True
    return not any(name.startswith("sm_") for name in built_for)  # AMD's are named otherwise


def _cuda() -> list[Device]:
    if not torch.cuda.is_available():
        return []
    count, listed, built_for = torch.cuda.device_count(), probe().gpus, torch.cuda.get_arch_list()
    free = [gpu.free for gpu in listed] if len(listed) == count else [0] * count
    return [_cuda_device(number, free[number], built_for) for number in range(count)]


def _cuda_device(number: int, free: int, built_for: Sequence[str]) -> Device:
    capability = torch.cuda.get_device_capability(number)
    if torch.version.hip is None and not has_kernels(capability, built_for):
        name = torch.cuda.get_device_name(number)
        obstacle = f"the {name} is too old or too new for the installed PyTorch, which has no kernels for it; "
        return Device(False, free, obstacle + OLDER_BUILD)
    return Device(torch.version.hip is not None or capability >= (8, 0), free)


def _xpu() -> list[Device]:
    if not torch.xpu.is_available():
        return []
    return [Device(bool(torch.xpu.is_bf16_supported()))] * torch.xpu.device_count()


def _mps() -> list[Device]:
    # Metal has bfloat16 from macOS 14 on.
    return [Device(torch.backends.mps.is_macos_or_newer(14, 0))] if torch.backends.mps.is_available() else []


def _unseen() -> str:
    """Why torch does not see a GPU that the driver lists; "" where there is none."""
    here = probe()
    if here.silent_driver:
        return "nvidia-smi did not answer and PyTorch finds no CUDA GPU"
    if here.roomiest is None:
        return ""
    return here.obstacle(here.roomiest) or f"PyTorch cannot use the {here.roomiest.name} that the driver lists"
