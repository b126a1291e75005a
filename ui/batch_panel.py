"""Builds the panel for many files, in the place of the chat: a table fills row by row and can be downloaded.

Nothing is kept but the files to download: what was dropped and answered here is in no conversation.
"""

import asyncio
import logging
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
from cachetools import LRUCache

from backend.batch.command import spoken, time_left
from backend.batch.files import Source, kind_of
from backend.batch.rows import FileRow, table
from backend.batch.run import Batch
from backend.chat.one_shot import OneShot
from backend.engine.engine import Engine
from backend.errors import GlimpseError, InputError
from backend.media.pages import PageReader
from backend.tasks.forms.export import Cell, to_csv, to_xlsx
from backend.tasks.registry import find_task, tasks
from backend.types import Progress
from ui import render
from ui.chat_events import TABS, Session, Updates, session
from ui.chat_verbs import UNEXPECTED
from ui.chat_view import FILE_TYPES
from ui.convert import read_file
from ui.errors import readable
from ui.safe_markdown import literal
from ui.sidebar import Sidebar
from ui.throttle import throttled

log = logging.getLogger(__name__)

MOST = 100  # files; the command line takes any number
_HINT = "Drop up to 100 pictures, clips or PDFs and choose what is asked of each."
_HIDDEN = ("error", "finish_reason", "model")


@dataclass(frozen=True, slots=True)
class BatchPanel:
    """The components, from top to bottom."""

    column: gr.Column
    back: gr.Button
    files: gr.File
    preset: gr.Dropdown
    start: gr.Button
    stop: gr.Button
    line: gr.Markdown
    table: gr.Markdown
    downloads: tuple[gr.DownloadButton, gr.DownloadButton, gr.DownloadButton]

    @property
    def shown(self) -> list[Any]:
        """The components that a run changes."""
        return [self.line, self.table, self.start, self.stop, *self.downloads]


@dataclass(slots=True)
class _Run:
    """One run: its rows, their times, and whether it shall end."""

    batch: Batch
    rows: list[FileRow] = field(default_factory=list)
    times: list[float] = field(default_factory=lambda: [time.monotonic()])
    note: str = ""
    stopped: bool = False

    def line(self) -> str:
        """Say how far the run is."""
        left = time_left(self.times, self.batch.total - len(self.rows))
        pieces = [f"**{len(self.rows)} of {self.batch.total}**"]
        if left is not None:
            pieces.append(f"{spoken(left)} left")
        if self.note and not self.rows:
            pieces.append(literal(self.note))
        return " · ".join(pieces)

    def end(self) -> str:
        """Say how the run ended."""
        errors = sum(row.error is not None for row in self.rows)
        pieces = [f"**{len(self.rows) - errors} answered**"]
        if errors:
            pieces.append(f"{errors} with an error")
        if self.stopped:
            pieces.append(f"stopped before the last {self.batch.total - len(self.rows)}")
        return " · ".join(pieces)


class Runs:
    """The panel's listeners; a tab has one run at a time."""

    def __init__(self, once: OneShot, engine: Engine, pages: PageReader, frames: int, folder: Path) -> None:
        self._once = once
        self._engine = engine
        self._pages = pages
        self._frames = frames
        self._folder = folder
        self._runs: LRUCache[Session, _Run] = LRUCache(TABS)

    async def start(self, request: gr.Request, posted: object, preset: str) -> AsyncGenerator[Updates]:
        """Ask the preset of every file, and show each row as it comes."""
        with readable():
            find_task(preset)
            sources = await asyncio.to_thread(read_sources, posted)
        run = _Run(Batch(self._once, self._engine, self._pages, preset, video_frames=self._frames))
        self._runs[session(request)] = run
        error = ""
        yield _running(run, fresh=True)
        try:
            async with aclosing(throttled(run.batch.rows(sources, tell=lambda _, each: _note(run, each)))) as batches:
                async for rows in batches:
                    run.rows += rows
                    run.times += [time.monotonic()] * len(rows)
                    yield _running(run, fresh=bool(rows))
                    if run.stopped:
                        break
        except GlimpseError as failed:
            error = str(failed)
        except Exception:
            log.exception("a run over many files failed")
            error = UNEXPECTED
        yield await asyncio.to_thread(self._ended, run, error)

    async def stop(self, request: gr.Request) -> None:
        """End the tab's run after what it shows now."""
        if run := self._runs.get(session(request)):
            run.stopped = True

    def forget(self, request: gr.Request) -> None:
        """Forget the run of a tab that was closed."""
        self._runs.pop(session(request), None)

    def _ended(self, run: _Run, error: str) -> Updates:
        line = f"{run.end()}\n\n{render.failure(error)}" if error else run.end()
        files = self._written(run.rows) if run.rows else (None,) * 3
        buttons = [gr.DownloadButton(value=path, visible=path is not None) for path in files]
        return line, _cells(run.rows), gr.Button(visible=True), gr.Button(visible=False), *buttons

    def _written(self, rows: Sequence[FileRow]) -> tuple[str, str, str]:
        """Write the results to files that the page may serve."""
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        cells = table(rows)
        contents = {
            "results.csv": to_csv(cells).encode("utf-8-sig"),  # the mark tells Excel what it is
            "results.xlsx": to_xlsx(cells),
            "results.jsonl": "".join(f"{row.dump()}\n" for row in rows).encode(errors="replace"),
        }
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        csv, xlsx, lines = (str(folder / name) for name in contents)
        return csv, xlsx, lines


