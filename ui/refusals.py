"""Makes the answers of the page's guards: one sentence each, in the form in which it reaches a person."""

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Scope

UPLOAD = "/gradio_api/upload"


def refusal(scope: Scope, status: int, sentence: str) -> Response:
    """Make the answer to a request that is not passed on.

    Gradio's script shows `detail` of what it queued and `error` of what it ran at once; anything but JSON it reports
    as a syntax error. The text of a refused upload it shows as it is, and so does a browser that opens an address.
    """
    opened = "text/html" in Headers(scope=scope).get("accept", "")
    if opened or scope["path"].rstrip("/") == UPLOAD:
        return PlainTextResponse(sentence, status)
    return JSONResponse({"detail": sentence, "error": sentence}, status)
