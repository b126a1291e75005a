"""Lists what is printed on pages as values of a form: words, lines, days, times, numbers, codes."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

from backend.evidence.currencies import signs
from backend.evidence.dates import likeliest
from backend.evidence.folding import flat
from backend.evidence.goods import GoodsRow, goods_rows, goods_span, is_head, listed_span
from backend.evidence.index import PageIndex, Token
from backend.evidence.labels import HEADING, SUMS, Label, is_heading, labels
from backend.tasks.forms.receipt_schema import CODES

_ROUNDED = Decimal("0.05")  # by how much totals are rounded at most
_CENT = Decimal("0.01")
_COUNTED = SUMS - {"cash"} | {"quantity"}
_RUN = 4  # words of a row that one value with a pattern is made of
# What goes into one piece of a string: an escape, a letter of a script without spaces, a word, anything else.
_PIECES = re.compile(
    r"\\u[0-9a-f]{4}|\\.|[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|[^\W\u0e00-\u0e7f\u3040-\u9fff]+|."
)

# What goes into one piece of a cell: a whole number, a letter of a script without spaces, a word, anything else.
_WORDS = re.compile(
    r"\d+(?:[.,:/\-]\d+)*|[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|[^\W\u0e00-\u0e7f\u3040-\u9fff]+|."
)

# Where a line of a name or an address ends, before a number in brackets or a telephone, and what is no such line.
_OTHER_NUMBER = r"tel|fax|phone|mobile|h/p|gst|sst|vat|tax|tin|co\.? ?reg|company (?:reg|no)|reg|roc|uen|abn|siret|ust"
_ENDS = re.compile(
    rf" ?(?<!\bs)(?=\([^()]*\d{{4}})| (?=(?:{_OTHER_NUMBER})\b)| (?<=[a-z]{{4}}: )| (?=\d{{5,}}-[a-z]\b)",
    re.IGNORECASE,
)
_COUNTER = (
    r"(?:store|branch|counter|till|register|reg|pos|table|tisch|mesa|tavolo|terminal|kasse|caisse|caja)\W*(?:no|id)?"
    r"[\W_]*\d\w*|[s5]t ?#.*|(?:cashier|server|staff|salesperson|customer|operat\w+|member|es bediente sie|servi par"
    r"|le atiende|pax|guests?|outlet)\b ?\d*\W?[:#\d].*"
)
_NO_NAME = re.compile(
    rf"\W*(?:(?:{_OTHER_NUMBER})\b(?:.*\d.*|\W*(?:id|no|reg)?)|{HEADING}|{_COUNTER}"
    r"|[a-z]{1,4}\d{5,}-?[a-z]?|\d{7,}-?[a-z]?|\d{5,}-[a-z]|\([^()]*\d{4}[^()]*\)"
    r"|.*:|[a-z. ]+[:#]\W*[a-z]{0,3}\d[\d-]{3,}\w*"
    r"|(?:bill|order|invoice|inv|doc|slip|trans\w*|chk|check|ref|folio|receipt)\b[\W_]*(?:no|num|number|id)?[\W_]*\d.*"
    r"|paid|cash|change"
    r"|(?!\W*(?:[a-z]{2}\W+)?\d{5}-\d{4}\W*$)(?:[a-z]{2,3}\W)?(?:[^\w,]*\d){7,}|.*\S@\w+\.\w.*|(?:.*\b)?www\..*|https?:.*|)\W*",
    re.IGNORECASE,
)
_LEGAL = re.compile(r" (?:co|sdn|bhd|berhad|ltd|limited|pte|inc|llc|gmbh|s\.?a|s\.?l|sarl)\b", re.IGNORECASE)
# How the first line of an address mostly begins; a name does not run on into it.
_STREET = (
    r"jalan|jln|jl|lorong|persiaran|street|st|road|rd|avenue|ave|lane|drive|dr|boulevard|blvd|way|highway|rue|via"
    r"|place|bd|quai|calle|avda|plaza|paseo|piazza|corso|viale|nagar|marg|parkway|pkwy|hwy|walk"
)
_ADDRESS = re.compile(
    rf"\W*(?:(?:no|lot|unit|suite|plot|blk|block|level)\b[.:\s&#-]*\w{{0,3}}-?\d|(?:jalan|jln|lorong|persiaran)\b"
    rf"|\d+[a-z]?\b.*\b(?:{_STREET})\b|(?:v\.le|c\.so|p\.zza|p\.za)\W"
    r"|(?:calle|avda|rue|via|corso|viale|paseo|piazza)\b.* \d"
    r"|\w+(?:straße|strasse|str\.|weg|platz|gasse)(?: \d|$))",
    re.IGNORECASE,
)
_NAME_ENDS = re.compile(r"[^\W\d_]\.?\)?$|%\)?$|[,;:]$| \d$")  # GST, VAT @ 20%, TAX 1; not VAT 5 of VAT 5 %
_AMOUNTS = re.compile(r"(?<!\S)\S*\d[.,]\d\d(?!\d| ?%)\S*")
_CODE_OF_PLACE = re.compile(r"(?:^|[.,] ?)(?:[A-Z]{1,2}-)?\d{5}$")  # its town stands on the next line
_BREAK = "\n"  # between pieces that no string goes over


class Printed:
    """Lists what is printed on some pages, as values of a form."""

    def __init__(self, pages: Sequence[PageIndex]) -> None:
        self._pages = pages
        self.text = " ".join(word for page in pages for word in page.page.text.split())

    @cached_property
    def pieces(self) -> list[str]:
        """The pieces of which a string can be made, in order, as JSON writes them."""
        return _PIECES.findall(json.dumps(self.text, ensure_ascii=False)[1:-1])

    def pairs_of_rows(self, first: int) -> list[str]:
        """The same pieces with a break after every second row from row `first` on: strings span at most two rows.

        Amounts are left out.
        """
        pieces = [_BREAK]
        for row, text in enumerate(row.text for page in self._pages for row in page.page.rows):
            pieces.append(" " if row > first and (row - first) % 2 else _BREAK)
            for number, part in enumerate(_AMOUNTS.split(" ".join(text.split()))):
                pieces += [_BREAK] if number else []
                pieces += _PIECES.findall(json.dumps(part, ensure_ascii=False)[1:-1])
        return pieces

    @cached_property
    def goods(self) -> list[list[GoodsRow]]:
        """The rows where something bought may stand, with names above amounts, and with names below them."""
        return [goods_rows(self._pages, named_below) for named_below in (False, True)]

    @cached_property
    def lines(self) -> list[str]:
        """The pieces of addresses: whole lines, with a break where a row has a day or an amount."""
        return self._lines(of_names=False)

    @cached_property
    def names(self) -> list[str]:
        """The pieces of names: the same, without lines of an address and of goods."""
        return self._lines(of_names=True)

    def _lines(self, *, of_names: bool) -> list[str]:
        pieces = [_BREAK]
        for page in self._pages:
            other = {row for row, _ in page.days} | {token.row for token in page.tokens if token.number.places == 2}
            listed = goods_span(page) if of_names else listed_span(page)
            if of_names and listed:  # a shop's name stands above all that was bought there
                listed = range(listed.start, len(page.page.rows))
            within = ended = False  # an address, a line of it that goes on
            for number, row in enumerate(page.page.rows):
                for line in row.lines if number not in other else ():
                    text = " ".join(page.page.lines[line].text.split())
                    within = bool((within and not ended) or _ADDRESS.match(text))
                    ended = not text.endswith(",") and not _CODE_OF_PLACE.search(text)
                    if number in listed or (of_names and (within or is_head(page, number) or _no_name(text))):
                        text = ""
                    for piece in _segments(text):
                        _add(pieces, piece)
                if number in other:
                    pieces.append(_BREAK)
        return pieces if len(set(pieces)) > 1 else []

    @cached_property
    def rows_of_money(self) -> int:
        """How many rows have an amount."""
        return len({(page, token.row) for page in self._pages for token in page.tokens if token.number.places == 2})

    def cells(self, quotation_mark: str) -> list[str]:
        """The pieces of which a table's cell can be made, in order; `quotation_mark` is how one is written."""
        return _WORDS.findall(self.text.replace('"', quotation_mark))

    def choices(self, values: Sequence[Any]) -> list[Any]:
        """Choose of currency codes those whose sign or word is printed; of other values all."""
        if not all(one is None or (isinstance(one, str) and one in CODES) for one in values):
            return list(values)
        rows = [row for page in self._pages for row in page.rows]
        return [one for one in values if one is None or any(signs(one).search(row) for row in rows)]

    def values(self, form: str | None) -> Iterator[str]:
        """Yield the printed days, times and runs of words; for a `form` of "date" or "time" only these."""
        if form in (None, "date"):
            yield from self._days
        if form in (None, "time"):
            yield from self._clocks
        if form not in ("date", "time"):
            yield from self._runs

    @cached_property
    def _days(self) -> list[str]:
        whens = (likeliest(day, page.rows[row], page.rows) for page in self._pages for row, day in page.days)
        return sorted({when.isoformat() for days in whens for when in days})

    @cached_property
    def _clocks(self) -> list[str]:
        found = list[str]()
        for clock in (clock for page in self._pages for _, clock in page.clocks):
            minutes = f"{clock.hour:02}:{clock.minute:02}"
            found += [minutes] if clock.second is None else [minutes, f"{minutes}:{clock.second:02}"]
        return found

    @cached_property
    def _runs(self) -> list[str]:
        found: dict[str, None] = {}
        for row in (row for page in self._pages for row in page.page.rows):
            words = row.text.split()
            for start in range(len(words)):
                for end in range(start + 1, min(start + _RUN, len(words)) + 1):
                    run = " ".join(words[start:end])
                    found |= dict.fromkeys((run, run.strip(".,:;!?()[]{}<>#*\"'")))
        return [run for run in found if run]

    @cached_property
    def magnitudes(self) -> list[Decimal]:
        """The numbers, without signs."""
        return _readings(token for page in self._pages for token in (*page.tokens, *page.misread))

    @cached_property
    def totals(self) -> list[Decimal]:
        """The numbers, amounts if any, in rows that begin with a word for a total, or below such a word on its own.

        “GST included in total 1.30” is a tax. Beside a word that leaves no doubt, such as “to pay”, only what is
        rounded to it or from it is one, too.
        """
        found, beyond_doubt = list[Token](), list[Token]()
        for page in self._pages:
            rows = dict[int, int]()
            for row, found_labels in enumerate(page.labels):
                known = [label for label in found_labels if label.role and not label.part]
                if known and known[0].role == "total":
                    alone = not page.in_row(row) and all(label.role for label in found_labels)
                    rows[row + 1 if alone else row] = known[0].rank
            tokens = [token for token in (*page.tokens, *page.misread) if token.row in rows and not token.dated]
            found += tokens
            beyond_doubt += [token for token in tokens if rows[token.row] > 0]
        sure, any_ = _money(beyond_doubt), _money(found)
        return [one for one in any_ if not sure or any(abs(one - other) <= _ROUNDED for other in sure)]

    @cached_property
    def subtotals(self) -> list[Decimal]:
        """The numbers, amounts if any, in rows with a word for a subtotal or a total, or below such a word.

        Of totals alone there are two, of which one is before what the other has on top.
        """
        told, totals = (list(self._beside((role,), anywhere=True)) for role in ("subtotal", "total"))
        found = _money([*told, *totals])
        return found if told or len(found) > 1 else []

    @cached_property
    def discounts(self) -> list[Decimal]:
        """The amounts beside a word for a discount that come out between a subtotal, or all goods, and a total.

        Example: of `TEA 3.00 / JAM 4.00 / Less 0.70 / TOTAL 6.30` this is 0.70, for 7.00 - 0.70 = 6.30. With
        `PROMO -0.70` and `TOTAL 7.00` there is none: the amounts are those after it.
        """
        told = [token for token in self._beside(("discount",), anywhere=False) if token.number.places == 2]
        goods = sum((row.of("amount")[-1] for row in max(self.goods, key=len) if row.of("amount")), Decimal(0))
        taxes = _readings(token for token in self._beside(("tax",), anywhere=True) if token.number.places == 2)
        off = {
            abs(before + tax - after)
            for before in (goods, *self.subtotals)
            for after in self.totals
            for tax in (Decimal(0), *taxes)
        }
        return [one for one in _readings(told) if one and any(abs(abs(one) - gap) <= _ROUNDED for gap in off)]

    def _beside(self, roles: Collection[str], *, anywhere: bool) -> Iterator[Token]:
        """Yield the numbers in rows that begin with a word of some role, or have one anywhere, or below such words."""
        for page in self._pages:
            rows = set[int]()
            for row, found in enumerate(page.labels):
                known = [label for label in found if label.role and not label.part]
                if any(label.role in roles for label in (known if anywhere else known[:1])):
                    rows.add(row if page.in_row(row) else row + 1)
            listed = goods_span(page)
            yield from (
                token
                for token in (*page.tokens, *page.misread)
                if token.row in rows and token.row not in listed and not token.dated and not token.number.percent
            )

    @cached_property
    def tax_names(self) -> list[str]:
        """What the taxes may be called: words with one for a tax in them, in a row with an amount or right above one.

        Of `Add VAT @ 20%  2.31` these are `VAT` and `Add VAT`, but not `VAT @`, nor the only rate, which is a field of
        its own.
        """
        found = dict[str, None]()
        for page in self._pages:
            told = {token.row for token in page.tokens if token.number.percent or token.number.places == 2}
            for row, text in enumerate(page.page.rows):
                labels_ = [label for label in page.labels[row] if label.role == "tax"]
                is_head = sum(not label.part for label in page.labels[row] if label.role) > 1
                if labels_ and (row in told or (is_head and row + 1 in told)):
                    found |= dict.fromkeys(_around(text.text, labels_))
        return list(found)

    @cached_property
    def rates(self) -> list[Decimal]:
        """The numbers that can be rates of a tax: with a percent sign, or in a row or below a head that names one.

        Of two rates in one row, as in `5% VAT @ 20%  6.47`, those by which the row's amount comes out, if any do.
        """
        return _readings(token for page in self._pages for token in _rates(page))


