"""What is said about a scene: captions and questions."""

from __future__ import annotations

import random
from collections.abc import Callable

from training import prompts
from training.scenes import COLOURS, KINDS, PLACES, Scene, Shape
from training.values import Answer, Piece, Turn, say

Asker = Callable[[Scene, random.Random], Turn | None]


def _piece(scene: Scene, shape: Shape, text: str) -> Piece:
    centre = scene.centres[scene.shapes.index(shape)]
    return Piece(text, (centre,))


def _counted(scene: Scene) -> str:
    count = len(scene.shapes)
    return f"{count} shape{'s' if count > 1 else ''}"


def _there(scene: Scene) -> str:
    return f"There {'are' if len(scene.shapes) > 1 else 'is'} {_counted(scene)}"


def one_line(scene: Scene, rng: random.Random) -> Turn:
    """All shapes in reading order and the background."""
    answer: Answer = ()
    for number, shape in enumerate(scene.shapes):
        joint = "" if number == 0 else " and a " if number == len(scene.shapes) - 1 else ", a "
        answer += say(joint if number else "A ", _piece(scene, shape, shape.words))
    question = prompts.CAPTION if rng.random() < 0.75 else rng.choice(prompts.CAPTION_OTHER)
    return Turn(question, answer + say(f" on a {scene.background} background."))


def detailed(scene: Scene, rng: random.Random) -> Turn:
    """A sentence for each shape, with its place."""
    answer = say(f"{_there(scene)} on a {scene.background} background.")
    for shape in scene.shapes:
        answer += say(" A ", _piece(scene, shape, f"{shape.words} is {PLACES[shape.place]}"), ".")
    return Turn(prompts.DETAILED, answer)


def alt_text(scene: Scene, rng: random.Random) -> Turn:
    """Terse, at most 125 characters with four shapes."""
    answer = say(f"{_counted(scene).capitalize()} on {scene.background}: ")
    for number, shape in enumerate(scene.shapes):
        answer += say(", " if number else "", _piece(scene, shape, shape.words))
    return Turn(prompts.ALT, answer + say("."))


def _count(scene: Scene, rng: random.Random) -> Turn:
    question = rng.choice(("How many shapes are there?", "How many shapes?", "Count the shapes."))
    return Turn(question, say(f"{_there(scene)}."))


def _background(scene: Scene, rng: random.Random) -> Turn:
    question = rng.choice(
        ("What color is the background?", "What is the background?", "What colour is the background?")
    )
    return Turn(question, say(f"The background is {scene.background}."))


def _only(scene: Scene, **wanted: str) -> Shape | None:
    """The one shape with these properties, if there is exactly one."""
    found = [shape for shape in scene.shapes if all(getattr(shape, key) == value for key, value in wanted.items())]
    return found[0] if len(found) == 1 else None


def _colour(scene: Scene, rng: random.Random) -> Turn | None:
    shape = _only(scene, kind=rng.choice(scene.shapes).kind)
    if shape is None:
        return None
    question = rng.choice(("What color is the {}?", "What colour is the {}?")).format(shape.kind)
    return Turn(question, say(f"The {shape.kind} is", _piece(scene, shape, f" {shape.colour}"), "."))


def _kind(scene: Scene, rng: random.Random) -> Turn | None:
    shape = _only(scene, colour=rng.choice(scene.shapes).colour)
    if shape is None:
        return None
    question = rng.choice(("What shape is {}?", "Which shape is {}?")).format(shape.colour)
    return Turn(question, say(f"The {shape.colour} shape is a", _piece(scene, shape, f" {shape.kind}"), "."))


def _size(scene: Scene, rng: random.Random) -> Turn | None:
    shape = rng.choice(scene.shapes)
    shape_or_none = _only(scene, kind=shape.kind, colour=shape.colour)
    if shape_or_none is None:
        return None
    name = f"{shape.colour} {shape.kind}"
    return Turn(f"How big is the {name}?", say(f"The {name} is", _piece(scene, shape, f" {shape.size}"), "."))


