"""What the panel of results shows and does: reads them out of the answers, keeps corrections, and writes files.

What is shown comes from the history, like everything on the page; a browser posts only what was corrected.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from backend.chat.results import results
from backend.errors import GlimpseError, InputError
from backend.history import History, Turn
from backend.tasks.export import to_csv, to_xlsx
from backend.tasks.json_text import named
from backend.tasks.mathml import to_mathml
from backend.tasks.registry import tasks
from backend.tasks.result import Result
from backend.types import ImagePart
from ui.errors import readable
from ui.markdown import literal, neutralise
from ui.sheet import CHECK, Rows, Sheet, corrected, rows, sheet
from ui.wiring import owner

if TYPE_CHECKING:
    from backend.media.store import MediaStore

Updates = list[Any]

CUT = "This result was cut at the token limit; raise “New tokens” in the settings and press Retry."
BROKEN = "This answer is not in the form that was asked for."


@dataclass(frozen=True, slots=True)
class Found:
    """A result of a conversation: in which turn it is, its name in the panel, and the image that it was read from."""

    conversation: str
    turn: Turn
    number: int
    result: Result
    image: Path | None

    @property
    def key(self) -> str:
        """What names it in the panel."""
        return f"{self.turn.id}-{self.number}"

    @property
    def cut(self) -> bool:
        """Whether the token limit cut it, so that it cannot be corrected."""
        return self.turn.finish_reason == "length" and not self.result.whole


class Takeaway:
    """The listeners of the panel."""

    def __init__(self, history: History, store: "MediaStore", folder: Path) -> None:
        self._history = history
        self._store = store
        self._folder = folder

    def show(self, request: gr.Request, current: str) -> Updates:
        """The results of a conversation, the latest chosen; the panel opens where the last answer has one."""
        found = self._found(current, owner(request))
        if not found:
            return [gr.Sidebar(visible=False, open=False), *_nothing(14)]
        chosen = next(one for one in found if one.turn is found[-1].turn)
        return [gr.Sidebar(visible=True, open=True), *self._painted(found, chosen)]

    def pick(self, request: gr.Request, current: str, key: str) -> Updates:
        """Another result of the conversation."""
        found = self._found(current, owner(request))
        return [gr.skip(), *self._painted(found, _chosen(found, key))]

    def correct(self, request: gr.Request, current: str, key: str, fields: Rows, items: Rows) -> Updates:
        """The result with a person's corrections: kept, checked anew, and written anew for the downloads."""
        found = _chosen(self._found(current, owner(request)), key)
        fixed = self._keep(found, corrected(found.result, _strings(fields), _strings(items)).source, owner(request))
        shown = sheet(fixed)
        return [_note(fixed), shown.fields, shown.items, fixed.source, *self._files(found, fixed)]

    def typeset(self, request: gr.Request, current: str, key: str | None, latex: str, note: str) -> Updates:
        """What is to be said of a formula, how it looks, and its MathML; that it was cut stays said.

        One that a person changed is kept where it can be set. This is called for one that was not, too.
        """
        said, formula, mathml = _set(latex)
        found = next((one for one in self._found(current, owner(request)) if one.key == key), None)
        if mathml and found and not found.cut and found.result.kind == "latex" and latex != found.result.source:
            self._keep(found, latex, owner(request))
        return [note if note == _failed(CUT) else said, formula, mathml]

    def _keep(self, found: Found, source: str, name: str) -> Result:
        """Keep a result as it was corrected, and return it checked; what is as the model wrote it is no correction."""
        bare = results(replace(found.turn, corrections={}))[found.number]
        correction = None if source == bare.source else source
        with readable():
            self._history.correct(found.conversation, found.turn.id, found.number, correction, name)
        return _chosen(self._found(found.conversation, name), found.key).result

    def _found(self, conversation: str, name: str) -> list[Found]:
        try:
            turns = self._history.turns(conversation, name) if conversation else []
        except GlimpseError:
            return []
        images: list[Path | None] = []
        found = []
        for turn in turns:
            images = [self._picture(part) for part in turn.media if isinstance(part, ImagePart)] or images[-1:]
            own = results(turn)
            matching = images if len(images) == len(own) else (images[-1:] or [None]) * len(own)
            found += [Found(conversation, turn, at, one, matching[at]) for at, one in enumerate(own)]
        return found

    def _picture(self, part: ImagePart) -> Path | None:
        try:
            return self._store.preview(part)
        except GlimpseError:
            return None

    def _painted(self, found: Sequence[Found], chosen: Found) -> Updates:
        names = [(f"{tasks()[one.turn.task].title} {at}", one.key) for at, one in enumerate(found, 1)]
        result, image = chosen.result, str(chosen.image) if chosen.image else None
        picker = gr.Radio(choices=names, value=chosen.key, visible=len(found) > 1)
        head = [picker, gr.Image(value=image, visible=image is not None)]
        if result.kind == "latex":
            note, formula, mathml = _set(result.source)
            note = note if result.whole else _note(result)
            return [*head, note, gr.Column(visible=False), *_nothing(6), gr.Column(visible=True),
                    formula, result.source, mathml]  # fmt: skip
        shown = sheet(result) if result.whole else Sheet([])
        return [*head, _note(result), gr.Column(visible=True), *_tables(shown), result.source,
                *self._files(chosen, result), gr.Column(visible=False), *_nothing(3)]  # fmt: skip

    def _files(self, found: Found, result: Result) -> list[gr.DownloadButton]:
        """The downloads of a result, each in a folder of its own, so that the file has a name that a person knows."""
        if not result.whole:
            return [gr.DownloadButton(visible=False)] * 3
        contents = {
            "json": result.source.encode() if result.kind == "json" else None,
            "csv": b"\xef\xbb\xbf" + to_csv(rows(result)).encode(),
            "xlsx": to_xlsx(rows(result, numbers=True)),
        }
        return [self._file(f"{found.turn.task}.{suffix}", content) for suffix, content in contents.items()]

    def _file(self, name: str, content: bytes | None) -> gr.DownloadButton:
        if content is None:
            return gr.DownloadButton(visible=False)
        path = self._folder / hashlib.sha256(content).hexdigest() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return gr.DownloadButton(value=str(path), visible=True)


