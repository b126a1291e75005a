"""Holds the results that were read out of an answer, with what in them may be wrong. Knows no page."""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from backend.types import Unsure

Kind = Literal["json", "latex", "csv", "text", "quote"]
"""What a result is written in; "quote" is an answer in words with the words of a document that say so."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A field that may be wrong, and why, for a person; the path as in `items[0].amount`, "" for all of it."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Result:
    """One result in an answer. `whole` is false for what is cut, or does not parse or fit its form: shown as such.

    `reread` are the paths of fields that the model has read a second time, larger.
    """

    kind: Kind
    source: str
    whole: bool = True
    doubts: tuple[Doubt, ...] = ()
    reread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as a task reads it: its text, what the person wrote, where the model was unsure."""

    text: str
    asked: str = ""
    unsure: tuple[Unsure, ...] = ()
    today: date = field(default_factory=date.today)
