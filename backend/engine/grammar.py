"""Holds an answer to a grammar, token by token, with llguidance. Knows tokens and scores, not what is asked.

llguidance compiles a schema in milliseconds and can go back token by token, which guessing ahead needs. Its helper
for torch compiles itself for seconds at its first use, so the mask is unpacked with numpy.
"""

import copy
import logging
import math
import threading
from collections import OrderedDict
from typing import Any

import numpy as np
import torch
from llguidance import LLMatcher, LLParserLimits, LLTokenizer
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask
from transformers import LogitsProcessor

from backend.engine.prefix_cache import alike
from backend.errors import InputError, ModelFailed
from backend.types import Grammar, Unsure

log = logging.getLogger(__name__)

COMPILED = 32  # grammars kept; a schema of a person's own seldom comes twice
TOGETHER = 64  # tokens whose probability is computed at once
SURE = 0.9  # what a token is written with at least this probability is not reported


class Grammars:
    """The grammars of one tokenizer, each compiled once.

    The tokenizer's vocabulary is read in the background: for 128,000 tokens it takes seconds.
    """

    def __init__(self, tokenizer: Any, stop: list[int]) -> None:
        self._compiled: OrderedDict[Grammar, LLMatcher] = OrderedDict()
        self._vocabulary: LLTokenizer | None = None
        core = copy.copy(tokenizer.backend_tokenizer)
        core.no_padding()
        core.no_truncation()
        self._reading = threading.Thread(target=self._read, args=(core, stop), name="vocabulary", daemon=True)
        self._reading.start()

    def processor(self, grammar: Grammar, greedy: bool) -> "GrammarProcessor":
        """What holds one answer to the grammar; `greedy` where the likeliest allowed token is always taken.

        One answer at a time: what an answer has made known of a grammar serves the next, whose first mask would take
        milliseconds otherwise.

        Raises:
            InputError: the grammar cannot be compiled; it may be a person's own schema.
            ModelFailed: this model's tokenizer cannot be read.
        """
        self._reading.join()
        if self._vocabulary is None:
            raise ModelFailed("This model's answers cannot be held to a form; choose another model, or preset Chat.")
        matcher = self._compiled.pop(grammar, None)
        if matcher is None or not matcher.reset():
            matcher = self._compile(self._vocabulary, grammar)
        self._compiled[grammar] = matcher
        while len(self._compiled) > COMPILED:
            self._compiled.popitem(last=False)
        return GrammarProcessor(matcher, self._vocabulary.vocab_size, greedy)

    def _read(self, core: Any, stop: list[int]) -> None:
        try:
            self._vocabulary = LLTokenizer(core.to_str(), eos_token=stop)
        except Exception:
            log.exception("the tokenizer cannot be read for grammars")

    @staticmethod
    def _compile(vocabulary: LLTokenizer, grammar: Grammar) -> LLMatcher:
        write = LLMatcher.grammar_from_json_schema if grammar.kind == "json" else LLMatcher.grammar_from_lark
        try:
            matcher = LLMatcher(vocabulary, write(grammar.text), log_level=0, limits=_limits())
        except ValueError as error:
            raise InputError(f"No answer can be held to this schema: {error}.") from error
        if matcher.is_error():
            raise InputError(f"No answer can be held to this schema: {matcher.get_error().splitlines()[0]}.")
        return matcher


def _limits() -> LLParserLimits:
    """Ten times what the library allows a mask; one that needs more takes seconds."""
    return LLParserLimits(step_max_items=500_000, step_lexer_fuel=2_000_000)