def _chosen(found: Sequence[Found], key: str) -> Found:
    with readable():
        for one in found:
            if one.key == key:
                return one
        raise InputError("This result is not in the conversation any more; reload the page.")


def _tables(shown: Sheet) -> Updates:
    fields = gr.Dataframe(
        value=shown.fields, visible=bool(shown.fields), static_columns=[0, 2], column_widths=["38%", "52%", "10%"]
    )
    static = [len(shown.columns) - 1] if shown.columns[-1:] == (CHECK,) else []
    items = gr.Dataframe(
        value=shown.items,
        headers=list(shown.columns) or [""],
        column_count=max(1, len(shown.columns)),
        visible=bool(shown.columns),
        static_columns=static,
    )
    return [fields, items]


def _set(latex: str) -> Updates:
    formula = neutralise(f"\\[{' '.join(latex.split())}\\]") if latex.strip() else ""
    try:
        return ["", formula, to_mathml(latex)]
    except InputError as error:
        return [literal(str(error)), formula if not latex.strip() else gr.skip(), ""]


def _note(result: Result) -> str:
    if not result.whole:
        return _failed(CUT if result.source.strip() else BROKEN)
    lines = [f"- **{literal(named(doubt.path) or 'all of it')}**: {literal(doubt.why)}" for doubt in result.doubts]
    said = "\n".join(["Look at these again:", "", *lines]) if lines else ""
    again = ", ".join(literal(named(path)) for path in result.again)
    return "\n\n".join(filter(None, (said, f"Read twice, the second time closer: {again}." if again else "")))


def _failed(sentence: str) -> str:
    return f'<span class="failure">{literal(sentence)}</span>'


def _strings(table: Sequence[Sequence[object]]) -> Rows:
    return [["" if cell is None else str(cell) for cell in row] for row in table]


def _nothing(count: int) -> Updates:
    return [gr.skip()] * count
