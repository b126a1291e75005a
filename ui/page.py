"""Builds the page, wires its components to listeners, and opens it: `build_page`, then `launch`."""

import socket
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import gradio as gr
from gradio.blocks import Block
from starlette.middleware import Middleware

from backend.chat import Chat
from backend.chat.one_shot import OneShot
from backend.chat.results import Kept
from backend.engine.engine import Engine
from backend.errors import SettingsError
from backend.history import History
from backend.models.switch import ModelSwitch
from backend.settings import Settings
from ui import gradio_patches
from ui.api import Endpoint, Presets, build_endpoint
from ui.batch_panel import Runs, build_panel, wire_panel
from ui.chat_events import ChatEvents
from ui.chat_verbs import ChatVerbs
from ui.chat_view import FOLDER, ChatView, build_chat, find_examples, offer, write
from ui.middleware import build_middleware, guarded
from ui.model_picker import ModelChoice
from ui.results_events import ResultsEvents
from ui.results_panel import CORRECTED, FILES, FORMULA, ResultPanel, build_results
from ui.sidebar import Sidebar, build_sidebar
from ui.sidebar_events import SidebarEvents
from ui.theme import ICON, SCRIPT, STYLE, build_theme
from ui.uploads import HOW, KEPT, SentFiles, fetch_nothing, open_uploads
from ui.watching import PrometheusFigures

if TYPE_CHECKING:
    from backend.media.store import MediaStore


FILES_AT_ONCE = 10
# Tabs of which Gradio keeps what each shows, about 200 kB; by itself ten thousand. An older one gets a fresh state.
SESSIONS = 200

# No secret: Gradio sends it to every page. It only has to stay, or a restart would make browsers forget what was open.
_BROWSER_KEY = "glimpse-open-conversation"


_QUICK: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}


def build_page(
    chat: Chat,
    history: History,
    store: "MediaStore",
    engine: Engine,
    settings: Settings,
    models: ModelSwitch | None = None,
    kept: Kept = lambda _media_id: None,
) -> gr.Blocks:
    """Build the page of one engine, one history and one media store; nothing is opened yet.

    `models` lets everybody on the page choose another model; a page that others reach had better do without. `kept`
    returns the text that was read on an image.
    """
    uploads = open_uploads(settings.data_dir / "uploads")
    gradio_patches.set_environment(str(uploads))
    fetch_nothing()
    gr.set_static_paths([store.root, FOLDER])
    frames, examples = settings.video_frames, find_examples()
    sent = SentFiles(uploads)
    verbs, once = ChatVerbs(chat, history, store, sent.note), OneShot(chat, history)
    answers = ChatEvents(verbs, history, frames, examples)
    choice = ModelChoice(models)
    side_events = SidebarEvents(answers, chat, history, engine, frames, choice, sent.forget)
    page = gr.Blocks(title="Glimpse", fill_height=True, analytics_enabled=False, delete_cache=(3600, KEPT))
    with page:
        current = gr.BrowserState("", storage_key="glimpse", secret=_BROWSER_KEY)
        side = build_sidebar(frames, engine.status, login=bool(settings.auth), choosing=models is not None)
        frame = build_chat(examples)
        shown = [frame.chatbot, frame.textbox, frame.presets, current, side.listing, side.actions]
        results = build_results()
        ended = _wire_answers(answers, frame, side, current, shown)
        ended += _wire_side(side_events, side, current, shown, page.load)
        _wire_model(side_events, choice, side, page.load)
        results_events = ResultsEvents(history, store, sent.results, kept)
        _wire_results(results_events, results, current, ended)
        _wire_endpoint(build_endpoint(verbs, frames), frame, side)
        Presets(once, frames).build()
        runs = Runs(once, engine, store.pages, frames, uploads)
        wire_panel(build_panel(), side, runs, _QUICK)
        page.unload(answers.forget)
        page.unload(runs.forget)
    page.queue(default_concurrency_limit=None, api_open=False)
    gradio_patches.look_less_often(page)
    gradio_patches.forget_old_sessions(page)
    return page


def _wire_answers(
    answers: ChatEvents, frame: ChatView, side: Sidebar, current: gr.BrowserState, shown: Sequence[Block]
) -> list[Any]:
    """Wire the events that start an answer; returns those after which an answer may be new."""
    settings = side.controls.inputs
    # A browser would drop a click while the event before it, whose answer is already there, is being closed; whether a
    # click comes too early is for `ChatEvents` to say.
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
    if answers.offers_examples:
        ended.append(frame.chatbot.example_select(answers.example, [current, *settings], shown, **asked))
    return ended


def _wire_side(
    side_events: SidebarEvents,
    side: Sidebar,
    current: gr.BrowserState,
    shown: Sequence[Block],
    load: Callable[..., Any],
) -> list[Any]:
    """Wire the side bar; returns the events after which another conversation may be open."""
    opened = [
        load(side_events.resume, [current], shown, **_QUICK),
        side.new.click(side_events.begin, None, shown, **_QUICK),
        side.listing.select(side_events.open, None, shown, **_QUICK),
        side.confirm.click(side_events.delete, [current], [*shown, side.asking], **_QUICK),
    ]
    side.rename.click(side_events.title, [current], [side.naming, side.title], **_QUICK)
    side.title.submit(side_events.rename, [current, side.title], [side.listing, side.actions, side.naming], **_QUICK)
    side.delete.click(lambda: gr.Row(visible=True), None, [side.asking], **_QUICK)
    side.keep.click(lambda: gr.Row(visible=False), None, [side.asking], **_QUICK)
    return opened


