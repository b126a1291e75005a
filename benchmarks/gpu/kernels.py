"""Times single kernels: what the GPU's memory gives, and what of it each kernel that a token needs takes."""

import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from bitsandbytes import cextension, functional, matmul_4bit

from benchmarks.gpu.session import Found
from benchmarks.gpu.shape import Shape, State

CACHED = 300_000_000  # bytes of weights that are read in turns, so that no cache of a GPU holds them
GROUP = 128  # weights of int4 that share a scale
PACKAGES = ("torch", "transformers", "bitsandbytes", "triton")


def environment(state: State, found: Found) -> None:
    """Say what is installed, what the GPU is, and whether a compiler is there (`compiler` has the paths found)."""
    look = "command -v gcc cc; ls /usr/include/python3*/Python.h"
    found |= {
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "cuda": torch.version.cuda,
        "device": state.shape.device,
        "compiler": subprocess.run(["sh", "-c", look], capture_output=True, text=True, check=False).stdout.split(),
        "bitsandbytes_library": type(cextension.lib).__name__,
        "memory": state.memory(),
    }
    if state.shape.cuda:
        found["name"] = torch.cuda.get_device_name()
        found["capability"] = torch.cuda.get_device_capability()
        found["architectures"] = torch.cuda.get_arch_list()
        found["bfloat16"] = torch.cuda.is_bf16_supported(including_emulation=False)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def bandwidth(state: State, found: Found) -> None:
    """Measure gigabytes a second: of a copy within the memory, or what clock and bus width say where that is more."""
    shape = state.shape
    source, target = (torch.zeros(shape.copied, dtype=torch.uint8, device=shape.device) for _ in range(2))
    seconds = min(timed(lambda: target.copy_(source), shape) for _ in range(10))
    copied = 2 * shape.copied / seconds / 1e9
    said = 0.0
    if shape.cuda:
        card = torch.cuda.get_device_properties(0)
        clock, width = getattr(card, "memory_clock_rate", 0), getattr(card, "memory_bus_width", 0)
        said = 2 * clock * 1e3 * width / 8 / 1e9
    state.gb_per_second = max(copied, said)
    found |= {"gb_per_second": round(state.gb_per_second), "copied_gb_per_second": round(copied)}


def matrix_vector(state: State, found: Found) -> None:
    """Time the product of one token with each matrix of a layer and with lm_head, in CUDA graphs where there are any.

    A row has the kernel, the matrix (rows, columns), microseconds, and gigabytes read a second; or `failed`.
    """
    shape, found["rows"] = state.shape, []
    head = shape.text["vocab_size"], shape.text["hidden_size"]
    kernels = [(size, *kernel) for size in shape.matrices for kernel in _kernels(shape, *size)]
    for size, name, kernel in [*kernels, (head, "bf16", lambda: _bfloat16(shape, *head))]:
        row = {"kernel": name, "rows": size[0], "columns": size[1]}
        found["rows"].append(row | _attempted(kernel, shape))
    found["memory"] = state.memory()


# The product with the matrix of a number, how many matrices there are, and the bytes of each.
Kernel = tuple[Callable[[int], Any], int, int]


def _kernels(shape: Shape, rows: int, columns: int) -> Iterator[tuple[str, Callable[[], Kernel]]]:
    yield "NF4, nested scales", lambda: _nf4(shape, rows, columns, nested=True)
    yield "NF4", lambda: _nf4(shape, rows, columns, nested=False)
    if shape.cuda:
        yield "int4 (tinygemm)", lambda: _int4(shape, rows, columns)


def _attempted(kernel: Callable[[], Kernel], shape: Shape) -> Found:
    try:
        work, count, size = kernel()
        microseconds = _microseconds(lambda: [work(number) for number in range(count)], shape) / count
    except (RuntimeError, NotImplementedError) as error:  # a kernel that this GPU or build has not
        return {"failed": str(error)[:200]}
    return {"us": round(microseconds, 2), "gb_per_second": round(size / microseconds / 1e3)}


def _count(shape: Shape, size: int) -> int:
    return max(2, CACHED // size) if shape.cuda else 2


def _random(shape: Shape, rows: int, columns: int) -> torch.Tensor:
    return torch.randn(rows, columns, dtype=torch.bfloat16, device=shape.device) * 0.02


def _nf4(shape: Shape, rows: int, columns: int, nested: bool) -> Kernel:
    token, count = _random(shape, 1, columns), _count(shape, rows * columns // 2)
    made = [
        functional.quantize_4bit(_random(shape, rows, columns), quant_type="nf4", compress_statistics=nested)
        for _ in range(count)
    ]
    size = rows * columns // 2 + made[0][1].absmax.nbytes
    return lambda number: matmul_4bit(token, made[number][0], quant_state=made[number][1]), count, size


def _int4(shape: Shape, rows: int, columns: int) -> Kernel:
    token, count = _random(shape, 1, columns), _count(shape, rows * columns // 2)
    plain = torch.randint(0, 255, (rows, columns // 2), dtype=torch.uint8, device=shape.device)
    made = [torch.ops.aten._convert_weight_to_int4pack(plain, 8) for _ in range(count)]
    scales = torch.ones(columns // GROUP, rows, 2, dtype=torch.bfloat16, device=shape.device)
    size = rows * columns // 2 + scales.nbytes
    return lambda number: torch.ops.aten._weight_int4pack_mm(token, made[number], GROUP, scales), count, size


def _bfloat16(shape: Shape, rows: int, columns: int) -> Kernel:
    token, made = _random(shape, 1, columns), [_random(shape, rows, columns) for _ in range(2)]
    return lambda number: torch.nn.functional.linear(token, made[number]), 2, made[0].nbytes


def _microseconds(work: Callable[[], object], shape: Shape, rounds: int = 20) -> float:
    """The median of so many rounds; on a GPU as a graph, so that no launch is timed."""
    if not shape.cuda:
        work()
        return 1e6 * statistics.median(timed(work, shape) for _ in range(rounds))
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    graph.replay()
    return statistics.median(_replayed(graph) for _ in range(rounds))


def _replayed(graph: torch.cuda.CUDAGraph) -> float:
    """The microseconds of one replay, by the GPU's own clock."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    begin.record()
    graph.replay()
    end.record()
    torch.cuda.synchronize()
    return float(1e3 * begin.elapsed_time(end))


def timed(work: Callable[[], object], shape: Shape) -> float:
    """The seconds that something takes, the GPU's work included."""
    _wait(shape)
    started = time.perf_counter()
    work()
    _wait(shape)
    return time.perf_counter() - started


def _wait(shape: Shape) -> None:
    if shape.cuda:
        torch.cuda.synchronize()
