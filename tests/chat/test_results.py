"""The evidence of a result as it leaves Glimpse: as data, in a few words, and as lines for a spreadsheet."""

import io
import json

import openpyxl

from backend.chat.results import (
    evidence_as_data,
    evidence_as_rows,
    evidence_as_text,
    ground,
    json_with_evidence,
    values_of,
)
from backend.history import Turn
from backend.tasks.forms.export import to_xlsx
from backend.tasks.result import Doubt, Result
from backend.types import Message
from tests.support import grounded
from tests.support.grounded import FIRST_IMAGE, PAGES, RECEIPT, SECOND_IMAGE

TEA = {"image": 0, "text": "Tea 2.50"}
DATA = {
    "shop": {"kind": "exact", "places": [{"image": 0, "box": [20, 0, 80, 20], "text": "CORNER"}]},
    "items[0].name": {"kind": "exact", "places": [{**TEA, "box": [20, 24, 50, 44]}]},
    "items[0].amount": {"kind": "exact", "places": [{**TEA, "box": [300, 24, 340, 44]}]},
    "items[1].name": {"kind": "nowhere", "places": []},
    "items[1].amount": {"kind": "nowhere", "places": []},
    "total": {
        "kind": "near",
        "differs": "the image has 2.60",
        "places": [{"image": 0, "box": [300, 48, 340, 68], "text": "TOTAL 2.60"}],
    },
}


def test_evidence_is_data_by_the_paths_of_the_values() -> None:
    assert evidence_as_data(grounded.ground()) == DATA


def test_json_with_evidence_has_the_data_as_they_are_and_the_evidence_beside_them() -> None:
    written = json_with_evidence(grounded.ground())
    assert json.loads(written) == {"data": json.loads(RECEIPT), "evidence": DATA}
    assert '      "total": 2.80' not in written
    assert '    "total": 2.80\n  },\n  "evidence": {\n    "shop": {"kind": "exact", ' in written


def test_evidence_is_said_in_a_few_words() -> None:
    assert evidence_as_text(grounded.ground()) == {
        "shop": "exact: “CORNER” at 20, 0, 80, 20",
        "items[0].name": "exact: “Tea 2.50” at 20, 24, 50, 44",
        "items[0].amount": "exact: “Tea 2.50” at 300, 24, 340, 44",
        "items[1].name": "nowhere",
        "items[1].amount": "nowhere",
        "total": "near (the image has 2.60): “TOTAL 2.60” at 300, 48, 340, 68",
    }


def test_of_several_images_the_words_say_which() -> None:
    found = grounded.ground("Field,Amount\nCASH,5.00", "table", (FIRST_IMAGE, SECOND_IMAGE))
    assert evidence_as_text(found)["[1][1]"] == "exact: “CASH 5.00” at 300, 24, 340, 44 on image 2"


def test_evidence_is_a_sheet_of_its_own_in_a_workbook() -> None:
    found = grounded.ground('{"total":2.80,"shop":"Nobody"}')
    book = openpyxl.load_workbook(io.BytesIO(to_xlsx([{"total": 2.8}], {"Evidence": evidence_as_rows(found)})))
    assert book.sheetnames == ["Sheet", "Evidence"]
    assert list(book["Sheet"].iter_rows(values_only=True)) == [("total",), (2.8,)]
    assert list(book["Evidence"].iter_rows(values_only=True)) == [
        ("field", "value", "kind", "differs", "image", "text", "left", "top", "right", "bottom"),
        ("total", "2.80", "near", "the image has 2.60", 1, "TOTAL 2.60", 300, 48, 340, 68),
        ("shop", "Nobody", "nowhere", None, None, None, None, None, None, None),
    ]


def test_values_are_known_by_the_paths_of_their_evidence() -> None:
    assert values_of(Result("json", '{"a":{"b":["x\\n",2.50]},"c":null}')) == {
        "a.b[0]": "x\n",
        "a.b[1]": "2.50",
        "c": "null",
    }
    assert values_of(Result("csv", 'a,"b, c"\n1,2')) == {
        "[0][0]": "a",
        "[0][1]": "b, c",
        "[1][0]": "1",
        "[1][1]": "2",
    }
    assert (values_of(Result("text", "one\ntwo")), values_of(Result("latex", "x"))) == (
        {"[0]": "one", "[1]": "two"},
        {},
    )


def test_doubts_of_the_result_are_told_from_those_of_its_evidence() -> None:
    found = grounded.ground('{"shop":"Nobody","total":2.60,"subtotal":2.50}')
    assert found.result.doubts == (Doubt("shop", "it stands nowhere on the image"), *found.own_doubts)
    assert found.own_doubts == (Doubt("total", "the lines above add up to 2.50"),)


def test_a_corrected_value_is_looked_for_anew() -> None:
    message = Message("user", (FIRST_IMAGE,))
    turn = Turn(
        1,
        1,
        message,
        "receipt",
        Message.said('{"total":2.80}'),
        finish_reason="stop",
        corrections={0: '{"total": 2.60}'},
    )
    assert [one.kind for one in ground(turn, 0, (FIRST_IMAGE,), PAGES.get).evidence] == ["exact"]
