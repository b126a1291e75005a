"""From an id or a folder to a model: what is loaded how, and what is said where it cannot be."""

import errno
import json
import logging
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
import torch
from huggingface_hub import errors
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForImageTextToText, LlamaForCausalLM, LlavaForConditionalGeneration

from backend.engine.engine import LocalSpec
from backend.engine.families.mllama import SheetFamily
from backend.engine.families.text_only import TextFamily
from backend.engine.families.token_images import FrameFamily
from backend.engine.local import failures, hub
from backend.engine.local import load as load_module
from backend.engine.local.hub import Ahead, fetch, look_ahead
from backend.engine.local.load import Loaded, load
from backend.engine.local.weights import (
    Placement,
    bytes_of,
    check_room,
    quantization_of,
)
from backend.errors import (
    GlimpseError,
    ModelFailed,
    ModelGated,
    ModelNotFound,
    NoNetwork,
    OutOfMemory,
    StorageError,
)
from backend.types import ModelInfo, SamplingParams
from tests.support import tiny


def quietly(done: int, total: int) -> None:
    pass


def test_each_kind_of_checkpoint_gets_its_family(models: dict[str, Loaded]) -> None:
    families = {name: type(loaded.family) for name, loaded in models.items()}
    assert families == {
        "mllama": SheetFamily, "refusing": SheetFamily, "lists": SheetFamily, "short": SheetFamily,
        "llava": FrameFamily, "short-llava": FrameFamily, "llama": TextFamily,
    }  # fmt: skip


def test_the_page_learns_what_was_loaded(models: dict[str, Loaded], checkpoints: dict[str, Path]) -> None:
    assert models["mllama"].info == ModelInfo(
        id=str(checkpoints["mllama"]), name="mllama", family="mllama", context_length=4096, precision="fp32",
        device="CPU", capabilities=frozenset(("images", "json", "lark", "probabilities")),
        sampling=SamplingParams(1024, 0.6, 0.9, 50, 0.0, 1.0),
        canvas=4 * 28 * 28,
    )  # fmt: skip
    assert models["llama"].info.capabilities == {"json", "lark", "probabilities"}
    assert models["llama"].info.sampling.max_new_tokens == 5


