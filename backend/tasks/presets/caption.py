"""Captions: one line, detailed, and alternative text for people who do not see the image; in eight languages."""

import re

from backend.tasks.task import GREEDY, Task
from backend.types import Grammar

ONE_LINE = "Describe this image in one line."
DETAILED = "Describe this image in detail."
ALT_TEXT = "Write alt text for this image in at most 125 characters."
ALT_LENGTH = 125

# Those that Llama 3.2 supports by its model card.
LANGUAGES = ("English", "German", "French", "Italian", "Portuguese", "Hindi", "Spanish", "Thai")

# A screen reader says that it is an image before it reads the text.
_IMAGE_OF = r"(?i:(an? |the |this )?(image|picture|photo|photograph|screenshot)( of|:| shows| showing))"
_LINE = Grammar("lark", r"start: /[^\n]{1,400}/")
_ALT = Grammar(
    "lark", f"start: ALT\nALT: LINE & ~BEGUN\nLINE: /[^\\s][^\\n]{{0,{ALT_LENGTH - 1}}}/\nBEGUN: /{_IMAGE_OF}.*/"
)


def in_language(language: str, text: str = "") -> str:
    """Add to a person's words those that ask for the caption in a language; English needs none."""
    others = re.sub(rf"\s*Answer in ({'|'.join(LANGUAGES)})\.", "", text).strip()
    asked = "" if language == LANGUAGES[0] else f"Answer in {language}."
    return " ".join(filter(None, (others, asked)))


def alt_text(answer: str) -> str:
    """Alternative text that ends with a word: one that was cut at its last character loses the half word."""
    line = answer.strip()
    if len(line) < ALT_LENGTH or re.search(r"[.!?…।»\")]$", line) or " " not in line:
        return line
    return f"{line.rsplit(' ', 1)[0].rstrip(',;:')}…"


TASKS = (
    Task(
        "caption", "Caption, one line", ONE_LINE, needs="image", order=10, sampling=GREEDY, grammar=lambda text: _LINE
    ),
    Task("caption_detailed", "Caption, detailed", DETAILED, needs="image", order=11, sampling=GREEDY),
    Task(
        "alt_text",
        "Alt text",
        ALT_TEXT,
        needs="image",
        order=12,
        sampling=GREEDY,
        show=alt_text,
        grammar=lambda text: _ALT,
    ),
)
