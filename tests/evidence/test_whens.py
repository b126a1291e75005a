"""Days and times: every usual form is the same day, and another day is never taken for it."""

import pytest

from backend.evidence import Evidence, evidence_of_json
from tests.support.pages import page


def look(key: str, value: str, *rows: str) -> Evidence:
    (one,) = evidence_of_json(f'{{"{key}": "{value}"}}', [page(*rows)])
    return one


@pytest.mark.parametrize(
    "printed",
    [
        "2018-10-19",
        "2018/10/19",
        "19/10/2018",
        "19-10-18",
        "19.10.2018",
        "19.10.18",
        "19. 10. 2018",
        "10/19/2018",
        "19 OCT 2018",
        "19-Oct-2018",
        "19-Oct-18",
        "19OCT2018",
        "Oct 19, 2018",
        "October 19th, 2018",
        "2018 Oct 19",
        "19 Oct '18",
        "20181019",
        "2018年10月19日",
        "平成30年10月19日",
        "2018년 10월 19일",
        "19. Oktober 2018",
        "19 octobre 2018",
        "19 de octubre de 2018",
        "19 ottobre 2018",
        "19 oktober 2018",
        "19 Okt 2018",
        "19 de outubro de 2018",
        "19/10/2561",
        "Date:19/10/2018",
        "19-10-201811:12:15",
        "19/10/20189:05 AM",
        "19/10/2018 20:49:59 #01",
        "Friday, 19 October, 2018 5:26:39 PM",
    ],
)
def test_one_day_stands_in_every_form(printed: str) -> None:
    one = look("date", "2018-10-19", "Some Shop", printed)
    assert (one.kind, [place.lines for place in one.places]) == ("exact", [(1,)])


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("14. März 2018", "2018-03-14"),
        ("14 Mac 2018", "2018-03-14"),
        ("14 août 2018", "2018-08-14"),
        ("1er janvier 2019", "2019-01-01"),
        ("3 Mei 2017", "2017-05-03"),
        ("3 Ogos 2017", "2017-08-03"),
        ("3 Disember 2017", "2017-12-03"),
        ("9 ENE 2020", "2020-01-09"),
        ("9 gennaio 2020", "2020-01-09"),
        ("9 de março de 2020", "2020-03-09"),
    ],
)
def test_months_have_names_in_many_languages(printed: str, value: str) -> None:
    assert look("date", value, printed).kind == "exact"


def test_a_day_that_can_be_two_stands_for_both() -> None:
    assert look("date", "2018-04-03", "03/04/2018").kind == "exact"
    assert look("date", "2018-03-04", "03/04/2018").kind == "exact"
    assert look("invoice_date", "03/04/2018", "4 Mar 2018").kind == "exact"


def test_a_year_of_two_digits_comes_first_only_where_that_is_usual() -> None:
    assert look("date", "2018-10-11", "18/10/11").kind == "nowhere"
    assert look("date", "2018-10-11", "日付 18/10/11").kind == "exact"


@pytest.mark.parametrize(
    ("value", "printed", "differs"),
    [
        ("2018-10-19", "19/1O/2018", "the image has “19/1O/2018”"),
        ("2018-10-19", "18/10/2018", "the image has 18/10/2018"),
        ("2019-10-19", "19/10/2018", "the image has 19/10/2018"),
    ],
)
def test_a_day_with_one_digit_wrong_is_near(value: str, printed: str, differs: str) -> None:
    one = look("date", value, printed)
    assert (one.kind, one.differs) == ("near", differs)


@pytest.mark.parametrize("printed", ["22/11/2018", "Tel 2018-1019", "31/31/2018", "1.10.19", "19/10", "191018"])
def test_another_day_is_not_taken_for_it(printed: str) -> None:
    assert look("date", "2018-10-19", printed).kind == "nowhere"


def test_the_label_beside_a_day_decides_which_is_meant() -> None:
    one = look("due_date", "2018-10-19", "Date 19/10/2018", "Due 19.10.2018")
    assert [place.lines for place in one.places] == [(1,)]


@pytest.mark.parametrize(
    "printed", ["20:49:59", "20:49", "8:49 PM", "8:49:10pm", "08:49 p.m.", "20h49", "20.49 Uhr", "19-10-201820:49:59"]
)
def test_one_time_stands_in_every_form(printed: str) -> None:
    assert look("time", "20:49", "Some Shop", printed).kind == "exact"


def test_a_time_that_leaves_half_of_the_day_open_is_near() -> None:
    one = look("time", "20:49", "Time: 8:49")
    assert (one.kind, one.differs) == ("near", "the image has 8:49")


@pytest.mark.parametrize("printed", ["9:13", "Total 20.49", "21:12:20:49:11", "Ratio 120:49"])
def test_another_time_is_not_taken_for_it(printed: str) -> None:
    assert look("time", "20:49", printed).kind == "nowhere"


def test_a_day_with_its_time_needs_both() -> None:
    assert look("at", "2018-10-19T20:49:59", "19/10/2018 20:49:59").kind == "exact"
    one = look("at", "2018-10-19T20:49:59", "19/10/2018 11:12:13")
    assert (one.kind, one.differs) == ("near", "the image has no such time")


@pytest.mark.parametrize("printed", ["Time:10:37", "TIME:10:37:13", "Date/Time: 10:37"])
def test_a_time_stands_right_behind_its_label(printed: str) -> None:
    assert look("time", "10:37", printed).kind == "exact"
