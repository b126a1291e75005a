"""The child for real, on drawn images: what is read, where it stands, and which way up."""

from collections.abc import Iterator

import pytest
from PIL import Image, ImageEnhance

from backend.reader.page import Page
from backend.reader.process import ReaderProcess
from tests.support.drawing import RECEIPT, ROWS, drawn, receipt

pytestmark = pytest.mark.slow

NEAR = 14  # pixels: a detected box reaches a little past the ink


@pytest.fixture(scope="module")
def process() -> Iterator[ReaderProcess]:
    process = ReaderProcess()
    yield process
    process.end()


def read(process: ReaderProcess, image: Image.Image) -> Page:
    return process.read(image, lambda done, total: None)


def rows(page: Page) -> list[str]:
    return [row.text for row in page.rows]


def test_words_are_read_where_they_stand(process: ReaderProcess) -> None:
    image, boxes = drawn((560, 280), RECEIPT)
    page = read(process, image)
    assert (page.width, page.height, page.turn) == (560, 280, 0)
    assert rows(page) == ROWS
    assert [line.text for line in page.lines] == [text for _, _, text in RECEIPT]
    for line, box in zip(page.lines, boxes, strict=True):
        assert line.score > 0.9
        assert max(abs(found - true) for found, true in zip(line.box, box, strict=True)) <= NEAR


@pytest.mark.parametrize(
    ("turn", "way"),
    [
        (90, Image.Transpose.ROTATE_270),  # Pillow turns to the left
        (180, Image.Transpose.ROTATE_180),
        (270, Image.Transpose.ROTATE_90),
    ],
)
def test_a_turned_page_is_read_and_placed_as_it_came(process: ReaderProcess, turn: int, way: Image.Transpose) -> None:
    upright = read(process, receipt())
    page = read(process, receipt().transpose(way))
    assert page.turn == turn
    assert rows(page) == ROWS

    def placed(x: float, y: float) -> tuple[float, float]:
        return {90: (280 - y, x), 180: (560 - x, 280 - y), 270: (y, 560 - x)}[turn]

    for line, before in zip(page.lines, upright.lines, strict=True):
        for corner, (x, y) in zip(line.quad, before.quad, strict=True):
            assert corner == pytest.approx(placed(x, y), abs=NEAR)


def test_a_page_that_lies_askew_has_its_rows(process: ReaderProcess) -> None:
    image = receipt().rotate(7, expand=True, fillcolor="white", resample=Image.Resampling.BICUBIC)
    page = read(process, image)
    assert rows(page) == ROWS
    left, right = page.lines[-2].quad[0], page.lines[-1].quad[0]
    assert right[1] < left[1] - 20  # turned to the left, so the row rises


@pytest.mark.parametrize("lean", [-8, 8])
@pytest.mark.parametrize(("turn", "left"), [(90, -90), (270, 90)])
def test_a_page_on_its_side_that_lies_askew_is_turned(process: ReaderProcess, turn: int, left: int, lean: int) -> None:
    texts = [(30, 30 + 50 * row, f"Number {row} of the long lines on this page") for row in range(3)]
    image = drawn((640, 200), texts)[0].rotate(
        left + lean, expand=True, fillcolor="white", resample=Image.Resampling.BICUBIC
    )
    page = read(process, image)
    assert (page.turn, rows(page)) == (turn, [text for _, _, text in texts])


def test_a_dark_page_is_read(process: ReaderProcess) -> None:
    assert rows(read(process, ImageEnhance.Brightness(receipt()).enhance(0.25))) == ROWS


def test_white_on_black_is_read(process: ReaderProcess) -> None:
    assert rows(read(process, receipt("white", "black"))) == ROWS


def test_a_stamp_on_its_head_is_read_as_well(process: ReaderProcess) -> None:
    page = receipt()
    stamp = drawn((220, 60), [(10, 8, "CHECKED")])[0].rotate(180)
    page.paste(stamp, (170, 205))
    lines = {line.text: line for line in read(process, page).lines}
    assert {"TOTAL", "20.45", "CHECKED"} <= lines.keys()
    first, second, *_ = lines["CHECKED"].quad
    assert second[0] < first[0]


def test_a_line_that_stands_beside_upright_ones_begins_where_it_is_read_from(process: ReaderProcess) -> None:
    page = Image.new("RGB", (700, 280), "white")
    page.paste(receipt(), (140, 0))
    page.paste(drawn((260, 60), [(10, 10, "Paid in cash")])[0].transpose(Image.Transpose.ROTATE_270), (20, 10))
    found = read(process, page)
    (standing,) = [line for line in found.lines if line.text == "Paid in cash"]
    first, second, *_ = standing.quad
    assert found.turn == 0
    assert second[1] - first[1] > 100  # from top to bottom


@pytest.mark.parametrize("size", [(1, 1), (20, 5000), (5000, 20), (640, 480)])
def test_an_image_without_text_has_no_lines(process: ReaderProcess, size: tuple[int, int]) -> None:
    assert read(process, Image.new("RGB", size, "white")) == Page(*size)


def test_a_long_receipt_has_every_line_once(process: ReaderProcess) -> None:
    texts = [(30, 20 + 74 * line, f"Article {line:03}") for line in range(80)]
    page = read(process, drawn((700, 6000), texts)[0])
    assert rows(page) == [text for _, _, text in texts]
    assert all(abs(line.quad[0][1] - top) < NEAR for line, (_, top, _) in zip(page.lines, texts, strict=True))


def test_a_strip_wider_than_is_seen_at_once_stays_one_line(process: ReaderProcess) -> None:
    words = " ".join(f"word{number}" for number in range(40))
    image = drawn((4400, 40), [(6, 4, words)])[0]
    assert rows(read(process, image)) == [words]


def test_many_columns_come_out_row_by_row(process: ReaderProcess) -> None:
    texts = [
        (30 + 300 * column, 20 + 60 * row, f"Row {row} {'ABC'[column]}") for column in range(3) for row in range(1, 4)
    ]
    page = read(process, drawn((900, 280), texts)[0])
    assert rows(page) == [f"Row {row} A  Row {row} B  Row {row} C" for row in range(1, 4)]


def test_progress_counts_the_lines(process: ReaderProcess) -> None:
    told: list[tuple[int, int]] = []
    process.read(receipt(), lambda done, total: told.append((done, total)))
    assert told == [(0, 7), (6, 7)]
