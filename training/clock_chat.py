"""What is said about a clock or a calculator: what it shows, captions, and a few questions."""

from __future__ import annotations

import random

from training import prompts
from training.clocks import Clock
from training.values import Answer, Piece, Turn, say

NAMES = {"analog": "an analog clock", "digital": "a digital clock", "calculator": "a calculator"}


def shown(clock: Clock) -> Piece:
    """What it reads, each character tied to where it stands."""
    return Piece(f"{clock.reading} {clock.half}".strip(), clock.marks)


def read(clock: Clock, rng: random.Random) -> Turn:
    """The task itself."""
    preset, others = (
        (prompts.DISPLAY, prompts.DISPLAY_OTHER)
        if clock.kind == "calculator"
        else (prompts.CLOCK, prompts.CLOCK_OTHER)
    )
    return Turn(preset if rng.random() < 0.6 else rng.choice(others), say("It is ", shown(clock), "."))


def caption(clock: Clock, rng: random.Random) -> Turn:
    """One line, a detailed description or alt text: which thing it is and what it shows."""
    question = rng.choice((prompts.CAPTION, prompts.DETAILED, prompts.ALT, "What is this?"))
    name = NAMES[clock.kind]
    joint = "with" if clock.kind == "calculator" else "at"
    said: Answer = say(f"{name[0].upper()}{name[1:]} {joint} ", shown(clock), ".")
    if question == prompts.DETAILED:
        said = say(f"This is {name}. It is ", shown(clock), ".")
    return Turn(question, said)


def _which(clock: Clock, rng: random.Random) -> Turn:
    word = rng.choice(("a clock", "a calculator", "an analog clock", "a digital clock"))
    return Turn(f"Is it {word}?", say("Yes." if NAMES[clock.kind].endswith(word.split(" ", 1)[1]) else "No."))


def _digits(clock: Clock, rng: random.Random) -> Turn:
    if clock.kind == "analog":
        return Turn("Is there a second hand?", say("Yes." if clock.second_hand else "No."))
    if clock.kind == "calculator":
        return Turn("Is the number negative?", say("Yes." if clock.reading.startswith("-") else "No."))
    place = clock.reading.index(":")
    minutes = Piece(clock.reading[place + 1 :], clock.marks[place + 1 : place + 3])
    return Turn("How many minutes past the hour is it?", say("It is ", minutes, "."))


def _past(clock: Clock) -> Turn | None:
    if clock.kind == "calculator":
        return None
    place = clock.reading.index(":")
    hour, minutes = int(clock.reading[:place]), int(clock.reading[place + 1 :])
    if clock.half or hour >= 12 or minutes == 0:
        return None
    late = minutes > 30
    return Turn("Is it more than half past the hour?", say("Yes." if late else "No."))


def ask(clock: Clock, rng: random.Random) -> Turn:
    """A question with one right answer."""
    kind = rng.random()
    if kind < 0.4:
        return read(clock, rng)
    if kind < 0.6:
        return caption(clock, rng)
    if kind < 0.8:
        return _which(clock, rng)
    return (_past(clock) if kind < 0.87 else None) or _digits(clock, rng)


def turns(clock: Clock, rng: random.Random, questions: int) -> tuple[Turn, ...]:
    """The reading first most of the time, then questions."""
    talk = [ask(clock, rng) for _ in range(questions - 1)]
    talk.insert(0 if rng.random() < 0.85 else len(talk), read(clock, rng))
    return tuple(talk)
