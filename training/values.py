"""What the generators hand to the trainer: drawings whose parts are known, and chats about them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PIL import Image


@dataclass(frozen=True)
class Mark:
    """One thing at one point of a drawing: which character or symbol, in which role, at which place in its line.

    `spread` is how far a thing larger than a character reaches from its point.
    """

    x: float
    y: float
    label: str
    role: str
    index: int
    spread: float = 0.0


@dataclass(frozen=True)
class Drawing:
    """A picture with its marks, in the picture's own pixels; `told` is whether they are all that stands on it."""

    image: Image.Image
    marks: tuple[Mark, ...]
    told: bool = True


PAGE = -1
"""In the place of a drawing's number: the text that was given with the latest image."""


@dataclass(frozen=True)
class Piece:
    """A bit of an answer and the marks it was read from: one for each character, or one for all; -1 is none.

    Where `drawing` is `PAGE`, the marks are characters of the page's text.
    """

    text: str
    marks: tuple[int, ...] = ()
    drawing: int = 0

    def mark_of(self, position: int) -> int:
        """The mark that the character at `position` was read from, or -1."""
        if not self.marks:
            return -1
        return self.marks[position] if len(self.marks) == len(self.text) else self.marks[0]


Answer = tuple[Piece, ...]


@dataclass(frozen=True)
class Turn:
    """A question, the numbers of the drawings sent with it (the newest last), and the answer."""

    question: str
    answer: Answer
    drawings: tuple[int, ...] = ()
    page: str | None = None
    """What a reader found on the drawings sent with it; None where nothing was read."""

    @property
    def text(self) -> str:
        """The answer as plain text."""
        return "".join(piece.text for piece in self.answer)


@dataclass(frozen=True)
class Chat:
    """A conversation about some drawings; `kind` names the task for scores and mixtures."""

    kind: str
    drawings: tuple[Drawing, ...]
    turns: tuple[Turn, ...]
    system: str = ""


def say(*parts: str | Piece) -> Answer:
    """An answer from plain strings and pieces."""
    return tuple(Piece(part) if isinstance(part, str) else part for part in parts)


def about(answer: Answer, drawing: int) -> Answer:
    """The same answer, read from another drawing of the chat."""
    return tuple(replace(piece, drawing=drawing) for piece in answer)
