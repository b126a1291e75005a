"""What it costs to hold an answer to a grammar, as a share of the time to write a receipt.

With 300 million random parameters hardly a likeliest token is allowed, so every one needs the mask, the dear case.
With Pocket nearly none does, but a token takes a few milliseconds in all.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

from backend.engine.engine import LocalSpec
from backend.engine.local.generator import Generator
from backend.engine.local.grammar import GrammarProcessor
from backend.engine.local.load import load
from backend.media.clip import Frame
from backend.tasks.presets import receipt
from backend.types import GenerationRequest, ImagePart, Message, SamplingParams, StreamEvent, TextPart, VideoPart
from benchmarks.checkpoints import QUICK, random_mllama

ASSETS = Path(__file__).parent.parent / "assets"
RUNS = 5
TOKENS, FEW = 400, 100


class _Example:
    """The example receipt, as the store would hand it out; and an event sink that nobody reads."""

    def image(self, media_id: str) -> Image.Image:
        return Image.open(ASSETS / "examples" / "receipt.png").convert("RGB")

    def frames(self, part: VideoPart) -> list[Frame]:
        raise NotImplementedError

    def emit(self, item: StreamEvent) -> None:
        pass

    def check(self) -> None:
        pass


class _Timed(GrammarProcessor):
    """A processor that knows how long it took and since when it works, in seconds of its thread.

    So another program on the machine does not count. Nor does what this thread waits for those that compute with it,
    which makes the share of a larger model too large, never too small.
    """

    spent = 0.0
    since: float | None = None

    def __call__(self, *scores: Any) -> Any:
        began = time.thread_time()
        self.since = began if self.since is None else self.since
        try:
            return super().__call__(*scores)
        finally:
            self.spent += time.thread_time() - began

    def finish(self, tokens: list[int]) -> None:
        began = time.thread_time()
        super().finish(tokens)
        self.spent += time.thread_time() - began


def measure(quick: bool = False) -> dict[str, float | None]:
    """The least of several shares of decode time that it took; `quick` has a much smaller random model."""
    with tempfile.TemporaryDirectory() as folder:
        larger = _least(random_mllama(Path(folder) / "model", **(QUICK if quick else {})), FEW, 2)
    return {"grammar_overhead": larger, "grammar_overhead_pocket": _least(ASSETS / "pocket", TOKENS, RUNS)}


def _least(model: Path, tokens: int, runs: int) -> float:
    example = _Example()
    generator = Generator(load(LocalSpec(str(model), device="cpu"), lambda done, total: None), example)
    return round(min(_share(generator, example, run, tokens) for run in range(runs)), 4)


def _share(generator: Generator, example: _Example, run: int, tokens: int) -> float:
    held = generator._grammars.processor(receipt.grammar(), greedy=True)
    held.__class__ = _Timed
    generator._held = lambda request: held  # type: ignore[method-assign]
    asked = Message("user", (ImagePart("receipt"), TextPart(receipt.PROMPT)))
    sampling = SamplingParams(max_new_tokens=tokens, temperature=0.0)
    generator.answer(GenerationRequest(f"run {run}", (asked,), sampling), example)
    assert isinstance(held, _Timed)
    assert held.since is not None
    return held.spent / (time.thread_time() - held.since)


if __name__ == "__main__":
    print(json.dumps(measure()))
