"""Forms whose values can only be copied: which answers a page allows, and which schemas stay as they are."""

import json
import time
from typing import Any

import pytest
from llguidance import LLMatcher, LLParserLimits, LLTokenizer

from backend.evidence.copying import copied
from backend.reader.page import Page
from backend.tasks.forms import own_schema
from backend.tasks.presets import receipt
from backend.types import Grammar
from tests.support.grammars import accepts, with_any_total
from tests.support.pages import page

BYTES = LLTokenizer("byte")
SHOP = page(
    "GOLDEN HARBOUR Co.",
    "4, Church Street 9",
    ["19/10/2018", (300, "20:49:59")],
    ["2 x Green Tea", (420, "RM 6.20")],
    ["TOTAL", (420, "1,006.20")],
)
NOTHING = {
    "shop": None, "address": None, "date": None, "time": None, "currency": None, "items": [], "subtotal": None,
    "discount": None, "taxes": [], "total": None, "payment": None,
}  # fmt: skip


def written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def allows(grammar: Grammar, answer: str) -> bool:
    """Whether an answer, and no more, is a sentence of a grammar."""
    write = LLMatcher.grammar_from_lark if grammar.kind == "lark" else LLMatcher.grammar_from_json_schema
    limits = LLParserLimits(step_max_items=500_000, step_lexer_fuel=2_000_000)  # those of the engine
    matcher = LLMatcher(BYTES, write(grammar.text), log_level=0, limits=limits)
    assert not matcher.is_error(), matcher.get_error()
    return any(accepts(matcher, one) for one in with_any_total(grammar, answer))


def form(properties: dict[str, Any], **rest: Any) -> Grammar:
    return own_schema.grammar({"type": "object", "properties": properties, **rest})


def held(schema: dict[str, Any], *pages: Page) -> Grammar:
    """A schema of one property `v` held to pages."""
    grammar = copied(form({"v": schema}, required=["v"]), pages or [SHOP])
    assert grammar.kind == "lark"
    return grammar


def takes(schema: dict[str, Any], value: Any, *pages: Page) -> bool:
    return allows(held(schema, *pages), written({"v": value}))


@pytest.mark.parametrize(
    "said",
    [
        {"shop": "GOLDEN HARBOUR Co."},
        {"address": "4, Church Street 9"},
        {"date": "2018-10-19"},
        {"time": "20:49"},
        {"time": "20:49:59"},
        {"currency": "MYR"},
        {"total": 1006.2},
        {"items": [{"name": "Green Tea", "quantity": 2, "unit_price": None, "amount": 6.2}]},
        {"taxes": [{"name": None, "rate": 2, "amount": 6.2}]},
        {},
    ],
)
def test_a_receipt_may_say_what_is_printed(said: dict[str, Any]) -> None:
    assert allows(copied(receipt.grammar(), [SHOP]), written(NOTHING | said))


@pytest.mark.parametrize(
    "said",
    [
        {"shop": "GOLDEN BAKERY"},
        {"shop": "HARBOUR GOLDEN"},
        {"shop": "OLDEN"},
        {"shop": "GOLDEN HARBOUR"},
        {"shop": ""},
        {"date": "2018-10-18"},
        {"time": "20:50"},
        {"currency": "EUR"},
        {"total": 1006.21},
        {"items": [{"name": "Green Tea", "quantity": 5, "unit_price": None, "amount": None}]},
    ],
)
def test_a_receipt_may_say_nothing_else(said: dict[str, Any]) -> None:
    assert not allows(copied(receipt.grammar(), [SHOP]), written(NOTHING | said))


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("issued", ["19/10/2018", "2018-10-19"]),
        ("purchaseDate", ["19/10/2018", "2018-10-19"]),
        ("printed_at", ["20:49:59", "20:49"]),
        ("currency_code", ["RM", "MYR"]),
        ("shelf", ["19/10/2018", "RM"]),
    ],
)
def test_a_text_of_ones_own_schema_is_as_printed_or_a_day_a_time_or_a_currency_by_its_name(
    field: str, values: list[str]
) -> None:
    grammar = copied(form({field: {"type": "string"}}, required=[field]), [SHOP])
    tried = ("19/10/2018", "2018-10-19", "2018-10-18", "20:49:59", "20:49", "RM", "MYR", "EUR")
    allowed = [one for one in tried if allows(grammar, written({field: one}))]
    assert [one for one in allowed if one in values] == values
    assert not {"2018-10-18", "EUR"} & set(allowed)


