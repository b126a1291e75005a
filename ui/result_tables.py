"""Turns a result into tables that a person can correct, back into a result, and into files.

Pure. Values are text in the tables, numbers as they are printed; an empty cell is null.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from backend.chat.results import Grounded, evidence_as_rows, evidence_as_text, json_with_evidence, values_of
from backend.tasks.forms.export import to_csv, to_xlsx
from backend.tasks.forms.json_text import Printed, indented, load
from backend.tasks.result import Doubt, Result
from ui.cells import Key, check_value, field_at, is_number, read_cell

CHECK = "Check"
DOUBT = "⚠"
FIELDS = ("Field", "Value", CHECK)
LINE = "Line"

_DIGITS = 15  # a spreadsheet keeps no more of a number

Rows = list[list[str]]
Cells = dict[str, str | int | float | None]


@dataclass(frozen=True, slots=True)
class ResultTable:
    """The tables of a result: `fields` under FIELDS, `items` under `columns`, of which the last may be CHECK.

    `listed` is the path of the list that the items are, "" where the whole result is one table. `paths` are the paths
    of the items' values, as `backend.evidence` has them, row by row. What is `fixed` is shown and not corrected.
    """

    fields: Rows
    columns: tuple[str, ...] = ()
    items: Rows = field(default_factory=list)
    listed: str = ""
    checked: bool = False
    paths: Rows = field(default_factory=list)
    fixed: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the items that hold values."""
        return self.columns[:-1] if self.checked else self.columns


def sheet(result: Result) -> ResultTable:
    """Make the tables of a result that is whole, its doubts beside what they are about."""
    if result.kind == "text":
        lines = result.source.splitlines()
        return ResultTable(
            [], (LINE,), [[line] for line in lines], paths=[[f"[{number}]"] for number in range(len(lines))]
        )
    if result.kind == "csv":
        head, *rows = list(csv.reader(io.StringIO(result.source))) or [[]]
        paths = [[f"[{number}][{column}]" for column in range(len(row))] for number, row in enumerate(rows, 1)]
        return ResultTable([], tuple(head), rows, paths=paths)
    if result.kind == "quote":
        known = values_of(result)
        return ResultTable([[path, text, _check(result.doubts, path)] for path, text in known.items()], fixed=True)
    value = load(result.source)
    listed = _listed(value)
    fields = [
        [path, _text(leaf), _check(result.doubts, path)]
        for path, leaf in _flat(value)
        if not (listed and path.startswith(f"{listed}["))
    ]
    if not listed:
        return ResultTable(fields, (), [])
    columns = tuple(dict.fromkeys(name for entry in value[listed] for name in entry))
    items = [
        [*(_text(entry.get(name)) for name in columns), _check(result.doubts, f"{listed}[{number}]", inside=True)]
        for number, entry in enumerate(value[listed])
    ]
    paths = [[f"{listed}[{number}].{name}" for name in columns] for number in range(len(items))]
    return ResultTable(fields, (*columns, CHECK), items, listed, checked=True, paths=paths)


def corrected(result: Result, fields: Rows, items: Rows, schema: Any = None) -> Result:
    """Make the result of what is in the tables now; unchecked, and without the model's doubts.

    Raises:
        InputError: a field cannot have what is in its cell, by the schema that the answer was held to.
    """
    old = sheet(result)
    if old.fixed:
        return result
    if result.kind == "text":
        return replace(result, source="\n".join(row[0] for row in items), doubts=())
    if result.kind == "csv":
        return replace(
            result, source=_csv([list(old.columns), *(row[: len(old.columns)] for row in items)]), doubts=()
        )
    value = load(result.source)
    places = _places(value)
    for row in fields:
        if row[0] in places:
            _put(value, places[row[0]], row[1], schema)
    if old.listed:
        value[old.listed] = _items(value[old.listed], old, items, schema)
    source = indented(value)
    if schema is not None:
        check_value(source, result.source, schema)
    return replace(result, source=source, doubts=())


def _items(before: list[dict[str, Any]], old: ResultTable, items: Rows, schema: Any) -> list[dict[str, Any]]:
    """The list of a table's rows; one without anything in it is left out."""
    names = old.names
    return [
        {
            name: _changed(text, before[at].get(name) if at < len(before) else None, schema, (old.listed, at, name))
            for name, text in zip(names, row, strict=False)
        }
        for at, row in enumerate(items)
        if any(cell.strip() for cell in row[: len(names)])
    ]  # fmt: skip


