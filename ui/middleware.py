"""Guards the page's requests and responses: headers, routes and sizes.

Pure ASGI, in front of Gradio's application. Knows no component and no conversation.
"""

import errno
import logging
import re
import socket
from collections.abc import Callable, Sequence
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.logins import LimitedLogins, LoggedIn, LogOut, Users
from ui.origins import Names, Own, SameOrigin, in_this_network, on_this_machine
from ui.refusals import UPLOAD, refusal
from ui.sessions import OwnSessions
from ui.watching import Figures, Watch, Watched

log = logging.getLogger(__name__)

# Inline scripts and styles are Gradio's own. Nothing is fetched from, or sent to, any other host.
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob: data:; connect-src 'self'; "
    "form-action 'self'; object-src 'none'; base-uri 'self'; frame-ancestors 'self'; "
    "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; font-src 'self' data:"
)
# A page behind a public link loads its scripts from where Gradio keeps them.
SHARE_HOST = "https://gradio.s3-us-west-2.amazonaws.com"

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "SAMEORIGIN",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

# Everything the page and gradio_client ask for; every other route of Gradio is shut. Direct runs stay open for
# Gradio's own unqueued steps: it refuses them for whatever is queued (`api_open=False`).
ROUTES = re.compile(
    r"/(?:config|login|logout|theme\.css|favicon\.ico|manifest\.json|robots\.txt)?/?"
    r"|/(?:assets|static|svelte)/.+"
    r"|/gradio_api/(?:info|config|openapi\.json|app_id|theme\.css|user|login_check"
    r"|upload|upload_progress|cancel|reset|queue/(?:join|data)|heartbeat/[^/]+|run/[^/]+"
    r"|call/(?:v2/)?[^/]+(?:/[^/]+)?)/?"
    # Of kept media the pixels, and not what is known of them, which has the name that a person gave the file.
    r"|/gradio_api/file=(?!\s*[a-z][a-z0-9+.-]+:/)(?!.*/(?:facts|page|times)\.json).+",
    re.IGNORECASE,
)

# With --mcp: the transport that is in use today.
MCP_ROUTES = re.compile(r"/gradio_api/mcp(?:/http)?/?")

STARTUP = "/gradio_api/startup-events"  # the program's own, and once
FULL = "The disk of the machine that Glimpse runs on is full; make room there, and try again."
FAILED = "Something went wrong here; try again, and see the log."
MAX_BODY = 8 * 2**20  # bytes, of anything but an upload


def build_middleware(
    max_upload: int,
    *,
    host: str,
    share: bool,
    users: Users | None = None,
    log_out: LogOut = lambda _cookies: [],
    mcp: bool = False,
    names: Names = tuple,
    root: str = "",
    started: Callable[[], bool] = lambda: True,
    ready: Callable[[], bool] = lambda: True,
    figures: Figures | None = None,
) -> list[Middleware]:
    """Build the middleware of a page bound to `host`; `max_upload` in bytes for all files of one upload.

    `users` tells who is logged in, where there is a login, and `log_out` ends it; `names` under which host names the
    page is known besides the one that a request carries; `root` is the path under which a proxy offers the page;
    `started` tells whether the page is open, `ready` whether its model is there; `figures` count requests.
    """
    policy = POLICY
    if share:
        for source in ("script-src", "style-src", "font-src", "connect-src"):
            policy = policy.replace(f"{source} 'self'", f"{source} 'self' {SHARE_HOST}")
    own = None if share or users else _own_names(host)
    guards = [
        Middleware(WithoutRoot, root=root),
        Middleware(Watched, users=users, figures=figures),
        Middleware(SafeHeaders, policy=policy),
        Middleware(Faults),
        Middleware(SameOrigin, own=own, names=names),
        Middleware(Watch, ready=ready, users=users, figures=figures),
        Middleware(OpenRoutes, routes=(ROUTES, MCP_ROUTES) if mcp else (ROUTES,), started=started),
        Middleware(LimitedBodies, max_upload=max_upload),
    ]
    if users is None:
        return guards
    return [
        *guards,
        Middleware(LimitedLogins),
        Middleware(LoggedIn, users=users, log_out=log_out, root=root),
        Middleware(OwnSessions, users=users),
    ]


