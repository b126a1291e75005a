"""Listens to the panel of results: reads results out of the answers, keeps corrections, and writes files.

What is shown comes from the history, like everything on the page; a browser posts only what was corrected.
"""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from backend.chat.results import Grounded, Kept, ground, results, shown_images
from backend.errors import GlimpseError, InputError
from backend.history import History, Turn
from backend.tasks.forms.json_text import named
from backend.tasks.forms.mathml import to_mathml
from backend.tasks.presets.latex import source as bare_latex
from backend.tasks.registry import tasks
from backend.tasks.result import Result
from backend.types import ImagePart
from ui.chat_events import owner
from ui.errors import readable
from ui.evidence import boxes, checked, first_image, links, names, rows_of, sentence
from ui.figure import Picture, figure, text
from ui.result_tables import ResultTable, Rows, corrected, files, sheet
from ui.safe_markdown import literal, neutralise

if TYPE_CHECKING:
    from backend.media.store import MediaStore


Updates = dict[str, Any]
"""Updates of the panel, by the names of `ui.results_panel.ResultPanel`; what is not named stays as it is."""

CUT = "This result was cut at the token limit; raise “Max new tokens” in the settings and press Retry."
BROKEN = "This answer is not in the form that was asked for."
_COMMENT = re.compile(r"(?<!\\)%[^\n]*")

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
        """The key that names it in the panel."""
        return f"{self.turn.id}-{self.number}"

    @property
    def cut(self) -> bool:
        """Whether the token limit cut it, so that it cannot be corrected."""
        return self.turn.finish_reason == "length" and not self.result.whole


