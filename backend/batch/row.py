"""One line of the results, as a value, as JSON, and as cells of a table. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from backend.tasks.data import data_in
from backend.tasks.export import Cell
from backend.tasks.json_text import named
from backend.types import FinishReason

Key = tuple[str, int | None]


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one file, or of one page of a PDF.

    `file` is its path below the folder, `sha256` its content; `page` counts from 1 and `pages` is how many there are,
    both None for what has none. Either there is an `answer`, or `error` is one sentence. `seconds` is what it took.
    `text` was said to the model after the preset's own words. `nowhere` are the paths of values that stand nowhere on
    the image, and `evidence` where all of them stand, if that was asked for (`evidence_as_data`).
    """

    file: str
    preset: str
    sha256: str = ""
    page: int | None = None
    pages: int | None = None
    answer: str = ""
    error: str | None = None
    finish_reason: FinishReason | None = None
    model: str | None = None
    tokens: int | None = None
    seconds: float = 0.0
    text: str = ""
    nowhere: tuple[str, ...] = ()
    evidence: Mapping[str, Any] | None = None

    @property
    def key(self) -> Key:
        """What it is about; there is one row of it."""
        return self.file, self.page

    @property
    def data(self) -> Mapping[str, Any] | None:
        """The JSON object that the answer is, alone or in a code block; None where it is none."""
        return data_in(self.answer)

    def dump(self) -> str:
        """The row as one line of JSON; an answer that is JSON stands in it as `data`, too."""
        fields = {name: value for name, value in asdict(self).items() if value is not None or name != "evidence"}
        data = self.data
        return json.dumps(fields if data is None else fields | {"data": data}, ensure_ascii=False)

    @classmethod
    def load(cls, line: str) -> "Row":
        """The row in a line that `dump` made.

        Raises:
            ValueError: it is another kind of line.
        """
        fields = json.loads(line)
        if not isinstance(fields, dict) or not {"file", "preset", "sha256", "answer"} <= fields.keys():
            raise ValueError("not a row")
        fields.pop("data", None)
        fields["nowhere"] = tuple(fields.get("nowhere", ()))
        try:
            return cls(**fields)
        except TypeError as error:
            raise ValueError("not a row") from error


def table(rows: Sequence[Row]) -> list[dict[str, Cell]]:
    """The rows as cells: the file, then what the answer says, then what it cost.

    An answer that is a JSON object has a column for each of its fields, those of inner objects with a dot in their
    names; lists stay JSON. Any other answer stands in a column of its own.
    """
    cells = [_said(row) for row in rows]
    said = dict.fromkeys(name for each in cells for name in each)
    paged, doubted = any(row.page for row in rows), any(row.nowhere for row in rows)
    return [
        {"file": row.file}
        | ({"page": row.page} if paged else {})
        | {name: each.get(name) for name in said}
        | ({"nowhere on the image": ", ".join(map(named, row.nowhere)) or None} if doubted else {})
        | {"error": row.error, "finish_reason": row.finish_reason, "model": row.model, "seconds": row.seconds}
        for row, each in zip(rows, cells, strict=True)
    ]


_OWN = ("file", "page", "error", "finish_reason", "model", "seconds")


def _said(row: Row) -> dict[str, Cell]:
    data = row.data
    if data is None:
        return {"answer": row.answer} if row.answer else {}
    flat = dict(_flat(data))
    return {f"answer.{name}" if name in _OWN else name: value for name, value in flat.items()}


def _flat(data: Mapping[str, Any], prefix: str = "") -> Sequence[tuple[str, Cell]]:
    cells: list[tuple[str, Cell]] = []
    for name, value in data.items():
        if isinstance(value, dict):
            cells += _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            cells.append((prefix + name, json.dumps(value, ensure_ascii=False)))
        else:
            cells.append((prefix + name, value))
    return cells
