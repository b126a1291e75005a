"""PDFs in a message: every page is a picture: pytest tests/backend/test_chat_pages.py"""

from backend.errors import MediaTooLarge, UnsupportedMedia
from backend.types import ImagePart, Progress
from tests.backend.house import House, events, failure, sha
from tests.media.pdfs import write_pdf


async def test_the_pages_of_a_pdf_stand_in_its_place_in_order(house: House) -> None:
    pdf = write_pdf(house.folder / "bill.pdf", ["1 0 0 rg 0 0 72 72 re f", "0 0 1 rg 0 0 72 72 re f"])
    house.engine.script = ["A bill."]
    files = [house.file("a.png"), pdf, house.file("b.png")]
    got = await events(house.chat.submit(house.id, "What is it?", files))
    pages = [event for event in got if isinstance(event, Progress) and "pages" in event.stage]
    assert pages == [Progress("reading the pages", 0, 2), Progress("reading the pages", 1, 2)]
    first, *drawn, last = house.asked()[0].media
    assert (first, last) == (ImagePart(sha("a.png")), ImagePart(sha("b.png")))
    assert [house.store.name(part.media_id) for part in drawn] == ["bill page 1.png", "bill page 2.png"]
    colours = [house.store.image(part.media_id).getpixel((9, 9)) for part in drawn]
    assert colours == [(255, 0, 0), (0, 0, 255)]


async def test_two_pdfs_of_one_name_are_two_documents(house: House) -> None:
    (house.folder / "other").mkdir()
    one = write_pdf(house.folder / "scan.pdf", ["1 0 0 rg 0 0 72 72 re f"])
    two = write_pdf(house.folder / "other" / "scan.pdf", ["0 0 1 rg 0 0 72 72 re f"])
    await house.says("Hi", "Two.", one, two)
    assert len({part.media_id for part in house.asked()[0].media}) == 2


async def test_a_pdf_with_more_pages_than_a_message_holds_says_what_to_do(house: House) -> None:
    pdf = write_pdf(house.folder / "book.pdf", [""] * 10)
    assert await failure(house.chat.submit(house.id, "Hi", [house.file("a.png"), pdf])) == (
        MediaTooLarge,
        "“book.pdf” has 10 pages, and a message holds 10 pictures; send some of its pages, or ask of each page with "
        "“Many files” or glimpse batch.",
    )
    assert house.kept() == []


async def test_a_pdf_that_is_none_is_one_sentence(house: House) -> None:
    (house.folder / "cut.pdf").write_bytes(b"%PDF-1.7\n")
    error, sentence = await failure(house.chat.submit(house.id, "Hi", [house.folder / "cut.pdf"]))
    assert (error, sentence[:9]) == (UnsupportedMedia, "“cut.pdf”")