def _wire_model(side_events: SidebarEvents, choice: ModelChoice, side: Sidebar, load: Callable[..., Any]) -> None:
    told, picker = gr.State(side_events.drawn), side.picker
    follow = [told, side.model, side.timer, picker.instead, *side.controls.numbers]
    gr.on([load, side.timer.tick], side_events.model, [told], follow, **_QUICK)
    load(choice.suggest, None, [picker.suggested], **_QUICK)
    picker.change.click(choice.open, None, [picker.change, picker.panel, picker.wanted], **_QUICK)
    picker.close.click(choice.close, None, [picker.change, picker.panel], queue=False, **_QUICK)
    for event in (
        picker.load.click(choice.load, [picker.wanted], [picker.change, picker.panel], **_QUICK),
        picker.instead.click(choice.go_back, None, None, **_QUICK),
        picker.suggested.click(choice.load_suggested, None, [picker.suggested], **_QUICK),
    ):
        event.success(side_events.model, [told], follow, **_QUICK)


def _wire_results(
    results_events: ResultsEvents, panel: ResultPanel, current: gr.BrowserState, ended: Sequence[Any]
) -> None:
    for event in ended:
        event.then(*panel.wired(results_events.show, [current, panel.evidence, panel.chosen]), **_QUICK)
    panel.picker.input(*panel.wired(results_events.pick, [current, panel.picker, panel.evidence]), **_QUICK)
    panel.opener.click(*panel.wired(results_events.read, [current]), **_QUICK)
    # `chosen`, not `picker`: what a browser has just been sent may not stand in its picker yet.
    panel.evidence.input(*panel.wired(results_events.write, [current, panel.chosen, panel.evidence], FILES), **_QUICK)
    live = {**_QUICK, "trigger_mode": "always_last"}  # what is typed while an update is on its way counts too
    given = [current, panel.chosen, panel.fields, panel.items, panel.evidence]
    for table in (panel.fields, panel.items):
        table.input(*panel.wired(results_events.correct, given, CORRECTED), **live)
    # Not `input`, which what is pasted does not always cause.
    panel.latex.change(*panel.wired(results_events.typeset, [current, panel.chosen, panel.latex], FORMULA), **live)


def _wire_endpoint(endpoint: Endpoint, frame: ChatView, side: Sidebar) -> None:
    """Wire /chat, which no click on the page calls."""
    conversation = gr.State("")
    frame.api.click(
        endpoint,
        [frame.textbox, conversation, frame.presets, *side.controls.inputs],
        [frame.api_response, conversation],
        api_name="chat",
        concurrency_limit=None,
        postprocess=False,
    )


def launch(page: gr.Blocks, settings: Settings, ready: Callable[[], bool] = lambda: True) -> tuple[str, str | None]:
    """Open the page without waiting for its end; returns its address, and the public one where it is shared.

    `ready` tells who watches the page whether its model can answer.

    Raises:
        SettingsError: the port is taken, or the host is none of this machine's.
    """
    gradio_patches.ask_oneself_directly()
    gradio_patches.limit_fields()
    gradio_patches.remove_broken_uploads()
    gradio_patches.word_refused_paths(HOW)
    if settings.share:
        gradio_patches.check_tunnel()
    gradio_patches.serve_through(partial(guarded, guards=_guards(page, settings, ready)))
    if settings.mcp:  # Gradio warns of every function with a state; the one there is, is no tool
        warnings.filterwarnings("ignore", "This MCP server includes a tool that has a gr.State", UserWarning)
    try:
        _, local, public = page.launch(
            server_name=f"[{settings.host}]" if ":" in settings.host else settings.host,
            server_port=settings.port or _free_port(settings.host),
            share=settings.share,
            root_path=settings.root_path or None,
            auth=list(settings.auth or ()) or None,
            max_file_size=settings.max_upload_bytes,
            theme=build_theme(),
            css_paths=STYLE,
            head=f"<script>{SCRIPT.read_text()}</script>",
            favicon_path=ICON if ICON.is_file() else None,
            prevent_thread_lock=True,
            quiet=True,
            show_error=False,
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            state_session_capacity=SESSIONS,
            ssr_mode=False,
            pwa=False,
            mcp_server=settings.mcp and not settings.auth,  # it stands before Gradio's login
        )
    except OSError as error:
        raise SettingsError(
            f"Port {settings.port} of {settings.host} cannot be opened; choose another with --port."
        ) from error
    if page.mcp_server_obj:
        gradio_patches.answer_in_json(page.mcp_server_obj)
    return local.replace("//[::]:", "//[::1]:"), public  # no browser opens the address that stands for all


def _guards(page: gr.Blocks, settings: Settings, ready: Callable[[], bool]) -> list[Middleware]:
    return build_middleware(
        settings.max_upload_bytes * FILES_AT_ONCE,
        host=settings.host,
        share=settings.share,
        users=partial(gradio_patches.logged_in, page) if settings.auth else None,
        log_out=partial(gradio_patches.log_out, page),
        mcp=settings.mcp and not settings.auth,
        names=lambda: [*settings.public_names, *([urlsplit(page.share_url).netloc] if page.share_url else [])],
        root=settings.root_path,
        started=lambda: page.app.startup_events_triggered,
        ready=ready,
        figures=PrometheusFigures(ready) if settings.metrics else None,
    )


def _free_port(host: str) -> int:
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as server:
        port: int = server.getsockname()[1]
        return port
