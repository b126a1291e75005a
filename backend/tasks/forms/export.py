"""Tables for spreadsheets: rows of plain values as CSV or as an Excel workbook. Knows no task.

What a model read off a stranger's picture may begin like a formula, and a spreadsheet would run it. Such text gets an
apostrophe in front, as OWASP advises (CSV Injection); taking one away again gives the text as it was.
"""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

Cell = str | int | float | bool | None
Row = Mapping[str, Cell]

# What spreadsheets take for the start of a formula; full-width signs in Japanese ones. Blanks before it are skipped,
# and so is what takes no room.
_UNSEEN = "[\\s\\x00\u00ad\u200b-\u200f\u2060\ufeff]*"
_SIGN = "[=+\\-@＝＋－＠]"
_FORMULA = re.compile(rf"'*(?:[\t\r\n]|{_UNSEEN}{_SIGN})")
# Where a semicolon parts the cells of a CSV file, as in many countries, a cell may begin after one.
_INNER = re.compile(rf"(;{_UNSEEN})(?={_SIGN})")
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*\s?%?")  # "-2.40" is a price
_SURROGATES = re.compile("[\ud800-\udfff]")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

# By Excel's limits: characters in a cell of a workbook, and columns.
_LONGEST, _WIDEST = 32_767, 16_384
_EXACT = 10**15  # spreadsheets keep fifteen digits of a number


def to_csv(rows: Sequence[Row]) -> str:
    """The rows as RFC 4180 has them: comma, double quotes, CRLF. Encode it as UTF-8 with a mark for Excel.

    The columns are the rows' names in the order in which they first come; they head the table. What a row lacks, and
    None, is left empty; a boolean is true or false. No rows are no text.
    """
    columns = _columns(rows)
    table = io.StringIO()
    lines = csv.writer(table)
    if columns:
        lines.writerow([_plain(name) for name in columns])
    lines.writerows([_plain(row.get(name)) for name in columns] for row in rows if columns)
    return table.getvalue()


def to_xlsx(rows: Sequence[Row], further: Mapping[str, Sequence[Row]] | None = None) -> bytes:
    """The rows as an Excel workbook, columns as in `to_csv`; numbers and booleans stay what they are.

    `further` are the rows of more sheets, by their names. Text is cut at 32,767 characters, the most a cell can hold,
    and columns after the 16,384th are left out; numbers of more than fifteen digits become text.
    """
    from openpyxl import Workbook

    book = Workbook()
    _fill(book.active, rows)
    for name, more in (further or {}).items():
        _fill(book.create_sheet(name), more)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _fill(sheet: Any, rows: Sequence[Row]) -> None:
    """Write the rows into a sheet, their columns' names in bold above them."""
    from openpyxl.styles import Font

    columns = _columns(rows)[:_WIDEST]
    table = [list[Cell](columns), *([row.get(name) for name in columns] for row in rows)] if columns else []
    for line, values in enumerate(table, 1):
        for column, value in enumerate(map(_in_cell, values), 1):
            cell = sheet.cell(line, column)
            cell.value = value
            if isinstance(value, str):
                cell.data_type = "s"  # not what it looks like, as #N/A does
            if line == 1:
                cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"


def _columns(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _plain(value: Cell) -> Cell:
    """A value as `csv` shall write it."""
    if isinstance(value, bool):
        return str(value).lower()
    return _INNER.sub(r"\1'", _harmless(value)) if isinstance(value, str) else value


def _in_cell(value: Cell) -> Cell:
    """A value as a workbook can hold it."""
    if isinstance(value, str):
        return _NOT_IN_XML.sub("", _harmless(value))[:_LONGEST]
    if isinstance(value, (int, float)) and not (math.isfinite(value) and abs(value) < _EXACT):
        return str(value)
    return value


def _harmless(text: str) -> str:
    """The text so that no spreadsheet runs it, and every encoder takes it."""
    text = _SURROGATES.sub("\ufffd", text)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
