"""Tokens become text: nothing is lost, nothing is shown by halves, and each token costs the same."""

import time

import pytest
import torch

from backend.engine.local.decode import TokenStreamer
from backend.engine.local.inference_thread import Cancelled
from tests.support import tiny

WORDS = tiny.tokenizer(None)
STOP = WORDS.eos_token_id


def ids(text: str) -> list[int]:
    return WORDS.encode(text, add_special_tokens=False)


def stream(tokens: list[int], **options) -> tuple[list[str], TokenStreamer]:
    pieces: list[str] = []
    streamer = TokenStreamer(
        WORDS.backend_tokenizer,
        [STOP],
        emit=lambda text, _: pieces.append(text),
        check=options.pop("check", lambda: None),
        **options,
    )
    streamer.put(torch.tensor([ids("the prompt")]))
    for token in tokens:
        streamer.put(torch.tensor([token]))
    streamer.end()
    return pieces, streamer


def test_text_comes_token_by_token_without_the_prompt() -> None:
    pieces, streamer = stream([*ids("Hé!"), STOP])
    assert pieces == ["H", "é", "!"]
    assert streamer.tokens == [*ids("Hé!"), STOP]
    assert streamer.stopped


def test_a_character_of_four_bytes_is_shown_whole_or_not_at_all() -> None:
    tokens = ids("a🙂b")
    assert stream(tokens)[0] == ["a", "🙂", "b"]
    assert stream(tokens[:4])[0] == ["a"]


def test_each_piece_says_how_many_tokens_it_took() -> None:
    counts: list[tuple[str, int]] = []
    streamer = TokenStreamer(
        WORDS.backend_tokenizer, [STOP], emit=lambda *piece: counts.append(piece), check=lambda: None
    )
    streamer.put(torch.tensor([ids("prompt")]))
    streamer.put(torch.tensor([ids("a🙂b")]))
    assert counts == [("a", 1), ("🙂", len(ids("🙂"))), ("b", 1)]


def test_what_comes_fast_goes_together_and_nothing_is_kept_back_at_the_end() -> None:
    counts: list[tuple[str, int]] = []
    streamer = TokenStreamer(
        WORDS.backend_tokenizer, [STOP], emit=lambda *piece: counts.append(piece), check=lambda: None, pace=3600.0
    )
    for tokens in (ids("prompt"), ids("a"), ids("b"), ids("🙂c")):
        streamer.put(torch.tensor([tokens]))
    assert counts == [("a", 1)]
    streamer.end()
    streamer.end()
    assert counts == [("a", 1), ("b🙂c", 2 + len(ids("🙂")))]


def test_control_tokens_are_counted_and_not_shown() -> None:
    tokens = [*ids("a"), WORDS.convert_tokens_to_ids(tiny.START), *ids("b")]
    pieces, streamer = stream(tokens)
    assert pieces == ["a", "b"]
    assert len(streamer.tokens) == 3
    assert not streamer.stopped


def test_several_tokens_at_once_are_all_taken() -> None:
    pieces: list[str] = []
    streamer = TokenStreamer(
        WORDS.backend_tokenizer, [STOP], emit=lambda text, _: pieces.append(text), check=lambda: None
    )
    streamer.put(torch.tensor([ids("prompt")]))
    streamer.put(torch.tensor([ids("abc")]))
    assert pieces == ["a", "b", "c"]


def test_the_first_token_is_told_once() -> None:
    told: list[str] = []
    _, streamer = stream(ids("abc"), first=lambda: told.append("first"))
    assert told == ["first"]
    assert streamer.first_token_at is not None


def test_what_check_raises_ends_the_generation() -> None:
    def refuse() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        stream([], check=refuse)


def test_a_long_line_costs_as_much_at_its_end_as_at_its_start() -> None:
    tokens = [torch.tensor([token]) for token in ids("x" * 4096)]
    streamer = TokenStreamer(WORDS.backend_tokenizer, [STOP], emit=lambda text, tokens: None, check=lambda: None)
    streamer.put(tokens[0])
    times = []
    for start in range(0, 4096, 512):
        began = time.process_time()
        for token in tokens[start : start + 512]:
            streamer.put(token)
        times.append(time.process_time() - began)
    # Decoding everything again would make the last part fifteen times as dear as the first.
    assert min(times[-3:]) < 5 * min(times[:3]) + 0.005
