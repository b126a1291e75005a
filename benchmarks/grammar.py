"""What it costs to hold an answer to a grammar: `grammar_overhead`, its share of the time to write a receipt."""

import json
import time
from pathlib import Path
from typing import Any

from PIL import Image

from backend.engine.grammar import GrammarProcessor
from backend.engine.loader import load
from backend.engine.spec import EngineSpec
from backend.engine.transformers import Generator
from backend.media.frame import Frame
from backend.tasks import receipt
from backend.types import GenerationRequest, ImagePart, Message, SamplingParams, StreamEvent, TextPart, VideoPart

ASSETS = Path(__file__).parent.parent / "assets"
RUNS = 5


class _Example:
    """The example receipt, as the store would hand it out; and an outlet that nobody reads."""

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

    So small a model computes on one thread, which never waits: another program on the machine does not count.
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


def measure() -> dict[str, float | None]:
    """`grammar_overhead`: the least of five shares of decode time that it took, with Pocket on its receipt."""
    example = _Example()
    generator = Generator(load(EngineSpec(str(ASSETS / "pocket"), device="cpu"), lambda done, total: None), example)
    return {"grammar_overhead": round(min(_share(generator, example, run) for run in range(RUNS)), 4)}


def _share(generator: Generator, example: _Example, run: int) -> float:
    held = generator._grammars.processor(receipt.grammar(), greedy=True)
    held.__class__ = _Timed
    generator._held = lambda request: held  # type: ignore[method-assign]
    asked = Message("user", (ImagePart("receipt"), TextPart(receipt.PROMPT)))
    sampling = SamplingParams(max_new_tokens=400, temperature=0.0)
    generator.answer(GenerationRequest(f"run {run}", (asked,), sampling), example)
    assert isinstance(held, _Timed)
    assert held.since is not None
    return held.spent / (time.thread_time() - held.since)


if __name__ == "__main__":
    print(json.dumps(measure()))
