"""Turns, events and figures to bubbles: what the chat shows, as Gradio's message dicts. Pure.

Every turn is two messages, so that a bubble's index names its turn: the person's, and the answer's with what is said
about it. The parts of a message are rows of their own, so the answer alone is copied by its copy button.
"""

import html
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from backend.catalog import POCKET, find, name_of
from backend.chat.transcript import shown_in
from backend.errors import StorageError
from backend.history import Turn
from backend.tasks.registry import tasks
from backend.types import (
    EngineStatus,
    FinishReason,
    ImagePart,
    MediaPart,
    Progress,
    Queued,
    Restarted,
    StreamEvent,
    TextDelta,
    Usage,
    VideoPart,
)
from ui.convert import JOINER
from ui.markdown import literal, neutralise
from ui.strip import Clips, Seen, seen

Bubble = dict[str, Any]

# What browsers play without help; of any other clip the page shows a picture.
PLAYABLE = {".mp4", ".m4v", ".webm", ".mov"}
SHOWN = PLAYABLE | {".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp", ".avif"}

ABOUT_POCKET = (
    "A very small model that comes with Glimpse. It describes drawn scenes, reads printed receipts, "
    "formulas and clocks, and follows simple clips. It knows nothing of the world, is no general assistant, "
    "and errs."
)
CHOOSE = "For photos and talk choose a larger one here:"
START = (
    "For photos and talk start Glimpse with a larger one, `--model ID`; `app.py models` lists what fits this machine."
)

NOTHING = Seen()


class Media(Clips, Protocol):
    """Where the page finds what was sent; `backend.media.store.MediaStore` fulfils it."""

    def original(self, media_id: str) -> Path:
        """The file as it came."""
        ...

    def preview(self, part: MediaPart) -> Path:
        """A picture of the clean pixels."""
        ...

    def name(self, media_id: str) -> str:
        """The file name it came with."""
        ...

    def note(self, media_id: str) -> str:
        """What the person should know about how it was read; mostly nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Pending:
    """An answer that is being written: what is done before its next text, the text so far, how long it is awaited."""

    note: Queued | Progress | None = None
    text: str = ""
    waited: float = 0.0


def conversation(turns: Sequence[Turn], media: Media) -> list[Bubble]:
    """All bubbles of a conversation."""
    speaks_of = seen(turns, shown_in(turns), media)
    return [
        bubble
        for turn, of in zip(turns, speaks_of, strict=True)
        for bubble in (asked(turn, media), answered(turn, of))
    ]


def asked(turn: Turn, media: Media) -> Bubble:
    """What the person sent: the files, the preset's name, the words."""
    rows = [row for part in turn.user.media for row in _media_rows(part, media)]
    return {"role": "user", "content": [*rows, *_words(turn.task, turn.user.text)]}


def sent(text: str, files: Sequence[Path], task: str) -> Bubble:
    """A message on its way, before its files are read."""
    return {"role": "user", "content": [*map(_upload_row, files), *_words(task, text)]}


def refused(text: str, files: Sequence[Path], task: str, sentence: str) -> list[Bubble]:
    """A message that was not taken, its files by name only, and why; it is in the composer again."""
    names = [_row("preset", path.name) for path in files]
    asked = {"role": "user", "content": [*names, *_words(task, text)] or [_row("note", "an empty message")]}
    return [asked, {"role": "assistant", "content": [_row("failure refused", sentence)]}]


def answered(turn: Turn, of: Seen = NOTHING) -> Bubble:
    """The answer of a turn, with the frames it speaks of, how it ended and what it cost."""
    rows = [answer(turn.task, turn.reply, of), *of.strips] if turn.reply.strip() else []
    if turn.corrections:
        rows.append(_row("note", "corrected in the panel of results, as later answers read it"))
    if turn.error is not None:
        rows.append(failure(turn.error))
    elif turn.running:
        rows.append(_row("progress", "being written"))
    elif line := figures(turn.finish_reason, turn.usage, turn.model):
        rows.append(_row("figures", line))
    return {"role": "assistant", "content": rows or [_row("figures", "no answer")]}


