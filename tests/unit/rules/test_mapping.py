from pathlib import Path

import pytest

from gigaday.errors import Fault
from gigaday.rules.mapping import MappingError, parse

RETAILER = Path(__file__).parents[3] / "docs" / "examples" / "retailer.toml"
ROW = {
    "sku": 1001,
    "name": "Keyboard",
    "type": "HardGood",
    "price": 44.99,
    "upc": "0123456789012",
    "category": [{"id": "a1", "name": "Computers"}, {"id": "a2", "name": "Keyboards"}],
    "shipping": "",
    "description": "105 keys",
    "manufacturer": "Keys & Co",
    "model": "K-1",
    "url": "https://shop.example/1001",
    "image": "https://shop.example/1001.jpg",
}


def mapped(fields: str, row: dict) -> dict | list[Fault]:
    return parse(f'[fields]\nname = {{ constant = "x" }}\n{fields}').apply(row)


def test_the_documented_example_makes_a_product_of_a_retailers_row():
    assert parse(RETAILER.read_text()).apply(ROW) == {
        "name": "Keyboard",
        "sku": "1001",
        "description": "105 keys",
        "category": "Keyboards",
        "price": {"amount": 4499, "currency": "USD"},
        "attributes": {
            "upc": "0123456789012",
            "manufacturer": "Keys & Co",
            "model": "K-1",
            "url": "https://shop.example/1001",
            "image": "https://shop.example/1001.jpg",
        },
    }


@pytest.mark.parametrize(
    ("price", "cents"),
    [(0.29, 29), (1.15, 115), (1.005, 100), (1.015, 102), ("19.99", 1999), (19, 1900), (8.2, 820), ("1e2", 10000)],
)
def test_money_is_scaled_in_decimal_and_rounded_half_to_even(price, cents):
    assert mapped('price.amount = { from = "p", scale = 100 }', {"p": price})["price"] == {"amount": cents}


def test_a_fraction_of_a_cent_is_refused_where_exactness_is_asked():
    [fault] = mapped('price.amount = { from = "p", scale = 100, exact = true }', {"p": 1.005})
    assert fault == Fault("/price/amount", "'1.005' from p times 100 is not a whole number")


@pytest.mark.parametrize("price", ["abc", "1,299.00", True, "NaN", "1e999999", [1], {"a": 1}])
def test_what_is_no_number_is_a_fault_of_the_row(price):
    [fault] = mapped('price.amount = { from = "p", scale = 100 }', {"p": price})
    assert fault.pointer == "/price/amount"


def test_every_fault_of_a_row_is_told():
    faults = mapped(
        'sku = { from = "s", as = "string" }\nprice.amount = { from = "p", scale = 100 }', {"s": [], "p": "x"}
    )
    assert [fault.pointer for fault in faults] == ["/sku", "/price/amount"]


@pytest.mark.parametrize("missing", [{}, {"a": None}, {"a": []}, {"a": [{"b": None}]}, {"a": [{"b": ""}]}, {"a": 3}])
def test_what_is_missing_takes_the_default_or_is_left_out(missing):
    path = 'from = "a[0].b"'
    assert mapped(f'category = {{ {path}, default = "none" }}', missing)["category"] == "none"
    assert "category" not in mapped(f"category = {{ {path} }}", missing)


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("string", 12, "12"),
        ("string", True, "true"),
        ("integer", "12", 12),
        ("integer", 12.0, 12),
        ("number", "1.5", 1.5),
        ("boolean", "Yes", True),
        ("boolean", 0, False),
    ],
)
def test_values_take_the_type_asked(kind, given, value):
    assert mapped(f'attributes.a = {{ from = "v", as = "{kind}" }}', {"v": given})["attributes"] == {"a": value}


@pytest.mark.parametrize(("kind", "given"), [("integer", "1.5"), ("boolean", "perhaps"), ("number", "one")])
def test_values_that_cannot_take_it_are_faults(kind, given):
    assert isinstance(mapped(f'attributes.a = {{ from = "v", as = "{kind}" }}', {"v": given}), list)


def test_targets_may_be_quoted_and_a_column_name_may_hold_a_dot():
    assert mapped('"price.amount" = { from = "net.price", scale = 1 }', {"net.price": "5"})["price"] == {"amount": 5}


def test_every_fault_of_the_file_is_named_at_once():
    with pytest.raises(MappingError) as caught:
        parse(
            """
            [fields]
            nme = "name"
            sku = { from = "a..b" }
            status = {}
            category = { from = "c", into = 3 }
            price.amount = { from = "p", scale = 100, as = "string" }
            description = { from = "d", exact = true }
            [attributes]
            keep = "upc"
            [extra]
            """
        )
    message = str(caught.value)
    for key in ("extra", "nme", "sku", "status", "category", "price.amount", "description", "attributes.keep"):
        assert key in message
    assert len(caught.value.faults) == 8


@pytest.mark.parametrize(
    "text", ["", "[fields]\nsku = 's'", "no toml", "fields = 3", "attributes = 3\n[fields]\nname='n'"]
)
def test_a_file_that_cannot_make_a_product_is_refused(text):
    with pytest.raises(MappingError):
        parse(text)