def test_half_precision_weights_are_loaded_as_fp32_on_a_cpu(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    LlamaForCausalLM.from_pretrained(checkpoints["llama"], dtype=torch.bfloat16).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (tmp_path / name).write_bytes((checkpoints["llama"] / name).read_bytes())
    loaded = load(LocalSpec(str(tmp_path)), quietly)
    assert {value.dtype for value in loaded.model.parameters()} == {torch.float32}


def test_loading_reports_bytes(checkpoints: dict[str, Path]) -> None:
    reported: list[tuple[int, int]] = []
    load(LocalSpec(str(checkpoints["mllama"])), lambda done, total: reported.append((done, total)))
    total = (checkpoints["mllama"] / "model.safetensors").stat().st_size
    assert reported[0] == (0, total)
    assert reported[-1] == (total, total)
    assert reported == sorted(reported)


def test_one_line_says_how_the_model_is_loaded_and_why(
    checkpoints: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "backend.engine.local.load"):
        load(LocalSpec(str(checkpoints["llama"])), quietly)
    assert [record.getMessage() for record in caplog.records] == [
        f"loading {checkpoints['llama']} with transformers on cpu in fp32: on a CPU full precision is the fastest"
    ]


def test_what_will_not_fit_is_said_before_it_is_loaded(
    checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = (checkpoints["llama"] / "model.safetensors").stat().st_size
    monkeypatch.setattr(load_module, "memory_free", lambda: weights - 1)
    monkeypatch.setattr(load_module, "_read_model", lambda *_: pytest.fail("it was loaded"))
    with pytest.raises(OutOfMemory, match=r"^.* takes 0\.0 GiB in fp32 and this machine has 0\.0 GiB free; "):
        load(LocalSpec(str(checkpoints["llama"])), quietly)


@pytest.mark.parametrize(
    ("bits", "fixed", "smaller"),
    [(None, False, "close other programs, load it in 4 bits with --quantization 4bit, or"), (4, False, "programs, or"),
     (None, True, "programs, or")],
)  # fmt: skip
def test_what_does_not_fit_is_a_sentence_that_says_what_would(bits: Any, fixed: bool, smaller: str) -> None:
    placement = Placement("transformers", "cuda", torch.bfloat16, bits, "some", "because")
    check_room("owner/name", 2**33, placement, 2**33, fixed=fixed)
    check_room("owner/name", 2**33, placement, 0, fixed=fixed)
    with pytest.raises(OutOfMemory, match=r"^owner/name takes 8.0 GiB in some and the GPU has 7.0 GiB") as refused:
        check_room("owner/name", 2**33, placement, 7 * 2**30, fixed=fixed)
    assert smaller in str(refused.value)


@pytest.mark.parametrize("bits", [4, 8])
def test_weights_of_few_bits_take_what_was_counted_before(checkpoints: dict[str, Path], bits: Any) -> None:
    spec = LocalSpec(str(checkpoints["mllama"]), quantization=f"{bits}bit", device="cpu")
    model = load(spec, quietly).model
    config = AutoConfig.from_pretrained(checkpoints["mllama"])
    assert bytes_of(AutoModelForImageTextToText, config, bits, 4) == pytest.approx(
        model.get_memory_footprint(), rel=0.01
    )


def hugging_face(monkeypatch: pytest.MonkeyPatch, folder: Path, *files: SimpleNamespace) -> list[dict[str, Any]]:
    """Has a model of these files, of which it hands out the folder; returns what it is asked for."""
    asked: list[dict[str, Any]] = []

    def download(model: str, dry_run: bool = False, **options: Any) -> Any:
        asked.append({"dry_run": dry_run, "patterns": options["allow_patterns"]})
        return list(files) if dry_run else str(folder)

    monkeypatch.setattr(hub, "snapshot_download", download)
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", False)
    return asked


def test_what_will_not_fit_is_not_fetched(checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    files = [SimpleNamespace(filename=f"{part}.safetensors", file_size=2**50, will_download=True) for part in (1, 2)]
    asked = hugging_face(monkeypatch, checkpoints["llama"], *files)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**60))
    with pytest.raises(OutOfMemory, match=r"^owner/name takes 2097152.0 GiB in fp32 and this machine has"):
        load(LocalSpec("owner/name", device="cpu"), quietly)
    assert asked == [{"dry_run": True, "patterns": hub.WANTED}, {"dry_run": False, "patterns": ["config.json"]}]


def test_a_download_for_which_the_disk_has_no_room_is_a_sentence(
    checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [
        SimpleNamespace(filename="1.safetensors", file_size=size, will_download=new)
        for size, new in ((9, True), (90, False))
    ]
    hugging_face(monkeypatch, checkpoints["llama"], *files)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=8))
    with pytest.raises(StorageError, match=r"^owner/name takes 0.0 GB to fetch and .* set HF_HOME to a folder on"):
        look_ahead("owner/name", None, offline=False)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=9))
    assert look_ahead("owner/name", None, offline=False) == Ahead(checkpoints["llama"], 99)


def test_what_is_here_or_cannot_be_looked_at_is_not_looked_at(
    checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = SimpleNamespace(filename="1.safetensors", file_size=9, will_download=False)
    asked = hugging_face(monkeypatch, checkpoints["llama"], here)
    assert look_ahead("owner/name", None, offline=False) is None
    assert look_ahead("owner/name", None, offline=True) is None
    assert look_ahead(str(checkpoints["llama"]), None, offline=False) is None
    assert len(asked) == 1
    monkeypatch.setattr(hub, "snapshot_download", lambda *_, **__: 1 / 0)
    assert look_ahead("owner/name", None, offline=False) is None


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes NF4"),
        ({"load_in_8bit": True}, "bitsandbytes 8-bit"),
        ({"quant_method": "awq", "bits": 4}, "awq"),
        (None, None),
    ],
)
def test_a_config_says_how_its_weights_are_quantized(config: dict[str, Any] | None, words: str | None) -> None:
    class Config:
        quantization_config = config

    assert quantization_of(Config()) == words


@pytest.mark.parametrize("model", ["no/such/folder", "/no/such/folder", "./nothing", "~/nothing", "nothing"])
def test_a_folder_that_is_not_there_gets_a_sentence(model: str) -> None:
    with pytest.raises(ModelNotFound, match=f"^There is no folder {model} here; give a folder, or a Hugging Face id"):
        fetch(model, None, offline=True, report=quietly)


def test_a_model_that_is_not_here_and_no_network_get_a_sentence() -> None:
    with pytest.raises(NoNetwork, match=r"^owner/never-fetched is not on this machine and cannot be fetched without"):
        fetch("owner/never-fetched", None, offline=True, report=quietly)


def refused(kind: type[errors.HfHubHTTPError], status: int = 403) -> errors.HfHubHTTPError:
    asked = httpx2.Request("GET", "https://huggingface.co/owner/name")
    return kind("no", response=httpx2.Response(status, request=asked))


