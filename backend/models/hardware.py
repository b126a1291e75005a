"""Finds out what this machine has, to choose a model for it. It asks driver and packages, and never imports torch."""

import importlib.util
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_TIMEOUT = 5.0  # seconds for nvidia-smi, which is slow where the driver sleeps
_COLUMNS = "index,uuid,name,memory.total,memory.free"
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Gpu:
    """A CUDA GPU that programs may use; memory in bytes."""

    name: str
    total: int
    free: int


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine: its GPUs in the order in which CUDA numbers them, its free memory in bytes, and what is installed.

    `models` are the ids of the models that were fetched before, perhaps not to the end.
    """

    gpus: tuple[Gpu, ...] = ()
    memory_free: int = 0
    cuda_torch: bool = False
    bitsandbytes: bool = False
    unsloth: bool = False
    models: frozenset[str] = frozenset()


def probe() -> Machine:
    """Find out what this machine has now."""
    return Machine(
        gpus=tuple(_gpus()),
        memory_free=memory_free(),
        cuda_torch=_cuda_torch(),
        bitsandbytes=importlib.util.find_spec("bitsandbytes") is not None,
        unsloth=importlib.util.find_spec("unsloth") is not None,
        models=_models(),
    )


def _gpus() -> Iterator[Gpu]:
    for _, _, name, total, free in _visible(list(_ask_driver()), os.environ.get("CUDA_VISIBLE_DEVICES")):
        with suppress(ValueError):  # "[N/A]" where memory is shared with the CPU
            yield Gpu(name, int(total) * _MIB, int(free) * _MIB)


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


def _ask_driver() -> Iterator[list[str]]:
    command = ["nvidia-smi", f"--query-gpu={_COLUMNS}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return
    for line in answer.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == len(_COLUMNS.split(",")):
            yield cells


def memory_free() -> int:
    """Bytes that can be used without swapping: of the machine, or of the container where that is less."""
    free = [int(psutil.virtual_memory().available)]
    limit, used = _read("/sys/fs/cgroup/memory.max").strip(), _read("/sys/fs/cgroup/memory.current").strip()
    if limit.isdigit() and used.isdigit():
        # Pages of files, such as weights that were read, are given back when memory is wanted.
        pages = re.findall(r"^(?:in)?active_file (\d+)$", _read("/sys/fs/cgroup/memory.stat"), re.MULTILINE)
        free.append(max(int(limit) - int(used) + sum(map(int, pages)), 0))
    return min(free)


def _cuda_torch() -> bool:
    """Whether the installed torch is a build for CUDA; its version file is read, not run."""
    spec = importlib.util.find_spec("torch")
    if not spec or not spec.origin:
        return False
    version = _read(str(Path(spec.origin).with_name("version.py")))
    return re.search(r"^cuda\b[^=]*=\s*['\"]", version, re.MULTILINE) is not None


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
