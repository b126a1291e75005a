"""What the engine and its process cost beside a bare `model.generate`: tokens a second over tokens a second.

All answer the same question about the same image with the same number of tokens. The bare way is transformers alone,
as a script would call it: inputs ready-made, no streamer, no hooks. The engine's time is that of the whole request.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from backend.engine.engine import LocalSpec
from backend.engine.local.engine import LocalEngine
from backend.engine.process.engine import ProcessEngine
from benchmarks.bench import bench, closing, user
from benchmarks.checkpoints import endless_pocket
from benchmarks.pairs import median_ratio, note, timed

QUESTION = "What is in the picture?"
SIDE = 224


def measure(quick: bool) -> dict[str, float]:
    """stream_ratio: the engine in this process over bare generate; process_ratio: its own process over that engine."""
    tokens, pairs = (64, 1) if quick else (512, 7)
    with bench(SIDE) as here:
        model = endless_pocket(here.folder / "model", tokens)
        spec = LocalSpec(str(model), device="cpu", offline=True)
        local, child = LocalEngine(spec, here.store), ProcessEngine(spec, here.folder / "media")
        with closing(here, local, child):
            asked = (user(QUESTION, here.image),)
            here.ask(local, asked, 8)
            bare = bare_generate(model, here.path, tokens)
            note("the engine in this process, over bare generate (seconds; the ratio shown is the inverse)")
            stream = median_ratio(bare, lambda: timed(lambda: here.ask(local, asked, tokens)), pairs)
            note("the engine in its own process, over the one in this process")
            process = median_ratio(
                lambda: timed(lambda: here.ask(local, asked, tokens)),
                lambda: timed(lambda: here.ask(child, asked, tokens)),
                pairs,
            )
    return {"stream_ratio": stream, "process_ratio": process}


def bare_generate(model: Path, image: Path, tokens: int) -> Callable[[], float]:
    """A run of `generate` and nothing else: the seconds that so many tokens take.

    One thread computes, as in the engine with so small a model: how threads get along is not what is compared.
    """
    torch.set_num_threads(1)
    processor = AutoProcessor.from_pretrained(model)
    bare: Any = AutoModelForImageTextToText.from_pretrained(model, dtype=torch.float32).eval()
    content = [{"type": "image"}, {"type": "text", "text": QUESTION}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
    with Image.open(image) as pixels:
        inputs = processor(images=[pixels.convert("RGB")], text=[text], add_special_tokens=False, return_tensors="pt")

    def run() -> float:
        return timed(lambda: bare.generate(**inputs, max_new_tokens=tokens, do_sample=False))

    return run
