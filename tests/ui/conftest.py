"""The page that the tests of this folder use: opened once for all, with an engine that plays what each test says."""

from collections.abc import Iterator

import pytest

from tests.support.page import Runtime


@pytest.fixture(scope="session")
def open_runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    runtime = Runtime(tmp_path_factory.mktemp("data"))
    runtime.open()
    yield runtime
    runtime.close()


@pytest.fixture
def runtime(open_runtime: Runtime) -> Runtime:
    open_runtime.rest()
    return open_runtime
