"""Names for shops, streets and goods: lists for training, other lists for the test, and invented words."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """The lists that a receipt's names are put together from."""

    shop_first: tuple[str, ...]
    shop_second: tuple[str, ...]
    streets: tuple[str, ...]
    goods: tuple[str, ...]
    kinds: tuple[str, ...]
    invented: float


TRAINING = Words(
    shop_first=(
        "Green",
        "Sunny",
        "Corner",
        "River",
        "Golden",
        "Blue",
        "Happy",
        "Maple",
        "Central",
        "Oak",
        "Harbor",
        "Royal",
        "Little",
        "Urban",
        "North",
        "Silver",
        "Daily",
        "Family",
        "Garden",
        "Hill",
        "Lucky",
        "Metro",
        "Park",
        "Quick",
        "Rosa",
        "Star",
        "Village",
        "West",
        "Anna",
        "Bruno",
        "Felix",
        "Lena",
        "Otto",
        "Tom",
        "Vega",
        "Zen",
    ),
    shop_second=("Market", "Shop", "Cafe", "Foods", "Store", "Bakery", "Deli", "Kiosk", "Grocery", "Mart", "Bistro"),
    streets=(
        "Main St",
        "Oak Ave",
        "High St",
        "Park Rd",
        "Lake Dr",
        "Mill Ln",
        "King St",
        "Elm St",
        "Bay Rd",
        "Hill Ave",
        "Church Rd",
        "Queen St",
        "Station Rd",
        "Forest Ln",
    ),
    goods=(
        "Milk",
        "Bread",
        "Butter",
        "Cheese",
        "Eggs",
        "Apples",
        "Bananas",
        "Coffee",
        "Tea",
        "Sugar",
        "Rice",
        "Pasta",
        "Tomatoes",
        "Onions",
        "Carrots",
        "Yogurt",
        "Juice",
        "Water",
        "Salt",
        "Flour",
        "Honey",
        "Jam",
        "Cake",
        "Soup",
        "Chips",
        "Cookies",
        "Olives",
        "Lemon",
        "Grapes",
        "Fish",
        "Ham",
        "Soap",
        "Muffin",
        "Bagel",
        "Salad",
        "Wrap",
        "Cola",
        "Beer",
        "Candy",
        "Cream",
        "Garlic",
        "Pepper",
        "Mango",
        "Kiwi",
        "Pizza",
        "Donut",
        "Nuts",
        "Beans",
    ),
    kinds=("Oat", "Whole", "Red", "Fresh", "Dark", "Big", "Iced", "Organic", "Soft", "Mini", "Sweet", "Black"),
    invented=0.7,
)

HELD_OUT = Words(
    shop_first=("Amber", "Bright", "Cedar", "Dora", "East", "Fox", "Grand", "Ivy", "Jolly", "Nova", "Pine", "Ruby"),
    shop_second=("Corner", "Pantry", "Express", "Kitchen", "House", "Basket"),
    streets=("Bridge St", "Canal Rd", "Rose Ln", "Victoria Ave", "Orchard Dr"),
    goods=(
        "Peach",
        "Plum",
        "Toast",
        "Waffle",
        "Noodles",
        "Celery",
        "Spinach",
        "Radish",
        "Pickles",
        "Mustard",
        "Vinegar",
        "Oats",
        "Lentils",
        "Cocoa",
        "Syrup",
        "Tofu",
        "Shrimp",
        "Turkey",
        "Pretzel",
        "Sorbet",
    ),
    kinds=("Green", "Smoked", "Hot", "Wild", "Light"),
    invented=0.0,
)

_ONSETS = (
    "b",
    "c",
    "d",
    "f",
    "g",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "qu",
    "r",
    "s",
    "t",
    "v",
    "w",
    "z",
    "br",
    "ch",
    "cl",
    "dr",
    "fl",
    "gr",
    "pl",
    "pr",
    "sh",
    "sp",
    "st",
    "th",
    "tr",
    "x",
    "y",
    "",
)
_VOWELS = ("a", "e", "i", "o", "u", "ea", "oo", "ai", "y")
_CODAS = ("", "", "", "n", "r", "s", "l", "t", "m", "ck", "nd", "st", "x", "p", "d", "g", "ss", "ll")


def invent(rng: random.Random) -> str:
    """A word that nobody knows, so that it can only be read."""
    parts = rng.choice((1, 2, 2, 3))
    word = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(parts))
    return word[:9].capitalize()


def shop(words: Words, rng: random.Random) -> str:
    """A shop's name of one or two words."""
    first = invent(rng) if rng.random() < words.invented else rng.choice(words.shop_first)
    if rng.random() < 0.15:
        return first
    second = invent(rng) if rng.random() < words.invented * 0.4 else rng.choice(words.shop_second)
    return f"{first} {second}"


def address(words: Words, rng: random.Random) -> str:
    """A house number and a street."""
    return f"{rng.randint(1, 199)} {rng.choice(words.streets)}"


def goods(words: Words, rng: random.Random, count: int) -> tuple[str, ...]:
    """Names of `count` different goods."""
    names: list[str] = []
    while len(names) < count:
        name = invent(rng) if rng.random() < words.invented else rng.choice(words.goods)
        if rng.random() < 0.25:
            name = f"{rng.choice(words.kinds)} {name}"
        if name not in names:
            names.append(name)
    return tuple(names)
