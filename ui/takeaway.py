"""What the panel of results shows and does: reads them out of the answers, keeps corrections, and writes files.

What is shown comes from the history, like everything on the page; a browser posts only what was corrected.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from backend.chat.grounds import Grounded, Kept, ground, shown_images
from backend.chat.results import results
from backend.errors import GlimpseError, InputError
from backend.history import History, Turn
from backend.tasks.json_text import named
from backend.tasks.mathml import to_mathml
from backend.tasks.registry import tasks
from backend.tasks.result import Result
from backend.types import ImagePart
from ui.errors import readable
from ui.evidence import boxes, checked, first_image, links, names, rows_of, sentence
from ui.figure import Picture, figure, text
from ui.markdown import literal, neutralise
from ui.sheet import Rows, Sheet, corrected, files, sheet
from ui.wiring import owner

if TYPE_CHECKING:
    from backend.media.store import MediaStore

Updates = list[Any]

CUT = "This result was cut at the token limit; raise “New tokens” in the settings and press Retry."
BROKEN = "This answer is not in the form that was asked for."
LISTED = 12  # doubts in the note, at most
TEXT = "text"
"""What names the text on the images in the panel, among the results."""


@dataclass(frozen=True, slots=True)
class Found:
    """A result of a conversation: in which turn it is, its name in the panel, and the images of that turn."""

    conversation: str
    turn: Turn
    number: int
    result: Result
    images: tuple[ImagePart, ...]

    @property
    def key(self) -> str:
        """What names it in the panel."""
        return f"{self.turn.id}-{self.number}"

    @property
    def cut(self) -> bool:
        """Whether the token limit cut it, so that it cannot be corrected."""
        return self.turn.finish_reason == "length" and not self.result.whole


class Takeaway:
    """The listeners of the panel. `kept` has what was read on an image."""

    def __init__(
        self, history: History, store: "MediaStore", folder: Path, kept: Kept = lambda _media_id: None
    ) -> None:
        self._history = history
        self._store = store
        self._folder = folder
        self._kept = kept

    def show(self, request: gr.Request, current: str, evidence: bool = False, before: str = "") -> Updates:
        """The results of a conversation, the latest chosen; the panel opens where the last answer has one.

        Without any there is a button for the text on the images, if some was read. Who reads that text (`before` is
        what was shown) goes on with it until an answer with a result comes.
        """
        turns = self._turns(current, owner(request))
        found = _results(current, turns)
        read = bool(self._read(turns))
        if before == TEXT and read and not (found and found[-1].turn is turns[-1]):
            return [gr.Sidebar(visible=True), *self._text(turns, found)]
        if not found:
            return [gr.Sidebar(visible=False, open=False), gr.Button(visible=read), *_nothing(16), ""]
        chosen = next(one for one in found if one.turn is found[-1].turn)
        return [gr.Sidebar(visible=True, open=True), *self._painted(turns, found, chosen, evidence)]

    def pick(self, request: gr.Request, current: str, key: str, evidence: bool = False) -> Updates:
        """Another result of the conversation, or the text on its images."""
        turns = self._turns(current, owner(request))
        found = _results(current, turns)
        if key == TEXT:
            return [gr.skip(), *self._text(turns, found)]
        return [gr.skip(), *self._painted(turns, found, _chosen(found, key), evidence)]

    def read(self, request: gr.Request, current: str) -> Updates:
        """The panel, opened with the text on the images of the conversation."""
        turns = self._turns(current, owner(request))
        return [gr.Sidebar(visible=True, open=True), *self._text(turns, _results(current, turns))]

    def correct(
        self, request: gr.Request, current: str, key: str, fields: Rows, items: Rows, evidence: bool = False
    ) -> Updates:
        """The result with a person's corrections: kept, checked anew, and written anew for the downloads."""
        found = _chosen(_results(current, self._turns(current, owner(request))), key)
        fixed = self._keep(found, corrected(found.result, _strings(fields), _strings(items)).source, owner(request))
        one = self._ground(fixed)
        shown = checked(_sheet(one), one)
        return [
            self._figure(one), _note(one.result), shown.fields, shown.items,
            *self._files(fixed, one, evidence), one.result.source,
        ]  # fmt: skip

    def write(self, request: gr.Request, current: str, key: str, evidence: bool) -> Updates:
        """The downloads, with the evidence or without."""
        found = _chosen(_results(current, self._turns(current, owner(request))), key)
        return [*self._files(found, self._ground(found), evidence)]

    def typeset(self, request: gr.Request, current: str, key: str | None, latex: str, note: str) -> Updates:
        """What is to be said of a formula, how it looks, and its MathML; that it was cut stays said.

        One that a person changed is kept where it can be set. This is called for one that was not, too.
        """
        said, formula, mathml = _set(latex)
        found = next((one for one in _results(current, self._turns(current, owner(request))) if one.key == key), None)
        if mathml and found and not found.cut and found.result.kind == "latex" and latex != found.result.source:
            self._keep(found, latex, owner(request))
        return [note if note == _failed(CUT) else said, formula, mathml]

    def _keep(self, found: Found, source: str, name: str) -> Found:
        """Keep a result as it was corrected, and return it checked; what is as the model wrote it is no correction."""
        bare = results(replace(found.turn, corrections={}))[found.number]
        correction = None if source == bare.source else source
        with readable():
            self._history.correct(found.conversation, found.turn.id, found.number, correction, name)
        return _chosen(_results(found.conversation, self._turns(found.conversation, name)), found.key)

    def _turns(self, conversation: str, name: str) -> list[Turn]:
        try:
            return self._history.turns(conversation, name) if conversation else []
        except GlimpseError:
            return []

    def _ground(self, found: Found) -> Grounded:
        return ground(found.turn, found.number, found.images, self._kept)

    def _read(self, turns: Sequence[Turn]) -> tuple[ImagePart, ...]:
        """The images of a conversation on which text was read, each once."""
        images = dict.fromkeys(part for turn in turns for part in turn.media if isinstance(part, ImagePart))
        return tuple(part for part in images if (page := self._kept(part.media_id)) and page.lines)

    def _picture(self, part: ImagePart) -> Picture | None:
        try:
            path = self._store.preview(part)
        except GlimpseError:
            return None
        page = self._kept(part.media_id)
        return Picture(path, (page.width, page.height) if page else None)

    def _figure(self, found: Grounded) -> str:
        """The images of a result with their boxes; one that is not kept any more is left out where it is the last."""
        drawn = boxes(found)
        pictures = [picture for part in found.sources if (picture := self._picture(part))]
        if len(pictures) < len(found.sources):
            drawn, pictures = (), pictures[-1:]
        return figure(
            pictures, drawn, first=first_image(drawn, len(pictures)), said=sentence(found), links=links(found)
        )

    def _picker(self, turns: Sequence[Turn], found: Sequence[Found], key: str) -> gr.Radio:
        titles = [(f"{tasks()[one.turn.task].title} {at}", one.key) for at, one in enumerate(found, 1)]
        titles += [("Text", TEXT)] * bool(self._read(turns))
        return gr.Radio(choices=titles, value=key, visible=len(titles) > 1)

    def _painted(self, turns: Sequence[Turn], found: Sequence[Found], chosen: Found, evidence: bool) -> Updates:
        one = self._ground(chosen)
        head = [gr.Button(visible=False), self._picker(turns, found, chosen.key), self._figure(one)]
        if one.result.kind == "latex":
            note, formula, mathml = _set(one.result.source)
            note = note if one.result.whole else _note(one.result)
            return [*head, note, gr.Column(visible=False), *_nothing(7), gr.Column(visible=True),
                    formula, one.result.source, mathml, _no_text(), chosen.key]  # fmt: skip
        shown = checked(_sheet(one), one)
        return [*head, _note(one.result), gr.Column(visible=True), *_tables(shown),
                *self._files(chosen, one, evidence), gr.Checkbox(visible=bool(one.evidence)), one.result.source,
                gr.Column(visible=False), *_nothing(3), _no_text(), chosen.key]  # fmt: skip

    def _text(self, turns: Sequence[Turn], found: Sequence[Found]) -> Updates:
        pages = [(picture, page) for part in self._read(turns)
                 if (picture := self._picture(part)) and (page := self._kept(part.media_id))]  # fmt: skip
        lines = rows_of([(number, page) for number, (_, page) in enumerate(pages)])
        last = max(0, len(pages) - 1)
        return [
            gr.Button(visible=False), self._picker(turns, found, TEXT),
            figure([picture for picture, _ in pages], lines, first=last), "",
            gr.Column(visible=False), *_nothing(7), gr.Column(visible=False), *_nothing(3),
            gr.Markdown(text(lines, len(pages), first=last), visible=True), TEXT,
        ]  # fmt: skip

    def _files(self, found: Found, one: Grounded, evidence: bool) -> list[gr.DownloadButton]:
        """The downloads of a result, each in a folder of its own, so that the file has a name that a person knows."""
        if not one.result.whole:
            return [gr.DownloadButton(visible=False)] * 3
        contents = files(one, evidence=evidence)
        return [self._file(f"{found.turn.task}.{suffix}", content) for suffix, content in contents.items()]

    def _file(self, name: str, content: bytes | None) -> gr.DownloadButton:
        if content is None:
            return gr.DownloadButton(visible=False)
        path = self._folder / hashlib.sha256(content).hexdigest() / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return gr.DownloadButton(value=str(path), visible=True)


