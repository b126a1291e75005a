"""What docs/models.md says of each architecture is what a tiny model of it does here."""

import pytest
import transformers

from backend.engine.families.internals import IMAGE_TEXT_TYPES
from tests.support.model_table import HERE, TABLE, found, read, write

TEXT = TABLE.read_text()
OTHER = f"transformers {transformers.__version__} " not in TEXT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(OTHER, reason="the table is that of another version of transformers"),
]


@pytest.mark.parametrize("kind", sorted(IMAGE_TEXT_TYPES))
def test_a_model_of_any_type_answers_or_says_why_not(kind: str) -> None:
    assert found(kind) == read(TEXT)[kind][HERE]


def test_the_table_has_every_type_and_none_fails() -> None:
    table = read(TEXT)
    assert table.keys() == IMAGE_TEXT_TYPES
    assert [kind for kind, both in table.items() for one in both if one.startswith("fails")] == []
    assert write(table) == TEXT


def test_at_least_sixty_types_answer_without_torchvision() -> None:
    assert sum(without.startswith("answers") for without, _ in read(TEXT).values()) >= 60
