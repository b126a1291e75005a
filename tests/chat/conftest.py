"""The runtime that every test of a chat works with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.chat import Runtime


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    runtime = Runtime(tmp_path)
    yield runtime
    runtime.close()