HEAD = page(
    "GOLDEN HARBOUR Sdn Bhd (524101-D)",
    "10/04/2018 18:21",
    "JM0325955-V",
    "12, Mill Lane,",
    "40170 Kingsbridge Tel: 07-386 7524",
    "TAX INVOICE",
    ["Green Tea", (420, "6.20")],
    ["TOTAL INCL. GST 6%", (420, "6.60")],
    ["CASH", (420, "10.00")],
    "Bakery Ltd 843334-P",
    "4 Quay Road, S(283317)",
    "Fax 555 1234",
    "016-5498845",
    "UNIT 7, AUSTIN, TX",
    "96106.",
    ["GST included in total", (420, "0.35")],
)


@pytest.mark.parametrize(
    ("said", "allowed"),
    [
        ({"shop": "GOLDEN HARBOUR Sdn Bhd"}, True),
        ({"shop": "GOLDEN HARBOUR Sdn Bhd (524101-D)"}, False),
        ({"shop": "10/04/2018 18:21"}, False),
        ({"shop": "JM0325955-V"}, False),
        ({"shop": "TAX INVOICE"}, False),
        ({"address": "12, Mill Lane, 40170 Kingsbridge"}, True),
        ({"address": "12, Mill"}, False),
        ({"address": "12, Mill Lane,"}, False),
        ({"address": "016-5498845"}, False),
        ({"shop": "Bakery Ltd"}, True),
        ({"address": "4 Quay Road, S(283317)"}, True),
        ({"address": "UNIT 7, AUSTIN, TX 96106."}, True),
        ({"address": "40170 Kingsbridge Tel: 07-386 7524"}, False),
        ({"address": "GOLDEN HARBOUR Sdn Bhd 12, Mill Lane,"}, False),
        ({"total": 6.6}, True),
        ({"total": 10}, False),
        ({"total": 6}, False),
        ({"total": 0.35}, False),
        ({"items": [{"name": "Green Tea", "quantity": None, "unit_price": None, "amount": 6.2}]}, True),
        ({"items": [{"name": "Green Tea", "quantity": 10, "unit_price": None, "amount": 6.2}]}, False),
        ({"items": [{"name": "Green Tea", "quantity": None, "unit_price": None, "amount": 0.35}]}, False),
    ],
)
def test_a_shop_and_an_address_are_whole_lines_and_a_total_stands_by_its_word(
    said: dict[str, Any], allowed: bool
) -> None:
    assert allows(copied(receipt.grammar(), [HEAD]), written(NOTHING | said)) == allowed


@pytest.mark.parametrize(
    ("rows", "allowed", "refused"),
    [
        (("POPULAR BOOK", "CO. (M) SDN BHD", "(Co. No. 113825-W)"), "POPULAR BOOK CO. (M) SDN BHD", "POPULAR BOOK"),
        (("HOME HARDWARE &", "ELECTRICAL", "Tel: 555 1234"), "HOME HARDWARE & ELECTRICAL", "HOME HARDWARE &"),
        (("GL TAILOR", "Reg No.:75495-W", "BHD"), "GL TAILOR", "GL TAILOR BHD"),
    ],
)
def test_a_name_over_two_lines_is_whole(rows: tuple[str, ...], allowed: str, refused: str) -> None:
    grammar = copied(receipt.grammar(), [page(*rows, "Tea 3.00")])
    assert allows(grammar, written(NOTHING | {"shop": allowed}))
    assert not allows(grammar, written(NOTHING | {"shop": refused}))


def test_a_form_that_is_no_receipt_takes_parts_of_lines() -> None:
    assert takes({"type": "string"}, "Mill Lane", page("Venue 12, Mill Lane"))
    venue = {"properties": {"address": {"type": "string"}}, "type": "object", "required": ["address"]}
    grammar = copied(own_schema.grammar(venue), [page("Venue 12, Mill Lane")])
    assert allows(grammar, written({"address": "12, Mill Lane"}))


