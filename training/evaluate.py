"""`python -m training.evaluate`: score a model on the held-out set, as a table, a JSON file and the model card."""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import torch

from backend.settings import Settings
from training import card, fonts, prompts, scores, text
from training.mixture import HELD_OUT, draw
from training.page_words import HeldOut
from training.real import score_folder
from training.talk import Talker
from training.values import Chat, Turn

SEED = "held-out-4"
"""Fixed, so that anyone can repeat the run; training seeds are numbers."""


@dataclass(frozen=True)
class Size:
    """How many chats of each kind; text has a fixed list. Receipts come as pages, with the text on them."""

    scene: int = 60
    formula: int = 80
    clock: int = 60
    clip: int = 40
    pair: int = 30
    other: int = 40
    page: int = 60
    document: int = 60


def chats(size: Size, side: int) -> Iterator[Chat]:
    """The held-out set, the same each time; clips as sheets of `side` pixels, as large as the engine draws them."""
    mixture = replace(HELD_OUT, clip=replace(HELD_OUT.clip, tile=side))
    for kind, count in vars(size).items():
        for number in range(count):
            chance = HeldOut if kind in ("page", "document") else random.Random
            yield draw(chance(f"{SEED}:{kind}:{number}"), mixture, kind)
    for turn in text.HELD_OUT:
        yield Chat("text", (), (turn,))


def speed(talker: Talker) -> dict[str, float]:
    """Seconds to the first token and tokens a second after it, for a receipt's text; the median of five."""
    page = draw(HeldOut(f"{SEED}:speed"), HELD_OUT, "page").turns[0].page
    chat = Chat("page", (), (Turn(prompts.RECEIPT, (), (), page),))
    first, rates = [], []
    for _ in range(5):
        began = time.perf_counter()
        talker.answers(chat, most=1)
        first.append(time.perf_counter() - began)
        began = time.perf_counter()
        answer = talker.answers(chat)[0]
        tokens = len(talker.processor.tokenizer(answer, add_special_tokens=False)["input_ids"])
        rates.append(tokens / (time.perf_counter() - began - min(first)))
    return {"first_token_seconds": round(sorted(first)[2], 3), "tokens_a_second": round(sorted(rates)[2], 1)}


def evaluate(folder: Path, size: Size, device: str) -> dict[str, Any]:
    """All scores of a model folder."""
    talker, tally = Talker(folder, device), scores.Tally()
    began = time.perf_counter()
    for number, chat in enumerate(chats(size, talker.side), 1):
        scores.score(chat, talker.answers(chat), tally)
        if number % 20 == 0:
            print(f"{number} chats, {time.perf_counter() - began:.0f} s", flush=True)
    return {"seed": SEED, "date": date.today().isoformat(), "scores": tally.table(),
            "targets": scores.TARGETS, "speed": speed(talker)}  # fmt: skip


def main() -> None:
    """Score, print, and write scores.json and the card beside the model."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("assets/pocket"))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--share", type=float, default=1.0, help="a part of the set, for a quick look; writes nothing")
    parser.add_argument("--real", type=Path, metavar="FOLDER", help="score real receipts instead: img/ and key/ in it")
    parser.add_argument("--most", type=int, help="of the real receipts, at most so many")
    parser.add_argument("--any-fonts", action="store_true", help="go on where fonts are missing; writes nothing")
    options = parser.parse_args()
    if options.real:
        for name, value in score_folder(options.real, Settings(model=str(options.model)), options.most).items():
            print(f"{name:28s} {value}")
        return
    fonts.require(lenient=options.any_fonts)
    size = Size(**{kind: max(1, round(count * options.share)) for kind, count in vars(Size()).items()})
    result = evaluate(options.model, size, options.device)
    for name, row in result["scores"].items():
        print(f"{name:32s} {row['score']:7.1%}  of {row['asked']}")
    print(", ".join(f"{name} {value}" for name, value in result["speed"].items()))
    if options.share >= 1.0 and not fonts.missing():
        (options.model / "scores.json").write_text(json.dumps(result, indent=1) + "\n")
        card.write(options.model)


if __name__ == "__main__":
    main()
