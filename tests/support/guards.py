"""The guards of the page in front of an application that reads what it gets, for tests of what passes them."""

from collections.abc import Mapping
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ui.middleware import build_middleware, guarded

LOGIN = {"Cookie": "token=ada"}
MB = 2**20


def who(cookies: Mapping[str, str]) -> str | None:
    """Ada and Bob have a login here."""
    token = cookies.get("token")
    return token if token in ("ada", "bob") else None


class Behind:
    """What stands behind the guards; it notes the paths that reach it and how many bytes it was given."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        self.bytes = 0

    async def answer(self, request: Request) -> Response:
        self.reached.append(request.url.path)
        body = b""
        try:
            async for chunk in request.stream():
                body += chunk
                self.bytes = max(self.bytes, len(body))
        except ClientDisconnect:
            return PlainTextResponse("cut off", 400)
        if request.url.path == "/login" and request.method == "POST":
            return PlainTextResponse("", 200 if b"right" in body else 400)
        return PlainTextResponse(f"{len(body)}")


def client(
    behind: Behind | None = None, *, max_upload: int = 9 * MB, address: str = "127.0.0.1", **options: Any
) -> httpx.AsyncClient:
    """A client of a page with these options, of one on this machine without a login where there are none."""
    methods = ["GET", "POST", "OPTIONS", "PUT"]
    app = Starlette(routes=[Route("/{path:path}", (behind or Behind()).answer, methods=methods)])
    guards = build_middleware(max_upload, **{"host": "127.0.0.1", "share": False, **options})
    transport = httpx.ASGITransport(guarded(app, guards), client=(address, 5000))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7860")
