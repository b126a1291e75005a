"""How answers are scored: fields of a receipt, a formula after normalisation, facts of a caption, exact follow-ups."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from backend.tasks.presets import table
from training import prompts
from training.values import Chat, Turn

_CAPTIONS = (prompts.CAPTION, prompts.DETAILED, prompts.ALT, *prompts.CAPTION_OTHER)
_VIDEO = (prompts.VIDEO, *prompts.VIDEO_OTHER)
_FACT = re.compile(r"\b(?:small|medium|large) \w+ \w+(?: is [a-z ]+)?")

TARGETS = {
    "formula exact": 0.85,
    "scene facts": 0.95,
    "clock within a minute": 0.90,
    "clip exact with times": 0.85,
    "follow-ups, all kinds": 0.90,
    "page: receipt fields": 0.95,
    "page: receipt exact": 0.80,
    "page: question": 0.90,
    "document question": 0.85,
}
"""What is aimed at; receipts are read from their text, those without it are not aimed at any more."""


@dataclass
class Tally:
    """Right and asked, by measure."""

    right: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    asked: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, measure: str, right: float, of: int = 1) -> None:
        """Count `right` out of `of`."""
        self.right[measure] += right
        self.asked[measure] += of

    def table(self) -> dict[str, dict[str, float]]:
        """Share and number asked of each measure."""
        return {
            name: {"score": round(self.right[name] / count, 4), "asked": count}
            for name, count in sorted(self.asked.items())
        }


def fields(text: str) -> dict[str, Any] | None:
    """A receipt's fields by path, or None where the text is not JSON."""
    try:
        flat: dict[str, Any] = {}
        _flatten(json.loads(text), "", flat)
    except (json.JSONDecodeError, RecursionError):
        return None
    return flat