def _results(conversation: str, turns: Sequence[Turn]) -> list[Found]:
    """The results of a conversation, each with the images that its preset read."""
    return [
        Found(conversation, turn, at, one, shown_images(turns[:number]))
        for number, turn in enumerate(turns, 1)
        for at, one in enumerate(results(turn))
    ]


def _chosen(found: Sequence[Found], key: str) -> Found:
    with readable():
        for one in found:
            if one.key == key:
                return one
        raise InputError("This result is not in the conversation any more; reload the page.")


def _sheet(one: Grounded) -> Sheet:
    """The tables of a result; in their check column the doubts that do not say where a value stands."""
    return sheet(replace(one.result, doubts=one.own_doubts)) if one.result.whole else Sheet([])


def _tables(shown: Sheet) -> Updates:
    fields = gr.Dataframe(
        value=shown.fields, visible=bool(shown.fields), static_columns=[0, 2], column_widths=["34%", "42%", "24%"]
    )
    items = gr.Dataframe(
        value=shown.items,
        headers=list(shown.columns) or [""],
        column_count=max(1, len(shown.columns)),
        visible=bool(shown.columns),
        static_columns=[len(shown.columns) - 1] if shown.checked else [],
    )
    return [fields, items]


def _no_text() -> gr.Markdown:
    return gr.Markdown("", visible=False)


