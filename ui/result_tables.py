"""Turns a result into tables that a person can correct, back into a result, and into files.

Pure. Values are text in the tables, numbers as they are printed; an empty cell is null.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from backend.chat.results import Grounded, evidence_as_rows, evidence_as_text, json_with_evidence, values_of
from backend.tasks.forms.export import to_csv, to_xlsx
from backend.tasks.forms.json_text import Printed, indented, load
from backend.tasks.result import Doubt, Result

CHECK = "Check"
DOUBT = "⚠"
FIELDS = ("Field", "Value", CHECK)
LINE = "Line"

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")

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


def corrected(result: Result, fields: Rows, items: Rows) -> Result:
    """Make the result of what is in the tables now; unchecked, and without the model's doubts."""
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
    for row in fields:
        _put(value, row[0], row[1])
    if old.listed:
        names = old.names
        before = value[old.listed]
        value[old.listed] = [
            {name: _value(text, before[at].get(name) if at < len(before) else None)
             for name, text in zip(names, row, strict=False)}
            for at, row in enumerate(items)
            if any(cell.strip() for cell in row[: len(names)])
        ]  # fmt: skip
    return replace(result, source=indented(value), doubts=())


def rows(result: Result, *, numbers: bool = False, said: Mapping[str, str] | None = None) -> list[Cells]:
    """Make rows for a spreadsheet: the result's items with the single fields beside each, or the fields alone.

    With `numbers` a spreadsheet can reckon with them; without, they stay as printed, 2.40 as 2.40. `said` is the
    evidence of values by their paths; it gets a column of its own after each.
    """
    shown = sheet(result)

    def cells(name: str, text: str, path: str) -> Cells:
        value: Cells = {name: _number(text) if numbers else text}
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


def _value(text: str, before: Any) -> Any:
    """Read a cell as a value of the type that was there before."""
    text = text.strip()
    if not text:
        return [] if before == [] else {} if before == {} else None
    if isinstance(before, bool) or before in ([], {}):
        return {"true": True, "false": False}.get(text.lower(), before)
    number = _NUMBER.fullmatch(text) and (before is None or isinstance(before, Printed))
    return Printed(text) if number else text


def _put(value: Any, path: str, text: str) -> None:
    """Set the field at a path that the value has; any other is left alone."""
    keys = [int(index) if index else name for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path)]
    try:
        for key in keys[:-1]:
            value = value[key]
        value[keys[-1]] = _value(text, value[keys[-1]])
    except (KeyError, IndexError, TypeError):
        return


def _number(text: str) -> str | int | float | None:
    """A cell for a spreadsheet: numbers as numbers."""
    if not _NUMBER.fullmatch(text):
        return text or None
    return float(text) if "." in text else int(text)


def _csv(lines: Rows) -> str:
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows(lines)
    return table.getvalue().rstrip("\n")