class ResultsEvents:
    """The panel's listeners. `folder` has a conversation's downloads; `kept` returns the text read on an image."""

    def __init__(
        self, history: History, store: "MediaStore", folder: Callable[[str], Path], kept: Kept = lambda _media_id: None
    ) -> None:
        self._history = history
        self._store = store
        self._folder = folder
        self._kept = kept

    def show(self, request: gr.Request, current: str, evidence: bool = False, before: str = "") -> Updates:
        """Show the results of a conversation, the latest chosen; the panel opens where the last answer has one.

        Without any there is a button for the text on the images, if some was read. That text stays if it was shown
        (`before`) until an answer with a result comes.
        """
        turns = self._turns(current, owner(request))
        found = _results(current, turns)
        read = bool(self._read(turns))
        if before == TEXT and read and not (found and found[-1].turn is turns[-1]):
            return {"bar": gr.Sidebar(visible=True), **self._text(turns, found)}
        if not found:
            return {"bar": gr.Sidebar(visible=False, open=False), "opener": gr.Button(visible=read), "chosen": ""}
        chosen = next(one for one in found if one.turn is found[-1].turn)
        return {"bar": gr.Sidebar(visible=True, open=True), **self._painted(turns, found, chosen, evidence)}

    def pick(self, request: gr.Request, current: str, key: str, evidence: bool = False) -> Updates:
        """Show another result of the conversation, or the text on its images."""
        turns = self._turns(current, owner(request))
        found = _results(current, turns)
        if key == TEXT:
            return self._text(turns, found)
        return self._painted(turns, found, _chosen(found, key), evidence)

    def read(self, request: gr.Request, current: str) -> Updates:
        """Open the panel with the text on the images of the conversation."""
        turns = self._turns(current, owner(request))
        return {"bar": gr.Sidebar(visible=True, open=True), **self._text(turns, _results(current, turns))}

    def correct(
        self, request: gr.Request, current: str, key: str, fields: Rows, items: Rows, evidence: bool = False
    ) -> Updates:
        """Keep a person's corrections of a result, check it anew, and write its downloads anew.

        What a field cannot have changes nothing: the tables go back, and the note says why.
        """
        found = _chosen(_results(current, self._turns(current, owner(request))), key)
        try:
            source = corrected(found.result, _strings(fields), _strings(items), _schema(found)).source
        except InputError as error:
            one = self._ground(found)
            shown = checked(_sheet(one), one)
            said = "\n\n".join(filter(None, (_failed(str(error)), _note(found))))
            return {"note": said, "fields": shown.fields, "items": shown.items}
        fixed = self._keep(found, source, owner(request))
        one = self._ground(fixed)
        shown = checked(_sheet(one), one)
        return {
            "figure": self._figure(one),
            "note": _note(replace(fixed, result=one.result)),
            "fields": shown.fields,
            "items": shown.items,
            "source": one.result.source,
            **self._files(fixed, one, evidence),
        }

    def write(self, request: gr.Request, current: str, key: str, evidence: bool) -> Updates:
        """Write the downloads, with the evidence or without."""
        found = _chosen(_results(current, self._turns(current, owner(request))), key)
        return self._files(found, self._ground(found), evidence)

    def typeset(self, request: gr.Request, current: str, key: str | None, latex: str) -> Updates:
        """Typeset a formula; returns the note about it, how it looks, and its MathML. A note that it was cut stays.

        One that a person changed is kept where it can be typeset. This is called for an unchanged one, too.
        """
        latex = bare_latex(latex)
        shown = _set(latex)
        found = next((one for one in _results(current, self._turns(current, owner(request))) if one.key == key), None)
        if (
            shown["mathml"]
            and found
            and not found.cut
            and found.result.kind == "latex"
            and latex != found.result.source
        ):
            self._keep(found, latex, owner(request))
        return shown | ({"note": _failed(CUT)} if found and found.cut else {})

    def _keep(self, found: Found, source: str, name: str) -> Found:
        """Keep a corrected result, and return it checked; one that equals the model's own is no correction."""
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
        """List the images of a conversation on which text was read, each once."""
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
        """Draw the images of a result with boxes; one that is not kept any more is left out where it is the last."""
        drawn = boxes(found)
        pictures = [picture for part in found.sources if (picture := self._picture(part))]
        if len(pictures) < len(found.sources):
            drawn, pictures = (), pictures[-1:]
        return figure(
            pictures, drawn, first=first_image(drawn, len(pictures)), said=sentence(found), links=links(found)
        )

    def _picker(self, turns: Sequence[Turn], found: Sequence[Found], key: str) -> gr.Radio:
        titles = [(f"{tasks()[one.turn.task].title} {at}", one.key) for at, one in enumerate(found, 1)]
        if self._read(turns):
            titles.append(("Text", TEXT))
        return gr.Radio(choices=titles, value=key, visible=len(titles) > 1)

    def _painted(self, turns: Sequence[Turn], found: Sequence[Found], chosen: Found, evidence: bool) -> Updates:
        one = self._ground(chosen)
        formula = one.result.kind == "latex"
        head = {
            "opener": gr.Button(visible=False),
            "picker": self._picker(turns, found, chosen.key),
            "figure": self._figure(one),
            "tables": gr.Column(visible=not formula),
            "formulas": gr.Column(visible=formula),
            "text": gr.Markdown("", visible=False),
            "chosen": chosen.key,
        }
        if formula:
            said = {} if one.result.whole else {"note": _note(replace(chosen, result=one.result))}
            return head | _set(one.result.source) | {"latex": one.result.source} | said
        return {
            **head,
            "note": _note(replace(chosen, result=one.result)),
            **_tables(checked(_sheet(one), one)),
            **self._files(chosen, one, evidence),
            "evidence": gr.Checkbox(visible=bool(one.evidence)),
            "source": one.result.source,
        }

    def _text(self, turns: Sequence[Turn], found: Sequence[Found]) -> Updates:
        pages = [(picture, page) for part in self._read(turns)
                 if (picture := self._picture(part)) and (page := self._kept(part.media_id))]  # fmt: skip
        lines = rows_of([(number, page) for number, (_, page) in enumerate(pages)])
        last = max(0, len(pages) - 1)
        return {
            "opener": gr.Button(visible=False),
            "picker": self._picker(turns, found, TEXT),
            "figure": figure([picture for picture, _ in pages], lines, first=last),
            "note": "",
            "tables": gr.Column(visible=False),
            "formulas": gr.Column(visible=False),
            "text": gr.Markdown(text(lines, len(pages), first=last), visible=True),
            "chosen": TEXT,
        }

    def _files(self, found: Found, one: Grounded, evidence: bool) -> Updates:
        """Write a result's downloads, each in a folder of its own, so that the file has a name that a person knows."""
        if not one.result.whole:
            return dict.fromkeys(("json", "csv", "xlsx"), gr.DownloadButton(visible=False))
        contents = files(one, evidence=evidence)
        return {suffix: self._file(found, suffix, content) for suffix, content in contents.items()}

    def _file(self, found: Found, suffix: str, content: bytes | None) -> gr.DownloadButton:
        if content is None:
            return gr.DownloadButton(visible=False)
        folder = self._folder(found.conversation) / hashlib.sha256(content).hexdigest()
        path = folder / f"{found.turn.task}.{suffix}"
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


