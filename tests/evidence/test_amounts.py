"""Numbers: every national form of one amount is the same number, and another number is never taken for it."""

import pytest

from backend.evidence import Evidence, evidence_of_json
from tests.support.pages import page


def found(source: str, *rows: object) -> list[tuple[str, str, str]]:
    """Path, kind and what differs of each value."""
    return [(one.path, one.kind, one.differs) for one in evidence_of_json(source, [page(*rows)])]  # type: ignore[arg-type]


def kind(value: str, *rows: object, key: str = "total") -> str:
    return found(f'{{"{key}": {value}}}', *rows)[0][1]


def texts(evidence: Evidence, *rows: object) -> list[str]:
    lines = page(*rows).lines  # type: ignore[arg-type]
    return [lines[line].text for place in evidence.places for line in place.lines]


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("1234.50", "TOTAL 1,234.50"),  # English
        ("1234.5", "SUMME 1.234,50"),  # German
        ("1234.50", "TOTAL CHF 1'234.50"),  # Swiss
        ("1234.50", "TOTAL TTC 1 234,50"),  # French
        ("1234.50", "TOTAL TTC 1\u202f234,50 €"),  # French, narrow space
        ("1235", "合計 ¥1,235"),  # Japanese
        ("1235", "合計 １，２３５円"),  # full width
        ("123456.00", "TOTAL Rs.1,23,456.00"),  # Indian
        ("12345678.9", "TOTAL 1,23,45,678.90"),
        ("1234.50", "Totale € 1.234,50"),  # Italian
        ("1234.50", "SUMA 1 234,50 zł"),  # Polish
        ("1234.50", "المجموع ١٢٣٤.٥٠"),  # Arabic-Indic digits
        ("1234567.89", "TOTAL 1.234.567,89"),
        ("60.30", "TOTAL RM60.30"),
        ("8.20", "Nett Total: $8.20"),
        ("8.2", "Summe 8,20€"),
        ("8.20", "SUMME 8,20 EUR"),
        ("60.30", "TOTAL 60 .30"),
        ("60.30", "TOTAL 60. 30"),
        ("1500", "TOTAL 1500.00"),
        ("5.00", "TOTAL RM 5"),
        ("5.00", "TOTAL 5.-"),
        ("0.50", "TOTAL .50"),
        ("12.9", "TOTAL 12.90A"),
    ],
)
def test_one_amount_stands_in_every_form(value: str, printed: str) -> None:
    assert found(f'{{"total": {value}}}', printed) == [("total", "exact", "")]


@pytest.mark.parametrize("printed", ["-5.00", "5.00-", "(5.00)", "- 5.00", "-RM5.00", "RM-5.00", "RM -5.00", "−5.00"])
def test_a_sign_stands_before_or_behind(printed: str) -> None:
    assert kind("-5.00", f"Rounding {printed}", key="rounding") == "exact"
    assert kind("5.00", f"Discount {printed}", key="discount") == "exact"
    assert kind("-5.00", f"Sum of all {printed}") == "exact"


def test_an_amount_with_the_other_sign_is_near() -> None:
    assert found('{"total": 5.00}', "TOTAL -5.00") == [("total", "near", "the image has -5.00")]
    assert found('{"total": -5.00}', "TOTAL 5.00") == [("total", "near", "the image has 5.00")]


@pytest.mark.parametrize(
    ("key", "value", "printed"),
    [
        ("rate", "6", "GST 6 %"),
        ("rate", "6", "GST @6%: 0.46"),
        ("tax_rate", "0.06", "GST @6%: 0.46"),
        ("vat_rate", "19", "MwSt 19,00% 1,20"),
        ("quantity", "2", "x2 Milk"),
        ("quantity", "2", "2x Milk"),
        ("quantity", "2", "2 x 3.50"),
        ("quantity", "3", "3pcs Bolt"),
        ("quantity", "1.5", "1.500 kg Apples"),
        ("unit_price", "3.5", "2 x 3.50"),
    ],
)
def test_rates_and_quantities_stand_as_they_are_printed(key: str, value: str, printed: str) -> None:
    assert kind(value, "Some Shop", printed, "Coffee 12.90", key=key) == "exact"


def test_three_digits_after_a_mark_are_what_the_page_uses_the_mark_for() -> None:
    assert kind("1234", "Tea 2,50", "Summe 1.234") == "exact"
    assert found('{"total": 1.234}', "Tea 2,50", "Summe 1.234") == [("total", "near", "the image has 1.234")]
    assert kind("1.234", "Tea 2.50", "Weight total 1.234") == "exact"
    assert kind("1234", "Total 1.234") == kind("1.234", "Total 1.234") == "exact"  # nothing says which


