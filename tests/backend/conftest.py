"""The house that every test of a chat lives in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()
