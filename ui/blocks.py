"""The page: its components and which listener answers what. `build_page` makes it, `launch` opens it."""

import os
import socket
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import gradio as gr
from gradio.components import Component
from gradio.layouts import Row

from backend.chat import Chat
from backend.chat.grounds import Kept
from backend.chat.once import Once
from backend.engine.engine import Engine
from backend.errors import SettingsError
from backend.history import History
from backend.models import Models
from backend.settings import Settings
from ui.batch import Runs, build_panel, wire_panel
from ui.chat import Talk
from ui.desk import Desk
from ui.doors import build_middleware
from ui.endpoint import Presets, answer_in_json, build_endpoint
from ui.examples import FOLDER, find_examples
from ui.frame import ChatFrame
from ui.languages import offer, write
from ui.models import ModelChoice
from ui.results import ResultPanel, build_results
from ui.sidebar import Sidebar, build_sidebar
from ui.takeaway import Takeaway
from ui.theme import ICON, SCRIPT, STYLE, build_theme
from ui.uploads import KEPT, fetch_nothing, open_uploads
from ui.wiring import Answers

if TYPE_CHECKING:
    from backend.media.store import MediaStore

FILES_AT_ONCE = 10
_LOOK = 0.01  # seconds between two looks for a click that waits

_ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    # Gradio keeps figures of every event for a monitoring page, which is shut, and goes through them after each one.
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(10**9),
}

# No secret: Gradio sends it to every page. It only has to stay, or a restart would make browsers forget what was open.
_BROWSER_KEY = "glimpse-open-conversation"


_QUICK: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}


def build_page(
    chat: Chat,
    history: History,
    store: "MediaStore",
    engine: Engine,
    settings: Settings,
    models: Models | None = None,
    kept: Kept = lambda _media_id: None,
) -> gr.Blocks:
    """The page of one engine, one history and one media store; nothing is opened yet. `models` lets people choose
    another model, all of them; a page that others reach had better do without. `kept` has what was read on an image.
    """
    uploads = open_uploads(settings.data_dir / "uploads")
    os.environ |= _ENVIRONMENT | {"GRADIO_TEMP_DIR": str(uploads)}
    fetch_nothing()
    gr.set_static_paths([store.root, FOLDER])
    frames, examples = settings.video_frames, find_examples()
    talk, once = Talk(chat, history, store), Once(chat, history)
    answers = Answers(talk, history, frames, examples)
    choice = ModelChoice(models)
    desk = Desk(answers, chat, history, engine, frames, choice)
    page = gr.Blocks(title="Glimpse", fill_height=True, analytics_enabled=False, delete_cache=(3600, KEPT))
    with page:
        current = gr.BrowserState("", storage_key="glimpse", secret=_BROWSER_KEY)
        side = build_sidebar(frames, engine.status, login=bool(settings.auth), choosing=models is not None)
        frame = ChatFrame(build_endpoint(talk, frames), examples)
        shown = [frame.chatbot, frame.textbox, frame.presets, current, side.listing, side.actions]
        results = build_results()
        ended = _wire_answers(answers, frame, side, current, shown)
        ended += _wire_side(desk, side, current, shown, page.load)
        _wire_model(desk, choice, side, page.load)
        takeaway = Takeaway(history, store, settings.data_dir / "uploads" / "results", kept)
        _wire_results(takeaway, results, current, ended)
        _wire_endpoint(frame, side)
        Presets(once, frames).build()
        runs = Runs(once, engine, store.pages, frames, uploads)
        wire_panel(build_panel(), side, runs, _QUICK)
        page.unload(answers.forget)
        page.unload(runs.forget)
    page.queue(default_concurrency_limit=None, api_open=False)
    # By itself Gradio looks for work a thousand times a second, which takes a twelfth of a core when nobody asks.
    page._queue.sleep_when_free, page._queue.progress_update_sleep_when_free = _LOOK, 10 * _LOOK
    return page


def _wire_answers(
    answers: Answers, frame: ChatFrame, side: Sidebar, current: gr.BrowserState, shown: Sequence[Component | Row]
) -> list[Any]:
    """Wire what has something answered; returns the events after whose end an answer may be new."""
    settings = side.controls.inputs
    # A browser would drop a click while the event before it, whose answer is already there, is being closed; whether a
    # click comes too early is for `Answers` to say.
    asked = {**_QUICK, "trigger_mode": "multiple"}
    ended = [
        frame.textbox.submit(answers.submit, [frame.textbox, current, frame.presets, *settings], shown, **asked),
        frame.chatbot.retry(answers.retry, [current, *settings], shown, **asked),
        frame.chatbot.edit(answers.edit, [current, *settings], shown, **asked),
        frame.chatbot.undo(answers.undo, [current], shown, **asked),
    ]
    frame.presets.change(offer, [frame.presets], [frame.languages], queue=False, **_QUICK)
    frame.languages.input(write, [frame.textbox, frame.languages], [frame.textbox], queue=False, **_QUICK)
    frame.textbox.stop(answers.stop, None, None, queue=False, **_QUICK)
    if frame.examples:
        ended.append(frame.chatbot.example_select(answers.example, [current, *settings], shown, **asked))
    return ended


