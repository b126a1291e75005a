"""Finds out what this machine has, to choose a model for it. It asks driver and packages, and never imports torch."""

import importlib.util
import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

_TIMEOUT = 20.0  # seconds for nvidia-smi, which is slow without persistence mode and with many cards
_COLUMNS = "index,uuid,name,memory.total,memory.free,driver_version,compute_cap"
_OLD_COLUMNS = _COLUMNS.removesuffix(",compute_cap")  # drivers before 2022 do not know the last
_MIB = 2**20
_COPIED = 64 * _MIB

CUDA_NEEDS = {11: (450, (3, 5)), 12: (525, (5, 0)), 13: (580, (7, 5))}
"""For each major version of CUDA the oldest driver and the lowest compute capability.

Of the drivers: NVIDIA, CUDA Compatibility, table 1; of the cards: the release notes of CUDA 11, 12 and 13.
"""
OLDER_BUILD = "install a PyTorch for CUDA 12.6 (https://pytorch.org/get-started/locally)"


@dataclass(frozen=True, slots=True)
class Gpu:
    """A CUDA GPU that programs may use; memory in bytes.

    `index` is the number that PyTorch has for it. `driver` is the driver's version and `compute` the compute
    capability, ("580.82", (8, 9)); "" and None where the driver does not say.
    """

    name: str
    total: int
    free: int
    index: int = 0
    driver: str = ""
    compute: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine: its GPUs in the order in which CUDA numbers them, its free memory in bytes, and what is installed.

    `torch_cuda` is the version of CUDA that PyTorch was built for, such as "13.0", "" where it was built for none.
    `silent_driver` is true where nvidia-smi is there and did not answer in time. `models` are the ids of the models
    that were fetched before, perhaps not to the end.
    """

    gpus: tuple[Gpu, ...] = ()
    memory_free: int = 0
    torch_cuda: str = ""
    bitsandbytes: bool = False
    torchvision: bool = False
    num2words: bool = False
    models: frozenset[str] = frozenset()
    silent_driver: bool = False

    def missing(self, packages: Sequence[str]) -> list[str]:
        """Those of `packages`, by the names that pip has for them, that are not installed."""
        return [name for name in packages if not getattr(self, name)]

    @property
    def roomiest(self) -> Gpu | None:
        """The GPU with the most free memory."""
        return max(self.gpus, key=lambda gpu: gpu.free, default=None)

    def obstacle(self, gpu: Gpu) -> str | None:
        """Say why the installed PyTorch cannot use a GPU, and what to do, as a part of a sentence; None if it can."""
        if not self.torch_cuda:
            return f"the installed PyTorch is no CUDA build and cannot use the {gpu.name}"
        major = int(self.torch_cuda.partition(".")[0])
        driver, compute = CUDA_NEEDS.get(major, (0, (0, 0)))
        if gpu.driver and int(gpu.driver.partition(".")[0]) < driver:
            return (
                f"the NVIDIA driver {gpu.driver} is too old for the installed PyTorch (CUDA {major} needs {driver} or "
                f"newer): update the driver, or {OLDER_BUILD}"
            )
        if gpu.compute and gpu.compute < compute:
            return (
                f"the {gpu.name} is too old for the installed PyTorch (it has compute capability "
                f"{'.'.join(map(str, gpu.compute))}, CUDA {major} needs {'.'.join(map(str, compute))}): {OLDER_BUILD}"
            )
        return None


def probe() -> Machine:
    """Find out what this machine has now."""
    rows = _ask_driver()
    return Machine(
        gpus=tuple(_gpus(rows or [])),
        memory_free=memory_free(),
        torch_cuda=_torch_cuda(),
        bitsandbytes=importlib.util.find_spec("bitsandbytes") is not None,
        num2words=importlib.util.find_spec("num2words") is not None,
        torchvision=importlib.util.find_spec("torchvision") is not None,
        models=_models(),
        silent_driver=rows is None,
    )


def _gpus(rows: list[list[str]]) -> Iterator[Gpu]:
    visible = _visible(rows, os.environ.get("CUDA_VISIBLE_DEVICES"))
    for number, (_, _, name, total, free, driver, *compute) in enumerate(visible):
        shared = not (total.isdigit() and free.isdigit())  # "[N/A]" where the GPU uses the machine's own memory
        yield Gpu(
            name,
            int(psutil.virtual_memory().total) if shared else int(total) * _MIB,
            memory_free() if shared else int(free) * _MIB,
            number,
            driver if re.match(r"\d", driver) else "",
            _compute(*compute),
        )


def _compute(text: str = "") -> tuple[int, int] | None:
    major, _, minor = text.partition(".")
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None


def _visible(rows: list[list[str]], names: str | None) -> Iterator[list[str]]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves, in its order; CUDA stops at the first name that it does not know."""
    if names is None:
        yield from rows
        return
    for name in map(str.strip, names.split(",")):
        found = [row for row in rows if name and (row[0] == name or row[1].startswith(name))]
        if not found:
            return
        yield found[0]


def _ask_driver() -> list[list[str]] | None:
    """The driver's rows of `_COLUMNS`, without the last where it does not know that; None if it does not answer."""
    for columns in (_COLUMNS, _OLD_COLUMNS):
        command = ["nvidia-smi", f"--query-gpu={columns}", "--format=csv,noheader,nounits"]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=True).stdout
        except subprocess.TimeoutExpired:
            return None
        except (OSError, subprocess.SubprocessError):
            continue
        rows = [[cell.strip() for cell in line.split(",")] for line in answer.splitlines()]
        return [row for row in rows if len(row) == len(columns.split(","))]
    return []


def memory_free() -> int:
    """Bytes that can be used without swapping: of the machine, or of the container where that is less."""
    free = [int(psutil.virtual_memory().available)]
    limit, used = _read("/sys/fs/cgroup/memory.max").strip(), _read("/sys/fs/cgroup/memory.current").strip()
    if limit.isdigit() and used.isdigit():
        # Pages of files, such as weights that were read, are given back when memory is wanted.
        pages = re.findall(r"^(?:in)?active_file (\d+)$", _read("/sys/fs/cgroup/memory.stat"), re.MULTILINE)
        free.append(max(int(limit) - int(used) + sum(map(int, pages)), 0))
    return min(free)


def memory_bandwidth() -> float:
    """Bytes a second that this machine reads from memory, by the fastest of a few copies of 64 MiB: some 30 ms.

    A copy reads and writes each byte. A model on a CPU reads all its weights for each token, so this bounds its speed.
    """
    source = np.ones(_COPIED // 8)
    target, best = np.empty_like(source), float("inf")
    for _ in range(4):
        began = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - began)
    return 2 * _COPIED / best


def _torch_cuda() -> str:
    """The version of CUDA that the installed torch was built for, "" for none; its version file is read, not run."""
    spec = importlib.util.find_spec("torch")
    if not spec or not spec.origin:
        return ""
    version = _read(str(Path(spec.origin).with_name("version.py")))
    found = re.search(r"^cuda\b[^=]*=\s*['\"]([\d.]+)", version, re.MULTILINE)
    return found[1] if found else ""


def _models() -> frozenset[str]:
    home = os.environ.get("HF_HOME") or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    cache = Path(os.environ.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()
    names = (path.parent.name.removeprefix("models--") for path in cache.glob("models--*/snapshots"))
    return frozenset(name.replace("--", "/", 1) for name in names)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
