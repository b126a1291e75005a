"""Pages of text that Pocket learns from, and a model grown for them: pytest tests/training/test_pages.py"""

import json
import random
import re
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from backend.evidence import evidence_of_json
from backend.evidence.copying import copied
from backend.reader.page import Page
from backend.tasks.forms import receipt_schema
from backend.tasks.presets import document, receipt
from training import model as models
from training import page_chat, page_documents, page_receipts, page_words, tokenizer
from training.encode import Encoder, Grid
from training.grow import grown
from training.mixture import TRAINING, draw
from training.pages import Sheet, write
from training.talk import laid_out
from training.values import PAGE, Chat, Turn

POCKET = Path("assets/pocket")


def pages(text: str) -> list[Page]:
    """The text as a reader would have it."""
    return [laid_out(text)]


def drawn(kind: str, count: int) -> list[tuple[Turn, ...]]:
    make = page_chat.turns if kind == "page" else page_documents.turns if kind == "document" else page_documents.sign
    rng = random.Random(f"pages:{kind}")
    return [make(rng, 4) if kind != "sign" else make(rng) for _ in range(count)]  # type: ignore[call-arg]


@pytest.fixture(scope="module")
def tokens() -> PreTrainedTokenizerFast:
    chats = (draw(random.Random(number), TRAINING) for number in range(200))
    return tokenizer.extend(PreTrainedTokenizerFast.from_pretrained(POCKET), chats, merges=200)


def test_a_written_page_knows_each_fields_characters_and_tells_them_in_other_forms() -> None:
    sheet = Sheet().row("TOTAL", "  ", ("1.234,50", "total~")).row("on ", ("19.10.2018", "date~"))
    page = write(sheet, random.Random(1), misread=0.0)
    assert page.text in ("TOTAL  1.234,50\non 19.10.2018", "TOTAL 1.234,50\non 19.10.2018")
    assert page.copy("total").text == "1.234,50"
    told = page.told("total", "1234.50")
    assert "".join(page.text[mark] for mark in told.marks if mark >= 0) == "123450"
    assert {page.text[mark] for mark in page.told("date", "2018-10-19").marks if mark >= 0} == set("2018109")


@pytest.mark.parametrize("kind", ["page", "document", "sign"])
def test_every_copied_character_of_an_answer_stands_on_its_page(kind: str) -> None:
    for turns in drawn(kind, 200):
        page = turns[0].page
        assert page is not None
        for piece in (piece for turn in turns for piece in turn.answer if piece.drawing == PAGE):
            for character, mark in zip(piece.text, piece.marks, strict=True):
                assert mark < 0 or page[mark] == character or not page[mark].isdigit() or character == "\\"


def test_receipts_are_in_the_presets_form_and_their_values_can_be_copied() -> None:
    marked = values = 0
    for turns in drawn("page", 150):
        for turn in turns:
            if turn.question != receipt.PROMPT:
                continue
            assert receipt_schema.parse(turn.text) is not None
            found = evidence_of_json(turn.text, pages(turns[0].page or ""))
            values += len(found)
            marked += sum(one.kind == "nowhere" for one in found)
    assert values > 1000
    assert marked / values < 0.01


@pytest.mark.parametrize("kind", ["page", "document", "sign"])
def test_a_drawn_page_that_is_laid_out_is_read_as_it_was_written(kind: str) -> None:
    texts = [turns[0].page or "" for turns in drawn(kind, 60)]
    assert [laid_out(text).text for text in texts] == [re.sub(" {3,}", "  ", text.strip()) for text in texts]


def test_a_drawn_answer_is_a_sentence_of_the_grammar_over_its_page() -> None:
    llguidance = pytest.importorskip("llguidance")
    vocabulary = llguidance.LLTokenizer("byte")
    right = asked = 0
    for turns in drawn("page", 60):
        for turn in (turn for turn in turns if turn.question == receipt.PROMPT):
            grammar = copied(receipt.grammar(), pages(turns[0].page or ""))
            written = llguidance.LLMatcher.grammar_from_lark(grammar.text)
            matcher = llguidance.LLMatcher(vocabulary, written, log_level=0)
            data = turn.text.encode()
            right += matcher.try_consume_tokens(list(data)) == len(data) and matcher.is_accepting()
            asked += 1
    assert right / asked > 0.9  # the rest has a misread sign, or a rate that no reader would take for one


