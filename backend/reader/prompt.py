"""Puts the text of pages into a prompt, beside their images. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backend.reader.page import Page

INTRODUCTION = "Text on this image, as OCR found it:\n"
SEVERAL = "Text on image {number}, as OCR found it:\n"
CLOSE = "\n\n"
ROWS = 300  # of one image; a denser page is shown as far as that
CHARACTERS = 8000  # of one image
CUT = "\n[more text]"
SIGN = 7  # letters in long words that make an image a sign; a clock has at most its maker's name
LONG = re.compile(r"[^\W\d_]{4,}")  # formulas have function names of three letters
DENSE = 60  # characters that make an image a page of text: more than a clock's numerals, a formula or a sign have


def with_text(pages: Sequence[Page | None], words: str) -> str:
    """Put the rows of a message's images before its words; images without text are not mentioned.

    Pages come in the order of the message's images; None is an image that could not be read.
    """
    found = [(number, page) for number, page in enumerate(pages, 1) if page is not None and page.lines]
    texts = []
    for number, page in found:
        head = INTRODUCTION if len(pages) == 1 else SEVERAL.format(number=number)
        texts.append(head + shown(page) + CLOSE)
    return "".join(texts) + words


def is_page(page: Page) -> bool:
    """Whether an image is a page of text, so that its text says what it shows."""
    return sum(len(line.text) for line in page.lines) >= DENSE


def has_words(page: Page) -> bool:
    """Whether an image says something in words, as a sign or a label does."""
    return sum(len(word) for line in page.lines for word in LONG.findall(line.text)) >= SIGN


def shown(page: Page) -> str:
    """Return a page's rows as text, at most ROWS rows and CHARACTERS characters."""
    text = "\n".join(row.text for row in page.rows[:ROWS])
    if len(text) > CHARACTERS:
        return text[:CHARACTERS].rpartition("\n")[0] + CUT
    return text if len(page.rows) <= ROWS else text + CUT
