"""Which chats are drawn how often: the mixture, its domains, and what begins easy."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from training import clips, drills, fonts, formula_chat, paper, receipt_chat, receipts, scene_chat, scenes, text, words
from training.values import Chat, Drawing, Turn, about


@dataclass(frozen=True)
class Mixture:
    """How much of each kind, and how wide each kind's domain is."""

    weights: dict[str, float] = field(
        default_factory=lambda: {
            "receipt": 0.44,
            "scene": 0.20,
            "formula": 0.25,
            "clip": 0.05,
            "pair": 0.03,
            "text": 0.02,
            "drill": 0.01,
        }
    )
    receipt: receipts.Range = field(default_factory=receipts.Range)
    scene: scenes.Range = field(default_factory=scenes.Range)
    formula: formula_chat.Range = field(default_factory=formula_chat.Range)
    clip: clips.Range = field(default_factory=clips.Range)
    wear: paper.Wear = field(default_factory=paper.Wear)
    questions: int = 4
    drill: drills.Range = field(default_factory=drills.Range)
    silent: bool = False
    systems: tuple[str, ...] = ("You are a helpful assistant.", "Answer briefly.", "You are Pocket.")


TRAINING = Mixture()

EASY = Mixture(
    weights={"receipt": 0.44, "scene": 0.24, "formula": 0.25, "text": 0.03, "clip": 0.03},
    receipt=receipts.Range(max_items=2),
    scene=scenes.Range(max_shapes=2),
    formula=formula_chat.Range(max_symbols=12),
    clip=clips.Range(sheets=(1,)),
    wear=paper.CLEAN,
)

SEEING = replace(TRAINING, weights={"drill": 0.35, "receipt": 0.15, "formula": 0.2, "scene": 0.3}, silent=True)
"""Images alone: only what stands in each patch is learnt."""

HELD_OUT = replace(
    TRAINING,
    receipt=replace(TRAINING.receipt, words=words.HELD_OUT, fonts=fonts.HELD_OUT),
    formula=replace(TRAINING.formula, fonts=fonts.MATHS_HELD_OUT),
)
"""Other names and fonts; the seeds differ too."""


def draw(rng: random.Random, mixture: Mixture, kind: str | None = None) -> Chat:
    """A chat of the kind, or of one drawn by weight."""
    kind = kind or rng.choices(tuple(mixture.weights), tuple(mixture.weights.values()))[0]
    match kind:
        case "drill":
            return Chat(kind, (paper.age(drills.make(rng, mixture.drill), rng, mixture.wear),), ())
        case "text":
            chat = Chat(kind, (), text.turns(rng))
        case "clip":
            clip = clips.make(rng, mixture.clip)
            shown = tuple(range(len(clip.drawings)))
            chat = Chat(kind, clip.drawings, _first_shows(clips.turns(clip, rng, rng.randint(0, 2)), shown))
        case "pair":
            chat = pair(rng, mixture)
        case _:
            drawing, turns = single(rng, mixture, kind, rng.randint(1, mixture.questions))
            if mixture.silent:
                return Chat(kind, (drawing,), ())
            chat = Chat(kind, (drawing,), _first_shows(turns, (0,)))
    return replace(chat, system=rng.choice(mixture.systems)) if rng.random() < 0.1 else chat


def single(rng: random.Random, mixture: Mixture, kind: str, questions: int) -> tuple[Drawing, tuple[Turn, ...]]:
    """One drawing and the talk about it."""
    if kind == "receipt":
        receipt = receipts.make(rng, mixture.receipt)
        return paper.age(receipt.drawing, rng, mixture.wear), receipt_chat.turns(receipt, rng, questions)
    if kind == "formula":
        formula = formula_chat.make(rng, mixture.formula)
        return paper.age(formula.drawing, rng, mixture.wear), formula_chat.turns(formula, rng, min(questions, 2))
    scene = scenes.make(rng, mixture.scene)
    worn = replace(mixture.wear, turn=0.0)
    return paper.age(scene.drawing, rng, worn), scene_chat.turns(scene, rng, questions)


def pair(rng: random.Random, mixture: Mixture) -> Chat:
    """Two images, one after the other: the second turn shows the first image again before the new one."""
    kinds = rng.sample(("receipt", "scene", "formula"), 2)
    first, talk = single(rng, mixture, kinds[0], 1)
    second, more = single(rng, mixture, kinds[1], 1)
    early = _first_shows(talk[:1], (0,))
    late = [*_moved(more, 1)]
    if len(talk) > 1:
        late.insert(rng.randint(0, len(late)), talk[1])
    return Chat("pair", (first, second), (*early, *_first_shows(tuple(late), (0, 1))))


def _moved(turns: tuple[Turn, ...], drawing: int) -> tuple[Turn, ...]:
    return tuple(replace(turn, answer=about(turn.answer, drawing)) for turn in turns)


def _first_shows(turns: tuple[Turn, ...], drawings: tuple[int, ...]) -> tuple[Turn, ...]:
    return (replace(turns[0], drawings=drawings), *turns[1:])
