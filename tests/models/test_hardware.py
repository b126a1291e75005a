"""What the machine has is read from its driver, its packages and its files, without torch.

python -m pytest tests/models/test_hardware.py
"""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from backend.models import hardware
from backend.models.hardware import Gpu

GIB = 2**30
ROWS = """\
0, GPU-aaaa-1111, NVIDIA GeForce RTX 4090, 24564, 22528, 580.82.07, 8.9
1, GPU-bbbb-2222, Tesla T4, 15360, 15109, 580.82.07, 7.5
2, GPU-cccc-3333, NVIDIA GB10, [N/A], [N/A], 580.95, 12.1
"""
RTX = Gpu("NVIDIA GeForce RTX 4090", 24564 * 2**20, 22 * GIB, 0, "580.82.07", (8, 9))
T4 = Gpu("Tesla T4", 15 * GIB, 15109 * 2**20, 1, "580.82.07", (7, 5))
GB10 = Gpu("NVIDIA GB10", 128 * GIB, 100 * GIB, 2, "580.95", (12, 1))  # it uses the machine's own memory


def driver(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put an nvidia-smi of our own onto the path."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.parametrize(
    ("visible", "gpus"),
    [
        (None, (RTX, T4, GB10)),
        ("1,0", (replace(T4, index=0), replace(RTX, index=1))),
        ("GPU-bbbb", (replace(T4, index=0),)),
        ("1,7,0", (replace(T4, index=0),)),
        ("", ()),
        ("-1", ()),
    ],
)
def test_gpus_are_those_that_cuda_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str | None, gpus: tuple[Gpu, ...]
):
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(total=128 * GIB))
    monkeypatch.setattr(hardware, "memory_free", lambda: 100 * GIB)
    (tmp_path / "rows").write_text(ROWS)
    driver(tmp_path, monkeypatch, f"cat {tmp_path}/rows")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert hardware.probe().gpus == gpus


def test_an_old_driver_that_does_not_know_compute_capabilities_is_asked_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    row = "0, GPU-aaaa-1111, Tesla T4, 15360, 15109, 470.10"
    driver(tmp_path, monkeypatch, f'case "$*" in *compute_cap*) exit 2;; esac\necho "{row}"')
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert hardware.probe().gpus == (replace(T4, index=0, driver="470.10", compute=None),)


@pytest.mark.parametrize("script", ["exit 9", "echo NVIDIA-SMI has failed because it could not talk to the driver"])
def test_a_driver_that_fails_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str):
    driver(tmp_path, monkeypatch, script)
    found = hardware.probe()
    assert (found.gpus, found.silent_driver) == ((), False)


def test_a_driver_that_does_not_answer_is_no_gpu_and_known_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hardware, "_TIMEOUT", 0.2)
    driver(tmp_path, monkeypatch, "exec sleep 60")
    found = hardware.probe()
    assert (found.gpus, found.silent_driver) == ((), True)


def test_no_driver_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert hardware.probe().gpus == ()


@pytest.mark.parametrize(
    ("line", "cuda"),
    [
        ("cuda: Optional[str] = '13.0'", "13.0"),
        ("cuda = '12.8'", "12.8"),
        ("cuda: Optional[str] = None", ""),
        ("hip: Optional[str] = '6.4'", ""),
    ],
)
def test_the_build_of_torch_is_read_and_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, cuda: str
):
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise SystemExit('imported')")
    (tmp_path / "torch" / "version.py").write_text(f"__version__ = '2.13.0'\n{line}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "torch", raising=False)
    assert hardware.probe().torch_cuda == cuda


def test_models_fetched_before_are_found_in_the_hub_s_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in ("models--org--a-model", "models--org--with--dashes", "datasets--org--no-model"):
        (tmp_path / name / "snapshots").mkdir(parents=True)
    (tmp_path / "models--org--nothing-in-it").mkdir()
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert hardware.probe().models == {"org/a-model", "org/with--dashes"}


def test_free_memory_is_the_container_s_where_that_is_less(monkeypatch: pytest.MonkeyPatch):
    files: dict[str, str] = {}
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=8 * GIB))
    monkeypatch.setattr(hardware, "_read", lambda path: files.get(path, ""))
    assert hardware.probe().memory_free == 8 * GIB
    files |= {"/sys/fs/cgroup/memory.max": "max\n", "/sys/fs/cgroup/memory.current": "5\n"}
    assert hardware.probe().memory_free == 8 * GIB
    files |= {"/sys/fs/cgroup/memory.max": f"{3 * GIB}\n", "/sys/fs/cgroup/memory.current": f"{GIB}\n"}
    assert hardware.probe().memory_free == 2 * GIB
    files |= {"/sys/fs/cgroup/memory.stat": f"anon {GIB // 4}\nfile {GIB}\ninactive_file {GIB // 2}\nactive_file 7\n"}
    assert hardware.probe().memory_free == 2 * GIB + GIB // 2 + 7


def test_memory_is_measured_in_bytes_a_second() -> None:
    assert 2e8 < hardware.memory_bandwidth() < 2e12