def _flatten(value: Any, path: str, into: dict[str, Any]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _flatten(inner, f"{path}.{key}", into)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            _flatten(inner, f"{path}[{number}]", into)
    else:
        into[path] = value


def latex(text: str) -> str:
    """A formula without what does not change its look: spaces and braces about single characters."""
    text = re.sub(r"\s+", " ", text.strip().strip("$")).strip()
    text = re.sub(r"(\\[A-Za-z]+) (?![A-Za-z])", r"\1", text)
    return re.sub(r"\{(\w)\}", r"\1", re.sub(r"(?<!\\)(?<![A-Za-z]) | (?![A-Za-z])", "", text))


def facts(text: str) -> list[str]:
    """The shapes of a caption, with their places where it says them, and the background."""
    background = re.findall(r"(?:on a |on )((?:light )?\w+)(?: background|:)", text)
    return [*_FACT.findall(text), *(f"on {colour}" for colour in background)]


def score(chat: Chat, answers: list[str], tally: Tally) -> None:
    """Count every answer of a chat."""
    for number, (turn, answer) in enumerate(zip(chat.turns, answers, strict=True)):
        if chat.kind == "other":
            tally.add("other pictures declined", answer.strip() == turn.text)
            continue
        if number and chat.kind not in ("text", "page", "document") and not turn.text.startswith("{"):
            tally.add("follow-ups, all kinds", _same(turn, answer))
        _judge(chat, turn, answer, "follow-up" if number else "first question", tally)


def _judge(chat: Chat, turn: Turn, answer: str, where: str, tally: Tally) -> None:
    """Count an answer by what was asked of what."""
    wanted, prefix = turn.text, {"pair": "two images: ", "page": "page: "}.get(chat.kind, "")
    if chat.kind == "page" and turn.question != prompts.RECEIPT and turn.question not in prompts.RECEIPT_OTHER:
        tally.add("page: own schema exact" if wanted.startswith("{") else "page: question", wanted == answer.strip())
    elif chat.kind == "document":
        _document(turn, answer, tally)
    elif wanted.startswith("{"):
        _receipt(wanted, answer, prefix, tally)
    elif turn.question in (prompts.LATEX, *prompts.LATEX_OTHER):
        right = latex(answer) == latex(wanted)
        tally.add(f"{prefix}formula exact", right)
        if not prefix:
            tally.add("formula exact, a grid" if "\\begin" in wanted else "formula exact, no grid", right)
    elif chat.kind == "clock" and clock(wanted) is not None:
        _clock(chat, wanted, answer, tally)
    elif chat.kind == "clock" and turn.question in (prompts.DISPLAY, *prompts.DISPLAY_OTHER):
        tally.add("calculator display exact", answer.strip() == wanted.strip())
    elif turn.question in _VIDEO:
        _clip(wanted, answer, tally)
    elif chat.kind == "scene" and turn.question in _CAPTIONS:
        _scene(wanted, answer, tally)
    else:
        kinds = {"text": "talk without image", "pair": "two images: other"}
        tally.add(kinds.get(chat.kind, f"{chat.kind} {where}"), answer.strip() == wanted.strip())


def _same(turn: Turn, answer: str) -> bool:
    """Whether an answer is the wanted one; formulas may be written another way."""
    if turn.question in (prompts.LATEX, *prompts.LATEX_OTHER):
        return latex(answer) == latex(turn.text)
    return answer.strip() == turn.text.strip()


def _receipt(wanted: str, answer: str, prefix: str, tally: Tally) -> None:
    truth, given = fields(wanted) or {}, fields(answer)
    tally.add(f"{prefix}receipt valid JSON", given is not None)
    got, exact = given or {}, given == truth
    right = sum(path in got and got[path] == value for path, value in truth.items())
    tally.add(f"{prefix}receipt exact", exact)
    tally.add(f"{prefix}receipt fields", right, len(truth))
    if not prefix:
        items = sum(path.endswith(".name") and path.startswith(".items") for path in truth)
        size = "1 to 4 items" if items <= 4 else "5 to 8 items"
        tally.add(f"receipt exact, {size}", exact)
        tally.add(f"receipt fields, {size}", right, len(truth))


def clock(text: str) -> tuple[int, str] | None:
    """The time of day that a text tells, in minutes, with AM, PM or ""; None where it tells none."""
    found = re.search(r"\b(\d{1,2}):(\d\d)\b(?: (AM|PM))?", text)
    return (int(found[1]) * 60 + int(found[2]), found[3] or "") if found else None


def _clock(chat: Chat, wanted: str, answer: str, tally: Tally) -> None:
    truth, given = clock(wanted), clock(answer)
    face = any(mark.role == "hour" for drawing in chat.drawings for mark in drawing.marks)
    near = False
    if truth is not None and given is not None and truth[1] == given[1]:
        # A face goes round in twelve hours, a display in a day.
        apart = (truth[0] - given[0]) % (720 if face else 1440)
        near = apart in (0, 1, 719 if face else 1439)
    for name in ("clock", "clock with hands" if face else "clock with digits"):
        tally.add(f"{name} within a minute", near)
    tally.add("clock exact", truth == given)


def _document(turn: Turn, answer: str, tally: Tally) -> None:
    """Count an answer about a page that is no receipt: its sentence, and apart from it what it quotes."""
    if turn.question == table.PROMPT:
        tally.add("document: table exact", answer.strip() == turn.text.strip())
        return
    said, _, quoted = answer.strip().partition("\n\n> ")
    wanted, _, words = turn.text.strip().partition("\n\n> ")
    tally.add("document question", said == wanted)
    if words:
        tally.add("document: words quoted", quoted == words)


def _scene(wanted: str, answer: str, tally: Tally) -> None:
    truth, given = facts(wanted), facts(answer)
    tally.add("scene caption exact", answer.strip() == wanted.strip())
    tally.add("scene facts", sum(fact in given for fact in truth), len(truth))


def _clip(wanted: str, answer: str, tally: Tally) -> None:
    def events(text: str) -> list[str]:
        return [part.strip() for part in re.split(r"\[\d+:\d+\]", text) if part.strip()]

    tally.add("clip exact with times", answer.strip() == wanted.strip())
    tally.add("clip events, times aside", events(answer) == events(wanted))
