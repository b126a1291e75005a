"""The page that the tests of this folder use: opened once for all, with an engine that plays what each test says."""

from collections.abc import Iterator

import pytest

from tests.ui.house import House


@pytest.fixture(scope="session")
def open_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("data"))
    house.open()
    yield house
    house.close()


@pytest.fixture
def house(open_house: House) -> House:
    open_house.rest()
    return open_house