@pytest.mark.parametrize(
    ("value", "printed", "differs"),
    [
        ("21.00", "TOTAL 21.0C", "the image has “21.0C”"),
        ("15.90", "TOTAL I5.90", "the image has “I5.90”"),
        ("10.00", "TOTAL RM1O.OO", "the image has “1O.OO”"),
        ("1046.14", "Total Rs.I,046.14", "the image has “I,046.14”"),
        ("1234.50", "TOTAL 1,234,50", "the image has “1,234,50”"),
        ("1738.31", "TVA I 738,31", "the image has “I 738,31”"),
        ("8.58", "Anything 8.59", "the image has 8.59"),
        ("12.40", "TOTAL 12.90", "the image has 12.90"),
        ("0.38", "TOTAL 038", "the image has 038"),
    ],
)
def test_an_amount_that_was_misread_is_near_and_says_how(value: str, printed: str, differs: str) -> None:
    assert found(f'{{"total": {value}}}', printed) == [("total", "near", differs)]


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("12.40", "Coffee 12.70"),  # no label, and no digits that look alike
        ("12.40", "TOTAL 13.90"),
        ("60.31", "TOTAL 60.301"),
        ("12.00", "12, Mill Lane"),  # a house number
        ("13.00", "U13/BG Bandar"),  # a code
        ("6.00", "GST 6% inclusive"),  # a rate
        ("19.00", "19/10/2018 10:12"),  # a day
        ("2.77", "Rs.2,777.01"),
        ("4.00", "Total Qty: 4"),  # a count
        ("5.00", "Room 5RM 149.00"),
    ],
)
def test_another_number_is_not_taken_for_an_amount(value: str, printed: str) -> None:
    assert found(f'{{"total": {value}}}', printed, "Tea 2.20") == [("total", "nowhere", "")]


ROWS = [
    [(20.0, "SUB TOTAL"), (400.0, "10.00")],
    [(20.0, "SERVICE CHARGE"), (400.0, "0.00")],
    [(20.0, "TOTAL"), (400.0, "10.00")],
    [(20.0, "CASH"), (400.0, "20.00")],
    [(20.0, "CHANGE"), (400.0, "10.00")],
]


@pytest.mark.parametrize(
    ("key", "row"), [("subtotal", 0), ("total", 2), ("change", 4), ("grand_total", 2), ("totalAmount", 2)]
)
def test_the_label_beside_a_number_decides_which_is_meant(key: str, row: int) -> None:
    drawn = page(*ROWS)
    (one,) = evidence_of_json(f'{{"{key}": 10.00}}', [drawn])
    assert (one.kind, [place.lines for place in one.places]) == ("exact", [(2 * row + 1,)])


@pytest.mark.parametrize("label", ["SUMME", "Gesamtbetrag", "MONTANT", "TOTALE", "JUMLAH", "合計", "T0TAL"])
def test_labels_are_known_in_other_languages_and_misread(label: str) -> None:
    drawn = page(["Coffee", (400, "10.00")], [label, (400, "10.00")], ["Bar", (400, "10.00")])
    (one,) = evidence_of_json('{"total": 10.00}', [drawn])
    assert [place.lines for place in one.places] == [(3,)]


def test_a_label_may_stand_in_the_row_above() -> None:
    drawn = page([(300, "10.00")], ["TOTAL"], [(300, "10.00")], ["CASH"], [(300, "10.00")])
    (one,) = evidence_of_json('{"total": 10.00}', [drawn])
    assert [place.lines for place in one.places] == [(2,)]


def test_a_field_of_ones_own_is_a_label_by_its_name_and_by_further_words() -> None:
    drawn = page(["Deposit paid", (400, "50.00")], ["Kaution", (400, "50.00")], ["Other", (400, "50.00")])
    (own,) = evidence_of_json('{"deposit_paid": 50}', [drawn])
    assert [place.lines for place in own.places] == [(1,)]
    (further,) = evidence_of_json('{"guarantee": 50}', [drawn], {"guarantee": ["Kaution"]})
    assert [place.lines for place in further.places] == [(3,)]


def test_numbers_without_a_label_are_all_listed() -> None:
    drawn = page([(400, "10.00")], [(400, "10.00")], [(400, "11.00")])
    (one,) = evidence_of_json('{"total": 10.00}', [drawn])
    assert [place.lines for place in one.places] == [(0,), (1,)]


def test_a_total_that_stands_only_beside_another_label_stands() -> None:
    assert found('{"total": 10.00}', ["CASH", (400, "10.00")]) == [("total", "exact", "")]


def test_amounts_without_decimals_stand_where_a_page_has_no_others() -> None:
    assert kind("1200", "Ramen 1,200", "Gyoza 300") == "exact"
    assert kind("14", "Table 14", "Coffee 2.50") == "nowhere"
