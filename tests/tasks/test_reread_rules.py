"""What is read again of a receipt, how it is asked, and which of two readings stands."""

import json
from datetime import date

from llguidance import LLMatcher

from backend.tasks.forms.reread_rules import RereadField, RereadRules
from backend.tasks.presets import receipt
from backend.tasks.result import Answer
from backend.types import Unsure

TODAY = date(2026, 11, 21)
TEXT = '{"shop":"Corner","items":[{"name":"Tea","amount":2.50},{"name":"Jam","amount":3.10}],"total":5.70}'
TOTAL = RereadField(0, "total")


def look() -> RereadRules:
    found = receipt.TASKS[0].reread
    assert found is not None
    return found


def answer(text: str = TEXT, *unsure: Unsure, asked: str = "") -> Answer:
    return Answer(text, asked, unsure, TODAY)


def at(value: str, probability: float, text: str = TEXT) -> Unsure:
    start = text.index(value)
    return Unsure(start, start + len(value), probability)


def merged(first: Answer, reading: str, *unsure: Unsure) -> tuple[str, tuple[Unsure, ...]]:
    kept = look().merge(first, [TOTAL], answer(reading, *unsure))
    return kept.text, kept.unsure


def test_what_does_not_add_up_was_written_with_doubt_or_is_named_is_read_again() -> None:
    doubtful = answer(TEXT, at("3.10", 0.4))
    assert look().fields(doubtful, 0) == (RereadField(0, "items[1].amount"), TOTAL)
    assert look().fields(doubtful, 0, ["shop", "elsewhere"]) == (
        RereadField(0, "shop"), RereadField(0, "items[1].amount"), TOTAL,
    )  # fmt: skip


def test_each_receipt_has_its_own_fields() -> None:
    sure = TEXT.replace("5.70", "5.60")
    two = answer(f"{sure}\n\n\n{TEXT}")
    assert len(look().objects(two)) == 2
    assert (look().fields(two, 0), look().fields(two, 1)) == ((), (RereadField(1, "total"),))


def test_what_is_not_whole_or_in_a_form_of_ones_own_is_not_read_again() -> None:
    own = json.dumps({"type": "object", "properties": {"total": {"type": "number"}}})
    assert look().fields(answer(TEXT[:-1]), 0) == ()
    assert look().objects(answer('{"total":1}', Unsure(9, 10, 0.2), asked=own)) == []


def test_of_two_readings_that_fit_alike_the_one_that_stands_on_the_image_is_kept() -> None:
    first = TEXT.replace("5.70", "5.60").replace("Corner", "Comer")
    sure = answer(first)
    for stands, kept in ((lambda path, value: value == '"Corner"', "Corner"), (lambda path, value: False, "Comer")):
        read = look().merge(sure, [RereadField(0, "shop")], answer('{"shop":"Corner"}', Unsure(8, 16, 0.9)), stands)
        assert read.text == first.replace("Comer", kept)


def test_a_field_is_asked_by_its_line_and_held_to_its_own_form() -> None:
    words, grammar = look().ask(answer(), [RereadField(0, "items[1].amount"), RereadField(0, "items[0].name"), TOTAL])
    assert words == (
        "This is a part of the receipt. Read these of its fields again and answer with JSON only:\n"
        '- items[1].amount: the amount of "Jam"\n- items[0].name\n- total\n'
        "Use null for what is not printed in this part."
    )
    form = json.loads(grammar.text)
    money = {"maximum": 10000000, "minimum": -10000000, "multipleOf": 0.001, "type": "number"}
    assert form["properties"]["total"]["anyOf"] == [
        {"anyOf": [money, {"type": "null"}], "default": None, "title": "Total"},
        {"type": "null"},
    ]
    assert form["required"] == ["items[1].amount", "items[0].name", "total"]
    wrong, _ = LLMatcher.validate_grammar_with_warnings(LLMatcher.grammar_from_json_schema(grammar.text))
    assert not wrong


def test_a_reading_that_mends_the_sum_stands() -> None:
    text, unsure = merged(answer(), '{"total":5.60}', Unsure(9, 13, 0.7))
    assert text == TEXT.replace("5.70", "5.60")
    assert unsure == (Unsure(93, 97, 0.7, reread=True),)


def test_a_reading_that_is_surer_and_breaks_no_sum_stands() -> None:
    first = TEXT.replace("Corner", "Comer").replace("5.70", "5.60")
    doubtful = answer(first, at("Comer", 0.3, first))
    kept = look().merge(doubtful, [RereadField(0, "shop")], answer('{"shop":"Corner"}'))
    assert (kept.text, kept.unsure) == (TEXT.replace("5.70", "5.60"), (Unsure(8, 16, 1.0, reread=True),))


def test_the_same_reading_again_makes_surer() -> None:
    first = TEXT.replace("5.70", "5.60")
    assert merged(answer(first, at("5.60", 0.4, first)), '{"total":5.60}') == (first, (Unsure(93, 97, 1.0, True),))


def test_a_reading_that_breaks_a_sum_or_is_no_surer_leaves_the_first_and_says_so() -> None:
    first = TEXT.replace("5.70", "5.60")
    doubtful = answer(first, at("5.60", 0.4, first))
    assert merged(doubtful, '{"total":9.99}') == (first, (Unsure(93, 97, 0.4, reread=True),))
    shop = look().merge(
        answer(first, at("Corner", 0.5, first)),
        [RereadField(0, "shop")],
        answer('{"shop":"Comer"}', Unsure(9, 12, 0.5)),
    )
    assert (shop.text, shop.unsure) == (first, (Unsure(8, 16, 0.5, reread=True),))


def test_what_is_not_seen_in_the_second_place_or_cut_changes_nothing() -> None:
    for reading in ('{"total":null}', '{"total":5', "{}", ""):
        assert merged(answer(TEXT, at("5.70", 0.4)), reading) == (TEXT, (at("5.70", 0.4),))


def test_other_doubts_stay_where_their_words_are() -> None:
    first = answer(TEXT, at("Corner", 0.5), at('Jam",', 0.3), at("5.70}", 0.4))
    kept = look().merge(first, [RereadField(0, "items[1].name")], answer('{"items[1].name":"Blackberry jam"}'))
    assert [(kept.text[one.start : one.end], one.probability, one.reread) for one in kept.unsure] == [
        ("Corner", 0.5, False), ('"Blackberry jam"', 1.0, True), (",", 0.3, False), ("5.70}", 0.4, False),
    ]  # fmt: skip


def test_the_result_says_what_was_read_again() -> None:
    (result,) = receipt.results(answer(TEXT, Unsure(93, 97, 0.4, reread=True), at("Corner", 0.5)))
    assert result.reread == ("total",)
    assert [doubt.why for doubt in result.doubts] == [
        "the lines above add up to 5.60",
        "the model was only 50% sure",
        "the model was only 40% sure, after a second look",
    ]
