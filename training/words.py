"""Names for shops, streets and goods: lists for training, other lists for the test, and invented words."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """The lists that a receipt's names are put together from, and how often each word is invented instead."""

    shop_first: tuple[str, ...]
    shop_second: tuple[str, ...]
    streets: tuple[str, ...]
    goods: tuple[str, ...]
    kinds: tuple[str, ...]
    invented: float
    invented_others: float
    """Of streets, of what a shop is called by its trade, and of what goods are said to be like."""


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _streets(text: str) -> tuple[str, ...]:
    """Streets written as one word each: Main-St."""
    return tuple(street.replace("-", " ") for street in text.split())


TRAINING = Words(
    shop_first=_listed("""
    Green Sunny Corner River Golden Blue Happy Maple Central Oak Harbor Royal Little Urban North Silver Daily
    Family Garden Hill Lucky Metro Park Quick Rosa Star Village West Anna Bruno Felix Lena Otto Tom Vega Zen
    Alpine Baltic Bella City Cloud Coast Cobalt Copper Cosmo Crown Delta Eagle Fair Falcon Fresh Giant Hanna
    Honest Indigo Iris Jade June Karl Lime Lotus Luna Marco Mia Mint Nordic Olive Orient Palm Pearl Penny
    Piper Prime Rapid Robin Sandy Solar South Stone Summit Tiger Topaz Uma Valley Violet Willow Yuki Zebra
    """),
    shop_second=_listed("""
    Market Shop Cafe Foods Store Bakery Deli Kiosk Grocery Mart Bistro Barn Bar Books Butcher Chemist Co
    Depot Diner Drinks Eatery Fuel Gallery Gifts Grill Hardware Hub Inn Larder Lounge Office Outlet Petrol
    Pharmacy Pizzeria Place Plaza Point Room Sport Station Supply Supermarket Tavern Toys Traders Works World
    """),
    streets=_streets("""
    Main-St Oak-Ave High-St Park-Rd Lake-Dr Mill-Ln King-St Elm-St Bay-Rd Hill-Ave Church-Rd Queen-St
    Station-Rd Forest-Ln Abbey-St Airport-Ave Baker-Rd Beach-Dr Birch-Ln Broad-St Castle-Ave Center-Rd
    Chapel-Dr Cherry-Ln College-St Cross-Ave Dock-Rd Factory-Dr Field-Ln Fourth-St Garden-Ave George-Rd
    Grove-Dr Hollow-Ln Island-St James-Ave Jubilee-Rd Linden-Dr Liberty-Ln Long-St Market-Ave Meadow-Rd
    Museum-Dr North-Ln Palace-St Poplar-Ave Prince-Rd Quarry-Dr Railway-Ln Ridge-St School-Ave Second-Rd
    Spring-Dr Sunset-Ln Temple-St Third-Ave Tower-Rd Union-Dr Water-Ln West-St Windsor-Ave York-Rd
    """),
    goods=_listed("""
    Milk Bread Butter Cheese Eggs Apples Bananas Coffee Tea Sugar Rice Pasta Tomatoes Onions Carrots Yogurt
    Juice Water Salt Flour Honey Jam Cake Soup Chips Cookies Olives Lemon Grapes Fish Ham Soap Muffin Bagel
    Salad Wrap Cola Beer Candy Cream Garlic Pepper Mango Kiwi Pizza Donut Nuts Beans Almonds Apricots Avocado
    Bacon Baguette Balsamico Basil Batteries Berries Biscuits Blanket Book Bowl Box Brie Broccoli Brownie
    Brush Burger Cabbage Candle Cappuccino Cashews Cauliflower Cereal Chicken Chili Chocolate Cider Cinnamon
    Cloth Coconut Comb Corn Crackers Croissant Cucumber Cup Curry Dates Detergent Dressing Duck Espresso
    Falafel Feta Figs Filter Fork Fries Ginger Glue Granola Gravy Gum Hammer Hazelnuts Herbs Hummus Icing Ink
    Kale Ketchup Lamb Lamp Lasagne Latte Leek Lettuce Lime Liver Macaroni Marmalade Mayonnaise Melon Mineral
    Mint Mocha Mop Mushrooms Napkins Notebook Oil Omelette Orange Oregano Paper Papaya Parsley Pastry Pear
    Peas Pen Pencil Pie Pineapple Popcorn Pork Porridge Potatoes Pudding Pumpkin Quiche Raisins Raspberry
    Ravioli Relish Ribs Rolls Rope Rosemary Saffron Salami Salmon Sandwich Sauce Sausage Scarf Scone Screws
    Seeds Shampoo Sherry Sieve Smoothie Socks Soda Sponge Steak Stew Strawberry Sushi Tape Tart Thyme Ticket
    Tissues Toffee Towel Trout Truffle Tuna Twix Vanilla Walnuts Watermelon Wheat Whisky Wine Yeast Zucchini
    """),
    kinds=_listed("""
    Oat Whole Red Fresh Dark Big Iced Organic Soft Mini Sweet Black Aged Baked Bio Brown Chilled Classic Cold
    Crispy Diet Double Dried Extra Fine Free Fried Frozen Grilled Half Home Jumbo Large Lean Local Long Low
    Medium New Old Plain Premium Pure Raw Roast Round Salted Small Sour Spicy Steamed Strong Super Thin Vegan
    Warm White XL Yellow Young
    """),
    invented=0.6,
    invented_others=0.5,
)

HELD_OUT = Words(
    shop_first=_listed("""
    Amber Bright Cedar Dora East Fox Grand Ivy Jolly Nova Pine Ruby
    """),
    shop_second=_listed("""
    Corner Pantry Express Kitchen House Basket
    """),
    streets=_streets("""
    Bridge-St Canal-Rd Rose-Ln Victoria-Ave Orchard-Dr
    """),
    goods=_listed("""
    Peach Plum Toast Waffle Noodles Celery Spinach Radish Pickles Mustard Vinegar Oats Lentils Cocoa Syrup
    Tofu Shrimp Turkey Pretzel Sorbet
    """),
    kinds=_listed("""
    Green Smoked Hot Wild Light
    """),
    invented=0.0,
    invented_others=0.0,
)

_ONSETS = (*_listed("b c d f g h j k l m n p qu r s t v w z br ch cl dr fl gr pl pr sh sp st th tr x y"), "")
_VOWELS = _listed("a e i o u ea oo ai y")
_CODAS = ("", "", "", *_listed("n r s l t m ck nd st x p d g ss ll"))
_WAYS = ("St", "Ave", "Rd", "Dr", "Ln", "Way", "Sq")


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
    second = invent(rng) if rng.random() < words.invented_others else rng.choice(words.shop_second)
    return f"{first} {second}"


def _other(words: Words, rng: random.Random) -> str:
    """An invented word now and then, else none. The test set invents nothing and was drawn before this die was."""
    return invent(rng) if words.invented_others and rng.random() < words.invented_others else ""


def address(words: Words, rng: random.Random) -> str:
    """A house number and a street."""
    number, street = rng.randint(1, 199), _other(words, rng)
    return f"{number} {f'{street} {rng.choice(_WAYS)}' if street else rng.choice(words.streets)}"


def goods(words: Words, rng: random.Random, count: int) -> tuple[str, ...]:
    """Names of `count` different goods."""
    names: list[str] = []
    while len(names) < count:
        name = invent(rng) if rng.random() < words.invented else rng.choice(words.goods)
        if rng.random() < 0.25:
            name = f"{_other(words, rng) or rng.choice(words.kinds)} {name}"
        if name not in names:
            names.append(name)
    return tuple(names)
