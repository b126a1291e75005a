"""Time to the first token late in a conversation about one image of four tiles, with what was kept and without.

A Mllama of 300 million random parameters on the CPU. Six and ten turns; the first turn brings the image.
"""

import statistics
from dataclasses import replace
from uuid import uuid4

from backend.engine.engine import Engine, LocalSpec
from backend.engine.local.engine import LocalEngine
from backend.types import Message
from benchmarks.bench import Bench, bench, closing, reply, user
from benchmarks.checkpoints import QUICK, TILE, random_mllama
from benchmarks.pairs import note

QUESTIONS = (
    "What is in the picture?", "Which colours are there?", "What stands in the middle?", "Is there any text in it?",
    "What is left of the middle?", "And what is right of it?", "Which part is the brightest?", "And the darkest?",
    "Does anything move?", "What would you call it?",
)  # fmt: skip
TOKENS = 8
LATE, FIRST_FOLLOW_UP, LAST = 6, 2, 10


def measure(quick: bool) -> dict[str, float]:
    """followup_ratio: turn 6 that continues over turn 6 read anew; followup_growth: turn 10 over turn 2."""
    ratios, growths = [], []
    with bench(2 * TILE) as here:
        spec = LocalSpec(
            str(random_mllama(here.folder / "model", **(QUICK if quick else {}))), device="cpu", offline=True
        )
        engine = LocalEngine(spec, here.store)
        # One that keeps nothing: else it would have the image's features from the conversation before.
        forgetful = LocalEngine(replace(spec, cache_bytes=0), here.store)
        with closing(here, engine, forgetful):
            here.ask(forgetful, (user(QUESTIONS[0], here.image),), 1)
            for _ in range(1 if quick else 3):
                kept, talk = _talk(here, engine)
                anew = here.ask(forgetful, talk[: 2 * LATE - 1], 1).usage
                if anew.reused_tokens or not anew.images:
                    raise RuntimeError(f"the conversation was not read anew: {anew}")
                ratios.append(kept[LATE - 1] / anew.time_to_first_token)
                growths.append(kept[LAST - 1] / kept[FIRST_FOLLOW_UP - 1])
                note(
                    f"turn {LATE}: {kept[LATE - 1]:.2f} s for {anew.time_to_first_token:.2f} s, "
                    f"turn {FIRST_FOLLOW_UP}: {kept[FIRST_FOLLOW_UP - 1]:.2f} s, turn {LAST}: {kept[LAST - 1]:.2f} s"
                )
    return {"followup_ratio": statistics.median(ratios), "followup_growth": statistics.median(growths)}


def _talk(here: Bench, engine: Engine) -> tuple[list[float], tuple[Message, ...]]:
    """The seconds to the first token of each turn, and the conversation."""
    talk: tuple[Message, ...] = ()
    seconds, conversation = [], uuid4().hex
    for number, question in enumerate(QUESTIONS):
        talk += (user(question, *([here.image] if not number else [])),)
        answer = here.ask(engine, talk, TOKENS, conversation)
        seconds.append(answer.usage.time_to_first_token)
        talk += (reply(answer.text),)
    return seconds, talk
