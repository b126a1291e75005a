"""Patches Gradio 6.31 from outside, each patch with its reason; one whose target is gone fails at the start.

At an upgrade, look for options that make a patch needless.
"""

import asyncio
import hashlib
import json
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import httpx
from gradio import blocks, http_server, networking, processing_utils, tunneling
from gradio.exceptions import InvalidPathError
from gradio.route_utils import GradioMultiPartParser
from gradio.utils import LRUCache
from starlette.formparsers import MultiPartException
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger(__name__)

HEADERS_WITHIN = 20.0  # seconds; uvicorn waits for ever
MAX_FIELD = 4096  # bytes of a field of an upload that is no file
SLOW = 30.0  # seconds that a page may take to answer the first time
LOOK = 0.01  # seconds between two looks for a click that waits

_ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    # Gradio keeps figures of every event for a monitoring page, which is shut, and goes through them after each one.
    "GRADIO_ANALYTICS_MAX_EVENTS": "1",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(10**9),
}


def set_environment(uploads: str) -> None:
    """Turn off Gradio's telemetry and statistics, and have it put uploads into `uploads`."""
    os.environ |= _ENVIRONMENT | {"GRADIO_TEMP_DIR": uploads}
    # From whom X-Forwarded-For is believed; by itself uvicorn believes this machine, where a tunnel hands on what
    # anybody writes there.
    os.environ.setdefault("FORWARDED_ALLOW_IPS", "")


def fetch_by(taken: Callable[[str, str], Awaitable[str]]) -> None:
    """Resolve the URLs in posted messages by `taken`; by itself Gradio fetches any URL of the web.

    Components cannot be patched instead: a session gets new ones whenever a listener changes what they show.
    """
    _replace(processing_utils, "async_ssrf_protected_download", taken)


def look_less_often(page: gr.Blocks) -> None:
    """Poll the queue a hundred times a second; by itself Gradio polls a thousand times, a twelfth of an idle core."""
    _replace(page._queue, "sleep_when_free", LOOK)
    _replace(page._queue, "progress_update_sleep_when_free", 10 * LOOK)


def forget_old_sessions(page: gr.Blocks) -> None:
    """Bound what the queue keeps of sessions; of two of its maps Gradio bounds one."""
    _replace(page._queue, "pending_event_ids_session", LRUCache(page._queue.pending_messages_per_session.max_size))


def ask_oneself_directly() -> None:
    """Keep what a start asks of the page itself from the proxies of the environment; downloads go through them."""
    direct = SimpleNamespace(get=partial(httpx.get, trust_env=False), URL=httpx.URL)
    _replace(blocks, "httpx", direct)
    _replace(networking, "url_ok", _answers)


def _answers(url: str) -> bool:
    """Tell whether a page answers; without its login, too, it does."""
    try:
        return httpx.head(url, timeout=SLOW, trust_env=False, verify=False).status_code < 500
    except httpx.TransportError:
        return False


_Server = http_server.Server
_check_allowed = processing_utils._check_allowed
_parse = GradioMultiPartParser.parse
_add_data = GradioMultiPartParser.on_part_data


def serve_through(guard: Callable[[ASGIApp], ASGIApp]) -> None:
    """Serve what is launched next behind a guard that sees every request and every response.

    Middleware in `app_kwargs` stands behind Gradio's own, which answers preflights of any site, and behind that which
    makes 500 of an exception.
    """

    class Guarded(_Server):
        def __init__(self, config: Any, *arguments: Any, **named: Any) -> None:
            config.app = guard(config.app)
            config.http = _Prompt
            super().__init__(config, *arguments, **named)

    _replace(http_server, "Server", Guarded)