def answering(task: str, pending: Pending) -> Bubble:
    """An answer that is being written."""
    line = [_row("progress", progress(pending))] if pending.note or not pending.text.strip() else []
    text = [answer(task, pending.text)] if pending.text.strip() else []
    return {"role": "assistant", "content": [*text, *line]}


def later(pending: Pending, batch: Sequence[StreamEvent], text: str, waited: float) -> Pending:
    """What is pending after more events: the note that no text came after, the text so far, the seconds in all."""
    note = pending.note
    for event in batch:
        if isinstance(event, Queued | Progress):
            note = event
        elif isinstance(event, TextDelta):
            note = None
    return Pending(note, text, waited)


def grown(pieces: list[str], batch: Sequence[StreamEvent]) -> list[str]:
    """The pieces of an answer after more events; those before a restart are gone."""
    for number, event in enumerate(batch):
        if isinstance(event, Restarted):
            return grown([], batch[number + 1 :])
    return [*pieces, *(event.text for event in batch if isinstance(event, TextDelta))]


def answer(task: str, text: str, of: Seen = NOTHING) -> str:
    """An answer, whole or growing, as the Markdown that its preset makes of it."""
    preset = tasks().get(task)
    return neutralise(preset.show(text) if preset else text, of.mark)


def failure(sentence: str) -> str:
    """An error's sentence."""
    return _row("failure", sentence)


def progress(pending: Pending) -> str:
    """The line that stands before the first word: "queued as number 2", "reading the clip 23/64"."""
    match pending.note:
        case Queued(position):
            line = f"queued as number {position}"
        case Progress():
            line = pending.note.words
        case _:
            line = "thinking"
    return f"{line} · {pending.waited:.0f} s" if pending.waited >= 3 else line


def figures(reason: FinishReason | None, usage: Usage | None, model: str | None) -> str:
    """What an answer cost, in one line: tokens, speed, first token, media seen, what had no room, reuse, model."""
    facts = {"cancelled": ["stopped"], "length": ["cut at the token limit"]}.get(reason or "", [])
    if usage and usage.completion_tokens:
        facts += [_count(usage.completion_tokens, "token")]
        facts += [f"{usage.tokens_per_second:.1f} tokens/s"] * (usage.tokens_per_second > 0)
        facts += [f"first token {usage.time_to_first_token:.2f} s"]
        facts += [_count(usage.images, "image")] * (usage.images > 0)
        facts += [_count(usage.frames, "frame")] * (usage.frames > 0)
        facts += [f"{usage.shown} for lack of room"] * bool(usage.shown)
        facts += [f"{_count(usage.left_out, 'oldest turn')} left out"] * (usage.left_out > 0)
        facts += [f"{usage.reused_tokens:,} of {usage.prompt_tokens:,} tokens reused"] * (usage.reused_tokens > 0)
    facts += [usage.read] if usage and usage.read else []
    return " · ".join([*facts, *([name_of(model)] if model and facts else [])])


def file_data(path: Path, name: str) -> Bubble:
    """A file as Gradio's components take it."""
    mime_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return {"path": str(path), "orig_name": name, "mime_type": mime_type, "meta": {"_type": "gradio.FileData"}}


def model_line(status: EngineStatus, *, choosing: bool) -> str:
    """Which model answers and where it stands; for the bundled one also what it is not, and how to choose another."""
    about = [ABOUT_POCKET, CHOOSE if choosing else START]
    match status.state:
        case "ready" if status.model:
            model = status.model
            name = name_of(model.id) if find(model.id) else model.name
            lines = [_row("ready", name), _row("where", f"{model.precision}, {model.device}")]
            return "\n\n".join([*lines, *(about if model.id == POCKET.id else [])])
        case "loading":
            now = Progress(status.detail or "loading the model", status.done, status.total, status.left)
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
    """The person's own words: markup is shown as typed, and is still the same text in the page's editor."""
    return text.replace("<", f"<{JOINER}").replace("![", f"!{JOINER}[")


def _media_rows(part: MediaPart, media: Media) -> list[Bubble | str]:
    try:
        name = media.name(part.media_id)
        clip = media.original(part.media_id) if isinstance(part, VideoPart) else None
        plays = clip is not None and clip.suffix.lower() in PLAYABLE
        note = media.note(part.media_id)
        return [
            _file_row(clip if clip and plays else media.preview(part), name),
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
