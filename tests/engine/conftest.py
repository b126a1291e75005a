"""The tiny checkpoints, made once a session."""

from pathlib import Path

import pytest

from backend.engine.engine import LocalSpec
from backend.engine.local.load import Loaded, load
from tests.support import tiny


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("checkpoints")
    return {
        "mllama": tiny.mllama(root / "mllama"),
        "refusing": tiny.mllama(root / "refusing", template=tiny.REFUSING),
        "lists": tiny.mllama(root / "lists", template=tiny.LISTS_ONLY),
        "short": tiny.mllama(root / "short", context=256),
        "llava": tiny.llava(root / "llava"),
        "short-llava": tiny.llava(root / "short-llava", context=256),
        "llama": tiny.llama(root / "llama"),
    }


@pytest.fixture(scope="session")
def models(checkpoints: dict[str, Path]) -> dict[str, Loaded]:
    return {name: load(LocalSpec(str(folder)), lambda done, total: None) for name, folder in checkpoints.items()}
