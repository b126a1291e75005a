"""Lets an operator watch the page: a log line a request, `/health`, `/ready`, and at `/metrics` what Prometheus reads.

Pure ASGI, in front of Gradio's application. Never told: words, names of files, addresses of conversations.
"""

import logging
import re
import time
from collections.abc import Callable
from typing import Protocol

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.logins import Users
from ui.refusals import refusal

log = logging.getLogger(__name__)

OPERATOR = HEALTH, READY, METRICS = "/health", "/ready", "/metrics"
# What a route is called here; all after it, such as a file's path or a tab's hash, is a person's own.
_KINDS = re.compile(
    r"/(?:gradio_api/)?(?:config|login|logout|upload_progress|upload|queue/join|queue/data|heartbeat|cancel|reset|run"
    r"|call|file|info|openapi|mcp|assets|static|svelte|health|ready|metrics|theme\.css|app_id|user)?(?=[/=.]|$)"
)
# What every open page asks for again and again, and what asks for an answer, which has its own line in the log.
_FREQUENT = (
    *("/assets", "/static", "/svelte", "/queue/join", "/queue/data", "/heartbeat", "/file"),
    *OPERATOR,
)


class Figures(Protocol):
    """Counts requests, and writes what was counted."""

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that has ended."""

    def text(self) -> tuple[bytes, str]:
        """Return all figures, and their content type."""


class Watched:
    """Logs each request when it has ended: who, what, how long, and how it ended."""

    def __init__(self, app: ASGIApp, users: Users | None = None, figures: Figures | None = None) -> None:
        self._app = app
        self._users = users
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note its end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status, whole, who = time.monotonic(), 0, False, self._who(scope)

        async def noted(message: Message) -> None:
            nonlocal status, whole
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)
            whole = message["type"] == "http.response.body" and not message.get("more_body", False)

        try:
            await self._app(scope, receive, noted)
        finally:
            self._note(scope, who, status, whole, time.monotonic() - begun)

    def _note(self, scope: Scope, who: str, status: int, whole: bool, seconds: float) -> None:
        route = route_of(scope["path"])
        ended = str(status) if whole else f"{status or 'nothing'}, cut off"
        level = logging.DEBUG if status < 400 and route.endswith(_FREQUENT) else logging.INFO
        log.log(level, "%s %s %s: %s after %.2f s", who, scope["method"], route, ended, seconds)
        if self._figures:
            self._figures.count(scope["method"], route, status, seconds)

    def _who(self, scope: Scope) -> str:
        user = self._users(cookie_parser(Headers(scope=scope).get("cookie", ""))) if self._users else None
        client = scope.get("client")
        return user or (client[0] if client else "somebody")


class Watch:
    """Answers `/health`, `/ready` and, behind the login, `/metrics`."""

    def __init__(self, app: ASGIApp, ready: Callable[[], bool], users: Users | None, figures: Figures | None) -> None:
        self._app = app
        self._ready = ready
        self._users = users
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is for an operator, and pass on all else."""
        if (
            scope["type"] == "http"
            and scope["path"] in (HEALTH, READY, METRICS)
            and scope["method"] in ("GET", "HEAD")
        ):
            await self._answer(scope)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _answer(self, scope: Scope) -> Response:
        if scope["path"] == HEALTH:
            return PlainTextResponse("The page answers.\n")
        if scope["path"] == READY:
            if self._ready():
                return PlainTextResponse("The model can answer.\n")
            return PlainTextResponse("The model is not there yet.\n", 503)
        if self._figures is None:
            return refusal(scope, 404, "Start Glimpse with --metrics for figures.")
        if self._users and self._users(cookie_parser(Headers(scope=scope).get("cookie", ""))) is None:
            return refusal(scope, 401, "Figures are for who has logged in.")
        content, kind = self._figures.text()
        return Response(content, headers={"Content-Type": kind})


class PrometheusFigures:
    """Keeps figures in the form that Prometheus reads."""

    def __init__(self, ready: Callable[[], bool]) -> None:
        # Imported where it is wished for alone.
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self._registry = CollectorRegistry()
        self._requests = Counter(
            "glimpse_requests", "Requests that have ended", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "glimpse_request_seconds", "How long requests took", ["route"], registry=self._registry
        )
        Gauge("glimpse_ready", "Whether the model can answer", registry=self._registry).set_function(ready)

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that has ended; a method that is none of HTTP's usual ones counts as another."""
        known = method if method in ("GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PATCH") else "other"
        self._requests.labels(known, route, status).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> tuple[bytes, str]:
        """Return all figures, and their content type."""
        from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4


def route_of(path: str) -> str:
    """Return the part of a path that says nothing of a person; one of few, however many paths are asked for."""
    kind = _KINDS.match(path)
    return kind.group() if kind and (kind.group() != "/" or path == "/") else "another"
