"""Guards the page against other pages: what another site sends here, and what asks for it under a foreign name.

Pure ASGI, in front of Gradio's application.
"""

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ui.refusals import refusal

Names = Callable[[], Sequence[str]]
"""Called at each request: a public link gets its name only after the server has started."""

WRONG_HOST = "Open this page under http://127.0.0.1, or start Glimpse with --host."
UNKNOWN_HOST = (
    "Open this page under the address or the name of its machine, or start Glimpse with --public-url and the address "
    "that stands in the browser."
)
OTHER_SITE = (
    "This request comes from another site. If it is this page behind a proxy, start Glimpse with --public-url and the "
    "address that browsers open."
)
Own = Callable[[str], bool]
"""Whether a host name is one of the page's own."""


class SameOrigin:
    """Refuses what another site's page asks for here and, with `own`, requests under a host name that is not.

    The latter is how a site whose name suddenly points at this machine would read a page that has no login.
    """

    def __init__(self, app: ASGIApp, own: Own | None = None, names: Names = tuple) -> None:
        self._app = app
        self._names = names
        self._own = own
        self._unknown = WRONG_HOST if own is on_this_machine else UNKNOWN_HOST

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if it comes from this page or from no page."""
        if scope["type"] == "http":
            headers, names = Headers(scope=scope), self._names()
            if self._own is not None and not _known(headers, self._own, names):
                await refusal(scope, 403, self._unknown)(scope, receive, send)
                return
            if not (_same(headers, names) and _asked_here(scope["method"], headers)):
                await refusal(scope, 403, OTHER_SITE)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def on_this_machine(name: str) -> bool:
    """Tell whether a host name can mean this machine alone, whoever answers for names."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def in_this_network(machine: Iterable[str]) -> Own:
    """Make what tells the names of a machine in its network from those that a stranger's site can have.

    No site has a bare address for its name, and none ends in `.local`, which is asked of the network itself.
    """
    names = {name.lower().rstrip(".") for name in machine} - {""}

    def own(name: str) -> bool:
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return on_this_machine(name) or name in names or name.endswith(".local")
        return True

    return own


def _known(headers: Headers, own: Own, names: Sequence[str]) -> bool:
    """Whether all names under which the page is asked for are its own."""
    asked = [headers.get("host", ""), *_forwarded(headers)]
    return all(host.lower() in names or own(_name(host)) for host in asked)


def _name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:  # a bracket too many
        return ""


def _forwarded(headers: Headers) -> list[str]:
    return [name.strip() for name in headers.get("x-forwarded-host", "").split(",") if name.strip()]


def _same(headers: Headers, names: Sequence[str]) -> bool:
    """Whether there is no Origin, as where a person opens an address, or it is this page's.

    A proxy that asks under another name says the page's in X-Forwarded-Host; another site's page cannot have a browser
    send that header, since the question whether it may is refused.
    """
    origin = headers.get("origin")
    if origin is None:
        return True
    name = origin.partition("://")[2].lower()
    return bool(name) and name in [each.lower() for each in (*names, headers.get("host", ""), *_forwarded(headers))]


def _asked_here(method: str, headers: Headers) -> bool:
    """Whether it is no image, script or the like of another site's page, for which browsers send no Origin."""
    opened = method in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate"
    return opened or headers.get("sec-fetch-site", "none") in ("none", "same-origin")
