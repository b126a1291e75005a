"""How far a load is and how long it takes still."""

from backend.engine.local.load import Pace
from backend.types import Progress


def test_the_time_left_follows_the_pace_so_far() -> None:
    clock = iter((10.0, 11.0, 14.0, 20.0))
    pace = Pace(lambda: next(clock))
    assert [pace.left(done, 1000) for done in (100, 200, 500, 1000)] == [None, None, 5.0, 0.0]


def test_a_load_after_a_download_has_a_pace_of_its_own() -> None:
    clock = iter((0.0, 100.0, 101.0, 104.0))
    pace = Pace(lambda: next(clock))
    assert [pace.left(done, 1000) for done in (0, 1000, 0, 300)] == [None, 0.0, None, 7.0]


def test_what_stands_still_has_no_time_left() -> None:
    clock = iter((0.0, 10.0))
    pace = Pace(lambda: next(clock))
    assert [pace.left(5, 10), pace.left(5, 10)] == [None, None]


def test_progress_is_told_in_words() -> None:
    assert [
        Progress("reading").words,
        Progress("reading the clip", 23, 64).words,
        Progress("reading the pages", 3, 1200).words,
        Progress("loading", 3_000_000, 4_000_000, 7.4, "bytes").words,
        Progress("loading", 4 * 10**9, 10**10, 200.0, "bytes").words,
    ] == [
        "reading",
        "reading the clip 23/64",
        "reading the pages 3/1200",
        "loading 3.0 of 4.0 MB, about 7 s left",
        "loading 4.0 of 10.0 GB, about 3 min left",
    ]