@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        (refused(errors.GatedRepoError), ModelGated, "owner/name asks you to accept its licence: do so at https://"),
        (refused(errors.RepositoryNotFoundError, 401), ModelNotFound, "There is no model owner/name on Hugging Face"),
        (refused(errors.RevisionNotFoundError, 404), ModelNotFound, "owner/name has no revision v2"),
        (refused(errors.HfHubHTTPError, 503), ModelFailed, "Hugging Face does not hand out owner/name now"),
        (errors.LocalEntryNotFoundError("no"), NoNetwork, "owner/name is not on this machine"),
        (OSError(errno.ENOSPC, "full"), StorageError, "owner/name cannot be stored under "),
    ],
)
def test_each_way_to_fail_a_download_has_its_sentence(
    monkeypatch: pytest.MonkeyPatch, error: Exception, kind: type[GlimpseError], sentence: str
) -> None:
    def download(*_: object, **__: object) -> str:
        raise error

    monkeypatch.setattr(hub, "snapshot_download", download)
    with pytest.raises(kind) as caught:
        fetch("owner/name", "v2", offline=False, report=quietly)
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_a_download_reports_its_bytes_and_can_be_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def download(*_: object, tqdm_class: Callable[..., Any], **__: object) -> str:
        wire = tqdm_class(desc="Downloading bytes", unit="B", total=0, name="transfer")
        disk = tqdm_class(desc="Reconstructing (incomplete total...)", unit="B", total=0, name="disk")
        files = tqdm_class(desc="Fetching 2 files", total=2)
        disk.total += 1000
        wire.update(90)
        disk.update(100)
        files.update(1)
        disk.update(500)
        return str(tmp_path)

    monkeypatch.setattr(hub, "snapshot_download", download)
    reported: list[tuple[int, int]] = []
    assert fetch("owner/name", None, offline=False, report=lambda *bytes_: reported.append(bytes_)) == tmp_path
    assert reported == [(100, 1000), (600, 1000)]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("owner/name", None, offline=False, report=stop)


def test_weights_that_are_no_safetensors_are_not_opened(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (tmp_path / name).write_bytes((checkpoints["llama"] / name).read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(ModelNotFound, match=r"has no safetensors weights; Glimpse opens no other format\.$"):
        load(LocalSpec(str(tmp_path)), quietly)


@pytest.mark.parametrize("config", ["", "{}", '{"model_type": "no-such-model"}'])
def test_a_config_that_nobody_knows_gets_a_sentence(tmp_path: Path, config: str) -> None:
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(ModelNotFound, match=r"is not a model that this version of transformers knows"):
        load(LocalSpec(str(tmp_path)), quietly)


def test_a_model_that_does_something_else_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "clip_vision_model"}))
    with pytest.raises(ModelNotFound, match=r"\(clip_vision_model\) is not a model that reads images and writes text"):
        load(LocalSpec(str(tmp_path)), quietly)


def test_a_base_model_gets_a_sentence(tmp_path: Path) -> None:
    tiny.llama(tmp_path)
    (tmp_path / "chat_template.jinja").unlink()
    with pytest.raises(ModelNotFound, match=r"has no chat template, so it cannot chat; choose its"):
        load(LocalSpec(str(tmp_path)), quietly)


def test_running_out_of_memory_is_known_by_every_name() -> None:
    for error in (
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError(),
    ):
        assert isinstance(failures.loading(error, "owner/name"), OutOfMemory)
        assert not failures.is_lasting(error)
    assert not failures.is_out_of_memory(ValueError("out of memory"))


def test_a_package_that_is_missing_is_named() -> None:
    error = failures.loading(ModuleNotFoundError("No module named 'torchvision'", name="torchvision"), "owner/name")
    other = failures.loading(
        ImportError("\nVideoProcessor requires the Torchvision library but it was not found.\nCheck"), "owner/name"
    )
    assert str(error) == "owner/name needs a package that is not installed (torchvision); install it and try again."
    assert str(other) == str(error)
    module = ModuleNotFoundError("Could not import module 'Gemma4Processor'.")
    module.__cause__ = ModuleNotFoundError("No module named 'torchvision'", name="torchvision")
    assert str(failures.loading(module, "owner/name")) == str(error)