class GrammarProcessor(LogitsProcessor):  # type: ignore[misc]
    """Leaves `generate` the tokens that the grammar allows next, for one answer, batch of one.

    It follows whatever prefix it is given, back too: guesses that were not taken are rolled back. After `finish`,
    `probabilities` has one number for each token: what the model itself gave it, before the grammar had its say.
    """

    def __init__(self, matcher: LLMatcher, vocabulary: int, greedy: bool) -> None:
        self._matcher = matcher
        self._greedy = greedy
        self._mask = allocate_token_bitmask(1, vocabulary)
        self._prompt: int | None = None
        self._seen: list[int] = []
        self._scores: dict[int, torch.Tensor] = {}  # of tokens by their place, until they are weighed
        self.probabilities: list[float] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """The scores [1, vocabulary] with every token that may not come next at minus infinity."""
        self._prompt = input_ids.shape[1] if self._prompt is None else self._prompt
        length = input_ids.shape[1] - self._prompt
        # Where a guess was wrong the prefix is shorter, or ends otherwise.
        if length != len(self._seen) or (length and int(input_ids[0, -1]) != self._seen[-1]):
            self._follow(input_ids[0, self._prompt :].tolist())
        if len(self._scores) == TOGETHER:
            self._weigh()
        self._scores[len(self._seen)] = scores
        # The mask costs ten times what one token does, and mostly the likeliest token is allowed: it is taken at once,
        # and back where it is not the one that is drawn.
        if self._greedy and self._matcher.try_consume_tokens(likeliest := [int(scores.argmax())]):
            self._seen += likeliest
            return scores
        return scores.masked_fill(~self._allowed(scores), -math.inf)

    def finish(self, tokens: list[int]) -> None:
        """Take the answer's tokens as they ended up."""
        self._seen = tokens
        self._weigh()

    def _follow(self, tokens: list[int]) -> None:
        common = alike(tokens, self._seen)
        self._matcher.rollback(len(self._seen) - common)
        for token in tokens[common:]:
            if not self._matcher.consume_token(token):
                raise RuntimeError(f"the grammar does not take token {token}: {self._matcher.get_error()}")
        del self.probabilities[common:]
        self._scores = {place: scores for place, scores in self._scores.items() if place <= common}
        self._seen = tokens

    def _weigh(self) -> None:
        """Note how probable the drawn tokens were; 1 for a guess that was taken, whose scores went elsewhere."""
        self.probabilities += [1.0] * (len(self._seen) - len(self.probabilities))
        places = [place for place in self._scores if place < len(self._seen)]
        if places:
            table = torch.cat([self._scores[place] for place in places]).softmax(-1, torch.float32)
            drawn = torch.tensor([self._seen[place] for place in places], device=table.device)
            for place, probability in zip(places, table.gather(1, drawn[:, None])[:, 0].tolist(), strict=True):
                self.probabilities[place] = probability
        self._scores.clear()

    def _allowed(self, scores: torch.Tensor) -> torch.Tensor:
        fill_next_token_bitmask(self._matcher, self._mask)
        if self._matcher.is_error():  # it allows nothing but the end then, and half an answer would look whole
            log.error("the grammar gave up: %s", self._matcher.get_error().splitlines()[0])
            raise ModelFailed("This form is too complex to hold the answer to; simplify it, or choose preset Chat.")
        # The scores may have room for more tokens than the tokenizer has, or for fewer.
        allowed = np.zeros(scores.shape[-1], dtype=np.bool_)
        bits = np.unpackbits(self._mask.view(np.uint8), bitorder="little")[: len(allowed)]
        allowed[: len(bits)] = bits
        return torch.from_numpy(allowed).to(scores.device)[None]


def unsure(probabilities: list[float], ends: list[int]) -> tuple[Unsure, ...]:
    """The stretches of an answer that the model was not sure of; `ends` counts its characters after each token."""
    found: list[Unsure] = []
    start, least = 0, 1.0
    for probability, end in zip(probabilities, ends, strict=False):
        least = min(least, probability)  # half a character shows up with the token that ends it
        if end > start:
            if least < SURE:
                found.append(Unsure(start, end, round(least, 3)))
            start, least = end, 1.0
    return tuple(found)
