"""What it takes to turn tokens into text, without a model: 4,096 tokens and not one newline."""

import json
import statistics
import time

import torch
from transformers import AutoTokenizer

from backend.engine.local.decode import TokenStreamer
from backend.models.catalog import POCKET

TOKENS = 4096


def measure(quick: bool) -> dict[str, float]:
    """streamer_ms: milliseconds for all of it, a token at a time."""
    tokenizer = AutoTokenizer.from_pretrained(POCKET.id).backend_tokenizer
    row = json.dumps({"name": "Käse", "price": 4.2, "count": 3}, ensure_ascii=False)
    ids = torch.tensor(tokenizer.encode(row * 200, add_special_tokens=False).ids[:TOKENS])
    if len(ids) < TOKENS:
        raise RuntimeError("the text is too short")
    return {"streamer_ms": 1000 * statistics.median(_once(tokenizer, ids) for _ in range(3 if quick else 15))}


def _once(tokenizer: object, ids: torch.Tensor) -> float:
    pieces: list[str] = []
    streamer = TokenStreamer(tokenizer, (), lambda text, _: pieces.append(text), check=lambda: None)
    streamer.put(ids[:1])  # the prompt
    drawn = torch.split(ids, 1)  # as `generate` hands them over
    # The time of this thread alone: it never waits, so another program on the machine does not count.
    began = time.thread_time()
    for token in drawn:
        streamer.put(token)
    return time.thread_time() - began
