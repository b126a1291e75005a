"""Reads a clip sheet by sheet: asks about each, keeps the reply as a note, and answers from the notes in a text turn.

For cross-attention models that were trained on one image at a time, such as Llama 3.2 Vision: four sheets at once are
far from anything they have seen. A question about the whole needs no notes: one sheet then shows all frames, smaller.
Knows requests and sheets; the caller passes the function that answers a request.
"""

import hashlib
import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from PIL import Image

from backend.engine.families.base import GRID, Family
from backend.engine.local.inference_thread import EventSink
from backend.engine.local.lru import LRU
from backend.engine.local.vision_cache import MediaSource
from backend.media.clip import Frame, clock
from backend.media.sheets import contact_sheets
from backend.types import (
    Finished,
    GenerationRequest,
    ImagePart,
    MediaPart,
    Message,
    Part,
    Progress,
    SamplingParams,
    StreamEvent,
    TextPart,
    VideoPart,
)

CELLS = GRID[0] * GRID[1]
NOTE_TOKENS = 160
NOTES_KEPT = 512
_CONTEXT = 600  # characters of the answer before, so that "it" in a question can be understood

_OF_THE_WHOLE = re.compile(
    r"\b(?:overall|in (?:general|short|brief|one (?:word|line|sentence))|summar(?:y|i[sz]e)|gist|topic|title|theme"
    r"|mood|genre)\b|\babout\W*$",
    re.IGNORECASE,
)

ONE_SHEET = (
    "The image is a contact sheet of one video: its frames in order, row by row from the top left, "
    "each with its time in its top left corner."
)
_ASK = (
    "The image is a contact sheet with the frames of a video from {start} to {end}, in order, row by row from the top "
    "left, each with its time in its top left corner. It is part {number} of {count} of the video.\n{before}"
    "Question about the video: {question}\n"
    "Note in at most three short sentences what these frames show that helps to answer it, with times like [{start}]. "
    "If they show nothing of it, write: nothing."
)
_NO_WORDS = "What happens in it?"
_BEFORE = "Said of the video before: {answer}\n"
_TELL = "Notes on a video, from its frames in order:\n{notes}\nAnswer from these notes, with times like [0:00]."


Answer = Callable[[GenerationRequest, EventSink], Finished]


@dataclass(frozen=True)
class Sheet:
    """Frames [first, last] of a clip as one image; `times` are those of the first and the last, in seconds."""

    part: ImagePart
    clip: VideoPart
    first: int
    last: int
    times: tuple[float, float]


class SheetSource:
    """Serves media, and contact sheets of clips as images, each drawn when its pixels are asked for."""

    def __init__(self, media: MediaSource) -> None:
        self._media = media
        self._sheets: dict[str, tuple[Sheet, int]] = {}
        self._times: dict[VideoPart, tuple[float, ...]] = {}

    def image(self, media_id: str) -> Image.Image:
        """The pixels of an image or of a sheet."""
        if media_id not in self._sheets:
            return self._media.image(media_id)
        sheet, side = self._sheets[media_id]
        frames = self._media.frames(sheet.clip)[sheet.first : sheet.last + 1]
        across = max(GRID[0], math.ceil(math.sqrt(len(frames))))
        return contact_sheets(frames, (across, across), side)[0]

    def frames(self, part: VideoPart) -> list[Frame]:
        """The frames of a clip, in order."""
        return self._media.frames(part)

    def sheets(self, clip: VideoPart, cells: int, side: int) -> list[Sheet]:
        """Split a clip into sheets of at most `cells` frames and `side` pixels."""
        if clip not in self._times:
            self._times[clip] = tuple(frame.time for frame in self._media.frames(clip))
        times = self._times[clip]
        return [self._sheet(clip, times, first, cells, side) for first in range(0, len(times), cells)]

    def _sheet(self, clip: VideoPart, times: Sequence[float], first: int, cells: int, side: int) -> Sheet:
        last = min(first + cells, len(times)) - 1
        name = f"{clip.media_id} {clip.frames} {clip.start} {clip.end} sheet {first}-{last} {side}"
        part = ImagePart(hashlib.sha256(name.encode()).hexdigest())
        sheet = Sheet(part, clip, first, last, (times[first], times[last]))
        self._sheets[part.media_id] = sheet, side
        return sheet


