"""PDFs in a message: every page is a picture: pytest tests/chat/test_chat_pages.py"""

from backend.errors import MediaTooLarge, UnsupportedMedia
from backend.types import ImagePart, Progress
from tests.support.chat import Runtime, failure, sha
from tests.support.messages import events
from tests.support.pdfs import write_pdf


async def test_the_pages_of_a_pdf_stand_in_its_place_in_order(runtime: Runtime) -> None:
    pdf = write_pdf(runtime.folder / "bill.pdf", ["1 0 0 rg 0 0 72 72 re f", "0 0 1 rg 0 0 72 72 re f"])
    runtime.engine.script = ["A bill."]
    files = [runtime.file("a.png"), pdf, runtime.file("b.png")]
    got = await events(runtime.chat.submit(runtime.id, "What is it?", files, owner=""))
    pages = [event for event in got if isinstance(event, Progress) and "pages" in event.stage]
    assert pages == [Progress("reading the pages", 0, 2), Progress("reading the pages", 1, 2)]
    first, *drawn, last = runtime.asked()[0].media
    assert (first, last) == (ImagePart(sha("a.png")), ImagePart(sha("b.png")))
    assert [runtime.store.name(part.media_id) for part in drawn] == ["bill page 1.png", "bill page 2.png"]
    colours = [runtime.store.image(part.media_id).getpixel((9, 9)) for part in drawn]
    assert colours == [(255, 0, 0), (0, 0, 255)]


async def test_two_pdfs_of_one_name_are_two_documents(runtime: Runtime) -> None:
    (runtime.folder / "other").mkdir()
    one = write_pdf(runtime.folder / "scan.pdf", ["1 0 0 rg 0 0 72 72 re f"])
    two = write_pdf(runtime.folder / "other" / "scan.pdf", ["0 0 1 rg 0 0 72 72 re f"])
    await runtime.says("Hi", "Two.", one, two)
    assert len({part.media_id for part in runtime.asked()[0].media}) == 2


async def test_a_pdf_with_more_pages_than_a_message_holds_says_what_to_do(runtime: Runtime) -> None:
    pdf = write_pdf(runtime.folder / "book.pdf", [""] * 10)
    assert await failure(runtime.chat.submit(runtime.id, "Hi", [runtime.file("a.png"), pdf], owner="")) == (
        MediaTooLarge,
        "“book.pdf” has 10 pages, and a message holds 10 pictures; send some of its pages, or ask of each page with "
        "“Many files” or glimpse batch.",
    )
    assert runtime.kept() == []


async def test_a_pdf_that_is_none_is_one_sentence(runtime: Runtime) -> None:
    (runtime.folder / "cut.pdf").write_bytes(b"%PDF-1.7\n")
    error, sentence = await failure(runtime.chat.submit(runtime.id, "Hi", [runtime.folder / "cut.pdf"], owner=""))
    assert (error, sentence[:9]) == (UnsupportedMedia, "“cut.pdf”")


async def test_a_pdf_is_read_with_bytes_before_its_header(runtime: Runtime) -> None:
    pdf = write_pdf(runtime.folder / "bill.pdf", ["1 0 0 rg 0 0 72 72 re f"])
    pdf.write_bytes(b"\r\n\xef\xbb\xbf" + pdf.read_bytes())
    await events(runtime.chat.submit(runtime.id, "Hi", [pdf], owner=""))
    (part,) = runtime.history.turns(runtime.id, owner="")[0].media
    assert runtime.store.image(part.media_id).getpixel((100, 100)) == (255, 0, 0)
