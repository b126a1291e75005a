"""Contact sheets: what is drawn where."""

import numpy as np
import pytest
from PIL import Image

from backend.media.clip import Frame, clock
from backend.media.sheets import contact_sheets


def _frames(count: int, size: tuple[int, int] = (64, 36)) -> list[Frame]:
    return [Frame(float(n), Image.new("RGB", size, (n, 100, 200))) for n in range(count)]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0:00"),
        (7.96, "0:07"),
        (6.99999, "0:07"),
        (65, "1:05"),
        (3599.9, "59:59"),
        (3600, "1:00:00"),
        (36061, "10:01:01"),
        (-0.02, "0:00"),
    ],
)
def test_a_time_reads_as_on_a_player(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


@pytest.mark.parametrize(
    ("count", "grid", "sizes"),
    [
        (64, (4, 4), [(1120, 1120)] * 4),
        (0, (4, 4), []),
        (1, (4, 4), [(1120, 1120)]),
        (2, (4, 4), [(1120, 560)]),
        (5, (4, 4), [(1119, 746)]),
        (17, (4, 4), [(1120, 1120)] * 2),
        (13, (4, 4), [(1120, 1120)]),
        (12, (2, 8), [(372, 1116)]),
        (7, (8, 1), [(1120, 160)]),
    ],
)
def test_sheets_are_as_many_and_as_large_as_the_frames_need(count, grid, sizes) -> None:
    assert [sheet.size for sheet in contact_sheets(_frames(count), grid)] == sizes


def test_each_frame_stands_in_its_own_cell_in_reading_order() -> None:
    (sheet,) = contact_sheets(_frames(16), side=448)
    centres = [sheet.getpixel((56 + 112 * (n % 4), 56 + 112 * (n // 4))) for n in range(16)]
    assert centres == [(n, 100, 200) for n in range(16)]


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (1, 500), (3, 3), (4001, 11)])
def test_a_frame_of_any_shape_is_shown_whole_between_black(size) -> None:
    (sheet,) = contact_sheets([Frame(0, Image.new("RGB", size, (0, 255, 0)))], side=300)
    green = np.asarray(sheet)[..., 1] == 255
    assert green[149:151, 149:151].any()
    assert not green[0].any()
    assert not green[:, 0].any()


@pytest.mark.parametrize("side", [1120, 560, 336])
def test_the_time_is_white_on_dark_in_the_top_left_corner(side) -> None:
    white = [Frame(n * 60, Image.new("RGB", (50, 50), "white")) for n in range(16)]
    (sheet,) = contact_sheets(white, side=side)
    cell = side // 4
    corner = np.asarray(sheet.convert("L"))[: max(round(cell * 0.09), 12), : cell // 6]
    assert corner.min() <= 24
    assert corner.max() > 240
    assert 0.1 < (corner > 128).mean() < 0.6


def test_two_times_look_different_and_one_time_always_alike() -> None:
    first, again, other = (
        contact_sheets([Frame(time, Image.new("RGB", (64, 64)))], side=96)[0].tobytes() for time in (5, 5.5, 6)
    )
    assert first == again
    assert first != other


def test_a_grid_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="a grid of 4 x 4 cells does not fit into 3 pixels"):
        contact_sheets(_frames(1), side=3)