def _own_names(host: str) -> Own:
    """What tells the names of a page without a login that is bound to this address."""
    if on_this_machine(host):
        return on_this_machine
    return in_this_network([host, socket.gethostname(), socket.getfqdn()])


def guarded(app: ASGIApp, guards: Sequence[Middleware]) -> ASGIApp:
    """Put the guards in front of an application, the first one outermost."""
    for guard in reversed(guards):
        app = guard.cls(app, *guard.args, **guard.kwargs)
    return app


class SafeHeaders:
    """Sets the content policy and its companions on every response, and takes off what lets other sites read it.

    Gradio lets every site do so, with the cookies of the person who is there, once the page has a name of its own.
    """

    def __init__(self, app: ASGIApp, policy: str = POLICY) -> None:
        self._app = app
        self._headers = {**HEADERS, "Content-Security-Policy": policy}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and mark its response."""

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name in [name for name in headers if name.startswith("access-control-")]:
                    del headers[name]
                headers.update(self._headers)
            await send(message)

        await self._app(scope, receive, marked if scope["type"] == "http" else send)


class WithoutRoot:
    """Takes the path under which a proxy offers the page off the path of a request, where the proxy has not."""

    def __init__(self, app: ASGIApp, root: str) -> None:
        self._app = app
        self._root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its path below the root."""
        if scope["type"] == "http" and self._root and f"{scope['path']}/".startswith(f"{self._root}/"):
            path = scope["path"].removeprefix(self._root) or "/"
            scope = {**scope, "path": path, "raw_path": quote(path).encode()}
        await self._app(scope, receive, send)


class Faults:
    """Answers with one sentence where the application fails, and logs one line; its trace stands in the debug log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; of a failure before the response has begun the person is told."""
        failed, started, status, sentence = False, False, 500, FAILED

        async def unless_failed(message: Message) -> None:
            nonlocal failed, started
            if message["type"] == "http.response.start":
                kind = MutableHeaders(scope=message).get("content-type", "")
                failed = message["status"] == 500 and kind.startswith("text/plain")
            if not failed:
                started = True
                await send(message)

        try:
            await self._app(scope, receive, unless_failed)
        except Exception as error:
            if scope["type"] != "http":
                raise
            failed = True
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                status, sentence = 507, FULL
            log.error("%s %s failed: %s", scope["method"], scope["path"], type(error).__name__)
            log.debug("the trace of it", exc_info=True)
        if failed and not started:
            await refusal(scope, status, sentence)(scope, receive, send)


class OpenRoutes:
    """Answers 404 to every route that the page does not need."""

    def __init__(self, app: ASGIApp, routes: Sequence[re.Pattern[str]], started: Callable[[], bool]) -> None:
        self._app = app
        self._routes = routes
        self._started = started

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if its route is open."""
        if scope["type"] == "http" and not self._open(scope["path"]):
            await refusal(scope, 404, "Not found.")(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _open(self, path: str) -> bool:
        if path == STARTUP:
            return not self._started()
        return any(routes.fullmatch(path) for routes in self._routes)


class LimitedBodies:
    """Answers 413 to a request whose body is larger than its route may have, as soon as that is known."""

    def __init__(self, app: ASGIApp, max_upload: int) -> None:
        self._app = app
        self._max_upload = max_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what it sends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Exactly: with a slash at its end Gradio redirects it without reading a body.
        limit = self._max_upload if scope["path"] == UPLOAD else MAX_BODY
        refuse = refusal(scope, 413, f"At most {limit // 2**20} MB can be sent at once.")
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdigit() or int(length) > limit:
            await refuse(scope, receive, send)
            return
        seen, started, refused = 0, False, False

        async def counted() -> Message:
            nonlocal seen, refused
            message = await receive()
            seen += len(message.get("body", b""))
            if seen <= limit:
                return message
            if not started and not refused:
                refused = True  # before anything is awaited: what the application says of it comes too late
                await refuse(scope, receive, send)
            return {"type": "http.disconnect"}

        async def unless_refused(message: Message) -> None:
            nonlocal started
            if not refused:
                started = True
                await send(message)

        await self._app(scope, counted, unless_refused)
