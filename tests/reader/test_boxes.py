"""Boxes: the parts of long images, what two parts have, the lines read at once, and how text lies."""

import itertools

import numpy as np
import pytest

from backend.reader.boxes import (
    OVERLAP,
    Boxes,
    batches,
    from_the_end,
    joined,
    lying,
    on_its_side,
    parts,
    placed,
    tiles,
    too_small,
)


def box(left: float, top: float, right: float, bottom: float) -> Boxes:
    return np.asarray([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)


def edges(found: list[Boxes]) -> list[tuple[float, ...]]:
    return [(*one.min(0).tolist(), *one.max(0).tolist()) for one in found]


@pytest.mark.parametrize("size", [(1, 1), (600, 1800), (2000, 2000), (3000, 4000), (1500, 6000), (400, 2000)])
def test_an_image_that_is_seen_well_at_once_is_one_part(size: tuple[int, int]) -> None:
    assert parts(*size) == [(0, 0, *size)]


def test_a_long_image_is_seen_in_parts_that_overlap() -> None:
    assert parts(600, 6000) == [
        (0, 0, 600, 1620),
        (0, 1460, 600, 3080),
        (0, 2920, 600, 4540),
        (0, 4380, 600, 6000),
    ]
    assert parts(5000, 20) == [(0, 0, 1773, 20), (1613, 0, 3387, 20), (3227, 0, 5000, 20)]


@pytest.mark.parametrize("height", range(2001, 40000, 1999))
def test_parts_cover_the_image(height: int) -> None:
    found = parts(420, height)
    assert found[0][1] == 0
    assert found[-1][3] == height
    assert all(OVERLAP - 1 <= before[3] - after[1] <= OVERLAP + 1 for before, after in itertools.pairwise(found))


def test_a_line_that_a_seam_cuts_is_kept_whole() -> None:
    cut, whole = box(10, 1600, 200, 1620), box(10, 1601, 201, 1634)
    assert edges(joined([cut], [whole], sideways=False)) == edges([whole])
    assert edges(joined([whole], [cut], sideways=False)) == edges([whole])


def test_what_one_part_saw_as_two_lines_and_the_next_as_one_is_one() -> None:
    found = joined([box(0, 0, 90, 20), box(100, 0, 190, 20), box(0, 40, 90, 60)], [box(0, 0, 190, 20)], sideways=False)
    assert edges(found) == edges([box(0, 40, 90, 60), box(0, 0, 190, 20)])


def test_lines_of_one_part_stay_even_where_they_overlap() -> None:
    found = [box(0, 0, 100, 40), box(10, 5, 60, 30)]
    assert edges(joined(found, [box(0, 50, 100, 90)], sideways=False)) == edges([*found, box(0, 50, 100, 90)])


def test_a_line_on_both_sides_of_a_seam_becomes_one() -> None:
    found = joined([box(0, 5, 1770, 20), box(0, 60, 300, 80)], [box(1613, 4, 3300, 20)], sideways=True)
    assert edges(found) == [(0, 60, 300, 80), (0, 4, 3300, 20)]


def test_lines_of_like_width_are_read_together_and_long_ones_in_smaller_numbers() -> None:
    assert list(batches([9, 1, 5, 3, 7, 2, 4, 8])) == [[1, 5, 3, 6, 2, 4], [7, 0]]
    assert list(batches([50, 50, 50, 300])) == [[0, 1], [2], [3]]
    assert list(batches([])) == []


def test_a_page_stands_on_its_side_when_most_of_its_text_does() -> None:
    down, across = box(0, 0, 20, 200), box(0, 0, 200, 20)
    assert on_its_side(np.stack([down, down, down]))
    assert not on_its_side(np.stack([down, down, across, across]))
    assert not on_its_side(np.stack([down, down]))  # a line or two say nothing of the page


def test_a_box_that_stands_begins_where_its_text_does() -> None:
    assert lying(box(0, 0, 20, 200)).tolist() == [[20, 0], [20, 200], [0, 200], [0, 0]]
    assert lying(box(0, 0, 200, 20)).tolist() == box(0, 0, 200, 20).tolist()
    assert from_the_end(box(0, 0, 200, 20)).tolist() == [[200, 20], [0, 20], [0, 0], [200, 0]]


@pytest.mark.parametrize("corner", range(4))
@pytest.mark.parametrize("lean", [-60, 60])
def test_a_long_line_that_stands_and_leans_is_told_whichever_corner_comes_first(lean: int, corner: int) -> None:
    leaning = np.asarray([(90 + lean, 0), (90, 400), (70, 398), (70 + lean, -2)], np.float32)
    given = np.roll(leaning, corner, axis=0)
    assert on_its_side(np.stack([given, given, given]))
    assert lying(given).tolist() == leaning.tolist()


def test_a_box_of_a_turned_image_is_placed_in_the_one_that_came() -> None:
    # An image 100 wide and 300 high, turned a quarter to the left, is 300 wide and 100 high.
    assert placed(box(10, 20, 200, 40), 100, True) == ((80.0, 10.0), (80.0, 200.0), (60.0, 200.0), (60.0, 10.0))
    assert placed(box(10, 20, 200, 40), 100, False) == ((10.0, 20.0), (200.0, 20.0), (200.0, 40.0), (10.0, 40.0))


def test_an_image_of_small_text_is_seen_in_tiles_that_are_not_shrunk() -> None:
    assert tiles(1000, 1500) == [[(0, 0, 1000, 1500)]]
    assert tiles(3000, 4000) == [
        [(0, top, 1580, bottom), (1420, top, 3000, bottom)] for top, bottom in ((0, 1440), (1280, 2720), (2560, 4000))
    ]


def test_text_is_too_small_where_many_lines_are_shrunk_to_a_few_pixels() -> None:
    small, large = [box(0, 0, 200, 28)] * 40, [box(0, 0, 200, 48)] * 40
    assert too_small(small, 3000, 4000)
    assert not too_small(large, 3000, 4000)
    assert not too_small(small[1:], 3000, 4000)
    assert not too_small(small, 1500, 2000)  # seen as it is
