"""A row as JSON and as cells: pytest tests/batch/test_rows.py"""

import json
from dataclasses import replace

import pytest

from backend.batch.rows import FileRow, table

ROW = FileRow("a b.png", "receipt", "00", answer='{"total": 2.50, "shop": "Kiosk"}', finish_reason="stop", model="m")


def test_a_row_comes_back_from_its_line_and_has_its_data_beside_the_answer() -> None:
    line = ROW.dump()
    assert FileRow.load(line) == ROW
    assert json.loads(line)["data"] == {"total": 2.5, "shop": "Kiosk"}
    assert "data" not in json.loads(replace(ROW, answer="A kiosk.").dump())


@pytest.mark.parametrize("line", ["", "[]", "{}", '{"file": "a", "preset": "b", "sha256": "", "answer": "", "x": 1}'])
def test_another_line_is_no_row(line: str) -> None:
    with pytest.raises(ValueError, match=r"not a row|Expecting value"):
        FileRow.load(line)


@pytest.mark.parametrize(
    ("answer", "data"),
    [
        ('{"a": 1}', {"a": 1}),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('Here it is:\n\n```json\n{"a": 1}\n```\nAnything else?', {"a": 1}),
        ('{"a": 1', None),
        ('{"a": NaN}', None),
        ("[1]", None),
        (r"\frac{a}{b}", None),
        ("[" * 100_000, None),
        ("A cat.", None),
    ],
)
def test_data_is_what_the_answer_is_as_json(answer: str, data: object) -> None:
    assert replace(ROW, answer=answer).data == data


def test_a_table_has_a_column_for_each_field_of_the_answers() -> None:
    nested = '{"shop": "Café", "error": "none", "tax": {"rate": 19}, "items": [{"name": "Tea"}]}'
    rows = [
        ROW,
        replace(ROW, file="b.pdf", page=1, pages=1, answer=nested),
        FileRow("c.png", "receipt", error="Broken."),
    ]
    end = {"error": None, "finish_reason": "stop", "model": "m", "seconds": 0.0}
    empty = dict.fromkeys(("total", "shop", "answer.error", "tax.rate", "items"))
    cells = {"shop": "Café", "answer.error": "none", "tax.rate": 19, "items": '[{"name": "Tea"}]'}
    assert table(rows) == [
        {"file": "a b.png", "page": None, **empty, "total": 2.5, "shop": "Kiosk", **end},
        {"file": "b.pdf", "page": 1, **empty, **cells, **end},
        {"file": "c.png", "page": None, **empty, **end, "error": "Broken.", "finish_reason": None, "model": None},
    ]


def test_a_table_of_sentences_has_them_in_one_column() -> None:
    assert table([FileRow("a.png", "caption", answer="A cat.", finish_reason="stop", model="m", seconds=1.5)]) == [
        {
            "file": "a.png",
            "answer": "A cat.",
            "error": None,
            "finish_reason": "stop",
            "model": "m",
            "seconds": 1.5,
        }
    ]