def test_a_line_goes_by_what_stands_after_its_label() -> None:
    grammar = copied(receipt.grammar(), [page("Company: Acme Ltd", "Address: No: 12, Mill Lane")])
    assert allows(grammar, written(NOTHING | {"shop": "Acme Ltd", "address": "No: 12, Mill Lane"}))
    assert not allows(grammar, written(NOTHING | {"shop": "Company: Acme Ltd"}))


@pytest.mark.parametrize("code", ["D-83176", "83176"])
def test_a_town_below_its_code_is_part_of_the_address(code: str) -> None:
    grammar = copied(receipt.grammar(), [page("TOY", f"Mill Lane 3, {code}", "FELIX", "TEA  3.00", "TOTAL  9.00")])
    assert allows(grammar, written(NOTHING | {"address": f"Mill Lane 3, {code} FELIX"}))
    assert not allows(grammar, written(NOTHING | {"address": f"Mill Lane 3, {code}"}))


def test_where_no_word_for_a_total_stands_any_number_may_be_it() -> None:
    assert allows(
        copied(receipt.grammar(), [page("DPT.05 RM 149.00", "RM 170.00")]), written(NOTHING | {"total": 170})
    )


def test_a_total_may_stand_below_its_word() -> None:
    grammar = copied(receipt.grammar(), [page("Tea 3.00", "TOTAL", "RM 7.00", "CASH 10.00")])
    assert [allows(grammar, written(NOTHING | {"total": total})) for total in (7, 3, 10)] == [True, False, False]


def test_money_may_have_its_two_decimals_or_be_short() -> None:
    grammar = held({"type": "number"})
    assert all(allows(grammar, f'{{"v":{number}}}') for number in ("6.20", "6.2", "-6.20", "9", "9.00"))
    assert not any(allows(grammar, f'{{"v":{number}}}') for number in ("6.200", "06.20", "6", "1,006.20"))


def test_numbers_keep_to_the_bounds_of_the_schema() -> None:
    assert not takes({"type": "number", "minimum": 0}, -6.2)
    assert not takes({"type": "number", "maximum": 100}, 1006.2)
    assert not takes({"type": "number", "exclusiveMaximum": 9}, 9)
    assert not takes({"type": "number", "exclusiveMinimum": 9}, 9)
    assert takes({"type": "number", "multipleOf": 2}, 4)
    assert not takes({"type": "number", "multipleOf": 2}, 9)
    assert takes({"type": "integer"}, 4)
    assert not takes({"type": "integer"}, 6.2)


def test_several_pages_are_copied_from_alike() -> None:
    assert takes({"type": "string"}, "Grand total", SHOP, page("Grand total 7.00"))
    assert takes({"type": "number"}, 7, SHOP, page("Grand total 7.00"))


def test_nested_parts_and_references_are_held() -> None:
    schema = {
        "type": "object",
        "properties": {
            "seller": {"$ref": "#/$defs/Party"},
            "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
        },
        "required": ["seller", "lines"],
        "$defs": {
            "Party": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
            "Line": {
                "type": "object",
                "properties": {
                    "text": {"type": "string", "title": "Text"},
                    "sum": {"anyOf": [{"type": "number"}, {"type": "null"}]},
                    "parts": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
                },
            },
        },
    }
    grammar = copied(own_schema.grammar(schema), [SHOP])
    inner = {"text": "TOTAL", "sum": None, "parts": []}
    outer = {"text": "Green Tea", "sum": 6.2, "parts": [inner, inner]}
    assert grammar.kind == "lark"
    assert allows(grammar, written({"seller": {"name": "GOLDEN HARBOUR"}, "lines": [outer]}))
    assert not allows(grammar, written({"seller": {"name": "SILVER"}, "lines": [outer]}))
    assert not allows(
        grammar, written({"seller": {"name": "TOTAL"}, "lines": [outer | {"parts": [inner | {"sum": 7}]}]})
    )


def test_choices_of_the_schema_are_all_open_but_currencies_only_where_printed() -> None:
    assert takes({"enum": ["food", "other", 5, None]}, "other")
    assert takes({"type": "string", "const": "receipt"}, "receipt")
    assert takes({"enum": ["EUR", "MYR", None]}, "MYR")
    assert takes({"enum": ["EUR", "MYR", None]}, None)
    assert not takes({"enum": ["EUR", "MYR", None]}, "EUR")
    assert takes({"enum": ["YES", "NO"]}, "NO")
    assert takes({"type": "boolean"}, True)


