"""Which chats are drawn how often: the mixture, its domains, and what begins easy."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from training import (
    clips,
    clock_chat,
    clocks,
    drills,
    fonts,
    formula_chat,
    formulas,
    labels,
    others,
    page_chat,
    page_documents,
    page_draw,
    paper,
    prompts,
    receipt_chat,
    receipts,
    scene_chat,
    scenes,
    text,
    words,
)  # fmt: skip
from training.values import Chat, Drawing, Turn, about


@dataclass(frozen=True)
class Mixture:
    """How much of each kind, and how wide each kind's domain is."""

    weights: dict[str, float] = field(
        default_factory=lambda: {
            "receipt": 0.36,
            "scene": 0.17,
            "formula": 0.20,
            "clock": 0.09,
            "clip": 0.12,
            "pair": 0.03,
            "text": 0.02,
            "drill": 0.01,
            "other": 0.05,
        }
    )
    receipt: receipts.Range = field(default_factory=receipts.Range)
    scene: scenes.Range = field(default_factory=scenes.Range)
    formula: formula_chat.Range = field(default_factory=formula_chat.Range)
    clock: clocks.Range = field(default_factory=clocks.Range)
    clip: clips.Range = field(default_factory=clips.Range)
    wear: paper.Wear = field(default_factory=paper.Wear)
    questions: int = 4
    drill: drills.Range = field(default_factory=drills.Range)
    other: others.Range = field(default_factory=others.Range)
    silent: bool = False
    pictured: float = 0.0
    """How many pages of text come with a picture of them; in use a page's text comes in place of its image."""
    systems: tuple[str, ...] = ("You are a helpful assistant.", "Answer briefly.", "You are Pocket.")


SIDE = 336
"""The side in pixels of the one tile that two CPU cores learn on."""

TRAINING = Mixture(
    weights={
        "page": 0.45, "document": 0.13, "sign": 0.01, "receipt": 0.01, "scene": 0.12, "formula": 0.12, "clock": 0.11,
        "clip": 0.03, "pair": 0.01, "text": 0.01, "other": 0.01,
    },
    receipt=receipts.Range(
        max_items=labels.MAX_ITEMS, item_styles=("times", "front", "plain", "below"), tile=448, scales=(1.0, 1.0, 1.4),
        variety=0.5,
    ),
    scene=scenes.Range(max_shapes=4),
    formula=formula_chat.Range(
        formulas=formulas.Range(
            max_terms=3, greek=(*labels.GREEK, *labels.MORE_GREEK), matrices=0.12, cases=0.06,
        ),
        max_symbols=26,
    ),
    clip=clips.Range(tile=SIDE),
    wear=paper.Wear(turn=4.0, blur=0.8, noise=10.0, shade=0.25, texture=0.3),
    drill=drills.Range(tile=SIDE),
)  # fmt: skip
"""What two CPU cores learn: everything, as large as one tile shows it."""

EASY = Mixture(
    weights={"receipt": 0.44, "scene": 0.24, "formula": 0.25, "clock": 0.06, "text": 0.03, "clip": 0.03},
    receipt=receipts.Range(max_items=2),
    scene=scenes.Range(max_shapes=2),
    formula=formula_chat.Range(max_symbols=12),
    clock=clocks.Range(step=5),
    clip=replace(TRAINING.clip, sheets=(1,)),
    wear=paper.CLEAN,
)

SEEING = replace(
    TRAINING, weights={"drill": 0.35, "receipt": 0.15, "formula": 0.2, "scene": 0.2, "clock": 0.1}, silent=True
)
"""Images alone: only what stands in each patch is learnt."""

FULL = Mixture(
    weights={
        "receipt": 0.34, "scene": 0.13, "formula": 0.22, "clock": 0.11, "clip": 0.11, "pair": 0.06, "text": 0.02,
        "drill": 0.01, "other": 0.05,
    },
    receipt=TRAINING.receipt,
    scene=replace(TRAINING.scene, sides=(224, 280, 336, 448)),
    formula=replace(TRAINING.formula, sides=(224, 336, 448)),
    clock=clocks.Range(sides=(224, 280, 336, 448)),
    clip=clips.Range(sheets=(1, 1, 2, 3, 4), tile=448),
    wear=TRAINING.wear,
    questions=6,
    drill=drills.Range(tile=448, scales=(1.0,)),
)  # fmt: skip
"""The whole domain, for two by two tiles and a GPU."""

FULL_EASY = replace(
    FULL,
    weights=EASY.weights,
    receipt=replace(FULL.receipt, max_items=3, variety=0.0),
    formula=replace(FULL.formula, formulas=formulas.Range(), max_symbols=14),
    clock=replace(FULL.clock, step=5),
    clip=replace(FULL.clip, sheets=(1,)),
    wear=paper.Wear(),
)

FULL_SEEING = replace(
    FULL, weights={"drill": 0.15, "receipt": 0.25, "formula": 0.25, "scene": 0.15, "clock": 0.2}, silent=True
)

