from itertools import islice

import msgspec

from gigaday.model.product import NewProduct
from gigaday.rules.catalogue import product, products


def test_a_seed_makes_the_same_catalogue_each_time():
    assert list(products(7, 50)) == list(products(7, 50))
    assert list(products(7, 50)) != list(products(8, 50))


def test_a_larger_catalogue_begins_with_the_smaller_one():
    assert list(islice(products(7, 1_000_000), 20)) == list(products(7, 20))
    assert product(7, 19) == list(products(7, 20))[-1]


def test_every_product_is_one_that_the_api_takes():
    for made in products(1, 500):
        msgspec.convert(made, NewProduct)


def test_skus_are_unique_and_the_shelves_vary():
    made = list(products(1, 2000))
    assert len({one["sku"] for one in made}) == 2000
    assert len({one["category"] for one in made}) == 8
    assert len({one["name"] for one in made}) > 500