class SheetReader:
    """Answers requests, those about clips sheet by sheet where the model's family sees one image at a time."""

    def __init__(self, answer: Answer, source: SheetSource, family: Family) -> None:
        self._answer = answer
        self._source = source
        self._side = family.sheet_side
        self._notes = LRU(NOTES_KEPT)

    def answer(self, request: GenerationRequest, sink: EventSink) -> Finished:
        """Answer a request; see `backend.engine.local.generator.Generator.answer`."""
        if not self._side or not any(self._long(part) for message in request.messages for part in message.media):
            return self._answer(request, sink)
        clips = self._to_read(request.messages)
        return self._from_notes(request, clips, sink) if clips else self._at_a_glance(request, sink)

    def _long(self, part: MediaPart) -> bool:
        """Whether a part is a clip that takes more than one sheet."""
        return isinstance(part, VideoPart) and len(self._pieces(part)) > 1

    def _pieces(self, clip: VideoPart) -> list[Sheet]:
        return self._source.sheets(clip, CELLS, self._side)

    def _to_read(self, messages: Sequence[Message]) -> tuple[VideoPart, ...]:
        """The clips to take notes of: what was shown last, where that is clips alone and the question goes into it."""
        media = next((message.media for message in reversed(messages) if message.media), ())
        clips = tuple(part for part in media if isinstance(part, VideoPart))
        whole = len(clips) < len(media) or _OF_THE_WHOLE.search(messages[-1].text)
        return () if whole or not any(map(self._long, clips)) else clips

    def _at_a_glance(self, request: GenerationRequest, sink: EventSink) -> Finished:
        """Answer with every long clip shown as one sheet with all its frames."""
        shown: dict[VideoPart, Sheet] = {}

        def glance(part: Part) -> tuple[Part, ...]:
            if not isinstance(part, VideoPart) or not self._long(part):
                return (part,)
            shown[part] = self._source.sheets(part, part.frames, self._side)[0]
            return shown[part].part, TextPart(ONE_SHEET)

        finished = self._answer(replace(request, messages=_mapped(request.messages, glance)), sink)
        images = max(0, finished.usage.images - len(shown))
        frames = finished.usage.frames + sum(sheet.last + 1 for sheet in shown.values())
        return replace(finished, usage=replace(finished.usage, images=images, frames=frames))

    def _from_notes(self, request: GenerationRequest, clips: Sequence[VideoPart], sink: EventSink) -> Finished:
        began = time.perf_counter()
        asked = self._asked(request.messages, clips)
        spent: list[Finished] = []
        for number, (sheet, words) in enumerate(asked, 1):
            sink.check()
            sink.emit(Progress("looking through the clip", number, len(asked)))
            if (sheet.part, words) not in self._notes:
                spent.append(self._take_note(request.conversation_id, sheet, words, sink))
        reading = time.perf_counter() - began
        finished = self._answer(replace(request, messages=self._told(request.messages)), sink)
        usage = finished.usage
        return replace(
            finished,
            usage=replace(
                usage,
                prompt_tokens=usage.prompt_tokens + sum(each.usage.prompt_tokens for each in spent),
                reused_tokens=usage.reused_tokens + sum(each.usage.reused_tokens for each in spent),
                frames=usage.frames + sum(sheet.last - sheet.first + 1 for sheet, _ in asked),
                time_to_first_token=usage.time_to_first_token + reading,
                seconds=usage.seconds + reading,
            ),
        )

    def _asked(self, messages: Sequence[Message], clips: Sequence[VideoPart]) -> list[tuple[Sheet, str]]:
        """Pair each sheet of the clips with the question about it that serves the last of these messages."""
        sheets = [sheet for clip in clips for sheet in self._pieces(clip)]
        answer = next((message.text for message in reversed(messages) if message.role == "assistant"), "")
        before = _BEFORE.format(answer=answer[:_CONTEXT]) if answer else ""
        return [
            (
                sheet,
                _ASK.format(
                    start=clock(sheet.times[0]),
                    end=clock(sheet.times[1]),
                    number=number,
                    count=len(sheets),
                    before=before,
                    question=messages[-1].text.strip() or _NO_WORDS,
                ),
            )
            for number, sheet in enumerate(sheets, 1)
        ]

    def _take_note(self, conversation_id: str, sheet: Sheet, words: str, sink: EventSink) -> Finished:
        note = _Note(sink)
        alone = GenerationRequest(
            conversation_id,
            (Message("user", (sheet.part, TextPart(words))),),
            SamplingParams(max_new_tokens=NOTE_TOKENS, temperature=0.0),
            cache_key=f"{conversation_id} {sheet.part.media_id}",
        )
        finished = self._answer(alone, note)
        self._notes.put((sheet.part, words), " ".join(note.text.split()))
        return finished

    def _told(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """The conversation with words in place of its clips: before each question the notes taken for it."""
        told: list[Message] = []
        for end, message in enumerate(messages, 1):
            clips = self._to_read(messages[:end]) if message.role == "user" else ()
            lines = [
                f"[{clock(sheet.times[0])} to {clock(sheet.times[1])}] {note}"
                for sheet, words in self._asked(messages[:end], clips)
                if (note := self._notes.get((sheet.part, words))) is not None
            ]
            notes = (TextPart(_TELL.format(notes="\n".join(lines))),) if lines else ()
            kept = tuple(part for part in message.parts if not isinstance(part, VideoPart) or self._seen(part, clips))
            told.append(Message(message.role, (*notes, *kept) or (TextPart("[a video]"),)))
        return tuple(told)

    def _seen(self, clip: VideoPart, read: Sequence[VideoPart]) -> bool:
        """Whether a clip is still shown: a short one of which no notes were taken."""
        return clip not in read and not self._long(clip)


class _Note:
    """Collects the text of a note instead of sending it; the real sink can still cancel the work."""

    def __init__(self, sink: EventSink) -> None:
        self.text = ""
        self._sink = sink

    def emit(self, item: StreamEvent) -> None:
        """Keep a piece of text; drop every other event."""
        self.text += getattr(item, "text", "")

    def check(self) -> None:
        """Raise Cancelled if the real sink's reader has gone."""
        self._sink.check()


def _mapped(messages: Sequence[Message], change: Callable[[Part], tuple[Part, ...]]) -> tuple[Message, ...]:
    return tuple(
        Message(message.role, tuple(new for part in message.parts for new in change(part))) for message in messages
    )