def _sheet(one: Grounded) -> ResultTable:
    """The tables of a result; in their check column the doubts that do not say where a value stands."""
    return sheet(replace(one.result, doubts=one.own_doubts)) if one.result.whole else ResultTable([])


def _tables(shown: ResultTable) -> Updates:
    fields = gr.Dataframe(
        value=shown.fields,
        visible=bool(shown.fields),
        static_columns=[0, 1, 2] if shown.fixed else [0, 2],
        column_widths=["34%", "42%", "24%"],
    )
    items = gr.Dataframe(
        value=shown.items,
        headers=list(shown.columns) or [""],
        column_count=max(1, len(shown.columns)),
        visible=bool(shown.columns),
        static_columns=[len(shown.columns) - 1] if shown.checked else [],
    )
    return {"fields": fields, "items": items}


def _schema(found: Found) -> Any:
    """The schema that an answer was held to; None for other answers."""
    try:
        held = tasks()[found.turn.task].grammar(found.turn.user.text)
    except InputError:
        return None
    return json.loads(held.text) if held and held.kind == "json" else None


def _set(latex: str) -> Updates:
    # On one line, where a comment would hide the rest.
    bare = " ".join(_COMMENT.sub("", latex).split())
    formula = neutralise(f"\\[{bare}\\]") if bare else ""
    try:
        return {"note": "", "formula": formula, "mathml": to_mathml(latex)}
    except InputError as error:
        told = {"note": literal(str(error)), "mathml": ""}
        return told if latex.strip() else {**told, "formula": formula}


def _note(found: Found) -> str:
    result = found.result
    if not result.whole:
        return _failed(CUT if found.cut and result.source.strip() else BROKEN)
    called, doubts = names(result), dict[str, list[str]]()
    for doubt in result.doubts:
        doubts.setdefault(doubt.path, []).append(doubt.why)
    lines = [
        f"- **{literal(called(path) or 'all of it')}**: {literal('; '.join(why))}" for path, why in doubts.items()
    ]
    if len(lines) > LISTED:
        lines[LISTED:] = [f"- and {len(lines) - LISTED} more, marked in the table"]
    said = "\n".join(["Look at these again:", "", *lines]) if lines else ""
    reread = ", ".join(literal(named(path)) for path in result.reread)
    return "\n\n".join(filter(None, (said, f"Read a second time at higher resolution: {reread}." if reread else "")))


def _failed(sentence: str) -> str:
    return f'<span class="failure">{literal(sentence)}</span>'


def _strings(table: Sequence[Sequence[object]]) -> Rows:
    return [["" if cell is None else str(cell) for cell in row] for row in table]
