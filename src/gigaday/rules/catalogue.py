"""A demo catalogue of its own making: any number of plausible products, the same for the same seed."""

import random
from collections.abc import Iterator
from typing import Any

import msgspec


class Shelf(msgspec.Struct, frozen=True):
    """One category: what is sold in it, of what, and between which prices (minor units)."""

    category: str
    code: str
    things: tuple[str, ...]
    materials: tuple[str, ...]
    prices: tuple[int, int]
    praise: tuple[str, ...]


SHELVES = (
    Shelf("chairs", "CH", ("Bar Stool", "Armchair", "Dining Chair", "Rocker"), ("Oak", "Ash", "Walnut", "Steel"),
          (4900, 49900), ("Sits well for hours.", "Stacks four high.", "Joined without a screw.")),
    Shelf("lamps", "LA", ("Table Lamp", "Pendant", "Floor Lamp", "Reading Light"), ("Brass", "Linen", "Opal", "Paper"),
          (2900, 32900), ("Warm light, dimmable.", "Throws no glare.", "Takes any E27 bulb.")),
    Shelf("shoes", "SH", ("Trail Runner", "Loafer", "Chelsea Boot", "Sneaker"), ("Suede", "Canvas", "Wool", "Leather"),
          (5900, 24900), ("Resoled in a day.", "Grips on wet rock.", "Soft from the first step.")),
    Shelf("bags", "BA", ("Backpack", "Tote", "Weekender", "Messenger"), ("Cotton", "Canvas", "Leather", "Felt"),
          (3900, 27900), ("Holds a 15-inch laptop.", "Sheds rain.", "One strap, no rattle.")),
    Shelf("mugs", "MU", ("Mug", "Espresso Cup", "Tumbler", "Teapot"), ("Stoneware", "Porcelain", "Enamel", "Glass"),
          (900, 7900), ("Safe in the dishwasher.", "Thrown by hand.", "Keeps its heat.")),
    Shelf("audio", "AU", ("Headphones", "Speaker", "Turntable", "Radio"), ("Bakelite", "Oak", "Aluminium", "Birch"),
          (4900, 89900), ("Thirty hours on a charge.", "Every part can be replaced.", "Plain, honest sound.")),
    Shelf("bicycles", "BI", ("City Bike", "Gravel Bike", "Tourer", "Racer"), ("Steel", "Titanium", "Carbon", "Chrome"),
          (49900, 499900), ("Belt drive, no grease.", "Fits tyres to 45 mm.", "Made to last decades.")),
    Shelf("plants", "PL", ("Fern", "Fig", "Palm", "Succulent"), ("Terracotta", "Ceramic", "Basket", "Zinc"),
          (700, 12900), ("Happy in half shade.", "Forgives a missed watering.", "Grows slowly.")),
)  # fmt: skip
_MOODS = ("Quiet", "Nordic", "Bright", "Urban", "Classic", "Small", "Grand", "Honest", "Coastal", "Alpine", "Field")
_COLOURS = ("black", "white", "moss", "rust", "sand", "navy", "clay", "cream")
_CURRENCIES = ("EUR", "EUR", "EUR", "USD", "GBP")
_STATUSES = ("active",) * 18 + ("draft", "archived")


def products(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """`count` products as the API takes them; the first ones are the same whatever `count` is."""
    return (product(seed, index) for index in range(count))


def product(seed: int, index: int) -> dict[str, Any]:
    """The product number `index` of the catalogue `seed`; its sku is unique in the catalogue."""
    chance = random.Random(f"catalogue {seed} {index}")
    shelf = chance.choice(SHELVES)
    thing, material, colour = chance.choice(shelf.things), chance.choice(shelf.materials), chance.choice(_COLOURS)
    name = f"{chance.choice(_MOODS)} {material} {thing}"
    return {
        "name": name,
        "category": shelf.category,
        "description": _description(chance, shelf, thing, colour),
        "sku": f"{shelf.code}-{index:07d}",
        "status": chance.choice(_STATUSES),
        "price": {"amount": _amount(chance, shelf), "currency": chance.choice(_CURRENCIES)},
        "attributes": {
            "colour": colour,
            "material": material.lower(),
            "weight_g": chance.randrange(10, 1500) * 10,
            "in_stock": chance.randrange(0, 250),
        },
    }


def _description(chance: random.Random, shelf: Shelf, thing: str, colour: str) -> str:
    first, second = chance.sample(shelf.praise, 2)
    article = "An" if thing[0] in "AEIOU" else "A"
    return f"{article} {thing.lower()} in {colour}. {first} {second}"


def _amount(chance: random.Random, shelf: Shelf) -> int:
    """A price as shops set them: cheap things are the commonest, and it ends in 00, 50 or 90."""
    low, high = shelf.prices
    units = int(low + (high - low) * chance.random() ** 2) // 100
    return units * 100 + chance.choice((0, 50, 90))
