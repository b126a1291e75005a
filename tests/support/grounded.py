"""A receipt and its evidence, of which every kind has one: what tests of the panel and of its files begin with."""

from collections.abc import Sequence

from backend.chat.results import Grounded, grounded
from backend.history import Turn
from backend.reader.page import Page
from backend.types import ImagePart, MediaPart, Message
from tests.support.pages import page

PAGE = page("CORNER", ["Tea", (300.0, "2.50")], ["TOTAL", (300.0, "2.60")])
SECOND = page("CORNER", ["CASH", (300.0, "5.00")])
RECEIPT = '{"shop":"Corner","items":[{"name":"Tea","amount":2.50},{"name":"Jam","amount":9.10}],"total":2.80}'
FIRST_IMAGE, SECOND_IMAGE = ImagePart("a" * 64), ImagePart("b" * 64)
PAGES = {FIRST_IMAGE.media_id: PAGE, SECOND_IMAGE.media_id: SECOND}


def ground(
    reply: str = RECEIPT,
    task: str = "receipt",
    images: Sequence[MediaPart] = (FIRST_IMAGE,),
    pages: dict[str, Page] | None = None,
) -> Grounded:
    """The result of a turn with these images, and what was read on them."""
    turn = Turn(1, 1, Message("user", tuple(images)), task, Message.said(reply), finish_reason="stop")
    parts = [part for part in images if isinstance(part, ImagePart)]
    (found,) = grounded(turn, parts, (PAGES if pages is None else pages).get)
    return found
