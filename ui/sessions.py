"""Guards the tabs: what one person began, nobody else reads, ends or goes on with.

Pure ASGI, behind the guard of the login. Gradio tells tabs apart by a hash that browsers make up, and asks for nothing
else: who knows another person's could cancel what runs there and read the answers.
"""

import json
from collections import OrderedDict
from contextlib import suppress
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.logins import Users
from ui.refusals import UPLOAD, refusal

API, HEARTBEAT = "/gradio_api/", "/gradio_api/heartbeat/"
KEPT = 2000  # tabs of a person that are remembered; nobody loses one by the tabs of others
OTHERS = "This tab is another person's; reload the page."


class OwnSessions:
    """Refuses requests for a tab that another person was the first to use."""

    def __init__(self, app: ASGIApp, users: Users) -> None:
        self._app = app
        self._users = users
        self._tabs: dict[str, OrderedDict[str, None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if its tab is the person's own, or new."""
        if scope["type"] != "http" or not scope["path"].startswith(API) or scope["path"] == UPLOAD:
            await self._app(scope, receive, send)
            return
        user = self._users(cookie_parser(Headers(scope=scope).get("cookie", "")))
        named = _named_in_address(scope)
        if scope["method"] == "POST":
            body, receive = await _read(receive)
            named |= _named_in(body)
        if user is not None and not all(self._take(user, tab) for tab in named):
            await refusal(scope, 403, OTHERS)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _take(self, user: str, tab: str) -> bool:
        """Note that a person uses a tab; whether nobody else did before."""
        if any(tab in tabs for other, tabs in self._tabs.items() if other != user):
            return False
        own = self._tabs.setdefault(user, OrderedDict())
        own[tab] = None
        own.move_to_end(tab)
        if len(own) > KEPT:
            own.popitem(last=False)
        return True


def _named_in_address(scope: Scope) -> set[str]:
    named = set(parse_qs(scope.get("query_string", b"").decode("latin-1")).get("session_hash", []))
    if scope["path"].startswith(HEARTBEAT):
        named.add(scope["path"].removeprefix(HEARTBEAT).rstrip("/"))
    return named


def _named_in(body: bytes) -> set[str]:
    with suppress(ValueError, RecursionError):
        posted = json.loads(body)
        if isinstance(posted, dict) and isinstance(posted.get("session_hash"), str):
            return {posted["session_hash"]}
    return set()


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """The body, whose size another guard bounds, and what gives it once more."""
    kept: list[Message] = []
    while not kept or (kept[-1]["type"] == "http.request" and kept[-1].get("more_body", False)):
        kept.append(await receive())
    messages = iter(kept)

    async def again() -> Message:
        return next(messages, None) or await receive()

    return b"".join(message.get("body", b"") for message in kept), again
