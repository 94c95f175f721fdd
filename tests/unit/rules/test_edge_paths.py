"""What a CDN that forgets by path is told."""

import pytest

from gigaday.rules.edge_paths import EVERYTHING, paths_of

MOST = 15


@pytest.mark.parametrize(
    ("tag", "paths"),
    [
        ("acme/products/p1", ["/api/v1/public/acme/products/p1*"]),
        ("acme/products/", ["/api/v1/public/acme/products", "/api/v1/public/acme/products?*"]),
        ("acme/products", ["/api/v1/public/acme/products*"]),
        ("acme/media/m123", ["/files/acme/m123/*", "/media/acme/23/m123-*"]),
        ("acme/media/", []),
        ("acme/media", ["/files/acme/*", "/media/acme/*"]),
        ("acme", ["/api/v1/public/acme/*", "/files/acme/*", "/media/acme/*"]),
        ("operator/tenants/acme", ["/api/v1/public/acme/*", "/files/acme/*", "/media/acme/*"]),
        ("operator/tenants/", []),
        ("operator/tokens/x", []),
        ("acme/trash/x", []),
        ("*", [EVERYTHING]),
        ("operator", [EVERYTHING]),
    ],
)
def test_each_tag_has_its_paths(tag: str, paths: list[str]) -> None:
    assert paths_of([tag], MOST) == paths


def test_a_write_to_a_product_takes_two_wildcards() -> None:
    told = paths_of(["acme/products/p1", "acme/products/"], MOST)
    assert sum(path.endswith("*") for path in told) == 2


def test_many_items_are_told_as_their_tenants() -> None:
    told = paths_of([f"acme/products/p{number}" for number in range(50)], MOST)
    assert told == ["/api/v1/public/acme/*", "/files/acme/*", "/media/acme/*"]


def test_many_tenants_are_told_as_everything() -> None:
    tags = [f"t{tenant}/products/p{number}" for tenant in range(10) for number in range(5)]
    assert paths_of(tags, MOST) == [EVERYTHING]


@pytest.mark.parametrize("count", [1, 7, 15, 100])
def test_there_are_never_more_wildcards_than_there_is_room_for(count: int) -> None:
    told = paths_of([f"t{number % 4}/media/m{number}" for number in range(count)], MOST)
    assert sum(path.endswith("*") for path in told) <= MOST
