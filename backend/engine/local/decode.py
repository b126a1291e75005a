"""Decodes the tokens after a prompt: by a captured or compiled step where it is warm, else the plain way.

Either way a cross-attention mask that hides no tile is left out: with one, attention takes a slower way, at every
token and every layer. Lives on the inference thread.
"""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from tokenizers.decoders import DecodeStream
from transformers.generation.streamers import BaseStreamer

from backend.engine.engine import Compile
from backend.engine.families.mllama import unmasked
from backend.engine.local.compiled import LENGTHS, Size, StaticCacheDecoder, can_compile
from backend.engine.local.step import CapturedSteps, CompiledSteps, Steps

# How a step is made where `--compile` says so.
STEPS: dict[Compile, Callable[[Any], Steps]] = {"auto": CapturedSteps, "on": CompiledSteps}


def steps_of(asked: Compile, model: Any) -> Steps | None:
    """The steps that `--compile` names for a model; None for the plain way.

    "auto" captures CUDA graphs, and nothing elsewhere; "on" compiles, on a CPU as well.
    """
    make = STEPS.get(asked)
    return None if make is None or (make is CapturedSteps and model.device.type != "cuda") else make(model)


class Decoding:
    """Chooses how one loaded model decodes. `exact`: whether caches of it are known well enough to be copied."""

    def __init__(self, model: Any, exact: bool, compiling: Compile) -> None:
        self._model = model
        steps = steps_of(compiling, model) if exact and can_compile(model) else None
        self._decoder = StaticCacheDecoder(model, steps) if steps else None
        if self._decoder:
            for tiles in (4, 0) if self._decoder.cross else (0,):
                self._decoder.want(Size(LENGTHS[0], tiles))

    @contextmanager
    def compiled_step(self, cache: Any) -> Iterator[None]:
        """While open, `generate` uses the step of the size of `cache`, if warm; with None it decodes the plain way."""
        static = self._decoder.decoding(cache) if self._decoder and cache is not None else nullcontext()
        with unmasked(self._model), static:
            yield

    def warm_up(self) -> bool:
        """Make one of the sizes that were asked for; returns False where there is none. Compiling takes a minute."""
        wanted = next(iter(self._decoder.wanted), None) if self._decoder else None
        if self._decoder is None or wanted is None:
            return False
        self._decoder.warm_up(wanted)
        return True

    def give_up(self) -> None:
        """Free the memory of captured or compiled decoding, and decode the plain way from now on."""
        if self._decoder:
            self._decoder.give_up()


class TokenStreamer(BaseStreamer):  # type: ignore[misc]
    """Takes tokens from `generate` and emits their text. `ends[i]` is the length of the text after `tokens[i]`.

    Args:
        tokenizer: the Rust tokenizer (`tokenizers.Tokenizer`).
        stop: ids that end an answer; counted, never shown.
        emit: called with each piece of text, never empty, never half a character, and how many tokens it took.
        check: called before each token; what it raises ends `generate` at once.
        first: called once, when the first token is there.
        pace: seconds between two pieces, at least: what comes sooner goes with what follows it, or with `end`. A word
            costs as much on its way to a reader as a sentence, and nobody reads hundreds of pieces a second.
    """

    def __init__(
        self,
        tokenizer: Any,
        stop: Collection[int],
        emit: Callable[[str, int], None],
        check: Callable[[], None],
        first: Callable[[], None] = lambda: None,
        pace: float = 0.0,
    ) -> None:
        self._tokenizer = tokenizer
        self._stop = frozenset(stop)
        self._emit = emit
        self._check = check
        self._first = first
        self._pace = pace
        self._decode = DecodeStream(skip_special_tokens=True)
        self._prompt_seen = False
        self._held = ""  # text that waits for more
        self._told = 0  # tokens whose text was emitted
        self._told_at = float("-inf")
        self.tokens: list[int] = []
        self.ends: list[int] = []
        self.first_token_at: float | None = None

    def put(self, value: Any) -> None:
        """Take the tokens of one step, a CPU tensor; the first call brings the prompt, which is not shown."""
        self._check()
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        if self.first_token_at is None:
            self.first_token_at = time.perf_counter()
            self._first()
        for token in value.flatten().tolist():
            self.tokens.append(token)
            text = None if token in self._stop else self._decode.step(self._tokenizer, token)
            self.ends.append((self.ends[-1] if self.ends else 0) + len(text or ""))
            if text:
                self._held += text
                if time.perf_counter() - self._told_at >= self._pace:
                    self.end()

    def end(self) -> None:
        """Emit what is held. `generate` calls it when it is done; bytes of half a character stay unseen."""
        if self._held:
            self._emit(self._held, len(self.tokens) - self._told)
            self._held, self._told, self._told_at = "", len(self.tokens), time.perf_counter()

    @property
    def stopped(self) -> bool:
        """Whether the answer ended by itself."""
        return bool(self.tokens) and self.tokens[-1] in self._stop
