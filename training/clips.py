"""Clips: a shape or two that move, appear or vanish, seen as contact sheets like those that the engine sends."""

from __future__ import annotations

import random
from dataclasses import dataclass

from PIL import Image, ImageDraw

from backend.media.clip import Frame, clock
from backend.media.sheets import contact_sheets
from training import prompts
from training.scenes import BACKGROUNDS, COLOURS, KINDS, PALETTE, Colour, Palette, Shape, cover, paint
from training.values import Answer, Drawing, Mark, Piece, Turn, say

SIDES = ("left", "right", "top", "bottom")
SPOTS = {"left": (0.22, 0.55), "right": (0.78, 0.55), "top": (0.5, 0.25), "bottom": (0.5, 0.8)}
OPPOSITE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
GOES = {"left": "left", "right": "right", "top": "up", "bottom": "down"}
GRID = 4


@dataclass(frozen=True)
class Range:
    """How wide the domain is."""

    sheets: tuple[int, ...] = (1, 1, 1, 1, 2, 3, 4)
    palette: Palette = PALETTE
    tile: int = 224


@dataclass(frozen=True)
class Event:
    """From this second on: the shape is there, moves to the far side, or is gone."""

    second: int
    kind: str


@dataclass(frozen=True)
class Clip:
    """One shape's story: where it starts, the events, the length in seconds, and the sheets."""

    kind: str
    colour: str
    background: str
    start: str
    seconds: int
    events: tuple[Event, ...]
    drawings: tuple[Drawing, ...]
    places: tuple[tuple[int, int], ...]
    """For each event the sheet and the mark of the frame where it is first seen."""


def make(rng: random.Random, domain: Range) -> Clip:
    """A clip out of nothing: a shape that stays, moves, appears or vanishes."""
    background = rng.choice(tuple(BACKGROUNDS))
    colour = rng.choice([name for name in COLOURS if name != background])
    seconds = rng.randint(4, 12)
    sheets = rng.choice(domain.sheets)
    events = tell(rng, seconds)
    clip = Clip(rng.choice(KINDS), colour, background, rng.choice(SIDES), seconds, events, (), ())
    return film(clip, sheets * GRID * GRID, domain.tile, rng.randint(96, 160), domain.palette)


def tell(rng: random.Random, seconds: int) -> tuple[Event, ...]:
    """A story: the shape stays, moves, appears, vanishes, or moves and then vanishes."""
    start = Event(0, "is")
    first = rng.randint(1, seconds - 2)
    match rng.choice(("stay", "move", "move", "appear", "vanish", "move+vanish")):
        case "stay":
            return (start,)
        case "move":
            return (start, Event(first, "moves"))
        case "appear":
            return (Event(first, "appears"),)
        case "vanish":
            return (start, Event(first, "vanishes"))
    return (start, Event(1, "moves"), Event(rng.randint(2, seconds - 1), "vanishes"))