HELD_OUT = replace(
    FULL,
    pictured=0.0,
    receipt=replace(FULL.receipt, words=words.HELD_OUT, fonts=fonts.HELD_OUT, variety=0.0),
    scene=replace(FULL.scene, palette=scenes.HELD_OUT_PALETTE),
    formula=replace(FULL.formula, fonts=fonts.MATHS_HELD_OUT),
    clock=replace(
        FULL.clock, fonts=fonts.HELD_OUT, faces=clocks.HELD_OUT_FACES, rims=clocks.HELD_OUT_RIMS,
        displays=clocks.HELD_OUT_DISPLAYS, hands=("lance",), slants=(0.14, 0.2),
    ),
    clip=replace(FULL.clip, palette=scenes.HELD_OUT_PALETTE),
    other=others.Range(painters=others.HELD_OUT, drill=replace(FULL.drill, fonts=fonts.HELD_OUT)),
)  # fmt: skip
"""The whole domain with other names, fonts, shades, hands of clocks and displays, whatever a model was trained on; the
seeds differ too."""


def draw(rng: random.Random, mixture: Mixture, kind: str | None = None) -> Chat:
    """A chat of the kind, or of one drawn by weight."""
    kind = kind or rng.choices(tuple(mixture.weights), tuple(mixture.weights.values()))[0]
    match kind:
        case "drill":
            return Chat(kind, (paper.age(drills.make(rng, mixture.drill), rng, mixture.wear),), ())
        case "text":
            chat = Chat(kind, (), text.turns(rng))
        case "page" | "document" | "sign":
            chat = page(rng, mixture, kind)
        case "clip":
            clip = clips.make(rng, mixture.clip)
            shown = tuple(range(len(clip.drawings)))
            chat = Chat(
                kind,
                clip.drawings,
                _first_shows(clips.turns(clip, rng, rng.randint(0, mixture.questions // 2)), shown),
            )
        case "pair":
            chat = pair(rng, mixture)
        case _:
            drawing, turns = single(rng, mixture, kind, rng.randint(1, mixture.questions))
            if mixture.silent:
                return Chat(kind, (drawing,), ())
            chat = Chat(kind, (drawing,), _first_shows(turns, (0,)))
    return replace(chat, system=rng.choice(mixture.systems)) if rng.random() < 0.1 else chat


def page(rng: random.Random, mixture: Mixture, kind: str) -> Chat:
    """A page of text that was read, with its picture now and then, and the talk about it."""
    if kind == "sign":
        turns = page_documents.sign(rng)
    else:
        turns = (page_chat if kind == "page" else page_documents).turns(rng, mixture.questions)
    if rng.random() >= mixture.pictured:
        return Chat(kind, (), turns)
    drawing = others.make(rng, mixture.other) if kind == "sign" else page_draw.picture(turns[0].page or "", rng)
    return Chat(kind, (paper.age(drawing, rng, mixture.wear),), _first_shows(turns, (0,)))


def single(rng: random.Random, mixture: Mixture, kind: str, questions: int) -> tuple[Drawing, tuple[Turn, ...]]:
    """One drawing and the talk about it."""
    if kind == "receipt":
        receipt = receipts.make(rng, mixture.receipt)
        return paper.age(receipt.drawing, rng, mixture.wear), receipt_chat.turns(receipt, rng, questions)
    if kind == "formula":
        formula = formula_chat.make(rng, mixture.formula)
        return paper.age(formula.drawing, rng, mixture.wear), formula_chat.turns(formula, rng, min(questions, 2))
    if kind == "clock":
        clock = clocks.make(rng, mixture.clock)
        return paper.age(clock.drawing, rng, mixture.wear), clock_chat.turns(clock, rng, questions)
    if kind == "other":
        return paper.age(others.make(rng, mixture.other), rng, mixture.wear), others.turns(rng, min(questions, 2))
    scene = scenes.make(rng, mixture.scene)
    worn = replace(mixture.wear, turn=0.0)
    return paper.age(scene.drawing, rng, worn), scene_chat.turns(scene, rng, questions)


def pair(rng: random.Random, mixture: Mixture) -> Chat:
    """Two images, one after the other: the second turn shows the first image again before the new one."""
    kinds = rng.sample(("receipt", "scene", "formula", "clock"), 2)
    first, talk = single(rng, mixture, kinds[0], 1)
    second, more = single(rng, mixture, kinds[1], 1)
    early = _first_shows(talk[:1], (0,))
    late = [*_moved(more, 1)]
    if len(talk) > 1:
        late.insert(rng.randint(0, len(late)), _earlier(talk[1], rng))
    return Chat("pair", (first, second), (*early, *_first_shows(tuple(late), (0, 1))))


def _earlier(turn: Turn, rng: random.Random) -> Turn:
    """A turn about the first image; where any image could be meant, its question says which."""
    if turn.question in (*prompts.CAPTIONS, *prompts.CAPTION_OTHER) or rng.random() < 0.4:
        return replace(turn, question=f"In the first image: {turn.question}")
    return turn


def _moved(turns: tuple[Turn, ...], drawing: int) -> tuple[Turn, ...]:
    return tuple(replace(turn, answer=about(turn.answer, drawing)) for turn in turns)


def _first_shows(turns: tuple[Turn, ...], drawings: tuple[int, ...]) -> tuple[Turn, ...]:
    return (replace(turns[0], drawings=drawings), *turns[1:])
