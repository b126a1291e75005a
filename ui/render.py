"""Renders turns, events and figures as chat bubbles, Gradio's message dicts. Pure.

Every turn is two messages, so that a bubble's index names its turn: the person's, and the answer's with what is said
about it. The parts of a message are rows of their own, so the answer alone is copied by its copy button.
"""

import html
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from backend.chat.conversation import shown_in
from backend.errors import StorageError
from backend.history import Turn
from backend.media.files import PLAYABLE
from backend.models.catalog import POCKET, find, name_of
from backend.tasks.registry import tasks
from backend.types import (
    EngineStatus,
    FinishReason,
    ImagePart,
    MediaPart,
    PartDone,
    Progress,
    Queued,
    Restarted,
    StreamEvent,
    TextDelta,
    Usage,
    VideoPart,
)
from ui.convert import JOINER
from ui.frame_strip import Clips, Seen, seen
from ui.safe_markdown import is_heavy, literal, neutralise, verbatim

Bubble = dict[str, Any]

# What browsers show without help.
SHOWN = {*PLAYABLE, ".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".avif"}

ABOUT_POCKET = (
    "A very small model that comes with Glimpse. It describes drawn scenes, reads printed receipts, "
    "formulas and clocks, and follows simple clips. It knows nothing of the world, is no general assistant, "
    "and errs."
)
CHOOSE = "For photos and talk choose a larger one here:"
START = (
    "For photos and talk start Glimpse with a larger one, `--model ID`; `glimpse models` lists what fits this machine."
)

NOTHING = Seen()


class Media(Clips, Protocol):
    """Finds the files of a message; `backend.media.store.MediaStore` fulfils it."""

    def original(self, media_id: str) -> Path:
        """The file as it came."""
        ...

    def preview(self, part: MediaPart) -> Path:
        """A picture of the clean pixels."""
        ...

    def name(self, media_id: str) -> str:
        """The file name it came with."""
        ...

    def plays(self, media_id: str) -> bool:
        """Whether browsers play the clip; of any other the page shows a picture."""
        ...

    def note(self, media_id: str) -> str:
        """A sentence for the person where the file was not read whole or does not play, else nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Pending:
    """An answer that is being written: its progress before the next text, its parts so far, the seconds waited."""

    note: Queued | Progress | None = None
    pieces: tuple[str, ...] = ()
    media: tuple[MediaPart, ...] = ()
    waited: float = 0.0

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self.pieces)

    @property
    def empty(self) -> bool:
        """Whether the answer has no parts yet."""
        return not self.pieces and not self.media


def conversation(turns: Sequence[Turn], media: Media) -> list[Bubble]:
    """All bubbles of a conversation."""
    speaks_of = seen(turns, shown_in(turns), media)
    return [
        bubble
        for turn, of in zip(turns, speaks_of, strict=True)
        for bubble in (asked(turn, media), answered(turn, media, of))
    ]


def asked(turn: Turn, media: Media) -> Bubble:
    """Render what the person sent: the files, the preset's name, the words."""
    rows = [row for part in turn.user.media for row in _media_rows(part, media)]
    return {"role": "user", "content": [*rows, *_words(turn.task, turn.user.text)]}


def sent(text: str, files: Sequence[Path], task: str) -> Bubble:
    """Render a message whose files are not read yet."""
    return {"role": "user", "content": [*map(_upload_row, files), *_words(task, text)]}


def refused(text: str, files: Sequence[Path], task: str, sentence: str) -> list[Bubble]:
    """Render a refused message, its files by name only, and why; the message is in the composer again."""
    names = [_row("preset", path.name) for path in files]
    asked = {"role": "user", "content": [*names, *_words(task, text)] or [_row("note", "an empty message")]}
    return [asked, {"role": "assistant", "content": [_row("failure refused", sentence)]}]


def answered(turn: Turn, media: Media, of: Seen = NOTHING) -> Bubble:
    """Render the answer of a turn, with the frames it speaks of, how it ended and what it cost."""
    rows: list[Bubble | str] = []
    if turn.answer.text.strip():
        rows += [answer(turn.task, turn.answer.text, of), *of.strips]
    rows += [row for part in turn.answer.media for row in _media_rows(part, media)]
    if turn.corrections:
        rows.append(_row("note", "corrected in the panel of results, as later answers read it"))
    if turn.error is not None:
        rows.append(failure(turn.error))
    elif turn.running:
        rows.append(_row("progress", "being written"))
    elif line := figures(turn.finish_reason, turn.usage, turn.model):
        rows.append(_row("figures", line))
    return {"role": "assistant", "content": rows or [_row("figures", "no answer")]}


def answering(task: str, pending: Pending, media: Media) -> Bubble:
    """An answer that is being written."""
    text = pending.text
    line = [_row("progress", progress(pending))] if pending.note or not (text.strip() or pending.media) else []
    words = [answer(task, text)] if text.strip() else []
    pictures = [row for part in pending.media for row in _media_rows(part, media)]
    return {"role": "assistant", "content": [*words, *pictures, *line]}


def later(pending: Pending, batch: Sequence[StreamEvent], waited: float) -> Pending:
    """Apply more events, `waited` seconds after the question; a `Restarted` drops what came before."""
    note, pieces, media = pending.note, list(pending.pieces), list(pending.media)
    for event in batch:
        match event:
            case Queued() | Progress():
                note = event
            case TextDelta(text):
                note = None
                pieces.append(text)
            case PartDone(part):
                note = None
                media.append(part)
            case Restarted():
                pieces.clear()
                media.clear()
    return Pending(note, tuple(pieces), tuple(media), waited)


def answer(task: str, text: str, of: Seen = NOTHING) -> str:
    """Render an answer, whole or growing, as the Markdown that its preset makes of it."""
    preset = tasks().get(task)
    return neutralise(preset.show(text) if preset else text, of.mark)


def failure(sentence: str) -> str:
    """Render the sentence of an error."""
    return _row("failure", sentence)


def progress(pending: Pending) -> str:
    """Render the line shown before the first word: "queued as number 2", "reading the clip 23/64"."""
    match pending.note:
        case Queued(position):
            line = f"queued as number {position}"
        case Progress():
            line = pending.note.words
        case _:
            line = "thinking"
    return f"{line} · {pending.waited:.0f} s" if pending.waited >= 3 else line


def figures(reason: FinishReason | None, usage: Usage | None, model: str | None) -> str:
    """Render an answer's cost in one line: tokens, speed, first token, media seen, what was left out, reuse, model."""
    facts = {"cancelled": ["stopped"], "length": ["cut at the token limit"]}.get(reason or "", [])
    if usage and usage.completion_tokens:
        facts += [_count(usage.completion_tokens, "token")]
        if usage.tokens_per_second > 0:
            facts.append(f"{usage.tokens_per_second:.1f} tokens/s")
        facts += [f"first token {usage.time_to_first_token:.2f} s"]
        if usage.images > 0:
            facts.append(_count(usage.images, "image"))
        if usage.frames > 0:
            facts.append(_count(usage.frames, "frame"))
        if usage.shown:
            facts.append(f"{usage.shown} for lack of room")
        if usage.left_out > 0:
            facts.append(f"{_count(usage.left_out, 'oldest turn')} left out")
        if usage.reused_tokens > 0:
            facts.append(f"{usage.reused_tokens:,} of {usage.prompt_tokens:,} tokens reused")
    if usage and usage.read:
        facts.append(usage.read)
    return " · ".join([*facts, *([name_of(model)] if model and facts else [])])


def file_data(path: Path, name: str) -> Bubble:
    """A file as Gradio's components take it."""
    mime_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return {"path": str(path), "orig_name": name, "mime_type": mime_type, "meta": {"_type": "gradio.FileData"}}


def model_line(status: EngineStatus, *, choosing: bool) -> str:
    """Say which model answers and its state; for the bundled one also its limits, and how to choose another."""
    about = [ABOUT_POCKET, CHOOSE if choosing else START]
    match status.state:
        case "ready" if status.model:
            model = status.model
            name = name_of(model.id) if find(model.id) else model.name
            lines = [_row("ready", name), _row("where", f"{model.precision}, {model.device}")]
            return "\n\n".join([*lines, *(about if model.id == POCKET.id else [])])
        case "loading":
            now = Progress(status.detail or "loading the model", status.done, status.total, status.left, "bytes")
            return _row("loading", now.words)
        case "failed":
            return _row("failure", status.detail)
        case _:
            return _row("failure", "the engine is shut down; start Glimpse again")


def _words(task: str, text: str) -> list[str]:
    preset = tasks().get(task)
    chip = [_row("preset", preset.title)] if preset and preset.prompt else []
    return [*chip, *([_typed(text)] if text.strip() else [])]


def _typed(text: str) -> str:
    """Escape the person's own words: markup is shown as typed, and is still the same text in the page's editor.

    A text that would stall the tab is shown as code.
    """
    if is_heavy(text):
        return verbatim(text)
    return text.replace("<", f"<{JOINER}").replace("![", f"!{JOINER}[")


def _media_rows(part: MediaPart, media: Media) -> list[Bubble | str]:
    try:
        name = media.name(part.media_id)
        plays = isinstance(part, VideoPart) and media.plays(part.media_id)
        note = media.note(part.media_id)
        return [
            _file_row(media.original(part.media_id) if plays else media.preview(part), name),
            *([_row("note", note)] if note else []),
        ]
    except StorageError:
        return [_row("note", f"the {'picture' if isinstance(part, ImagePart) else 'clip'} is not kept any more")]


def _upload_row(path: Path) -> Bubble | str:
    return _file_row(path, path.name) if path.suffix.lower() in SHOWN else _row("preset", path.name)


def _file_row(path: Path, name: str) -> Bubble:
    return {"type": "file", "file": file_data(path, name), "alt_text": name}


def _row(kind: str, text: str) -> str:
    return f'<span class="{html.escape(kind)}">{literal(text)}</span>'


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