def test_a_choice_beside_free_text_leaves_both_open() -> None:
    either = {"anyOf": [{"enum": ["GOLD", "CASH"]}, {"type": "string"}, {"type": "null"}]}
    assert [takes(either, value) for value in ("GOLD", "GOLDEN HARBOUR", "CASH", None, "CASHIER")] == [
        True, True, True, True, False,
    ]  # fmt: skip


def test_a_pattern_takes_the_words_that_have_it() -> None:
    bill = page("Bill No: INV-00123, of 19/10/2018", "Table 14")
    number = {"type": "string", "pattern": "^[A-Z]+-[0-9]+$"}
    assert takes(number, "INV-00123", bill)
    assert not takes(number, "INV-00124", bill)
    assert takes({"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}, "2018-10-19", bill)
    assert takes({"type": "string", "pattern": "^Table [0-9]+$"}, "Table 14", bill)


def test_formats_are_days_times_and_addresses() -> None:
    assert takes({"type": "string", "format": "date"}, "2018-10-19")
    assert not takes({"type": "string", "format": "date"}, "19/10/2018")
    assert takes({"type": "string", "format": "time"}, "20:49")
    assert takes({"type": "string", "format": "email"}, "tea@example.org", page("Write to tea@example.org."))


def test_the_length_of_a_string_is_kept_to() -> None:
    assert takes({"type": "string", "maxLength": 6}, "GOLDEN")
    assert not takes({"type": "string", "maxLength": 5}, "GOLDEN")
    assert not takes({"type": "string", "minLength": 7}, "GOLDEN")
    assert takes({"type": "string", "maxLength": 3}, 'a"b', page('a"b cd'))


def test_lists_keep_to_their_length() -> None:
    two = {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 2}
    assert [takes(two, value) for value in ([], [9], [9, 4], [9, 4, 2])] == [False, True, True, False]
    assert [takes(two | {"minItems": 0}, value) for value in ([], [9, 4])] == [True, True]
    assert [takes(two | {"minItems": 2}, value) for value in ([9], [9, 4])] == [False, True]


def test_what_stands_nowhere_is_null_an_empty_list_or_left_out_where_the_schema_allows_it() -> None:
    words = page("Thank you")
    number, optional = {"type": "number"}, {"anyOf": [{"type": "number"}, {"type": "null"}]}
    assert takes(optional, None, words)
    assert takes({"type": ["number", "null"]}, None, words)
    assert takes({"type": "array", "items": number}, [], words)
    grammar = copied(form({"sum": number, "note": {"type": "string"}}, required=["note"]), [words])
    assert allows(grammar, '{"note":"Thank you"}')


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "number"},
        {"type": "array", "items": {"type": "number"}, "minItems": 1},
        {"type": "string", "format": "date"},
        {"$ref": "#/$defs/Sum"},
    ],
)
def test_a_value_that_must_be_there_and_stands_nowhere_leaves_the_form_as_it_was(schema: dict[str, Any]) -> None:
    grammar = form({"v": schema}, required=["v"], **{"$defs": {"Sum": {"type": "number"}}})
    assert copied(grammar, [page("Thank you")]) == grammar


def test_a_reference_that_stands_nowhere_is_known_as_such_the_second_time() -> None:
    sums = {"$ref": "#/$defs/Sum"}
    grammar = form({"a": sums, "b": sums, "note": {"type": "string"}}, **{"$defs": {"Sum": {"type": "number"}}})
    assert allows(copied(grammar, [page("Thank you")]), '{"note":"Thank you"}')