def _wire_side(
    desk: Desk, side: Sidebar, current: gr.BrowserState, shown: Sequence[Component | Row], load: Callable[..., Any]
) -> list[Any]:
    """Wire the side bar; returns the events after whose end another conversation may be open."""
    opened = [
        load(desk.resume, [current], shown, **_QUICK),
        side.new.click(desk.begin, None, shown, **_QUICK),
        side.listing.select(desk.open, None, shown, **_QUICK),
        side.confirm.click(desk.delete, [current], [*shown, side.asking], **_QUICK),
    ]
    side.rename.click(desk.title, [current], [side.naming, side.title], **_QUICK)
    side.title.submit(desk.rename, [current, side.title], [side.listing, side.actions, side.naming], **_QUICK)
    side.delete.click(lambda: gr.Row(visible=True), None, [side.asking], **_QUICK)
    side.keep.click(lambda: gr.Row(visible=False), None, [side.asking], **_QUICK)
    return opened


def _wire_model(desk: Desk, choice: ModelChoice, side: Sidebar, load: Callable[..., Any]) -> None:
    told, picker = gr.State(desk.drawn), side.picker
    follow = [told, side.model, side.timer, picker.instead, *side.controls.numbers]
    gr.on([load, side.timer.tick], desk.model, [told], follow, **_QUICK)
    picker.change.click(choice.open, None, [picker.change, picker.panel, picker.wanted], **_QUICK)
    picker.close.click(choice.close, None, [picker.change, picker.panel], queue=False, **_QUICK)
    for event in (
        picker.load.click(choice.load, [picker.wanted], [picker.change, picker.panel], **_QUICK),
        picker.instead.click(choice.go_back, None, None, **_QUICK),
    ):
        event.success(desk.model, [told], follow, **_QUICK)


def _wire_results(takeaway: Takeaway, panel: ResultPanel, current: gr.BrowserState, ended: Sequence[Any]) -> None:
    for event in ended:
        event.then(takeaway.show, [current, panel.evidence, panel.chosen], panel.outputs, **_QUICK)
    panel.picker.input(takeaway.pick, [current, panel.picker, panel.evidence], panel.outputs, **_QUICK)
    panel.opener.click(takeaway.read, [current], panel.outputs, **_QUICK)
    panel.evidence.input(takeaway.write, [current, panel.picker, panel.evidence], [*panel.files], **_QUICK)
    live = {**_QUICK, "trigger_mode": "always_last"}  # what is typed while an update is on its way counts too
    given = [current, panel.picker, panel.fields, panel.items, panel.evidence]
    for table in (panel.fields, panel.items):
        table.input(takeaway.correct, given, panel.corrected, **live)
    # Not `input`, which what is pasted does not always cause.
    typed, typeset = [current, panel.picker, panel.latex, panel.note], [panel.note, panel.formula, panel.mathml]
    panel.latex.change(takeaway.typeset, typed, typeset, **live)


def _wire_endpoint(frame: ChatFrame, side: Sidebar) -> None:
    conversation = gr.State("")
    frame.fake_api_btn.click(
        frame.fn,
        [frame.textbox, conversation, frame.presets, *side.controls.inputs],
        [frame.api_response, conversation],
        api_name="chat",
        concurrency_limit=None,
        postprocess=False,
    )


def launch(page: gr.Blocks, settings: Settings) -> tuple[str, str | None]:
    """Open the page without waiting for its end; returns its address, and the public one where it is shared.

    Raises:
        SettingsError: the port is taken, or the host is none of this machine's.
    """
    names: list[str] = []
    doors = build_middleware(
        settings.max_upload_bytes * FILES_AT_ONCE,
        host=settings.host,
        share=settings.share,
        login=bool(settings.auth),
        mcp=settings.mcp and not settings.auth,
        names=names,
    )
    if settings.mcp:  # Gradio warns of every function with a state; the one there is, is no tool
        warnings.filterwarnings("ignore", "This MCP server includes a tool that has a gr.State", UserWarning)
    try:
        _, local, public = page.launch(
            server_name=f"[{settings.host}]" if ":" in settings.host else settings.host,
            server_port=settings.port or _free_port(settings.host),
            share=settings.share,
            auth=list(settings.auth or ()) or None,
            max_file_size=settings.max_upload_bytes,
            theme=build_theme(),
            css_paths=STYLE,
            head=f"<script>{SCRIPT.read_text()}</script>",
            favicon_path=ICON if ICON.is_file() else None,
            app_kwargs={"middleware": doors},
            prevent_thread_lock=True,
            quiet=True,
            show_error=False,
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=settings.mcp and not settings.auth,  # it stands before Gradio's login
        )
    except OSError as error:
        raise SettingsError(
            f"Port {settings.port} of {settings.host} cannot be opened; choose another with --port."
        ) from error
    if page.mcp_server_obj:
        answer_in_json(page.mcp_server_obj)
    names += [urlsplit(public).netloc] if public else []
    return local, public


def _free_port(host: str) -> int:
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as server:
        port: int = server.getsockname()[1]
        return port