def _set(latex: str) -> Updates:
    formula = neutralise(f"\\[{' '.join(latex.split())}\\]") if latex.strip() else ""
    try:
        return ["", formula, to_mathml(latex)]
    except InputError as error:
        return [literal(str(error)), formula if not latex.strip() else gr.skip(), ""]


def _note(result: Result) -> str:
    if not result.whole:
        return _failed(CUT if result.source.strip() else BROKEN)
    called, doubts = names(result), dict[str, list[str]]()
    for doubt in result.doubts:
        doubts.setdefault(doubt.path, []).append(doubt.why)
    lines = [
        f"- **{literal(called(path) or 'all of it')}**: {literal('; '.join(why))}" for path, why in doubts.items()
    ]
    if len(lines) > LISTED:
        lines[LISTED:] = [f"- and {len(lines) - LISTED} more, marked in the table"]
    said = "\n".join(["Look at these again:", "", *lines]) if lines else ""
    again = ", ".join(literal(named(path)) for path in result.again)
    return "\n\n".join(filter(None, (said, f"Read twice, the second time closer: {again}." if again else "")))


def _failed(sentence: str) -> str:
    return f'<span class="failure">{literal(sentence)}</span>'


def _strings(table: Sequence[Sequence[object]]) -> Rows:
    return [["" if cell is None else str(cell) for cell in row] for row in table]


def _nothing(count: int) -> Updates:
    return [gr.skip()] * count