def test_of_an_empty_page_everything_is_null() -> None:
    grammar = copied(receipt.grammar(), [Page(100, 100)])
    assert allows(grammar, written(NOTHING))
    assert not allows(grammar, written(NOTHING | {"shop": "Tea"}))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "array"},
        {"type": "array", "prefixItems": [{"type": "number"}]},
        {"type": "string", "format": "hostname"},
        {"type": "string", "pattern": r"^\p{Lu}+$"},
        {"allOf": [{"type": "string"}, {"maxLength": 3}]},
        {"not": {"type": "number"}},
        {"type": "object", "properties": {"a": {"type": "string"}}, "minProperties": 1},
        {"anyOf": [{"type": "string"}], "maxLength": 3},
        {"$ref": "https://example.org/schema.json"},
        {"$ref": "#/$defs/Missing"},
        {},
        True,
    ],
)
def test_a_part_that_cannot_be_held_leaves_the_form_as_it_was(schema: Any) -> None:
    grammar = Grammar("json", json.dumps({"type": "object", "properties": {"v": schema}}))
    assert copied(grammar, [SHOP]) == grammar


def test_a_form_within_itself_without_end_stays_as_it_was() -> None:
    grammar = Grammar(
        "json", '{"type": "object", "properties": {"v": ' + '{"anyOf": [' * 3000 + "{}" + "]}" * 3000 + "}}"
    )
    assert copied(grammar, [SHOP]) == grammar


def test_no_pages_and_no_form_leave_all_as_it_was() -> None:
    assert copied(receipt.grammar(), []) == receipt.grammar()
    latex = Grammar("lark", 'start: "x"')
    assert copied(latex, [SHOP]) == latex


AWKWARD = page(
    'The "Blue" Tea\\House \\d', "Größe {5} € 3", "合計金額 500円", "سعر 7", "tab\tand \x07 bell", '19% a"(b'
)


@pytest.mark.parametrize(
    "text",
    [
        '"Blue"',
        '"Blue" Tea\\House',
        "\\d",
        "Größe {5} €",
        "合計",
        "金額 500",
        "500円",
        "سعر 7",
        "tab and",
        'a"(b',
        "(b",
        "19%",
    ],
)
def test_quotes_backslashes_and_other_scripts_are_copied_as_they_stand(text: str) -> None:
    assert takes({"type": "string"}, text, AWKWARD)


@pytest.mark.parametrize("answer", ['{"v":""Blue"}', '{"v":"Tea\\"}', '{"v":"a"(b"}', '{"v":"計合"}'])
def test_no_piece_of_the_page_breaks_out_of_its_string(answer: str) -> None:
    assert not allows(held({"type": "string"}, AWKWARD), answer)


def test_names_of_properties_may_be_anything() -> None:
    grammar = copied(form({'a "b" \\ ü': {"type": "string"}}), [SHOP])
    assert allows(grammar, written({'a "b" \\ ü': "TOTAL"}))


def test_two_thousand_numbers_are_all_open_and_quickly_so() -> None:
    crowded = page(*[f"Item {number}  {number + 0.25:,.2f}" for number in range(2000)])
    began = time.thread_time()
    grammar = copied(receipt.grammar(), [crowded])
    assert allows(grammar, written(NOTHING | {"total": 1999.25, "discount": 1000.25}))
    assert not allows(grammar, written(NOTHING | {"total": 2000.25}))
    assert time.thread_time() - began < 20  # a second or two on an idle machine


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("hand picked", True),
        ("leaves hand picked", True),
        ("Green Tea leaves", False),  # without the row of the amount
        ("Green Tea leaves hand picked", False),  # over three rows
        ("Green picked", False),
    ],
)
def test_what_was_bought_stands_on_two_rows_at_most(name: str, allowed: bool) -> None:
    grammar = copied(receipt.grammar(), [page("Green Tea", "leaves", "hand picked 3.10", ["TOTAL", (420, "3.10")])])
    item = {"name": name, "quantity": None, "unit_price": None, "amount": 3.10}
    answer = written(NOTHING | {"items": [item]}).replace("3.1}", "3.10}")
    assert allows(grammar, answer) == allowed


@pytest.mark.parametrize(
    ("row", "currency", "allowed"),
    [
        ("Tea R12.50", "ZAR", True),
        ("Tea R 1 200", "ZAR", True),
        ("R1927 Tea 12.50", "ZAR", False),  # a code
        ("Doc No. FR09337043", "CHF", False),
        ("Tea Fr. 12.50", "CHF", True),
    ],
)
def test_a_letter_before_a_code_is_no_currency(row: str, currency: str, allowed: bool) -> None:
    grammar = copied(receipt.grammar(), [page(row, "TOTAL 14.50")])
    assert allows(grammar, written(NOTHING | {"currency": currency})) == allowed
