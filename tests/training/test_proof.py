"""Whatever the bundled model is shown, an answer that it finished is in the form of its preset: always."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from backend.engine.engine import LocalSpec
from backend.engine.local.generator import Generator
from backend.engine.local.load import load
from backend.tasks.forms import receipt_schema
from backend.tasks.presets import latex
from backend.tasks.registry import find_task
from backend.tasks.result import Answer
from backend.types import GenerationRequest, ImagePart, Message, SamplingParams, TextPart
from tests.support.engine import EventSink, Store, text
from tests.support.grammars import accepts, katex_errors, matcher
from training import mixture

pytestmark = pytest.mark.pocket

EXAMPLES = Path(__file__).parents[2] / "assets" / "examples"
POCKET = Path(__file__).parents[2] / "assets" / "pocket"
OWN = '{"type": "object", "properties": {"colours": {"type": "array", "items": {"type": "string", "maxLength": 12}, '
OWN += '"maxItems": 4}, "people": {"type": ["integer", "null"]}}, "required": ["colours", "people"]}'
ASKED = [("receipt", ""), ("latex", ""), ("receipt", ""), ("caption", ""), ("table", ""), ("alt_text", ""),
         ("latex", ""), ("receipt", OWN), ("clock", ""), ("document", "Who wrote it?")]  # fmt: skip


class Shown(Store):
    """Hands out the image that was drawn last."""

    def __init__(self) -> None:
        super().__init__()
        self.latest = Image.new("RGB", (1, 1))

    def image(self, media_id: str) -> Image.Image:
        return self.latest


def drawn(number: int) -> Image.Image:
    """A receipt, a formula or a scene as in the training, or something that is none of them."""
    rng = random.Random(f"proof {number}")
    if number % 3:
        kind = rng.choice(("receipt", "formula", "scene"))
        return mixture.draw(rng, mixture.HELD_OUT, kind).drawings[0].image.convert("RGB")
    size = rng.randint(20, 500), rng.randint(20, 500)
    if rng.random() < 0.4:
        noise = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        return Image.fromarray(noise)
    image = Image.new("RGB", size, (rng.randrange(256), rng.randrange(256), rng.randrange(256)))
    words = "".join(chr(rng.choice((rng.randrange(33, 127), 10, 32))) for _ in range(120))
    ImageDraw.Draw(image).multiline_text((4, 4), words, fill="black")
    return image


def prove(count: int, folder: Path) -> None:
    """Every finished answer to `count` images fits its grammar, and reads as what it is meant to be."""
    store = Shown()
    generator = Generator(load(LocalSpec(str(POCKET), device="cpu"), lambda done, total: None), store)
    finished, wrong, formulas = 0, [], []
    for number in range(count):
        name, words = ASKED[number % len(ASKED)]
        task, store.latest, outlet = find_task(name), drawn(number), EventSink()
        asked = Message("user", (ImagePart(str(number)), TextPart(task.compose(words))))
        sampling = task.sample(SamplingParams(max_new_tokens=400, seed=number))
        grammar = task.grammar(words)
        ending = generator.answer(GenerationRequest(str(number), (asked,), sampling, name, grammar=grammar), outlet)
        answer = text(outlet.events)
        if ending.finish_reason == "stop":
            finished += 1
            whole = all(one.whole for one in task.results(Answer(answer, words)))
            if not (grammar and accepts(matcher(grammar), answer) and whole and _reads(name, words, answer)):
                wrong.append((number, name, answer))
            formulas += [answer] if name == "latex" else []
    assert wrong == []
    assert not katex_errors(formulas, folder)
    assert finished > 0.8 * count  # a form that is seldom finished would prove little


def _reads(name: str, words: str, answer: str) -> bool:
    if name == "receipt" and not words:
        return receipt_schema.parse(answer) is not None
    return not latex.complaint(answer) if name == "latex" else True


def test_finished_answers_are_in_their_form(tmp_path: Path) -> None:
    prove(10, tmp_path)


@pytest.mark.parametrize(("example", "name"), [("formula", "latex"), ("scene", "caption"), ("scene", "alt_text")])
def test_a_right_answer_is_the_same_with_its_grammar(example: str, name: str) -> None:
    store, task, outlet = Shown(), find_task(name), EventSink()
    store.latest = Image.open(EXAMPLES / f"{example}.png").convert("RGB")
    generator = Generator(load(LocalSpec(str(POCKET), device="cpu"), lambda done, total: None), store)
    asked = Message("user", (ImagePart(example), TextPart(task.prompt)))
    sampling = task.sample(SamplingParams(max_new_tokens=400))
    generator.answer(GenerationRequest("c", (asked,), sampling, name, grammar=task.grammar("")), outlet)
    right = json.loads((EXAMPLES / "answers.json").read_text())[f"{example}.png"]
    assert {"question": task.prompt, "answer": text(outlet.events)} in right


@pytest.mark.proof
@pytest.mark.limit(3600)
def test_finished_answers_to_two_hundred_images_are(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if "proof" not in request.config.getoption("markexpr"):
        pytest.skip("takes minutes; run with -m proof")
    prove(200, tmp_path)