def film(clip: Clip, count: int, side: int, frame_side: int, palette: Palette = PALETTE) -> Clip:
    """Draw the clip's frames and their contact sheets."""
    times = [clip.seconds * number / (count - 1) for number in range(count)]
    frames = [Frame(time, frame(clip, time, frame_side, palette)) for time in times]
    sheets = contact_sheets(frames, (GRID, GRID), side)
    per = GRID * GRID
    drawings = []
    for number, sheet in enumerate(sheets):
        marks = [
            mark for place in range(per) for mark in _marks(clip, times[number * per + place], place, side // GRID)
        ]
        drawings.append(Drawing(sheet, tuple(marks)))
    places = tuple(_place(event, times, per) for event in clip.events)
    return Clip(
        clip.kind, clip.colour, clip.background, clip.start, clip.seconds, clip.events, tuple(drawings), places
    )


def _place(event: Event, times: list[float], per: int) -> tuple[int, int]:
    first = next(number for number, time in enumerate(times) if time >= event.second - 1e-6)
    return first // per, (first % per) * 2


def position(clip: Clip, time: float) -> tuple[float, float] | None:
    """Where the shape is at a time, as parts of the side; None where it is not there."""
    x, y = SPOTS[clip.start]
    for event in clip.events:
        if event.kind == "appears" and time < event.second - 1e-6:
            return None
        if event.kind == "vanishes" and time >= event.second - 1e-6:
            return None
        if event.kind == "moves":
            goal = SPOTS[OPPOSITE[clip.start]]
            part = min(max((time - event.second) / max(1.0, clip.seconds / 3), 0.0), 1.0)
            x, y = x + (goal[0] - x) * part, y + (goal[1] - y) * part
    return x, y


def frame(clip: Clip, time: float, side: int, palette: Palette = PALETTE) -> Image.Image:
    """One frame of the clip."""
    image = Image.new("RGB", (side, side), palette.backgrounds[clip.background])
    at = position(clip, time)
    if at is not None:
        ink: Colour = palette.colours[clip.colour]
        paint(ImageDraw.Draw(image), clip.kind, ink, at[0] * side, at[1] * side, 0.17 * side)
    return image


def _marks(clip: Clip, time: float, place: int, cell: int) -> tuple[Mark, ...]:
    """For one cell: its clock, then its shape at the middle (twice, so that each cell has as many marks)."""
    left, top = place % GRID * cell, place // GRID * cell
    seconds = int(time + 0.5)
    at = position(clip, time)
    x, y = at or SPOTS[clip.start]
    shape = Shape(clip.kind, clip.colour, "medium", 0, x, y, 0.17)
    role = Mark(left + x * cell, top + y * cell, "", clip.kind if at else "", 0)
    centre = cover(shape, left + x * cell, top + y * cell, 0.17 * cell) if at else role
    return Mark(left + 0.2 * cell, top + 0.1 * cell, str(seconds % 10), "clock", seconds % 32), centre


def describe(clip: Clip) -> Answer:
    """What happens, in order, with times."""
    thing = f"{clip.colour} {clip.kind}"
    answer: Answer = ()
    for number, (event, (sheet, mark)) in enumerate(zip(clip.events, clip.places, strict=True)):
        match event.kind:
            case "is":
                text = f"{_an(thing)} is {_side(clip.start)}."
            case "moves":
                text = f"It moves {GOES[OPPOSITE[clip.start]]}."
            case "appears":
                text = f"{_an(thing)} appears {_side(clip.start)}."
            case _:
                text = "It disappears."
        time = Piece(clock(event.second), tuple(mark for _ in clock(event.second)), sheet)
        shape = Piece(text, (mark + 1,), sheet)
        answer += say(" [" if number else "[", time, "] ", shape)
    return answer


def _an(thing: str) -> str:
    return f"An {thing}" if thing[0] in "aeiou" else f"A {thing}"


def _side(spot: str) -> str:
    return f"on the {spot}" if spot in ("left", "right") else f"at the {spot}"


def ask(clip: Clip, rng: random.Random) -> Turn:
    """A question about the clip."""
    kinds = {event.kind: event for event in clip.events}
    sheet, mark = clip.places[0]
    if rng.random() < 0.35:
        question = (
            "What color is it?" if rng.random() < 0.5 else "What moves?" if "moves" in kinds else "What is in it?"
        )
        if question == "What color is it?":
            return Turn(question, say("It is", Piece(f" {clip.colour}", (mark + 1,), sheet), "."))
        return Turn(question, say(Piece(_an(f"{clip.colour} {clip.kind}"), (mark + 1,), sheet), "."))
    if "moves" in kinds:
        return Turn("Which way does it move?", say(f"It moves {GOES[OPPOSITE[clip.start]]}."))
    return Turn("Does it move?", say("No."))


def turns(clip: Clip, rng: random.Random, questions: int) -> tuple[Turn, ...]:
    """The description, then questions."""
    question = prompts.VIDEO if rng.random() < 0.8 else rng.choice(prompts.VIDEO_OTHER)
    return (Turn(question, describe(clip)), *(ask(clip, rng) for _ in range(questions)))
