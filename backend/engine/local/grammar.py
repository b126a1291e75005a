"""Masks every token that a grammar forbids next, with llguidance. Knows tokens and scores, not what is asked.

llguidance compiles a schema in milliseconds and can go back token by token, which guessing ahead needs. Its helper
for torch compiles itself for seconds at its first use, so the mask is unpacked with numpy.
"""

import copy
import logging
import math
import threading
from typing import Any

import numpy as np
import torch
from llguidance import LLMatcher, LLTokenizer
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask
from transformers import LogitsProcessor

from backend.engine.grammars import limits, written
from backend.engine.local.lru import LRU
from backend.engine.local.prefix_cache import alike
from backend.errors import InputError, ModelFailed
from backend.types import Grammar, Unsure

log = logging.getLogger(__name__)

COMPILED = 32  # grammars kept; a schema of a person's own seldom comes twice
TOGETHER = 64  # tokens whose probability is computed at once
SURE = 0.9  # what a token is written with at least this probability is not reported


class Grammars:
    """Compiles the grammars of one tokenizer, each once.

    The tokenizer's vocabulary is read in the background: for 128,000 tokens it takes seconds.
    """

    def __init__(self, tokenizer: Any, stop: list[int]) -> None:
        self._compiled = LRU(COMPILED)
        self._vocabulary: LLTokenizer | None = None
        core = copy.copy(tokenizer.backend_tokenizer)
        core.no_padding()
        core.no_truncation()
        self._reading = threading.Thread(target=self._read, args=(core, stop), name="vocabulary", daemon=True)
        self._reading.start()

    def processor(self, grammar: Grammar, greedy: bool) -> "GrammarProcessor":
        """Make the logits processor of one answer; `greedy` where the likeliest allowed token is always taken.

        It reuses the grammar's compiled matcher, whose warm caches save milliseconds at the first mask, so only one
        answer may use a grammar at a time.

        Raises:
            InputError: the grammar cannot be compiled; it may be a person's own schema.
            ModelFailed: this model's tokenizer cannot be read.
        """
        self._reading.join()
        if self._vocabulary is None:
            raise ModelFailed("This model's answers cannot be held to a form; choose another model, or preset Chat.")
        matcher: LLMatcher | None = self._compiled.pop(grammar)
        if matcher is None or not matcher.reset():
            matcher = self._compile(self._vocabulary, grammar)
        self._compiled.put(grammar, matcher)
        return GrammarProcessor(matcher, self._vocabulary.vocab_size, greedy, grammar.copies)

    def _read(self, core: Any, stop: list[int]) -> None:
        try:
            self._vocabulary = LLTokenizer(core.to_str(), eos_token=stop)
        except Exception:
            log.exception("the tokenizer cannot be read for grammars")

    @staticmethod
    def _compile(vocabulary: LLTokenizer, grammar: Grammar) -> LLMatcher:
        try:
            matcher = LLMatcher(vocabulary, written(grammar), log_level=0, limits=limits())
        except ValueError as error:
            raise InputError(f"This schema cannot be used: {error}.") from error
        if matcher.is_error():
            raise InputError(f"This schema cannot be used: {matcher.get_error().splitlines()[0]}.")
        return matcher


class GrammarProcessor(LogitsProcessor):  # type: ignore[misc]
    """Masks the scores of `generate` to the tokens that the grammar allows next, for one answer, batch of one.

    It follows whatever prefix it is given, back too: guesses that were not taken are rolled back. After `finish`,
    `probabilities` has one number for each token: its probability by the model's own scores before the mask, or among
    the allowed tokens where the grammar `copies`.
    """

    def __init__(self, matcher: LLMatcher, vocabulary: int, greedy: bool, copies: bool = False) -> None:
        self._matcher = matcher
        self._greedy = greedy
        self._copies = copies
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
        quick = self._greedy and (not self._copies or float(scores.softmax(-1, torch.float32).max()) >= SURE)
        if quick and self._matcher.try_consume_tokens(likeliest := [int(scores.argmax())]):
            self._seen += likeliest
            return scores
        held = scores.masked_fill(~self._allowed(scores), -math.inf)
        if self._copies:
            self._scores[len(self._seen)] = held
        return held

    def finish(self, tokens: list[int]) -> None:
        """Follow the answer to its final tokens."""
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
        """Note how probable the drawn tokens were; 1 for an accepted guess, whose scores are not known here."""
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
    """Find the stretches of an answer that the model was not sure of; `ends[i]` is the text's length after token i."""
    found: list[Unsure] = []
    start, least = 0, 1.0
    for probability, end in zip(probabilities, ends, strict=False):
        least = min(least, probability)  # half a character shows up with the token that ends it
        if end > start:
            if least < SURE:
                found.append(Unsure(start, end, round(least, 3)))
            start, least = end, 1.0
    return tuple(found)
