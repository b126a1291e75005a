"""Draws the page's example media: a scene, a receipt, a formula and a clip, from seeds that training never uses.

With a model given, each is the first of its seeds that the model answers right; `answers.json` tells what is right.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import av
import numpy as np
import torch

from backend.media.sheets import contact_sheets
from backend.media.video import sample_frames
from backend.reader.ocr import Recogniser
from training import clips, formula_chat, page_chat, page_draw, page_receipts, prompts, scene_chat, scenes
from training.clips import Clip
from training.mixture import TRAINING
from training.page_words import Ordinary
from training.talk import Talker
from training.values import Chat, Drawing, Turn

SIDE = 560
FONT = "LiberationMono-Regular"
CLIP_SIDE, CLIP_RATE, CLIP_FRAMES = 320, 12, 64


@dataclass(frozen=True)
class Example:
    """What is shown and how it should be answered; a clip is kept as its story."""

    chat: Chat
    clip: Clip | None = None


def _chat(kind: str, drawings: tuple[Drawing, ...], turns: tuple[Turn, ...]) -> Chat:
    shown = tuple(range(len(drawings)))
    return Chat(kind, drawings, (replace(turns[0], drawings=shown), *turns[1:]))


def scene(seed: int) -> Example:
    """Three shapes on a plain background."""
    rng = random.Random(f"example:{seed}")
    domain = scenes.Range(sides=(SIDE,))
    while len((drawn := scenes.make(rng, domain)).shapes) < 3:
        pass
    turns = (_asked(scene_chat.one_line(drawn, rng), prompts.CAPTION), scene_chat.detailed(drawn, rng),
             scene_chat.alt_text(drawn, rng))  # fmt: skip
    return Example(_chat("scene", (drawn.drawing,), turns))


def receipt(seed: int) -> Example:
    """A receipt of a few items that prints a date, a time, tax, total and payment, with what a reader finds on it."""
    rng = Ordinary(f"example:{seed}")
    while not _telling(drawn := page_receipts.make(rng, misread=0.0)):
        pass
    drawing = page_draw.printed(drawn.page.text, FONT, 26, head=drawn.page.text.count("\n", 0, _begin(drawn)))
    read = _recogniser().read(np.ascontiguousarray(np.asarray(drawing.image)[..., ::-1]), lambda done, total: None)
    turns = (
        Turn(prompts.RECEIPT, page_chat.as_json(drawn), (), read.text),
        _asked(page_chat.total(drawn, rng), "What is the total?"),
        _asked(page_chat.shop(drawn, rng), "Which shop is it from?"),
    )
    # The text goes in the place of its image, as the program gives it.
    return Example(Chat("receipt", (drawing,), turns))


@cache
def _recogniser() -> Recogniser:
    return Recogniser(2)


def _telling(drawn: page_receipts.Receipt) -> bool:
    """Whether a receipt shows what one can have, in a form that everybody knows, and of a day that has been."""
    told = drawn.taxes and drawn.time and drawn.currency and drawn.paid and drawn.address and drawn.subtotal
    past = drawn.day is not None and 2015 < drawn.day.year < 2026
    rows = drawn.page.text.count("\n")
    small = 2 < len(drawn.goods) < 6 and rows < 28 and drawn.total < 20000
    taxed = sum(tax.cents or 0 for tax in drawn.taxes)
    adds_up = (drawn.subtotal or 0) - (drawn.discount or 0) + taxed == drawn.total and "Items" not in drawn.page.text
    plain = drawn.country.name in ("us", "uk") and all(one.quantity for one in drawn.goods)
    plain = plain and not re.search(
        r"^\d+  ", drawn.page.text, re.MULTILINE
    )  # a column that a long name is drawn over
    return bool(told and past and small and plain and adds_up)


def _begin(drawn: page_receipts.Receipt) -> int:
    """Where on the page the goods begin, which what is centred ends before."""
    return min(start for role, spans in drawn.page.fields.items() if role.startswith("item") for start, _ in spans)


def formula(seed: int) -> Example:
    """A formula with a fraction or a root."""
    rng = random.Random(f"example:{seed}")
    domain = formula_chat.Range(sides=(SIDE,))
    while True:
        drawn = formula_chat.make(rng, domain)
        text = "".join(piece.text for piece in drawn.latex)
        if ("frac" in text or "sqrt" in text) and "=" in text:
            return Example(_chat("formula", (drawn.drawing,), (Turn(prompts.LATEX, drawn.latex),)))


def clip(seed: int, side: int = TRAINING.clip.tile) -> Example:
    """Six seconds of a shape that does more than rest, seen as the engine sees the file: sheets of `side` pixels."""
    rng = random.Random(f"example:{seed}")
    while len(events := clips.tell(rng, 6)) < 2:
        pass
    colour, kind, start = rng.choice(("red", "blue", "green")), rng.choice(scenes.KINDS), rng.choice(clips.SIDES)
    story = Clip(kind, colour, "white", start, 6, events, (), ())
    answer = clips.describe(clips.film(story, CLIP_FRAMES, side, CLIP_SIDE))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        write_clip(story, path)
        frames = sample_frames(path, CLIP_FRAMES)
    sheets = contact_sheets(frames, (clips.GRID, clips.GRID), side)
    return Example(_chat("clip", tuple(Drawing(sheet, ()) for sheet in sheets), (Turn(prompts.VIDEO, answer),)), story)


def _asked(turn: Turn, question: str) -> Turn:
    return replace(turn, question=question)


def choose(make: Callable[[int], Example], talkers: tuple[Talker, ...], seeds: range) -> Example:
    """The first example that the model answers right in every precision, or the first of all."""
    for seed in seeds if talkers else ():
        example = make(seed)
        if all(_right(example.chat, talker) for talker in talkers):
            return example
    return make(seeds[0])


def _right(chat: Chat, talker: Talker) -> bool:
    """Whether every answer is right; the first is asked alone, as most fail there."""
    return all(talker.answers(part) == [turn.text for turn in part.turns] for part in (_start(chat), chat))


def _start(chat: Chat) -> Chat:
    return replace(chat, turns=chat.turns[:1])


def write_clip(story: Clip, path: Path) -> None:
    """The clip as H.264 in MP4."""
    with av.open(str(path), "w") as container:
        # Browsers play no MPEG-4 part 2.
        stream = container.add_stream("libx264", rate=CLIP_RATE, options={"crf": "20"})
        stream.width = stream.height = CLIP_SIDE
        stream.pix_fmt = "yuv420p"
        for number in range(story.seconds * CLIP_RATE + 1):
            pixels = np.asarray(clips.frame(story, number / CLIP_RATE, CLIP_SIDE))
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def main() -> None:
    """Write the four examples and what is right about them."""
    parser = argparse.ArgumentParser(prog="python -m training.examples", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("assets/examples"))
    parser.add_argument("--model", type=Path, help="take the first examples that this model answers right")
    parser.add_argument("--tries", type=int, default=200, help="seeds to try for each (default %(default)s)")
    options = parser.parse_args()
    precisions = (torch.float32, torch.bfloat16) if options.model else ()
    talkers = tuple(Talker(options.model, dtype=precision) for precision in precisions)
    options.out.mkdir(parents=True, exist_ok=True)
    film = partial(clip, side=talkers[0].side) if talkers else clip
    answers = {}
    for name, make in {"scene.png": scene, "receipt.png": receipt, "formula.png": formula, "clip.mp4": film}.items():
        example = choose(make, talkers, range(1, options.tries + 1))
        if example.clip:
            write_clip(example.clip, options.out / name)
        else:
            example.chat.drawings[0].image.save(options.out / name)
        answers[name] = [{"question": turn.question, "answer": turn.text} for turn in example.chat.turns]
    (options.out / "answers.json").write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
