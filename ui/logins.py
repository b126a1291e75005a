"""Guards the login: nothing is answered without one, and passwords cannot be tried without end.

Pure ASGI, in front of Gradio's application, whose tokens are asked for by `Users`.
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.requests import Request, cookie_parser
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.refusals import refusal

Users = Callable[[Mapping[str, str]], str | None]
"""Who is logged in with these cookies; None where nobody is."""

LogOut = Callable[[Mapping[str, str]], Sequence[str]]
"""Ends the login that these cookies hold; returns the names of those that held it."""

PAGE = Path(__file__).parent.parent / "assets" / "login.html"
# Gradio asks for the login after it has read a body, and for some of its routes not at all.
OPEN = ("/login", "/favicon.ico", "/robots.txt", "/gradio_api/startup-events")
NOT_LOGGED_IN = "Nobody is logged in here any more; reload the page and log in."
WRONG = "This is not the right user name and password."
TOO_MANY = "Too many wrong passwords; wait a minute."
TOO_MANY_ELSEWHERE = "Too many wrong passwords for this user name; wait ten minutes."

# Ten wrong passwords a minute for an account from an address: who tries another person's lets that person wait, but
# nobody else behind the same proxy. For an account from all addresses together a hundred in ten minutes, or many
# machines could try without end. That does not count at an address from which the account has logged in before, so
# that many machines lock nobody out who is at home.
TRIES, WINDOW = 10, 60.0
TRIES_ELSEWHERE, WINDOW_ELSEWHERE = 100, 600.0
KEPT = 10_000  # accounts and addresses of which tries are remembered; a stranger can make up names without end
MAX_LOGIN = 16 * 2**10  # bytes

Key = tuple[str, str]


class LoggedIn:
    """Answers 401 to every request without a login, and with the page of the login to who opens the page."""

    def __init__(self, app: ASGIApp, users: Users, log_out: LogOut, root: str = "") -> None:
        self._app = app
        self._users = users
        self._log_out = log_out
        self._page = PAGE.read_text().replace("ROOT", root)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if somebody is logged in."""
        path = scope.get("path", "").rstrip("/")
        if scope["type"] == "http" and path == "/logout":
            await self._end(scope)(scope, receive, send)
        elif scope["type"] != "http" or path in OPEN or self._users(_cookies(scope)) is not None:
            await self._app(scope, receive, send)
        elif not path and scope["method"] in ("GET", "HEAD"):
            await HTMLResponse(self._page, headers={"Cache-Control": "no-store"})(scope, receive, send)
        else:
            await refusal(scope, 401, NOT_LOGGED_IN)(scope, receive, send)

    def _end(self, scope: Scope) -> Response:
        """End the login of this browser. By POST alone, which no other site's page and no image can send.

        Gradio's own way forgets only the login of the cookie that browsers send over TLS.
        """
        if scope["method"] != "POST":
            return refusal(scope, 405, "Log out by the button on the page.")
        response = Response(status_code=204)
        for name in self._log_out(_cookies(scope)):
            response.delete_cookie(name)
        return response


class LimitedLogins:
    """Answers 429 where too many wrong passwords have been tried lately, and says what is wrong with any other."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._here, self._elsewhere = _Tries(TRIES, WINDOW), _Tries(TRIES_ELSEWHERE, WINDOW_ELSEWHERE)
        self._trusted: OrderedDict[Key, None] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; a try counts as soon as it comes, so that many at once count, until it succeeds."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"].rstrip("/") != "/login":
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        key = (scope["client"][0] if scope.get("client") else "", await _account(scope, body))
        asked = [(self._here, key, TOO_MANY)]
        if key not in self._trusted:
            asked.append((self._elsewhere, ("", key[1]), TOO_MANY_ELSEWHERE))
        spent = [sentence for tries, each, sentence in asked if tries.spent(each)]
        if spent or len(body) > MAX_LOGIN:
            await refusal(scope, 429 if spent else 413, [*spent, WRONG][0])(scope, receive, send)
            return
        takes_back = [tries.add(each) for tries, each, _ in asked]
        status = await self._try(scope, _again(body, receive), send)
        if status < 400:
            for take_back in takes_back:
                take_back()
            _remember(self._trusted, key, None)

    async def _try(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Pass a try on and return how it was answered; Gradio's words for a wrong one are for its own page."""
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            if status != 400:
                await send(message)

        await self._app(scope, receive, watched)
        if status == 400:
            await refusal(scope, 400, WRONG)(scope, receive, send)
        return status


class _Tries:
    """When wrong passwords were tried, by whom, as far back as a window goes."""

    def __init__(self, most: int, window: float) -> None:
        self._most, self._window = most, window
        self._times: OrderedDict[Key, deque[float]] = OrderedDict()

    def spent(self, key: Key) -> bool:
        """Tell whether no more may be tried now."""
        times = self._times.get(key, deque())
        while times and times[0] < time.monotonic() - self._window:
            times.popleft()
        return len(times) >= self._most

    def add(self, key: Key) -> Callable[[], None]:
        """Count a try; returns what takes it back."""
        times, now = self._times.get(key, deque()), time.monotonic()
        times.append(now)
        _remember(self._times, key, times)

        def take_back() -> None:
            if now in times:
                times.remove(now)

        return take_back


def _remember(kept: "OrderedDict[Key, Any]", key: Key, value: Any) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > KEPT:
        kept.popitem(last=False)


def _cookies(scope: Scope) -> dict[str, str]:
    return cookie_parser(Headers(scope=scope).get("cookie", ""))


async def _read(receive: Receive) -> bytes:
    """The body, or as much of it as is already too much."""
    body, more = b"", True
    while more and len(body) <= MAX_LOGIN:
        message = await receive()
        body += message.get("body", b"")
        more = message["type"] == "http.request" and message.get("more_body", False)
    return body


def _again(body: bytes, receive: Receive) -> Receive:
    """What gives a body that was read once more."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def _account(scope: Scope, body: bytes) -> str:
    """The user name that somebody wants to log in with, as Gradio understands it."""

    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    try:
        form = await Request(scope, _again(body, nothing)).form()
    except (MultiPartException, ValueError):
        return ""
    return str(form.get("username", "")).strip()[:200]