def _rates(page: PageIndex) -> Iterator[Token]:
    money = [token for token in page.tokens if token.number.places == 2 and token.number.value]

    def comes_out(rate: Token) -> bool:
        """Whether an amount of the row is that much of one that is printed, or is within it."""
        share = rate.number.value / 100
        sums = [token.number.value * part for token in money for part in (share, share / (1 + share))]
        return any(abs(one - token.number.value) < _CENT for token in money if token.row == rate.row for one in sums)

    told = [token for token in page.tokens if token.number.percent]
    out = [token for token in told if comes_out(token)]
    rows = {token.row for token in out}
    yield from (token for token in told if token in out or token.row not in rows)
    yield from (
        token
        for token in page.tokens
        if not token.number.percent
        and any(one.role in ("tax", "rate") for one in (*page.labels[token.row], *page.heads(token)))
    )


def _no_name(text: str) -> bool:
    """Whether a line has no letters side by side, or says a sum, a count or the kind of paper: “Total Item(6):10”."""
    told = any(label.role in _COUNTED for label in labels(flat(text)))
    bare = re.sub(r"\([^()]*\)", "", text)  # ACME S.R.B. (335139-F), in which SR is no tax
    return is_heading(text) or not re.search(r"[^\W\d_]{2}", text) or (told and re.search(r"[:\d]", bare) is not None)