def read_sources(posted: object) -> list[Source]:
    """List the files that a browser sent, under distinct names; those that no preset reads are kept, for a row each.

    Raises:
        InputError: there is none, or more than a hundred.
    """
    found = [read_file(each) for each in posted] if isinstance(posted, list) else []
    paths = [path for path in found if path is not None]
    if not paths:
        raise InputError("Drop some pictures, clips or PDFs first.")
    if len(paths) > MOST:
        raise InputError(f"Drop at most {MOST} files at once, not {len(paths)}; glimpse batch takes a whole folder.")
    seen: Counter[str] = Counter()
    sources = []
    for path in paths:
        seen[path.name] += 1
        name = f"{path.name} ({seen[path.name]})" if seen[path.name] > 1 else path.name
        sources.append(Source(path, name, kind_of(path) or "image"))
    return sources


def build_panel() -> BatchPanel:
    """Build the panel, hidden until it is asked for."""
    named = [(task.title, task.name) for task in tasks().values() if task.prompt]
    with gr.Column(visible=False, elem_id="batch") as column:
        with gr.Row(elem_id="batch-head"):
            gr.Markdown(f"## Many files at once\n\n{_HINT}")
            back = gr.Button("Back to the chat", size="sm", min_width=120, elem_id="batch-back")
        files = gr.File(
            label="Files",
            show_label=False,
            file_count="multiple",
            file_types=FILE_TYPES,
            height=170,
            elem_id="batch-files",
        )
        with gr.Row(elem_id="batch-actions"):
            preset = gr.Dropdown(named, value="caption", label="Preset", show_label=False, container=False)
            start = gr.Button("Start", variant="primary", min_width=90, elem_id="batch-start")
            stop = gr.Button("Stop", variant="stop", min_width=90, visible=False, elem_id="batch-stop")
        # Beside how it went, not below a long table.
        with gr.Row(elem_id="batch-end"):
            line = gr.Markdown(latex_delimiters=[], elem_id="batch-line")
            csv, xlsx, lines = (
                gr.DownloadButton(f"↓ {form}", visible=False, size="sm", min_width=60, scale=0)
                for form in ("CSV", "Excel", "JSON lines")
            )
        rows = gr.Markdown(visible=False, latex_delimiters=[], elem_id="batch-table")
    return BatchPanel(column, back, files, preset, start, stop, line, rows, (csv, xlsx, lines))


def wire_panel(panel: BatchPanel, side: Sidebar, runs: Runs, quick: dict[str, Any]) -> None:
    """Wire the panel: it opens from the side bar, and closes when anything else is opened there."""
    side.many.click(lambda: gr.Column(visible=True), None, panel.column, queue=False, **quick)
    away = [panel.back.click, side.new.click, side.listing.select]
    gr.on(away, lambda: gr.Column(visible=False), None, panel.column, queue=False, **quick)
    panel.start.click(runs.start, [panel.files, panel.preset], panel.shown, **quick)
    panel.stop.click(runs.stop, None, None, queue=False, **quick)


def _note(run: _Run, progress: Progress) -> None:
    run.note = progress.stage


def _running(run: _Run, *, fresh: bool) -> Updates:
    rows = _cells(run.rows) if fresh else gr.skip()
    hidden = [gr.DownloadButton(visible=False) if fresh and not run.rows else gr.skip() for _ in range(3)]
    return run.line(), rows, gr.Button(visible=False), gr.Button(visible=True), *hidden


def _cells(rows: Sequence[FileRow]) -> Any:
    """Make the table as shown, without the columns that nobody compares; an error fills its row."""
    lines = table(rows)
    columns = [name for name in (lines[0] if lines else {}) if name not in _HIDDEN]
    head = "".join(f"<th>{_shown(name)}</th>" for name in columns)
    body = "".join(f"<tr>{_line(line, columns)}</tr>" for line in lines)
    return gr.Markdown(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>", visible=bool(rows))


def _line(line: Mapping[str, Cell], columns: Sequence[str]) -> str:
    texts = {name: _shown(line[name]) for name in columns}
    if not line["error"]:
        return "".join(f"<td><div>{texts[name]}</div></td>" for name in columns)
    own = [name for name in columns if name in ("file", "page")]
    cells = "".join(f"<td><div>{texts[name]}</div></td>" for name in own)
    return f'{cells}<td class="failure" colspan="{len(columns) - len(own)}">{_shown(line["error"])}</td>'


def _shown(value: Cell) -> str:
    """A cell's text as it is written; an empty line would end the table."""
    return "" if value is None else literal(str(value)).replace("\n", "<br>")