def _where(scene: Scene, rng: random.Random) -> Turn | None:
    shape = rng.choice(scene.shapes)
    if _only(scene, kind=shape.kind, colour=shape.colour) is None:
        return None
    name = (
        f"{shape.colour} {shape.kind}" if _only(scene, kind=shape.kind) is None or rng.random() < 0.5 else shape.kind
    )
    return Turn(f"Where is the {name}?", say(f"The {name} is", _piece(scene, shape, f" {PLACES[shape.place]}"), "."))


def _relation(scene: Scene, rng: random.Random) -> Turn | None:
    if len(scene.shapes) < 2:
        return None
    one, other = rng.sample(scene.shapes, 2)
    if any(_only(scene, kind=shape.kind, colour=shape.colour) is None for shape in (one, other)):
        return None
    opposite = rng.choice((("left of", "right of"), ("above", "below")))
    if not any(_stands(one, word, other) for word in opposite):
        return None
    word = rng.choice(opposite)
    true = _stands(one, word, other)
    question = f"Is the {one.colour} {one.kind} {word} the {other.colour} {other.kind}?"
    return Turn(question, say("Yes." if true else "No."))


def _number_of(scene: Scene, rng: random.Random) -> Turn:
    """How many there are of a kind or a colour, none included."""
    shape = rng.choice(scene.shapes)
    if rng.random() < 0.5:
        kind = shape.kind if rng.random() < 0.8 else rng.choice(KINDS)
        count, question = sum(other.kind == kind for other in scene.shapes), f"How many {kind}s are there?"
    else:
        colour = shape.colour if rng.random() < 0.8 else rng.choice(tuple(COLOURS))
        count, question = sum(other.colour == colour for other in scene.shapes), f"How many {colour} shapes are there?"
    return Turn(question, say(f"There {'is' if count == 1 else 'are'} {count}."))


def _beside(scene: Scene, rng: random.Random) -> Turn | None:
    """What stands left of, right of, above or below a shape, where that is exactly one."""
    one = rng.choice(scene.shapes)
    if _only(scene, kind=one.kind, colour=one.colour) is None:
        return None
    word = rng.choice(("left of", "right of", "above", "below"))
    found = [other for other in scene.shapes if _stands(other, word, one)]
    if len(found) != 1:
        return None
    name = _piece(scene, found[0], found[0].words)
    return Turn(f"What is {word} the {one.colour} {one.kind}?", say("A ", name, "."))


def _stands(one: Shape, word: str, other: Shape) -> bool:
    across, down = other.place % 3 - one.place % 3, other.place // 3 - one.place // 3
    return {"left of": across > 0, "right of": across < 0, "above": down > 0, "below": down < 0}[word]


def _exists(scene: Scene, rng: random.Random) -> Turn:
    if rng.random() < 0.5:
        shape = rng.choice(scene.shapes)
        kind, colour = shape.kind, shape.colour
    else:
        kind, colour = rng.choice(KINDS), rng.choice(tuple(COLOURS))
    true = any(shape.kind == kind and shape.colour == colour for shape in scene.shapes)
    return Turn(f"Is there a {colour} {kind}?", say("Yes." if true else "No."))


ASKERS: tuple[Asker, ...] = (
    _count, _background, _colour, _colour, _kind, _size, _where, _where, _relation, _exists, _number_of, _beside,
)  # fmt: skip


def ask(scene: Scene, rng: random.Random) -> Turn:
    """A question with one right answer."""
    while True:
        turn = rng.choice(ASKERS)(scene, rng)
        if turn is not None:
            return turn


def turns(scene: Scene, rng: random.Random, questions: int) -> tuple[Turn, ...]:
    """Captions and questions in any order."""
    talk = [ask(scene, rng) for _ in range(questions)]
    for maker, share in ((alt_text, 0.4), (detailed, 0.55), (one_line, 0.6)):
        if rng.random() < share:
            talk.insert(rng.choice((0, 0, len(talk))), maker(scene, rng))
    return tuple(talk)
