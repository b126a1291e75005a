"""Makes grammars under which an answer can only copy what was read: forms, tables, quotations, numbers among words.

They are for a model that works from the text alone; one that sees more than an OCR reader gets none. What is answered
under such a grammar is on the image, whatever the model would rather have said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from backend.engine.grammars import fault
from backend.evidence.asked import (
    NO_DATE,
    NOT_PRINTED,
    amounts_about,
    asks_for_receipt,
    asks_when,
    is_not_printed,
    is_receipt,
    ordered,
    years,
)
from backend.evidence.goods import goods_count
from backend.evidence.index import PageIndex, index
from backend.evidence.json_form import Form, Nowhere, Unheld, allowed, numbers, quoted
from backend.evidence.printed import Printed
from backend.evidence.sentences import ANY_WORD, COUNTED, Sentences, alternatives, words_about
from backend.evidence.tables import TableRow, csv_line, tables
from backend.reader.page import Page
from backend.reader.prompt import shown
from backend.tasks.presets.document import GRAMMAR as ANY_DOCUMENT
from backend.tasks.presets.document import NOT_SAID
from backend.tasks.presets.receipt import grammar as receipt_form
from backend.tasks.presets.table import grammar as any_table
from backend.tasks.presets.table import grammar_of as table_of
from backend.types import Grammar

TEXT_ALONE = "I can only tell the text on it:\n"
_DAY_AND_MONTH = re.compile(r"^\d{1,2}[./-]\d{1,2}(?=[./-]\d)")  # 19.10 of 19.10.2018
_ROWS = 60  # of pages of which each row is held to its answer; with more the grammar takes seconds
_LONGEST = 40  # characters of a number
_DIGITS = re.compile(r"\d+(?:[.,:/\-]\d+)*")


def copied(grammar: Grammar, pages: Sequence[Page], question: str = "") -> Grammar:
    """Narrow the grammar of a form, a table or a document's answer to what pages say; unchanged where that fails.

    A document's answer may have the words of the question, too.
    """
    if not pages:
        return grammar
    printed = Printed([index(page) for page in pages])
    try:
        if grammar == any_table():
            held = _table([index(page) for page in pages], printed)
        elif grammar == ANY_DOCUMENT:
            few = sum(len(page.rows) for page in pages) <= _ROWS
            held = _document(question, pages, printed) if few else _loose_document(pages, printed)
        elif grammar.kind == "json":
            held = Grammar("lark", Form(json.loads(grammar.text), printed).text)
        else:
            return grammar
    except (Unheld, Nowhere, RecursionError):
        return grammar
    return grammar if fault(held) else replace(held, copies=True)


def spoken(question: str, pages: Sequence[Page]) -> Grammar:
    """Make the grammar of an answer in words about pages: its numbers are theirs, as printed or in another form.

    Small whole numbers are free, since things can be counted; how many items a receipt has is known where its amounts
    add up. Where the question is about something bought, or about when a receipt is of, the numbers are those of it.
    One that asks for a receipt as JSON, or for all of it, is held to the receipt's form.
    """
    indexed = [index(page) for page in pages]
    printed = Printed(indexed)
    if asks_for_receipt(question, indexed):
        return copied(receipt_form(), pages)
    if is_not_printed(question, indexed, printed):
        return Grammar("lark", f"start: {quoted(NOT_PRINTED)}")
    if item := ordered(question, printed):
        return Grammar("lark", f'start: {quoted(f"The {item[0]} item is ")} {_any_of(item[1])} "."')
    if values := amounts_about(question, printed):
        said = alternatives(allowed(values, {"type": "number"}))
    elif asks_when(question, indexed):
        whens = [*printed.values("date"), *printed.values("time"), *years(indexed)]
        if not whens:
            return Grammar("lark", f"start: {quoted(NO_DATE)}")
        said = alternatives(whens)
    else:
        said = _numbers_said(pages, printed)
    texts = [quoted(shown(page)) for page in pages]  # all of it, as it stands there
    whole = "".join(f" | {quoted(TEXT_ALONE)}? {text}" for text in texts)
    for words in (words_about(question, indexed), ANY_WORD):
        told = Sentences(words, said).any("ANSWER", f" & /.+/{_miscounted(indexed)}")
        held = Grammar("lark", f"start: ANSWER{whole}\n{told}")
        if not fault(held):
            break
    return held


def _miscounted(pages: Sequence[PageIndex]) -> str:
    """Exclude other numbers of items than a receipt has, where that is known."""
    known = goods_count(pages[0]) if len(pages) == 1 and is_receipt(pages) else None
    if not known:
        return ""
    wrong = "|".join(str(number) for number in range(COUNTED + 1) if number != known)
    return f" & ~/(?s:.*[^0-9])?({wrong}) items?(?s:.*)/"


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


def _document(question: str, pages: Sequence[Page], printed: Printed) -> Grammar:
    """Make a document answer's grammar: words with the pages' numbers, and under them the row that has the first one.

    They share a word at least, or that number. Small numbers do not count, for things can be counted. Example: over
    `ISSUED 29/11/22` and `ACME` the answer “It was issued on 29/11/22.” can quote the first row alone, and “It is from
    ACME.” the second.
    """
    rows: dict[str, list[str]] = {}
    for page in pages:
        found = index(page)
        for number, row in enumerate(page.rows):  # a sentence may go on in the next row
            wrapped = range(number, min(number + 2, len(page.rows)))
            rows[row.text.strip()] = [said for one in wrapped for said in _numbers_of(found, one)]
    rows.pop("", None)
    if not rows:
        raise Nowhere("words")
    answers = [f'ANSWER{at} "\\n\\n> " {quoted(row)}' for at, row in enumerate(rows)]
    words = words_about(question, [index(page) for page in pages])
    told = Sentences(words, _numbers_said(pages, printed)).that_begin(
        [alternatives(said) for said in rows.values()], [f" & /[^\\s>].*/{_shares(*row)}" for row in rows.items()]
    )
    return Grammar("lark", f"start: {quoted(NOT_SAID)} | {' | '.join(answers)}\n{told}")


def _loose_document(pages: Sequence[Page], printed: Printed) -> Grammar:
    """Make the grammar of an answer about many pages: words with their numbers, and under them a row of theirs."""
    rows = " | ".join(
        quoted(row) for row in dict.fromkeys(row.text.strip() for page in pages for row in page.rows) if row
    )
    told = Sentences(ANY_WORD, _numbers_said(pages, printed)).any("ANSWER", " & /.+/")
    return Grammar("lark", f'start: {quoted(NOT_SAID)} | ANSWER "\\n\\n> " ({rows})\n{told}')


def _shares(row: str, numbers_: Iterable[str]) -> str:
    """Ask for a word of a row, or one of its numbers, in an answer; nothing of a row that has neither."""
    words = [word for word in re.findall(r"[^\W\d_]{3,}|\w*\d\w*", row) if not word.isdecimal()]
    shared = alternatives(dict.fromkeys([*words, *numbers_]))
    return f" & /.*({shared}).*/" if shared else ""


def _numbers_of(page: PageIndex, row: int) -> Iterator[str]:
    """Yield the numbers that may be said of a row: as printed, as JSON has them, and its days and times."""
    yield from (run for run in _DIGITS.findall(page.page.rows[row].text) if len(run) <= _LONGEST)
    values = [reading.value for token in page.in_row(row) for reading in token.number.readings]
    yield from allowed(values, {"type": "number"})
    yield from (when.isoformat() for at, day in page.days if at == row for when in day.days)
    yield from (f"{clock.hour:02}:{clock.minute:02}" for at, clock in page.clocks if at == row)


def _numbers_said(pages: Sequence[Page], printed: Printed) -> str:
    """List the numbers that may be said about pages, as alternatives of a grammar."""
    runs = (run for page in pages for row in page.rows for run in _DIGITS.findall(row.text) if len(run) <= _LONGEST)
    found = dict.fromkeys(
        [
            *map(str, range(COUNTED + 1)),
            *(part for run in runs for part in (run, *_DAY_AND_MONTH.findall(run))),
            *numbers(printed, {"type": "number"}),
            *printed.values("date"),
            *printed.values("time"),
        ]
    )
    return alternatives(found)
