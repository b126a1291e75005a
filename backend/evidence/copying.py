"""Makes grammars under which an answer can only copy what was read: forms, tables, quotations, numbers among words.

They are for a model that works from the text alone; one that sees more than an OCR reader gets none. What is answered
under such a grammar is on the image, whatever the model would rather have said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from backend.engine.grammars import fault
from backend.evidence.asked import amounts_about, asks_when, is_receipt, years
from backend.evidence.index import PageIndex, index
from backend.evidence.json_form import Form, Nowhere, Unheld, allowed, numbers, quoted
from backend.evidence.printed import Printed
from backend.evidence.tables import TableRow, csv_line, tables
from backend.reader.page import Page
from backend.tasks.presets.document import GRAMMAR as ANY_DOCUMENT
from backend.tasks.presets.document import NOT_SAID
from backend.tasks.presets.receipt import grammar as receipt_form
from backend.tasks.presets.table import grammar as any_table
from backend.tasks.presets.table import grammar_of as table_of
from backend.types import Grammar

NO_DATE = "No date is printed."
COUNTED = 30  # things that an answer may count without that the page says so
_DIGITS = re.compile(r"\d+(?:[.,:/\-]\d+)*")


def copied(grammar: Grammar, pages: Sequence[Page]) -> Grammar:
    """Narrow the grammar of a form, a table or a document's answer to what pages say; unchanged where that fails."""
    if not pages:
        return grammar
    printed = Printed([index(page) for page in pages])
    try:
        if grammar == any_table():
            held = _table([index(page) for page in pages], printed)
        elif grammar == ANY_DOCUMENT:
            held = _document(pages, printed)
        elif grammar.kind == "json":
            held = Grammar("lark", Form(json.loads(grammar.text), printed).text)
        else:
            return grammar
    except (Unheld, Nowhere, RecursionError):
        return grammar
    return grammar if fault(held) else replace(held, copies=True)


def spoken(question: str, pages: Sequence[Page]) -> Grammar:
    """Make the grammar of an answer in words about pages: its numbers are theirs, as printed or in another form.

    Small whole numbers are free, since things can be counted, and words are. Where the question is about something
    bought, or about when a receipt is of, the numbers are those of it. One that asks for a receipt as JSON is held to
    the receipt's form.
    """
    indexed = [index(page) for page in pages]
    printed = Printed(indexed)
    if re.search(r"\bjson\b", question, re.IGNORECASE) and is_receipt(indexed):
        return copied(receipt_form(), pages)
    if values := amounts_about(question, printed):
        said = _any(allowed(values, {"type": "number"}))
    elif asks_when(question, indexed):
        whens = [*printed.values("date"), *printed.values("time"), *years(indexed)]
        if not whens:
            return Grammar("lark", f"start: {quoted(NO_DATE)}")
        said = _any(whens)
    else:
        said = _numbers_said(pages, printed)
    return Grammar("lark", f"start: ANSWER\nANSWER: /[^0-9]*(({said})[^0-9]+)*({said})?/ & /(?s:.+)/")


def _table(pages: Sequence[PageIndex], printed: Printed) -> Grammar:
    """Make a table's grammar: the lines of the tables that stand on the page, or runs of its words as cells."""
    if not printed.text:
        raise Nowhere("words")
    if found := [_lines(table) for page in pages for table in tables(page)]:
        return Grammar("lark", f"start: {' | '.join(dict.fromkeys(found))}")
    plain, marked = (json.dumps({"substring_chunks": printed.cells(mark)}) for mark in ('"', '""'))
    return table_of(
        f'PLAIN | "\\"" QUOTED "\\""\nPLAIN: %regex {plain} & /[^",]([^",]*[^", ])?/\n'
        f'QUOTED: %regex {marked} & /[^",]*(,|"")(""|[^"])*/'
    )


def _lines(table: Sequence[TableRow]) -> str:
    """Make the expression of a table's lines as CSV; a row that may be none can be left out."""
    made = ""
    begun = False
    for row in table:
        line = _any_of(csv_line(cells) for cells in row.lines)
        if begun:
            made += f' ("\\n" {line})' + ("" if row.needed else "?")
        else:
            made += f" {line}" if row.needed else f' ({line} "\\n")?'
        begun = begun or row.needed
    return made


def _any_of(texts: Iterable[str]) -> str:
    return f"({' | '.join(map(quoted, texts))})"


def _document(pages: Sequence[Page], printed: Printed) -> Grammar:
    """Make a document answer's grammar: words whose numbers are the pages', and under them a whole row of theirs."""
    rows = dict.fromkeys(row.text.strip() for page in pages for row in page.rows)
    lines = " | ".join(quoted(row) for row in rows if row)
    if not lines:
        raise Nowhere("words")
    said = _numbers_said(pages, printed)
    return Grammar(
        "lark",
        f'start: {quoted(NOT_SAID)} | ANSWER "\\n\\n> " QUOTED\n'
        f"ANSWER: /([^0-9\\s>][^0-9\\n]*)?(({said})[^0-9\\n]+)*({said})?/ & /.+/\nQUOTED: {lines}",
    )


def _numbers_said(pages: Sequence[Page], printed: Printed) -> str:
    """List the numbers that may be said about pages, as alternatives of a grammar."""
    runs = (run for page in pages for row in page.rows for run in _DIGITS.findall(row.text) if len(run) <= 40)
    found = dict.fromkeys(
        [
            *(str(number) for number in range(COUNTED + 1)),
            *runs,
            *numbers(printed, {"type": "number"}),
            *printed.values("date"),
            *printed.values("time"),
        ]
    )
    return _any(found)


def _any(found: Iterable[str]) -> str:
    """Make alternatives of numbers, for one expression with the words around them.

    A lexer would take the end of a sentence, "in 2001.", for a decimal.
    """
    return "|".join(re.escape(one.lstrip("-")).replace("/", r"\/") for one in found)