def test_damaged_weights_get_a_sentence(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    for path in checkpoints["llama"].iterdir():
        (tmp_path / path.name).write_bytes(
            path.read_bytes()[:1000] if path.suffix == ".safetensors" else path.read_bytes()
        )
    with pytest.raises(SafetensorError) as caught:
        load(LocalSpec(str(tmp_path)), quietly)
    assert str(failures.loading(caught.value, "owner/name")) == (
        "The weights of owner/name are damaged; delete its folder and fetch it again."
    )


def test_where_models_are_kept_is_named_when_the_disk_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = hub._sentence("owner/name", None, OSError(errno.ENOSPC, "full"))
    assert os.strerror(errno.ENOSPC) in str(sentence)


def test_an_adapter_without_peft_gets_a_sentence(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ModelFailed, match=r"^An adapter needs peft; install it with: pip install peft$"):
        load(LocalSpec(str(checkpoints["llama"]), adapter=str(tmp_path)), quietly)


def test_an_adapter_is_put_over_the_model(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[str, dict[str, Any]]] = []

    class PeftModel:
        @staticmethod
        def from_pretrained(model: Any, folder: str, **options: Any) -> Any:
            given.append((folder, options))
            if len(given) > 1:
                raise ValueError("Can't find 'adapter_config.json'")
            return model

    monkeypatch.setitem(sys.modules, "peft", SimpleNamespace(PeftModel=PeftModel))
    spec = LocalSpec(str(checkpoints["llama"]), adapter=str(tmp_path))
    load(spec, quietly)
    assert given == [(str(tmp_path), {"is_trainable": False})]
    with pytest.raises(ModelFailed, match=f"^{tmp_path} is not an adapter for {checkpoints['llama']}"):
        load(spec, quietly)


class FastVisionModel:
    """Stands in for Unsloth's, which runs on CUDA alone."""

    given: list[dict[str, Any]]
    prepared: list[Any]
    error: Exception | None = None

    @classmethod
    def from_pretrained(cls, folder: str, **options: Any) -> tuple[Any, None]:
        cls.given.append(options)
        if cls.error:
            raise cls.error
        return LlavaForConditionalGeneration.from_pretrained(folder), None

    @classmethod
    def for_inference(cls, model: Any) -> None:
        cls.prepared.append(model)


@pytest.fixture
def unsloth(monkeypatch: pytest.MonkeyPatch) -> type[FastVisionModel]:
    for name in ("UNSLOTH_DISABLE_STATISTICS", "UNSLOTH_COMPILE_LOCATION"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(FastVisionModel, "given", [], raising=False)
    monkeypatch.setattr(FastVisionModel, "prepared", [], raising=False)
    monkeypatch.setitem(sys.modules, "unsloth", SimpleNamespace(FastVisionModel=FastVisionModel))
    placement = Placement("unsloth", "cpu", torch.float32, 4, "NF4", "because")
    monkeypatch.setattr(load_module, "place", lambda *_: placement)
    return FastVisionModel


def test_unsloth_loads_without_code_of_strangers_and_without_counting_its_users(
    checkpoints: dict[str, Path], unsloth: type[FastVisionModel]
) -> None:
    loaded = load(LocalSpec(str(checkpoints["llava"])), quietly)
    assert unsloth.given == [
        {
            "load_in_4bit": True, "load_in_8bit": False, "dtype": torch.float32, "device_map": "cpu",
            "use_safetensors": True, "trust_remote_code": False, "local_files_only": True,
        }
    ]  # fmt: skip
    assert unsloth.prepared == [loaded.model]
    assert os.environ["UNSLOTH_DISABLE_STATISTICS"] == "1"
    assert Path(os.environ["UNSLOTH_COMPILE_LOCATION"]).is_absolute()
    # What Unsloth puts into a model is not known to continue on a kept cache exactly.
    assert loaded.prefix is None


def test_a_bitsandbytes_that_lacks_its_library_says_which() -> None:
    error = RuntimeError("bitsandbytes library missing: libbitsandbytes_cuda131.so\nA long explanation follows.")
    assert str(failures.loading(error, "owner/name")) == (
        "bitsandbytes does not work here (bitsandbytes library missing: libbitsandbytes_cuda131.so); "
        "--quantization none does without it."
    )


def test_where_unsloth_fails_no_second_model_is_loaded_beside_the_first(
    checkpoints: dict[str, Path], unsloth: type[FastVisionModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LlavaForConditionalGeneration, "from_pretrained", lambda *_, **__: pytest.fail("a second"))
    monkeypatch.setattr(unsloth, "error", NotImplementedError("not this one"))
    with pytest.raises(ModelFailed, match=r"^Unsloth could not load this model; leave --loader out, the log says"):
        load(LocalSpec(str(checkpoints["llava"])), quietly)
    monkeypatch.setattr(unsloth, "error", torch.OutOfMemoryError("full"))
    with pytest.raises(torch.OutOfMemoryError):
        load(LocalSpec(str(checkpoints["llava"])), quietly)
    assert len(unsloth.given) == 2