def test_firms_addresses_and_goods_differ_each_time() -> None:
    rng = random.Random(3)
    for country in page_words.COUNTRIES:
        assert len({page_words.firm(country, rng) for _ in range(50)}) > 40
        assert len({page_words.address(country, rng) for _ in range(50)}) > 40
    assert len({page_receipts.make(rng).page.text for _ in range(50)}) == 50


def test_document_answers_quote_a_row_of_the_page() -> None:
    quoted = 0
    for turns in drawn("document", 200):
        for turn in turns:
            if turn.question.startswith(document.PROMPT) and turn.text != document.NOT_SAID:
                assert turn.text.partition("\n\n> ")[2] in (turns[0].page or "").split("\n")
                quoted += 1
    assert quoted > 50


def test_what_is_copied_is_the_same_token_that_stands_on_the_page(tokens: PreTrainedTokenizerFast) -> None:
    encoder = Encoder(tokens, Grid(tile=336))
    same = told = 0
    for turns in drawn("page", 40) + drawn("document", 40):
        sample = encoder.encode(Chat("page", (), turns))
        for source, token in zip(sample.copies, sample.ids, strict=True):
            told += source >= 0
            same += source >= 0 and sample.ids[source] == token
    assert told > 2000
    assert same / told > 0.98


def test_a_tokenizer_that_is_extended_keeps_every_phrase_and_cuts_words_alike(tokens: PreTrainedTokenizerFast) -> None:
    old = PreTrainedTokenizerFast.from_pretrained(POCKET)
    assert set(old.get_added_vocab()) <= set(tokens.get_added_vocab())
    for text in ("JALAN", "STREET", "Total"):
        alone = tokens(text, add_special_tokens=False)["input_ids"]
        within = tokens(f"12 {text}, 3", add_special_tokens=False)["input_ids"]
        assert within[3 : 3 + len(alone)] == alone
    assert tokens.decode(tokens("Fünf € à 12.90\n", add_special_tokens=False)["input_ids"]) == "Fünf € à 12.90\n"


def test_a_model_that_is_grown_says_what_it_said(tokens: PreTrainedTokenizerFast) -> None:
    old = models.build(
        tokens, models.Shape(text_layers=4, cross_layers=(1,), vision_layers=1, vision_kept=(0,))
    ).eval()
    with torch.no_grad():  # else the epsilon of a norm, which is over more numbers now, would be seen
        old.model.language_model.embed_tokens.weight.mul_(50.0)
    shape = models.Shape(
        text_width=288, text_heads=6, text_layers=7, cross_layers=(3,), vision_layers=1, vision_kept=(0,)
    )
    places = {0: 0, 1: 3, 2: 4, 3: 6}
    new = grown(old, tokens, models.config(tokens, shape), tokens, places).eval()
    ids = torch.randint(0, 200, (2, 40))
    pixels = torch.randn(2, 1, 1, 3, 224, 224)
    seen = {
        "pixel_values": pixels, "aspect_ratio_ids": torch.ones(2, 1, dtype=torch.long),
        "aspect_ratio_mask": torch.ones(2, 1, 1, dtype=torch.long),
        "cross_attention_mask": torch.ones(2, 40, 1, 1, dtype=torch.long),
    }  # fmt: skip
    with torch.inference_mode():
        for more in ({}, seen):
            before, after = old(input_ids=ids, **more).logits, new(input_ids=ids, **more).logits
            assert torch.allclose(before, after, atol=1e-3)


def test_the_prompts_of_the_presets_are_few_tokens(tokens: PreTrainedTokenizerFast) -> None:
    assert len(tokens(document.ask("Who?"), add_special_tokens=False)["input_ids"]) < 8
    assert json.loads(tokens.backend_tokenizer.to_str())["model"]["type"] == "BPE"