def _around(text: str, found: Sequence[Label]) -> Iterator[str]:
    """Yield the runs of a row's words that have one of some labels in them and end with no mark and no bare number."""
    words = list(re.finditer(r"\S+", text))
    amount = next((number for number, word in enumerate(words) if _AMOUNTS.fullmatch(word[0])), len(words))
    for label in found:
        yield text[label.start : label.end]
        first = next((number for number, word in enumerate(words) if label.start < word.end()), 0)
        last = next((number for number, word in enumerate(words) if label.end <= word.end()), first)
        for start in range(max(0, first - _RUN), first + 1):
            for end in range(last + 1, min(amount if amount > last else len(words), last + _RUN) + 1):
                run = " ".join(word[0] for word in words[start:end])
                if run.count("%") < max(text.count("%"), 1) and [word[0] for word in words[end : end + 1]] != ["%"]:
                    yield from (one for one in (run, run.rstrip(".,:;")) if _NAME_ENDS.search(one))


def _money(tokens: Sequence[Token]) -> list[Decimal]:
    """The amounts among some numbers, or all of them, but no rates."""
    found = [token for token in tokens if not token.number.percent]
    return _readings([token for token in found if token.number.places == 2] or found)


def _readings(tokens: Iterable[Token]) -> list[Decimal]:
    return list(dict.fromkeys(reading.value for token in tokens for reading in token.number.readings))


def _segments(line: str) -> Iterator[str]:
    """Split a line into the pieces of names and addresses that it may be, as JSON writes them, spaces before them."""
    if _NO_NAME.fullmatch(line):
        yield _BREAK
        return
    at = 0
    for end in (*(match.start() for match in _ENDS.finditer(line)), len(line)):
        part = line[at:end].strip()
        if _NO_NAME.fullmatch(part):
            yield _BREAK
        else:
            yield (" " if at == 0 or line[at] == " " else "") + json.dumps(part, ensure_ascii=False)[1:-1]
        at = end


def _add(pieces: list[str], piece: str) -> None:
    """Add a piece and the space before it; one that goes on from the last belongs to it: “Mill Lane,”, “SDN BHD”."""
    goes_on = pieces[-1] != _BREAK and (
        pieces[-1].endswith((",", "&"))
        or _LEGAL.match(piece)
        or (_CODE_OF_PLACE.search(pieces[-1]) and piece.strip()[:1].isalpha())
    )
    if piece == _BREAK or not piece.startswith(" "):
        pieces.append(piece)
    elif goes_on:
        pieces[-1] += piece
    else:
        pieces += [" ", piece[1:]]
