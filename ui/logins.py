"""Guards the login: nothing is answered without one, and passwords cannot be tried without end.

Pure ASGI, in front of Gradio's application, whose tokens are asked for by `Users`.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.refusals import refusal

Users = Callable[[Mapping[str, str]], str | None]
"""Who is logged in with these cookies; None where nobody is."""

# What the page of the login needs. Everything else is refused before its body is read: Gradio asks for the login after
# that, and for some of its routes not at all.
OPEN = ("/", "/login", "/favicon.ico", "/robots.txt", "/manifest.json", "/theme.css", "/gradio_api/startup-events")
OPEN_FOLDERS = ("/assets/", "/static/", "/svelte/")
NOT_LOGGED_IN = "Nobody is logged in here any more; reload the page and log in."

TRIES, WINDOW = 10, 60.0  # failed logins an address may have within so many seconds


class LoggedIn:
    """Answers 401 to every request without a login, but for what the page of the login needs."""

    def __init__(self, app: ASGIApp, users: Users) -> None:
        self._app = app
        self._users = users

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if somebody is logged in."""
        if scope["type"] == "http" and not _open(scope["path"]) and self._users(_cookies(scope)) is None:
            await refusal(scope, 401, NOT_LOGGED_IN)(scope, receive, send)
            return
        await self._app(scope, receive, send)


class LimitedLogins:
    """Answers 429 to an address that has tried too many wrong passwords lately."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._tries: dict[str, deque[float]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; a try counts as soon as it comes, so that many at once count, until it succeeds."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"].rstrip("/") != "/login":
            await self._app(scope, receive, send)
            return
        address = scope["client"][0] if scope.get("client") else ""
        tries = self._recent(address)
        if len(tries) >= TRIES:
            await PlainTextResponse("Too many wrong passwords; wait a minute.", 429)(scope, receive, send)
            return

        now = time.monotonic()
        tries.append(now)

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400 and now in tries:
                tries.remove(now)
            await send(message)

        await self._app(scope, receive, watched)

    def _recent(self, address: str) -> deque[float]:
        since = time.monotonic() - WINDOW
        for known, times in list(self._tries.items()):
            while times and times[0] < since:
                times.popleft()
            if not times:
                del self._tries[known]
        return self._tries.setdefault(address, deque())


def _open(path: str) -> bool:
    return (path.rstrip("/") or "/") in OPEN or path.startswith(OPEN_FOLDERS)


def _cookies(scope: Scope) -> dict[str, str]:
    return cookie_parser(Headers(scope=scope).get("cookie", ""))