class _Prompt(H11Protocol):
    """A connection that is closed where a request has begun and its headers do not end in time."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._late = self.loop.call_later(HEADERS_WITHIN, self._close)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._waits() and self._late is None:
            self._late = self.loop.call_later(HEADERS_WITHIN, self._close)
        elif not self._waits():
            self._in_time()

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        super().connection_lost(exc)

    def _waits(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _close(self) -> None:
        self._late = None
        if self._waits():
            self.transport.close()


def word_refused_paths(sentence: str) -> None:
    """Say why a file is not taken; by itself Gradio says nothing, and logs a trace of forty lines."""
    as_gradio = _check_allowed

    def worded(*arguments: Any, **named: Any) -> Any:
        try:
            return as_gradio(*arguments, **named)
        except InvalidPathError as error:
            raise gr.Error(sentence, title="That did not work", print_exception=False) from error

    _replace(processing_utils, "_check_allowed", worded)


def check_tunnel() -> None:
    """Remove the program of the public link where it is not the one that Gradio knows, so that it is fetched anew.

    Gradio checks it when it is fetched alone, and leaves it there where that fails.
    """
    program, known = Path(tunneling.BINARY_PATH), tunneling.CHECKSUMS.get(tunneling.BINARY_URL)
    if program.exists() and hashlib.sha256(program.read_bytes()).hexdigest() != known:
        log.warning("%s is not the program that Gradio knows; it is fetched anew.", program)
        program.unlink()


def limit_fields() -> None:
    """Refuse an upload with a long field that is no file; Gradio's limit on sizes is for files alone."""

    def on_part_data(parser: Any, data: bytes, start: int, end: int) -> None:
        part = parser._current_part
        if part.file is not None:
            _add_data(parser, data, start, end)
            return
        if len(part.data) + end - start > MAX_FIELD:
            raise MultiPartException(f"A field exceeded its maximum allowed size of {MAX_FIELD} bytes.")
        part.data += data[start:end]

    _replace(GradioMultiPartParser, "on_part_data", on_part_data)


def remove_broken_uploads() -> None:
    """Remove what came of an upload that ends before its end; Gradio leaves it where the sender has gone."""

    async def parse(parser: Any) -> Any:
        try:
            return await _parse(parser)
        except BaseException:
            for file in parser._files_to_close_on_error:
                file.close()
                with suppress(FileNotFoundError):
                    os.unlink(file.name)
            raise

    _replace(GradioMultiPartParser, "parse", parse)


def logged_in(page: gr.Blocks, cookies: Mapping[str, str]) -> str | None:
    """Tell whose login these cookies hold, as Gradio's own routes do."""
    tokens = [cookies[name] for name in _token_names(page) if cookies.get(name)]
    user: str | None = page.app.tokens.get(tokens[0]) if tokens else None
    return user


def log_out(page: gr.Blocks, cookies: Mapping[str, str]) -> list[str]:
    """End the login that these cookies hold; returns the names of all that can."""
    for name in _token_names(page):
        page.app.tokens.pop(cookies.get(name), None)
    return _token_names(page)


def _token_names(page: gr.Blocks) -> list[str]:
    return [f"access-token-{page.app.cookie_id}", f"access-token-unsecure-{page.app.cookie_id}"]


def offer_no_tool(endpoint: Callable[..., Any]) -> None:
    """Leave an endpoint out of the MCP tools, without hiding it from programs."""
    vars(endpoint)["_mcp_type"] = "none"


def answer_in_json(tools: Any) -> None:
    """Let the tools of Gradio's MCP server answer with JSON; by itself it writes objects as Python does."""
    as_gradio = tools.postprocess_output_data

    def in_json(data: list[Any], root_url: str) -> Any:
        told = [json.dumps(each, ensure_ascii=False) if isinstance(each, dict) else each for each in data]
        return as_gradio(told, root_url)

    _replace(tools, "postprocess_output_data", in_json)


def _replace(owner: Any, name: str, value: object) -> None:
    if not hasattr(owner, name):
        raise RuntimeError(
            f"Gradio {gr.__version__} has no {name} any more: ui/gradio_patches.py has to be looked at."
        )
    setattr(owner, name, value)
