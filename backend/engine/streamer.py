"""Tokens become text as they are drawn. Does not know who reads the text, nor what the model is.

`TextIteratorStreamer` decodes its whole cache again at every token; `DecodeStream` does constant work a token and
holds back the bytes of a character until all of them are there.
"""

import time
from collections.abc import Callable, Collection
from typing import Any

from tokenizers.decoders import DecodeStream
from transformers.generation.streamers import BaseStreamer


class TokenStreamer(BaseStreamer):  # type: ignore[misc]
    """What `generate` puts its tokens into; `ends` counts, for each of `tokens`, the characters shown by then.

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