def rows(result: Result, *, numbers: bool = False, said: Mapping[str, str] | None = None) -> list[Cells]:
    """Make rows for a spreadsheet: the result's items with the single fields beside each, or the fields alone.

    With `numbers` a spreadsheet can reckon with them; without, they stay as printed, 2.40 as 2.40. `said` is the
    evidence of values by their paths; it gets a column of its own after each.
    """
    shown = sheet(result)
    # What JSON has as text stays text, however much it looks like a number: 2024.10 is a reference.
    known = _flat(load(result.source)) if result.kind == "json" else []
    texts = {path for path, leaf in known if isinstance(leaf, str) and not isinstance(leaf, Printed)}

    def cells(name: str, text: str, path: str) -> Cells:
        value: Cells = {name: _number(text) if numbers and path not in texts else text}
        return value if said is None else {**value, f"{name} evidence": said.get(path)}

    single = _joined(cells(path, text, path) for path, text, _ in shown.fields)
    lines = [
        _joined(cells(*one) for one in zip(shown.names, item, paths, strict=False)) | single
        for item, paths in zip(shown.items, shown.paths, strict=True)
    ]
    return lines or ([single] if single else [])


def files(found: Grounded, *, evidence: bool = False) -> dict[str, bytes | None]:
    """Make files of a whole result, by their suffixes; None where its kind has no such file.

    With `evidence` they also say where each value stands, if that is known.
    """
    result, known = found.result, evidence and bool(found.evidence)
    said = evidence_as_text(found) if known else None
    further = {"Evidence": evidence_as_rows(found)} if known else None
    written = json_with_evidence(found) if known and result.kind == "json" else result.source
    return {
        "json": written.encode() if result.kind == "json" else None,
        "csv": b"\xef\xbb\xbf" + to_csv(rows(result, said=said)).encode(),
        "xlsx": to_xlsx(rows(result, numbers=True, said=said), further),
    }


def _joined(cells: Iterable[Cells]) -> Cells:
    return {name: value for one in cells for name, value in one.items()}


def _listed(value: Any) -> str:
    """The path of the longest list of plain objects at the top, "" without one; of `items` alone where they are."""
    named = {"items": value["items"]} if "items" in value else value
    lists = [
        (len(entry), name)
        for name, entry in named.items()
        if isinstance(entry, list) and entry and all(isinstance(one, dict) and _plain(one) for one in entry)
    ]
    return max(lists, default=(0, ""))[1]


def _plain(entry: dict[str, Any]) -> bool:
    return not any(isinstance(value, dict | list) for value in entry.values())


def _flat(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        pairs = [(f"{path}.{name}" if path else name, entry) for name, entry in value.items()]
    elif isinstance(value, list) and value:
        pairs = [(f"{path}[{number}]", entry) for number, entry in enumerate(value)]
    else:
        return [(path, value)]
    return [leaf for inner, entry in pairs for leaf in _flat(entry, inner)]


def _check(doubts: Sequence[Doubt], path: str, *, inside: bool = False) -> str:
    found = (doubt.path == path or (inside and doubt.path.startswith(f"{path}.")) for doubt in doubts)
    return DOUBT if any(found) else ""


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _places(value: Any, path: str = "", keys: tuple[Key, ...] = ()) -> dict[str, tuple[Key, ...]]:
    """The keys of every field by its path in the table; of two with one path, the first."""
    if isinstance(value, dict) and value:
        inner = [(f"{path}.{name}" if path else name, name) for name in value]
    elif isinstance(value, list) and value:
        inner = [(f"{path}[{number}]", number) for number in range(len(value))]
    else:
        return {path: keys}
    found: dict[str, tuple[Key, ...]] = {}
    for name, key in inner:
        found = _places(value[key], name, (*keys, key)) | found
    return found


def _put(value: Any, keys: Sequence[Key], text: str, schema: Any) -> None:
    for key in keys[:-1]:
        value = value[key]
    if keys:
        value[keys[-1]] = _changed(text, value[keys[-1]], schema, keys)


def _changed(text: str, before: Any, schema: Any, keys: Sequence[Key]) -> Any:
    """The value of a cell; where it stands there as before it is left alone, whatever the schema says of it."""
    return before if text.strip() == _text(before).strip() else read_cell(text, before, field_at(schema, keys))


def _number(text: str) -> str | int | float | None:
    """A cell for a spreadsheet: numbers as numbers."""
    if not is_number(text) or sum(map(str.isdigit, text)) > _DIGITS:
        return text or None
    return float(text) if "." in text else int(text)


def _csv(lines: Rows) -> str:
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(lines)
    return table.getvalue().rstrip("\n")
