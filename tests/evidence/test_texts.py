"""Words: folded they are the same, misread they are near, and other words are never taken for them."""

import pytest

from backend.evidence import Evidence, evidence_of_json
from tests.support.pages import page


def look(key: str, value: str, *rows: object) -> Evidence:
    (one,) = evidence_of_json(f'{{"{key}": "{value}"}}', [page(*rows)])  # type: ignore[arg-type]
    return one


def lines(one: Evidence) -> list[tuple[int, ...]]:
    return [place.lines for place in one.places]


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("Indah Gift & Home Deco", "INDAH GIFT & HOME DECO"),
        ("Café Müller", "CAFE MULLER"),
        ("Bäckerei Groß", "BÄCKEREI GROSS"),
        ("Popular Book Co. (M) Sdn Bhd", "POPULAR BOOK CO.(M)SDN.BHD."),
        ("ＡＢＣ Shop", "ABC SHOP"),
        ("Tax Invoice", "TAXINVOICE"),
        ("Tea", "1 TEA"),
        ("名古屋 ラーメン", "名古屋ラーメン"),
    ],
)
def test_case_spaces_marks_and_accents_do_not_count(value: str, printed: str) -> None:
    one = look("shop", value, "Receipt 7", printed)
    assert (one.kind, lines(one)) == ("exact", [(1,)])


def test_whole_words_go_before_parts_of_others() -> None:
    assert lines(look("words", "Total 60.30", "SUBTOTAL 60.30", "TOTAL 60.30")) == [(1,)]
    assert lines(look("words", "Total 60.30", "SUBTOTAL 60.30", "CASH 60.30")) == [(0,)]


def test_a_name_may_stand_in_two_rows() -> None:
    one = look("shop", "Home Master Hardware & Electrical", "HOME MASTER HARDWARE &", [(80, "ELECTRICAL")])
    assert (one.kind, lines(one)) == ("exact", [(0, 1)])


def test_an_address_may_have_another_column_beside_it() -> None:
    rows = (
        ["12, Mill Lane", (400, "Tel 555 1234")],
        ["Westfield Park,", (400, "Fax 555 9876")],
        ["40170 Kingsbridge,", (400, "Reg 77-88")],
        ["Northshire", (400, "VAT 99")],
    )
    one = look("address", "12 Mill Lane, Westfield Park, 40170 Kingsbridge, Northshire", *rows)
    assert (one.kind, lines(one)) == ("exact", [(0, 2, 4, 6)])


def test_an_address_may_have_other_rows_between_its_lines() -> None:
    rows = ("12, Mill Lane", "GST No: 000115154944", "40170 Kingsbridge", "Tel: 07-3507405", "Northshire")
    one = look("address", "12 Mill Lane, 40170 Kingsbridge, Northshire", *rows)
    assert (one.kind, lines(one)) == ("exact", [(0, 2, 4)])


@pytest.mark.parametrize(
    ("value", "printed", "differs"),
    [
        ("Olive Pharmacy Sdn Bhd", "OLIVE FHARHACY SDN BHD", "the image has “FHARHACY”"),
        ("Sub Total", "SUBTOTA1", "the image has 1 instead of L"),
        ("Oil", "0IL", ""),
        ("Soap", "S0AP", "the image has 0 instead of O"),
        ("Golden Harbor Bakery", "Golden Harbour Bakery", "the image has “Harbour”"),
        ("Golden Harbour Bakery Ltd Ipoh", "Golden Harbour Bakery Ltd", "the image lacks “Ipoh”"),
    ],
)
def test_misread_words_are_near_and_say_how(value: str, printed: str, differs: str) -> None:
    one = look("shop", value, "Receipt 7", printed)
    assert (one.kind, one.differs) == (("near", differs) if differs else ("nowhere", ""))


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("Corner Grocery", "Golden Harbour Bakery"),
        ("Silver Garden", "Golden Harbour Bakery"),
        ("Tea", "STEAK 300G"),
        ("Ham", "Shampoo"),
        ("Milk", "Mild Cheese"),
        ("Wooden Ladder", "Iron Ladder 7"),
    ],
)
def test_other_words_stand_nowhere(value: str, printed: str) -> None:
    assert look("shop", value, printed, "Total 5.00") == Evidence("shop", "nowhere")


def test_decimals_in_words_count() -> None:
    assert look("line", "TOTAL: 129.0", "TOTAL 12.90").kind == "near"
    assert look("line", "TOTAL: 1.234,50", "TOTAL 1,234.50").kind == "exact"


def test_words_that_stand_twice_are_both_listed_unless_the_label_says_which() -> None:
    rows = (["Seller", (200, "ACME Trading")], ["Buyer", (200, "ACME Trading")])
    assert lines(look("company", "ACME Trading", *rows)) == [(1,), (3,)]
    assert lines(look("buyer", "ACME Trading", *rows)) == [(3,)]


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        ("EUR", "Summe 8,20 €"),
        ("EUR", "SUMME EUR 8,20"),
        ("MYR", "Total RM60.30"),
        ("MYR", "Amount (RM) 60.30"),
        ("USD", "TOTAL $8.20"),
        ("CAD", "TOTAL $8.20"),
        ("JPY", "合計 ￥1,235"),
        ("JPY", "合計 1,235円"),
        ("INR", "Total Rs. 5.00"),
        ("CHF", "Total Fr. 5.00"),
        ("GBP", "Total £5.00"),
        ("PLN", "Suma 5,00 zł"),
    ],
)
def test_a_currency_stands_where_its_sign_or_word_stands(code: str, printed: str) -> None:
    assert look("currency", code, "Shop", printed).kind == "exact"


@pytest.mark.parametrize(
    ("code", "printed"),
    [("EUR", "TOTAL RM5.00"), ("MYR", "FARM 5.00"), ("USD", "TOTAL A$5.00"), ("EUR", "Total 5.00")],
)
def test_a_currency_that_is_not_printed_stands_nowhere(code: str, printed: str) -> None:
    assert look("currency", code, printed).kind == "nowhere"


@pytest.mark.parametrize(
    ("said", "printed", "kind"),
    [
        ("cash", "BAR 10,00", "exact"),
        ("Cash", "CASH : 8.20", "exact"),
        ("card", "VISA **** 1234", "exact"),
        ("card", "EC-Karte", "exact"),
        ("credit card", "MASTERCARD", "exact"),
        ("VISA", "VISA 8.20", "exact"),
        ("VISA", "MASTERCARD 8.20", "nowhere"),
        ("card", "CASH 8.20", "nowhere"),
        ("cash", "Cashier: CN", "nowhere"),
    ],
)
def test_a_payment_stands_where_a_word_for_it_stands(said: str, printed: str, kind: str) -> None:
    assert look("payment", said, "Shop", printed).kind == kind
